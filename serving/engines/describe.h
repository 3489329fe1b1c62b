// What engines of trees and linear models say of themselves, from what their file says. Inner to serving/engines.
// Thread rule: pure functions.
#pragma once

#include <cstddef>

#include "formats/model.h"
#include "serving/protocol/engine.h"

namespace clops::serving {

[[nodiscard]] Result<EngineInfo> describe(const formats::Summary& model);

// An output of this spec for so many rows: its first dimension is the rows', the others are said by the spec.
void reset_rows(TensorBuffer& out, const TensorSpec& spec, size_t rows);

}  // namespace clops::serving
