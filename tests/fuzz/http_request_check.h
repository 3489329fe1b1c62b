// What must hold of the HTTP/1.x framing for any bytes. Shared by the fuzzer and the test that replays its seeds.
#pragma once

#include <string>
#include <string_view>

#include "serving/http/http1.h"

namespace clops::serving::fuzz {

class CollectRequests final : public http::HttpService {
 public:
  bool serve(const http::Request& request, http::Answer& answer) override {
    answer.body.assign(request.method);
    answer.body.append(request.target).append(request.body);
    for (const auto& header : request.headers) answer.body.append(header.name).append(header.value);
    return true;
  }
};

inline constexpr std::string_view kOverrun = "overrun";

inline std::string run(std::string_view bytes, size_t piece) {
  CollectRequests service;
  const std::atomic<bool> draining{false};
  const auto protocol = http::make_http1(
      service, {.parser = {.head_bytes_max = 2048, .body_bytes_max = 4096}, .out_bytes_max = 1u << 20}, draining);
  const auto handler = protocol->open();
  std::string out, pending;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    pending = pending + std::string(bytes.substr(at, piece));
    const Progress progress = handler->on_input(pending, out);
    if (progress.consumed > pending.size()) return std::string(kOverrun);
    pending = pending.substr(progress.consumed);
    if (progress.next == Next::Close) break;
  }
  // "100 Continue" depends on what had come by then; everything else does not.
  for (constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
       out.find(kContinue) != std::string::npos;)
    out.erase(out.find(kContinue), kContinue.size());
  return out;
}

// True when the same messages come out however the stream is cut, and nothing past its end is consumed.
inline bool holds_for_http(std::string_view bytes) {
  const std::string whole = run(bytes, bytes.size() + 1);
  return whole != kOverrun && run(bytes, 1) == whole && run(bytes, 7) == whole;
}

}  // namespace clops::serving::fuzz
