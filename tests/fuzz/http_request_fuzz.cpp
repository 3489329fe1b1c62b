// HTTP/1.x bytes: no crash, nothing read past the end, and the same messages however the stream is cut.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "serving/http/http1.h"

namespace {

class Collect final : public clops::serving::http::HttpService {
 public:
  bool serve(const clops::serving::http::Request& request, clops::serving::http::Answer& answer) override {
    answer.body.assign(request.method);
    answer.body.append(request.target).append(request.body);
    for (const auto& header : request.headers) answer.body.append(header.name).append(header.value);
    return true;
  }
};

std::string run(std::string_view bytes, size_t piece) {
  using namespace clops::serving;
  Collect service;
  const std::atomic<bool> draining{false};
  const auto protocol = http::make_http1(service, {.parser = {.head_bytes_max = 2048, .body_bytes_max = 4096}, .out_bytes_max = 1u << 20}, draining);
  const auto handler = protocol->open();
  std::string out, pending;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    pending = pending + std::string(bytes.substr(at, piece));
    const Progress progress = handler->on_input(pending, out);
    if (progress.consumed > pending.size()) std::abort();
    pending = pending.substr(progress.consumed);
    if (progress.next == Next::Close) break;
  }
  // "100 Continue" depends on what had come by then; everything else does not.
  for (constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n"; out.find(kContinue) != std::string::npos;) out.erase(out.find(kContinue), kContinue.size());
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (size > 16'384) return 0;
  const std::string whole = run(bytes, bytes.size() + 1);
  if (run(bytes, 1) != whole || run(bytes, 7) != whole) std::abort();
  return 0;
}
