// traceparent and tracestate: no crash, nothing read past the end, and what is taken is what was said.
#include <cstdint>
#include <cstdlib>

#include "tests/fuzz/trace_context_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (!clops::serving::fuzz::holds_for_trace_context({reinterpret_cast<const char*>(data), size})) std::abort();
  return 0;
}
