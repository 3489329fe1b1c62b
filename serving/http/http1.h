// HTTP/1.1 over a stream: keep-alive, pipelining, HEAD, 100-continue; each whole request is handed to an HttpService
// and its answer written behind the last one.
//
// Thread rule: one protocol and one service per loop thread. Ownership: borrows the service. Errors: what the parser
// refuses is answered {"error": ...} with its status and the connection closed.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "serving/http/request_parser.h"
#include "serving/net/stream.h"
#include "serving/protocol/json_text.h"

namespace clops::serving::http {

// An answer being written; its strings keep their memory from one request to the next.
struct Answer {
  int status = 200;
  std::string_view content_type = "application/json";  // static text
  std::string_view extra;                              // whole header lines with CRLF; static text
  std::string headers;                                 // more of them
  std::string body;
  // For a service that says "not yet": 0 when a request is asked for the first time, then what the service left here.
  int64_t asked_first = 0;
  bool may_wait = false;  // it can be asked again at the end of the loop's round
  bool later = false;     // set by a service that wants that, and says "not yet"
  void reset() {
    status = 200;
    content_type = "application/json";
    extra = {};
    headers.clear();
    body.clear();
    asked_first = 0;
    may_wait = later = false;
  }
  void error(int code, std::string_view message);  // body {"error": message}
};

class HttpService {
 public:
  virtual ~HttpService() = default;
  // False: not answerable yet; asked again with the same request after a wake of the loop or a tick, or where
  // answer.later says so at the end of the loop's round.
  virtual bool serve(const Request& request, Answer& answer) = 0;
  virtual void on_refused(int) {}  // a request that never became one
};

struct Http1Options {
  ParserLimits parser;
  size_t out_bytes_max = 1u << 20;  // the loop's
};

[[nodiscard]] std::unique_ptr<StreamProtocol> make_http1(
    HttpService& service, const Http1Options& options,
    const std::atomic<bool>& draining);  // draining: Connection: close

[[nodiscard]] std::string_view reason_phrase(int status);

}  // namespace clops::serving::http
