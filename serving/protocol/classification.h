// The classification extension: the highest values of each row as "value:index", highest first, equal ones in their
// order, NaN last. A row is what one step of the first dimension holds.
//
// Thread rule: pure. Ownership: `out` owns its text. Errors: InvalidArgument for outputs that are no numbers.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "serving/protocol/tensor.h"

namespace clops::serving {

// `out` becomes BYTES of shape [rows, min(classes, values of a row)].
[[nodiscard]] Status classify(const TensorView& tensor, uint32_t classes, TensorBuffer& out);

}  // namespace clops::serving
