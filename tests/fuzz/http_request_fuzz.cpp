// HTTP/1.x bytes: no crash, nothing read past the end, and the same messages however the stream is cut.
#include <cstdint>
#include <cstdlib>

#include "tests/fuzz/http_request_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size <= 16'384 && !clops::serving::fuzz::holds_for_http({reinterpret_cast<const char*>(data), size}))
    std::abort();
  return 0;
}
