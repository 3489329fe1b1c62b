// Callers' tokens, whole or as the JSON within: no crash, nothing read past the end, nothing believed that was not
// signed.
#include <cstdint>
#include <cstdlib>

#include "tests/fuzz/jwt_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (!clops::serving::fuzz::holds_for_jwt({reinterpret_cast<const char*>(data), size})) std::abort();
  return 0;
}
