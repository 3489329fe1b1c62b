// HTTP/2 frames: no crash, whole frames in answer, bounded, and no call that stays for ever.
#include <cstdint>
#include <cstdlib>

#include "tests/fuzz/http2_frames_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size <= 16'384 && !clops::serving::fuzz::holds_for_http2({reinterpret_cast<const char*>(data), size}))
    std::abort();
  return 0;
}
