// Bodies of KServe V1 and MLflow scoring, JSON and CSV: no crash, nothing read past the end, no more memory than the
// body can fill.
#include <cstdint>
#include <cstdlib>

#include "tests/fuzz/rows_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (!clops::serving::fuzz::holds_for_rows({reinterpret_cast<const char*>(data), size})) std::abort();
  return 0;
}
