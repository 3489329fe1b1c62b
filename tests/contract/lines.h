// The lines of a watch as they come, until it ends.
//
// Thread rule: filled by the HTTP client's thread, read from any.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/http_client.h"
#include "base/json.h"
#include "operator/kube/config.h"

namespace clops::contract {

class Lines final : public StreamSink {
 public:
  // For a watch that the typed client cannot ask for.
  [[nodiscard]] std::unique_ptr<HttpStream> open(HttpClient& http, const kube::Access& access,
                                                 const std::string& path) {
    HttpRequest request{.method = "GET", .url = access.server + path, .headers = {}, .body = ""};
    if (!access.token.empty()) request.headers.set("Authorization", "Bearer " + access.token);
    return http.open(request, {}, *this);
  }
  bool on_head(int code, const Headers&) override {
    status = code;
    return true;
  }
  bool on_data(std::string_view bytes) override {
    const std::lock_guard lock(mutex_);
    text_.append(bytes);
    return true;
  }
  void on_end(Status) override { ended = true; }
  [[nodiscard]] std::string read() {
    const std::lock_guard lock(mutex_);
    return text_;
  }
  [[nodiscard]] std::vector<Json> events() {
    const std::string text = read();
    std::vector<Json> out;
    for (size_t from = 0, end = 0; (end = text.find('\n', from)) != std::string::npos; from = end + 1) {
      if (end == from) continue;
      if (auto event = parse_json(std::string_view(text).substr(from, end - from))) out.push_back(std::move(*event));
    }
    return out;
  }
  std::atomic<int> status{0};
  std::atomic<bool> ended{false};

 private:
  std::mutex mutex_;
  std::string text_;
};

}  // namespace clops::contract
