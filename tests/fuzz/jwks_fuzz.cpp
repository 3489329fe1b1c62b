// An issuer's keys: no crash, nothing read past the end, no more keys than are allowed, and no key that takes anything.
#include <cstdint>
#include <cstdlib>

#include "tests/fuzz/jwks_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (!clops::serving::fuzz::holds_for_jwks({reinterpret_cast<const char*>(data), size})) std::abort();
  return 0;
}
