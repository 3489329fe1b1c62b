// The HTTP server of control-plane programs (health, metrics, the embedded plane's API, the unified API), and the one
// door to Boost.Beast. Not for inference: that is serving/net.
//
// Thread rule: the handler is called on a pool of `threads` threads, concurrently; it may keep the Responder and answer
// later from any thread. Exactly one of respond() or start() is called; a Responder dropped unanswered answers 500.
// Errors: make_http_server: InvalidArgument (address), Unavailable (port in use). Bodies over the limit answer 413 by
// themselves.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/http.h"
#include "base/result.h"

namespace clops {

// A response body that is sent piece by piece. write() never blocks: it returns false once the client is gone or more
// than `stream_buffer_bytes_max` wait for it (a slow watcher is cut off, not remembered for ever).
class ResponseStream {
 public:
  virtual ~ResponseStream() = default;  // closes
  virtual bool write(std::string_view bytes) = 0;
  virtual void close() = 0;
};

class Responder {
 public:
  virtual ~Responder() = default;
  virtual void respond(HttpResponse response) = 0;
  [[nodiscard]] virtual std::shared_ptr<ResponseStream> start(int status, Headers headers) = 0;
};

struct ServerRequest {
  HttpRequest http;    // url is path and query
  std::string remote;  // address of the peer
};

using HttpHandler = std::function<void(ServerRequest request, std::shared_ptr<Responder> responder)>;

struct HttpServerOptions {
  std::string address = "127.0.0.1";
  int port = 0;                           // 0: any free one, see port()
  std::string tls_cert_pem, tls_key_pem;  // both empty: plain HTTP
  int threads = 4;
  size_t body_bytes_max = 4u << 20;
  size_t stream_buffer_bytes_max = 8u << 20;
  size_t head_bytes_max = 32u << 10;  // of a request's headers; more answers 431
  size_t waiting_max = 512;           // requests that wait for a thread; more answer 503
  size_t connections_max = 1024;      // then the one idle the longest makes room for the next, or the next waits
  std::chrono::milliseconds idle_max{120'000};  // between two requests
  std::chrono::milliseconds progress_max{
      30'000};  // for a head to come, a body or an answer to move; streams may be silent
};

class HttpServer {
 public:
  // Stops accepting, ends streams and connections (what is being written gets a moment), waits for running handlers.
  virtual ~HttpServer() = default;
  [[nodiscard]] virtual int port() const = 0;
};

[[nodiscard]] Result<std::unique_ptr<HttpServer>> make_http_server(const HttpServerOptions& options,
                                                                   HttpHandler handler);

}  // namespace clops
