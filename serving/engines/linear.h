// Linear models: XGBoost's gblinear bit for bit as the framework does it (float32, each product rounded before it is
// added, features in order, a missing value left out), and scikit-learn's, in its numbers.
//
// Thread rule, ownership: those of serving/protocol/engine.h. Errors: so too; infer() refuses a missing or infinite
// value where the framework does (LinearModel::Order::Dot).
#pragma once

#include <memory>

#include "base/result.h"
#include "formats/linear.h"
#include "serving/protocol/engine.h"

namespace clops::serving {

// Unsupported: a transform that only trees have. InvalidArgument: counts that do not fit.
[[nodiscard]] Result<std::unique_ptr<Engine>> make_linear_engine(const formats::LinearModel& model);

}  // namespace clops::serving
