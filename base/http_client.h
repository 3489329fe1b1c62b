// The HTTP client of every control-plane caller, and the one door to libcurl, which is opened with the first request.
//
// Two forms: `send` waits for a whole bounded answer; `open` streams one until it ends or is cancelled (watches, logs,
// downloads). Both are interfaces so that a simulation can stand in for the network.
// Thread rule: HttpClient is safe from any thread. A StreamSink is called from one thread at a time and never after
// the HttpStream it belongs to has been destroyed (the destructor waits for a running call, and may be called from
// one). Errors: Unavailable (cannot connect, reset, TLS failure; the message says which), DeadlineExceeded, TooLarge.
// An HTTP status is an answer, never an error here.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/http.h"
#include "base/result.h"

namespace clops {

struct HttpLimits {
  std::chrono::milliseconds connect{5'000};
  std::chrono::milliseconds total{30'000};  // of `send`; 0 = none. For `open`: only until the response head has come
  std::chrono::milliseconds idle{0};  // of `open`: ended with DeadlineExceeded after this long without a byte; 0 = none
  size_t body_bytes_max = 32u << 20;  // of `send`; for `open` the sink decides
};

// Called in order: head once, data any number of times, end exactly once (with ok, or why it broke).
class StreamSink {
 public:
  virtual ~StreamSink() = default;
  virtual bool on_head(int status, const Headers& headers) = 0;  // false = stop here
  virtual bool on_data(std::string_view bytes) = 0;              // false = stop here
  virtual void on_end(Status status) = 0;
};

class HttpStream {
 public:
  virtual ~HttpStream() = default;  // cancels
};

class HttpClient {
 public:
  virtual ~HttpClient() = default;
  [[nodiscard]] virtual Result<HttpResponse> send(const HttpRequest& request, const HttpLimits& limits) = 0;
  // Several at once, as far as connections allow; the answers in the order of the requests.
  [[nodiscard]] virtual std::vector<Result<HttpResponse>> send_all(std::span<const HttpRequest> requests,
                                                                   const HttpLimits& limits) {
    std::vector<Result<HttpResponse>> answers;
    for (const HttpRequest& request : requests) answers.push_back(send(request, limits));
    return answers;
  }
  [[nodiscard]] virtual std::unique_ptr<HttpStream> open(const HttpRequest& request, const HttpLimits& limits,
                                                         StreamSink& sink) = 0;
};

struct TlsClientOptions {
  std::string ca_file;  // PEM; empty with ca_pem empty = the system's
  std::string ca_pem;
  std::string cert_file, key_file;  // client certificate; or the PEM forms
  std::string cert_pem, key_pem;
  std::string server_name;  // verify against this instead of the URL's host
  bool insecure_skip_verify = false;
};

struct CurlOptions {
  TlsClientOptions tls;
  std::string user_agent = "clops";
  size_t connections_max = 16;  // per host; requests beyond wait for a free one
  std::string proxy;            // empty: as the environment says; "-": none
};
[[nodiscard]] Result<std::unique_ptr<HttpClient>> make_curl_client(CurlOptions options);

}  // namespace clops
