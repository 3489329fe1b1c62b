// One gRPC call from its headers to its status, as bytes: what the client's frames carried goes in, what frames are to
// carry comes out. Knows the service and gRPC's framing, nothing of HTTP/2.
//
// Thread rule: belongs to its connection's thread; reused for other calls, keeping its memory. Ownership: borrows the
// service. Errors: become the call's outcome; the first one counts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "serving/grpc/call.h"
#include "serving/grpc/message.h"

namespace clops::serving::grpc {

struct CallLimits {
  size_t message_bytes_max = 16u << 20;  // of one message, and of it decompressed
  size_t header_bytes_max = 16u << 10;   // names, values and 32 a header, as HTTP/2 counts
};

class CallStream {
 public:
  struct Parts {
    GrpcService& service;
    const CallLimits& limits;
    Compressor& compressor;  // one per thread
    std::string& unpacked;   // working memory, likewise
    bool alone = true;       // the connection's only call
  };
  void open(int32_t id, TimePoint now);

  // Input, in this order; what comes after the outcome is known is dropped.
  void add_header(std::string_view name, std::string_view value, const CallLimits& limits);
  void begin(const Parts& parts);  // all headers are there
  void add_data(std::string_view bytes, const Parts& parts);
  void end(const Parts& parts);  // the client has said all
  // The service may have news for who waits.
  void look_for_news(const Parts& parts);
  void conclude(Outcome outcome);

  [[nodiscard]] int32_t id() const { return id_; }
  [[nodiscard]] bool waiting() const { return waiting_; }  // for news
  [[nodiscard]] bool watching() const { return waiting_ && call_.method.kind == MethodKind::Watch; }
  [[nodiscard]] bool later() const { return waiting_ && later_; }  // until the end of the loop's round
  [[nodiscard]] bool served() const { return served_; }
  [[nodiscard]] bool concluded() const { return concluded_; }
  [[nodiscard]] const Outcome& outcome() const { return outcome_; }
  [[nodiscard]] int http_status() const { return http_status_; }  // 200 unless it is no gRPC call at all
  [[nodiscard]] TimePoint began() const { return call_.begin; }
  [[nodiscard]] bool expired(TimePoint now) const { return call_.deadline && now >= *call_.deadline; }
  [[nodiscard]] size_t held_bytes() const { return body_.size() + unsent().size(); }
  [[nodiscard]] std::string_view unsent() const { return std::string_view(out_).substr(sent_); }
  void sent(size_t bytes);  // of what was unsent

  void forget();  // gives back what one large call has taken

  // The connection's notes.
  bool submitted = false, deferred = false;
  TimePoint moved{};  // when the client last took a byte of the answer

 private:
  struct Span {
    uint32_t at = 0, size = 0;
  };
  void take_metadata(std::string_view name, std::string_view value);
  void take_messages(const Parts& parts);
  void serve(const Prefix& prefix, std::string_view message, const Parts& parts);
  void refuse(const Parts& parts, GrpcCode code, std::string message);

  int32_t id_ = 0;
  Call call_;
  bool known_ = false, waiting_ = false, later_ = false, served_ = false, concluded_ = false, ended_ = false,
       post_ = false;
  int http_status_ = 200;
  std::optional<Coding> encoding_ = Coding::Identity;
  bool bad_timeout_ = false, is_grpc_ = false;
  std::optional<Duration> timeout_;
  size_t header_bytes_ = 0;
  std::string text_, path_, body_, out_;
  std::vector<Span> spans_;  // name, value, name, ... in text_
  std::vector<HeaderView> headers_;
  size_t sent_ = 0;
  Outcome outcome_;
};

}  // namespace clops::serving::grpc
