// skops files, and the arrays within. Seeds: tests/data/golden-sklearn.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/skops_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  clops::fuzz::check_skops(bytes);
  clops::fuzz::check_npy(bytes);
  return 0;
}
