// How predictions are counted: every number in the bucket whose bounds have it, classes by their names, all bounded.
#include "serving/monitoring/predictions.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace clops::serving {
namespace {

std::unique_ptr<Predictions> of(Datatype type, int64_t width = 1, size_t threads = 2) {
  const EngineInfo info{.inputs = {}, .outputs = {{"y", type, {-1, width}}}};
  return std::make_unique<Predictions>(prediction_columns(info), threads);
}

template <class T>
void add(Predictions& to, size_t thread, size_t column, const std::vector<T>& values, Datatype type) {
  TensorBuffer buffer;
  const auto width = static_cast<int64_t>(to.columns().size());
  buffer.reset(type, {static_cast<int64_t>(values.size()) / width, width});
  std::ranges::copy(values, buffer.as<T>().begin());
  to.shard(thread).add(column, to.columns()[column], buffer.view());
}

TEST(Predictions, a_bucket_has_its_upper_bound_and_is_narrow) {
  std::mt19937_64 dice(11);
  std::vector<double> values = {1, 0.5, 0.875, 2, -1, -0.5, 0x1p32, -0x1p32, std::nextafter(0x1p-32, 1)};
  for (int i = 0; i < 2'000; ++i) {
    const double size = std::ldexp(1.0 + static_cast<double>(dice() % 4096) / 4096, static_cast<int>(dice() % 62) - 31);
    values.push_back(dice() % 2 == 0 ? size : -size);
  }
  for (const double value : values) {
    const auto predictions = of(Datatype::Fp64);
    add<double>(*predictions, 0, 0, {value}, Datatype::Fp64);
    const NumberTotals totals = predictions->numbers(0);
    ASSERT_EQ(totals.buckets.size(), 1U) << value;
    const double low = std::fabs(totals.buckets[0].low), high = std::fabs(totals.buckets[0].high);
    ASSERT_LT(low, std::fabs(value)) << value;
    ASSERT_GE(high, std::fabs(value)) << value;
    ASSERT_LE(high - low, low / 8) << value;
    ASSERT_EQ(totals.buckets[0].high > 0, value > 0);
    ASSERT_EQ(totals.sum, value);
  }
}

TEST(Predictions, what_no_bucket_has_is_counted_beside) {
  const auto predictions = of(Datatype::Fp64);
  add<double>(*predictions, 0, 0, {0, -0.0, 1e-300, 0x1p-32, NAN, INFINITY, -INFINITY, 1e10, -1e300}, Datatype::Fp64);
  const NumberTotals totals = predictions->numbers(0);
  EXPECT_TRUE(totals.buckets.empty());
  EXPECT_EQ(totals.zero, 4U);
  EXPECT_EQ(totals.nan, 1U);
  EXPECT_EQ(totals.above, 2U);
  EXPECT_EQ(totals.below, 2U);
  EXPECT_EQ(totals.count, 8U);
}

TEST(Predictions, threads_and_columns_are_told_apart_and_added_up) {
  const auto predictions = of(Datatype::Fp32, 2);
  ASSERT_EQ(predictions->columns().size(), 2U);
  add<float>(*predictions, 0, 0, {1, 8, 1, 8}, Datatype::Fp32);
  add<float>(*predictions, 1, 0, {-1, 8}, Datatype::Fp32);
  add<float>(*predictions, 1, 1, {1, 8}, Datatype::Fp32);
  const NumberTotals first = predictions->numbers(0), second = predictions->numbers(1);
  ASSERT_EQ(first.buckets.size(), 2U);
  EXPECT_EQ(first.buckets[0].high, -1) << "ascending";
  EXPECT_EQ(first.buckets[1].count, 2U);
  EXPECT_EQ(first.sum, 1);
  ASSERT_EQ(second.buckets.size(), 1U);
  EXPECT_EQ(second.buckets[0].high, 8);
}

TEST(Predictions, classes_are_bounded) {
  const auto predictions = of(Datatype::Int64);
  std::vector<int64_t> values;
  for (int64_t i = 0; i < 40; ++i) values.insert(values.end(), static_cast<size_t>(i == 3 ? 5 : 1), i - 2);
  add<int64_t>(*predictions, 0, 0, values, Datatype::Int64);
  add<int64_t>(*predictions, 1, 0, {1, 100}, Datatype::Int64);
  const ClassTotals totals = predictions->classes(0);
  EXPECT_EQ(totals.classes.size(), kPredictionClassesMax);
  EXPECT_EQ(totals.classes[0], (std::pair<std::string, uint64_t>("1", 6)));
  uint64_t sum = totals.other;
  for (const auto& one : totals.classes) sum += one.second;
  EXPECT_EQ(sum, values.size() + 2);
  const auto texts = of(Datatype::Bytes);
  const std::string long_text(kClassBytesMax + 1, 'x');
  add<std::string_view>(*texts, 0, 0, {"cat", "dog", "cat", long_text}, Datatype::Bytes);
  EXPECT_EQ(texts->classes(0).classes[0].second, 2U);
  EXPECT_EQ(texts->classes(0).other, 1U);
}

TEST(Predictions, only_so_many_columns_and_none_on_request) {
  const EngineInfo info{.inputs = {},
                        .outputs = {{"any", Datatype::Fp32, {-1, -1}},
                                    {"label", Datatype::Int64, {-1}},
                                    {"many", Datatype::Fp32, {-1, 100}},
                                    {"asked", Datatype::Fp32, {-1}, false, true}}};
  const auto columns = prediction_columns(info);
  ASSERT_EQ(columns.size(), kPredictionColumnsMax);
  EXPECT_EQ(columns[0].index, -1);
  EXPECT_TRUE(columns[1].classes);
  EXPECT_EQ(columns[15].output, "many");
  EXPECT_EQ(columns[15].index, 13);
}

}  // namespace
}  // namespace clops::serving
