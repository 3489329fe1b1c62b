// cpprestsdk's listener without cpprestsdk's types: what base/http_server.cpp builds the server from. Kept apart
// because clang 19 compiles that library as C++20 only, where result.h cannot be read. Nobody else includes this.
//
// Thread rule: on_request runs on cpprestsdk's own small pool and must return at once; a Reply answers from any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/http.h"

namespace clops::cpprest {

class Body {  // of an answer sent piece by piece; see ResponseStream
 public:
  virtual ~Body() = default;
  virtual bool write(std::string_view bytes) = 0;
  virtual void close() = 0;
};

class Reply {
 public:
  virtual ~Reply() = default;
  virtual void respond(HttpResponse response) = 0;
  virtual std::shared_ptr<Body> start(int status, Headers headers) = 0;
};

struct Options {
  std::string address;
  int port = 0;
  std::string tls_cert_pem, tls_key_pem;
  size_t body_bytes_max = 0, stream_buffer_bytes_max = 0;
  std::function<void(HttpRequest request, std::string remote, std::shared_ptr<Reply> reply)> on_request;
};

class Listener {
 public:
  virtual ~Listener() = default;  // closes every connection
};

// Null and a reason in `error` when the port cannot be had or the certificate is none.
[[nodiscard]] std::unique_ptr<Listener> listen(Options options, std::string& error);

}  // namespace clops::cpprest
