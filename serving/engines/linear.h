// Linear models (XGBoost's gblinear), evaluated bit for bit as the framework does: float32, each product rounded before
// it is added, features in order, a missing value left out.
//
// Thread rule, ownership, errors: those of serving/protocol/engine.h.
#pragma once

#include <memory>

#include "base/result.h"
#include "formats/linear.h"
#include "serving/protocol/engine.h"

namespace clops::serving {

// Unsupported: a model in float64, which rows of float32 would not give what the framework gives.
[[nodiscard]] Result<std::unique_ptr<Engine>> make_linear_engine(const formats::LinearModel& model);

}  // namespace clops::serving
