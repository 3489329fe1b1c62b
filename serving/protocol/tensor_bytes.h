// The protocol's binary form of a tensor, as REST's binary extension and gRPC's raw contents have it: row-major,
// little-endian, no padding; BOOL a byte of 0 or 1; BYTES each with its length in four bytes before it.
//
// A client's datatype becomes the model's as in JSON (oip_values.h); where both are the same, which is the rule, the
// bytes are copied. NaN and infinities are what they are. Thread rule: pure functions. Ownership: BYTES elements view
// `bytes`. Errors: InvalidArgument that names row and column, or the sizes that differ.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "serving/protocol/tensor.h"

namespace clops::serving {

// `out` has been reset to the model's datatype and the shape.
[[nodiscard]] Status read_bytes(std::string_view bytes, Datatype given, TensorBuffer& out);

[[nodiscard]] size_t bytes_of(const TensorView& tensor);
void append_bytes(std::string& out, const TensorView& tensor);

}  // namespace clops::serving
