// ModelInfer messages: no crash, no more memory than the message can fill, and what is taken has the shape it says.
#include <cstdint>
#include <cstdlib>

#include "tests/fuzz/grpc_message_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (!clops::serving::fuzz::holds_for_grpc_message({reinterpret_cast<const char*>(data), size})) std::abort();
  return 0;
}
