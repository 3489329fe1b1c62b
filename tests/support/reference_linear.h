// An evaluator of float32 formats::LinearModel so plain that its correctness can be seen: XGBoost's order, one row.
#pragma once

#include <vector>

#include "formats/linear.h"
#include "tests/support/reference_forest.h"

namespace clops::test {

inline std::vector<float> reference_linear(const formats::LinearModel& model, const float* row) {
  std::vector<float> sums;
  for (uint32_t o = 0; o < model.outputs; ++o) {
    auto sum = static_cast<float>(model.intercepts[o]);
    for (uint32_t f = 0; f < model.features; ++f)
      if (!std::isnan(row[f])) sum += row[f] * static_cast<float>(model.weights[size_t{f} * model.outputs + o]);
    sums.push_back(sum);
  }
  formats::Ensemble shape;  // whose transform is the same
  shape.transform = model.transform;
  return transformed(shape, std::move(sums));
}

}  // namespace clops::test
