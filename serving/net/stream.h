// What speaks over a byte stream: HTTP/1.1, and HTTP/2 with gRPC beside it. A loop owns the sockets; a StreamHandler
// sees bytes in and bytes out and never a socket, so that a fuzzer or a test can stand in for the network.
//
// Thread rule: a handler is made, called and destroyed on its loop's thread. Ownership: the loop owns its handlers; the
// protocol outlives them. Errors: a handler answers bad input in its protocol's own words and says Close.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace clops::serving {

enum class Next : unsigned char {
  Read,   // call again when more bytes have come
  Wait,   // the answer is not there yet: call again with the same bytes after a wake or a tick; nothing is read
          // meanwhile
  Later,  // the answer is there at the end of this round of the loop: call again then, with the same bytes
  Close,  // send what is in `out`, then close
};

struct Progress {
  size_t consumed = 0;  // bytes of `in` that are not needed any more
  Next next = Next::Read;
  bool completed = false;  // at least one message ended in this call: time limits begin anew
};

class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  // `in`: all bytes received and not yet consumed. Answers are appended to `out`; when `out` has grown past the loop's
  // limit the handler stops early and is called again once the client has read it.
  virtual Progress on_input(std::string_view in, std::string& out) = 0;
  // Between messages: closing now loses nothing.
  [[nodiscard]] virtual bool idle() const = 0;
  // There is more to send than `out` had room for: on_input is called again, if need be with nothing new, once the
  // client has read what there was.
  [[nodiscard]] virtual bool unsent() const { return false; }
  // Bytes it keeps of messages that are not whole and of answers not taken, beside those in the loop's buffers.
  [[nodiscard]] virtual size_t held_bytes() const { return 0; }
  // About every 250 ms while nothing is owed to the client: what time brings and no byte asks for. As on_input.
  virtual Progress on_time(std::string& out) {
    (void)out;
    return {};
  }
  // The connection has lived long enough: its end is announced with the next answer, so that nothing under way is lost.
  virtual void retire() {}
  // The loop is about to close the idle connection: last words, after which nothing more is read.
  virtual void farewell(std::string& out) { (void)out; }
};

class StreamProtocol {
 public:
  virtual ~StreamProtocol() = default;
  [[nodiscard]] virtual std::unique_ptr<StreamHandler> open() = 0;
};

}  // namespace clops::serving
