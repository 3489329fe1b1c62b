// What a message's headers say of its body: type, coding, where a tensor request's JSON ends; and the body as it was
// before it was compressed.
//
// Thread rule: ContentHeaders is a value; one Content per serving thread (its memory and compressor are kept).
// Ownership: views into the request; an opened body views it or the Content and is good until the next open(). Errors:
// answered here: 415 a coding that is not known, 400 data that does not unpack, 413 more than `bytes_max` once
// unpacked.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/compression.h"
#include "serving/http/http1.h"

namespace clops::serving::http {

struct ContentHeaders {
  std::string_view type, encoding, accept_encoding;
  std::string_view timeout_ms;                 // x-envoy-expected-rq-timeout-ms
  std::optional<std::string_view> json_bytes;  // Inference-Header-Content-Length
  bool json_bytes_twice = false;

  [[nodiscard]] static ContentHeaders of(const Request& request);
  // What may hold a JSON document. A form is what curl -d says of every body unless told otherwise: the decoder judges.
  [[nodiscard]] bool may_be_json() const;
  [[nodiscard]] bool is(std::string_view media_type) const;          // whatever its parameters
  [[nodiscard]] Status must_be(std::string_view media_types) const;  // the refusal
};

// The coding that Accept-Encoding likes best of those known here. Where it likes none of them, or small bodies are
// better as they are and may be: identity.
[[nodiscard]] Coding coding_for(std::string_view accept_encoding, size_t body_bytes);

class Content {
 public:
  explicit Content(size_t bytes_max) : bytes_max_(bytes_max) {}
  [[nodiscard]] bool open(const ContentHeaders& headers, std::string_view body, std::string_view& plain,
                          Answer& answer) {
    plain = body;
    return headers.encoding.empty() || unpack(headers.encoding, body, plain, answer);
  }
  void pack(std::string_view accept_encoding, Answer& answer);
  void trim();  // one huge body must not pin its memory for the life of a thread

 private:
  bool unpack(std::string_view encoding, std::string_view body, std::string_view& plain, Answer& answer);

  size_t bytes_max_;
  Compressor compressor_;
  std::string unpacked_, packed_;
};

}  // namespace clops::serving::http
