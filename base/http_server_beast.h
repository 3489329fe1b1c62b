// Boost.Beast and Asio without their types: the connections of base/http_server.h, which base/http_server.cpp puts its
// pool of handlers on. Nobody else includes this.
//
// Thread rule: every connection lives on the listener's one thread; on_request is called there and must return at once.
// A Responder and a ResponseStream may be used from any thread, also after the listener's end (they then do nothing).
#pragma once

#include <memory>

#include "base/http_server.h"

namespace clops::beast {

class Listener {
 public:
  // Closes the port and every connection; answers and streams that are being written get a moment. on_request is not
  // called afterwards.
  virtual ~Listener() = default;
  [[nodiscard]] virtual int port() const = 0;
};

// InvalidArgument: no address. Unavailable: the port cannot be had, or the certificate is none.
[[nodiscard]] Result<std::unique_ptr<Listener>> listen(const HttpServerOptions& options, HttpHandler on_request);

}  // namespace clops::beast
