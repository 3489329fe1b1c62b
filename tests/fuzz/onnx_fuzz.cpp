// ONNX files. Seeds: tests/data/onnx.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/onnx_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  clops::fuzz::check_onnx({reinterpret_cast<const char*>(data), size});
  return 0;
}
