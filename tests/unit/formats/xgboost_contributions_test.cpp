// XGBoost's pred_contribs from the covers, leaves and categories that the loader hands over: within what float32 leaves
// of them (XGBoost sums in float32, by a recursion to 3.2 and by quadrature in 3.4; the plain evaluator in float64).
#include <gtest/gtest.h>

#include "formats/model_file.h"
#include "tests/support/reference_contributions.h"
#include "tests/unit/formats/golden.h"

namespace clops::formats {
namespace {

// The greatest difference, as a share of the row's magnitudes.
double worst(const Ensemble& model, const golden::Golden& golden) {
  double worst = 0;
  const size_t width = model.features + 1;
  for (size_t row = 0; row < golden.rows; ++row) {
    auto got = test::reference_contributions<float, double>(model, &golden.input[row * golden.columns]);
    for (uint32_t o = 0; o < model.outputs; ++o) {
      got[o * width + model.features] += model.margins[o];  // base_score is part of what is expected of no row
      const float* wanted = &golden.predicted[row * golden.outputs + o * width];
      double size = 0, difference = 0;
      for (size_t f = 0; f < width; ++f) {
        size += std::fabs(static_cast<double>(wanted[f]));
        difference = std::max(difference, std::fabs(got[o * width + f] - static_cast<double>(wanted[f])));
      }
      worst = std::max(worst, difference / size);
    }
  }
  return worst;
}

TEST(XgboostContributions, equal_the_framework_but_for_float32) {
  size_t models = 0;
  for (const golden::Golden& golden : golden::all(32, "contributions")) {
    SCOPED_TRACE(golden.name);
    const auto model = load_model(golden::root() / golden.models[0]);
    ASSERT_TRUE(model) << model.error().message;
    const auto& ensemble = std::get<Ensemble>(*model);
    ASSERT_EQ(golden.outputs, ensemble.outputs * (ensemble.features + 1));
    for (const Tree& tree : ensemble.trees) ASSERT_EQ(tree.covers.size(), tree.nodes.size());
    EXPECT_LT(worst(ensemble, golden), 2e-6);
    ++models;
  }
  EXPECT_GE(models, 12U);
}

}  // namespace
}  // namespace clops::formats
