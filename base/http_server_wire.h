// What an answer looks like on the wire, and the buffer between a stream's writer and its connection: the parts of the
// control-plane server that need no sockets. Only base/http_server_beast.cpp includes this.
//
// Thread rule: response_head is pure; an Outbox is written on any thread and taken from on the connection's.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/http_server.h"

namespace clops::beast {

struct Framing {
  std::optional<size_t> length;  // none: a stream
  bool old = false;              // HTTP/1.0: no chunks
  bool keep = true;              // in: the client would go on; out: the connection does
  bool bodiless = false;         // out: this status has no body
};

// `type` is said where the headers name none. What frames a message is decided here, whatever the headers say of it.
[[nodiscard]] std::string response_head(int status, std::string_view reason, const Headers& headers,
                                        std::string_view type, Framing& framing);

// The way to the connection's thread. open: false once the server ends. wake: false when nobody will come.
struct Wake {
  std::function<bool()> open, wake;
};

// What a stream's writer has left for its connection to send, already in chunks.
class Outbox {
 public:
  Outbox(Wake connection, size_t bytes_max, bool chunked)
      : connection_(std::move(connection)), bytes_max_(bytes_max), chunked_(chunked) {}

  bool write(std::string_view bytes);  // as ResponseStream
  void close();

  // For the connection. `into` is empty; what it gets counts as waiting until it is sent().
  enum class Taken { Bytes, Nothing, End };
  Taken take(std::string& into);
  void sent(size_t bytes);
  bool cut();   // too slow to follow: to be closed at once
  void kill();  // nobody takes any more

 private:
  void notify();
  const Wake connection_;
  const size_t bytes_max_;
  const bool chunked_;
  std::mutex mutex_;
  std::string pending_;
  size_t waiting_ = 0;  // here and in the connection's hands
  bool closed_ = false, cut_ = false, notified_ = false;
};

class OutboxStream final : public ResponseStream {
 public:
  explicit OutboxStream(std::shared_ptr<Outbox> box) : box_(std::move(box)) {}
  ~OutboxStream() override { box_->close(); }
  bool write(std::string_view bytes) override { return box_->write(bytes); }
  void close() override { box_->close(); }

 private:
  std::shared_ptr<Outbox> box_;
};

}  // namespace clops::beast
