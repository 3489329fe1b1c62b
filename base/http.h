// HTTP messages as values, shared by the client and the control-plane server.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace clops {

// HTTP's names (of header fields, of codings) are the same in either case.
constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

struct Headers {
  std::vector<std::pair<std::string, std::string>> items;  // in order; names compare without case
  [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const;
  void set(std::string_view name, std::string value);  // replaces
  bool operator==(const Headers&) const = default;
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;  // client: absolute URL. server: path and query as sent ("/api/v1/pods?watch=1")
  Headers headers;
  std::string body;
};

struct HttpResponse {
  int status = 0;
  Headers headers;
  std::string body;
};

[[nodiscard]] std::string url_encode(std::string_view text);
[[nodiscard]] std::string url_decode(std::string_view text);  // '+' stays '+'
// "path?query" split, the query decoded in order; a key without '=' has an empty value.
struct Target {
  std::string path;  // still encoded
  std::vector<std::pair<std::string, std::string>> query;
  [[nodiscard]] std::optional<std::string_view> param(std::string_view name) const;
};
[[nodiscard]] Target parse_target(std::string_view url);

}  // namespace clops
