// HTTP/1.x requests out of a byte stream: incremental, bounded, and strict where leniency lets requests be smuggled.
//
// Refused with 400: both Content-Length and Transfer-Encoding, repeated or malformed Content-Length, bare LF, folded
// lines, space before the colon, control characters, HTTP/1.1 without exactly one Host. 413 body, 414 target, 431 head
// or too many headers, 501 other transfer codings, 505 other versions. Thread rule: one parser per connection.
// Ownership: a Request views `in` (and the parser's own copy of a chunked message) and is good until the next call.
// Does not allocate for messages without chunks.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "serving/routing/router.h"

namespace clops::serving::http {

[[nodiscard]] std::string_view trimmed(std::string_view text);  // of the spaces and tabs around it

struct ParserLimits {
  size_t head_bytes_max = 16u << 10;
  size_t body_bytes_max = 16u << 20;
  static constexpr size_t headers_max = 64;
};

struct Request {
  std::string_view method, target;  // target: origin form, path and query
  std::string_view body;
  std::span<const HeaderView> headers;
  bool keep_alive = true;
  // The one header of that name (any case); a repeated one gives the first.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
};

class RequestParser {
 public:
  explicit RequestParser(ParserLimits limits) : limits_(limits) {}

  enum class State : unsigned char { More, Ready, Bad };
  struct Step {
    State state = State::More;
    size_t consumed = 0;         // More: bytes not needed again. Ready: the message's bytes
    bool send_continue = false;  // the client waits for "100 Continue"; said once per message
    int status = 0;              // Bad: how to answer, before closing
    std::string_view reason;
  };
  // `in`: all unconsumed bytes. After Ready, request() is the message and the next call begins another one.
  Step parse(std::string_view in);
  [[nodiscard]] const Request& request() const { return request_; }
  // Nothing of a message has been seen since the last one.
  [[nodiscard]] bool between_messages() const { return done_ || (phase_ == Phase::Head && scanned_ == 0); }
  // The message lives in the parser's own memory: its bytes in the stream may go.
  [[nodiscard]] bool owns_message() const { return chunked_; }
  [[nodiscard]] size_t held_bytes() const { return body_copy_.capacity(); }

 private:
  enum class Phase : unsigned char { Head, Length, Chunks };
  enum class Chunk : unsigned char { Size, Data, DataEnd, Trailer };
  Step parse_head(std::string_view in);
  Step finish_head(std::string_view in);
  Step parse_chunks(std::string_view in);
  bool read_head(std::string_view head, Step& bad);
  bool read_request_line(std::string_view line, Step& bad);
  bool read_header(std::string_view line, Step& bad);
  bool judge_framing(Step& bad);
  void begin_again();

  ParserLimits limits_;
  Phase phase_ = Phase::Head;
  size_t scanned_ = 0;  // bytes of `in` known to hold no end of head
  size_t head_bytes_ = 0;
  size_t body_bytes_ = 0;  // by Content-Length
  Request request_;
  std::array<HeaderView, ParserLimits::headers_max> headers_;
  size_t header_count_ = 0;
  bool http10_ = false, chunked_ = false, expect_continue_ = false, done_ = false;
  std::string head_copy_, body_copy_;  // of a chunked message
  Chunk chunk_ = Chunk::Size;
  size_t chunk_left_ = 0, chunk_count_ = 0, trailer_bytes_ = 0;
};

}  // namespace clops::serving::http
