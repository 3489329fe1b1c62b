// OIP binary infer requests: no crash, nothing read past the end, no more memory than the body can fill.
#include <cstdint>
#include <cstdlib>

#include "tests/fuzz/infer_binary_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (!clops::serving::fuzz::holds_for_binary({reinterpret_cast<const char*>(data), size})) std::abort();
  return 0;
}
