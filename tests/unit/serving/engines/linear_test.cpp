// Linear models: gblinear's goldens through the engine, bit for bit; the arithmetic in float64 and numpy's order.
#include "serving/engines/linear.h"

#include <gtest/gtest.h>

#include <bit>

#include "formats/model_file.h"
#include "serving/engines/forest.h"
#include "serving/engines/linear_kernels.h"
#include "tests/support/tabular.h"
#include "tests/unit/formats/golden.h"

namespace clops::serving {
namespace {

TEST(Linear, predictions_equal_the_framework) {
  const auto factory = make_forest_engine_factory();  // of the formats that gblinear is in, too
  size_t models = 0;
  for (const golden::Golden& golden : golden::all()) {
    if (golden.name.find("gblinear") == std::string::npos) continue;
    for (const std::string& path : golden.models) {
      SCOPED_TRACE(path);
      const auto engine = factory->load((golden::root() / path).string());
      ASSERT_TRUE(engine) << engine.error().message;
      ASSERT_EQ(test::input_columns(**engine), golden.columns);
      ASSERT_EQ(test::output_columns(**engine), golden.outputs);
      const auto scratch = (*engine)->make_scratch();
      std::vector<float> together(golden.rows * golden.outputs), alone(golden.rows * golden.outputs);
      test::infer_rows(**engine, std::span(std::as_const(golden.input)), golden.rows, *scratch, std::span(together));
      for (size_t row = 0; row < golden.rows; ++row)
        test::infer_rows(**engine, std::span(std::as_const(golden.input)).subspan(row * golden.columns, golden.columns),
                         1, *scratch, std::span(alone).subspan(row * golden.outputs, golden.outputs));
      for (size_t i = 0; i < together.size(); ++i) {
        ASSERT_EQ(std::bit_cast<uint32_t>(together[i]), std::bit_cast<uint32_t>(golden.predicted[i])) << "value " << i;
        ASSERT_EQ(std::bit_cast<uint32_t>(alone[i]), std::bit_cast<uint32_t>(golden.predicted[i])) << "value " << i;
      }
      ++models;
    }
  }
  EXPECT_GE(models, 24U);
}

TEST(Linear, orders_differ_as_the_frameworks_do) {
  const std::vector<double> weights = {1e16, 1, -1e16}, intercepts = {0.5}, row = {1, 1, 1};
  std::vector<double> sum(1);
  using Order = formats::LinearModel::Order;
  linear_sums<double, double>(Order::InterceptFirst, weights, intercepts, row, sum);
  EXPECT_EQ(sum[0], 0.0) << "0.5 and 1 are lost beside 1e16";
  linear_sums<double, double>(Order::Dot, weights, intercepts, row, sum);
  EXPECT_EQ(sum[0], 0.5) << "the intercept comes when 1e16 is gone";
  const std::vector<double> missing = {std::nan(""), 1, 0};
  linear_sums<double, double>(Order::InterceptFirst, weights, intercepts, missing, sum);
  EXPECT_EQ(sum[0], 1.5);
  linear_sums<double, double>(Order::Dot, weights, intercepts, missing, sum);
  EXPECT_TRUE(std::isnan(sum[0]));
}

TEST(Linear, what_float32_rows_would_not_give_is_refused) {
  formats::LinearModel model{.format = "skops", .framework = "scikit-learn", .objective = "LinearRegression"};
  model.features = 1;
  model.weights = {0.1};
  model.intercepts = {0.2};
  EXPECT_TRUE(make_linear_engine(model));
  model.sums = formats::Number::Float64;
  EXPECT_EQ(make_linear_engine(model).error().code, Code::Unsupported);
  model.sums = formats::Number::Float32;
  model.transform = formats::Transform::Normalize;
  EXPECT_EQ(make_linear_engine(model).error().code, Code::Unsupported);
  model.transform = formats::Transform::Identity;
  model.weights = {0.1, 0.2};
  EXPECT_EQ(make_linear_engine(model).error().code, Code::InvalidArgument);
}

}  // namespace
}  // namespace clops::serving
