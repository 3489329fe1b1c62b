// Linear models: gblinear's goldens through the engine, bit for bit; the arithmetic in float64 and numpy's order.
#include "serving/engines/linear.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>

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
      test::infer_rows(**engine, std::span(golden.input), golden.rows, *scratch, std::span(together));
      for (size_t row = 0; row < golden.rows; ++row)
        test::infer_rows(**engine, std::span(golden.input).subspan(row * golden.columns, golden.columns), 1, *scratch,
                         std::span(alone).subspan(row * golden.outputs, golden.outputs));
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

formats::LinearModel one_feature() {
  formats::LinearModel model{.format = "skops", .framework = "scikit-learn", .objective = "LinearRegression"};
  model.features = 1;
  model.weights = {0.1};
  model.intercepts = {0.2};
  model.feature_names = {"age"};
  return model;
}

TEST(Linear, sums_in_the_models_own_numbers) {
  formats::LinearModel model = one_feature();
  const std::vector<float> narrow = {3};
  const std::vector<double> wide = {3};
  std::vector<float> of_float(1);
  std::vector<double> of_double(1);
  const auto sums_of = [&](auto& rows, auto& out) {
    const auto engine = make_linear_engine(model);
    ASSERT_TRUE(engine) << engine.error().message;
    test::infer_rows(**engine, std::span(rows), 1, *(*engine)->make_scratch(), std::span(out));
  };
  sums_of(narrow, of_float);
  EXPECT_EQ(of_float[0], 0.2F + 3.0F * 0.1F);
  model.sums = formats::Number::Float64;
  sums_of(narrow, of_double);
  EXPECT_EQ(of_double[0], 0.2 + 3.0 * 0.1);
  model.rows = formats::Number::Float64;
  sums_of(wide, of_double);
  EXPECT_EQ(of_double[0], 0.2 + 3.0 * 0.1);
}

TEST(Linear, what_the_framework_refuses_is_refused) {
  formats::LinearModel model = one_feature();
  model.order = formats::LinearModel::Order::Dot;
  const auto engine = make_linear_engine(model);
  ASSERT_TRUE(engine);
  const auto scratch = (*engine)->make_scratch();
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    const std::vector<float> rows = {1, bad};
    const std::array<int64_t, 2> shape = {2, 1};
    const TensorView view{Datatype::Fp32, shape, rows.data(), rows.size()};
    TensorBuffer out;
    const Status refused = (*engine)->infer({&view, 1}, *scratch, {&out, 1});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::InvalidArgument);
    EXPECT_EQ(refused.error().message,
              "row 1, column age: a missing or infinite value, which the framework refuses, too");
  }
}

TEST(Linear, models_that_do_not_add_up_are_refused) {
  formats::LinearModel model = one_feature();
  EXPECT_TRUE(make_linear_engine(model));
  model.transform = formats::Transform::Normalize;
  EXPECT_EQ(make_linear_engine(model).error().code, Code::Unsupported);
  model.transform = formats::Transform::Identity;
  model.weights = {0.1, 0.2};
  EXPECT_EQ(make_linear_engine(model).error().code, Code::InvalidArgument);
}

}  // namespace
}  // namespace clops::serving
