// A linear model as a value: XGBoost's gblinear, scikit-learn's linear and logistic regressions.
//
// output o = transform(intercepts[o] + sum over features f of row[f] * weights[f * outputs + o]), multiplied and added
// in `sums`, in the order and rounding that `order` names. Thread rule: values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formats/ensemble.h"

namespace clops::formats {

struct LinearModel {
  enum class Order : uint8_t {
    InterceptFirst,  // XGBoost: start from the intercept, add features in order; a missing value adds nothing
    Dot,             // numpy: the features' dot product, then the intercept; NaN is refused by the framework
  };
  std::string format, framework, objective;
  Number rows = Number::Float32, sums = Number::Float32;
  Order order = Order::InterceptFirst;
  uint32_t features = 0, outputs = 1;
  Transform transform = Transform::Identity;
  std::vector<double> weights, intercepts;
  std::vector<std::string> feature_names, feature_types, notes;
  bool operator==(const LinearModel&) const = default;
};

}  // namespace clops::formats
