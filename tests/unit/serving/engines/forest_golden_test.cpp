// The invariant predictions_equal_the_framework: every golden row, both encodings, one row at a time and in batches of
// every size around the block's, bit for bit.
#include <gtest/gtest.h>

#include <bit>

#include "serving/engines/forest.h"
#include "tests/support/tabular.h"
#include "tests/unit/formats/golden.h"

namespace clops::serving {
namespace {

struct Mismatch {
  size_t count = 0;
  std::string first;
  void compare(const golden::Golden& golden, const std::vector<float>& got, std::string_view how) {
    for (size_t i = 0; i < got.size(); ++i) {
      if (std::bit_cast<uint32_t>(got[i]) == std::bit_cast<uint32_t>(golden.predicted[i])) continue;
      if (count++ == 0) {
        char text[160];
        std::snprintf(text, sizeof text, "row %zu output %zu: %.9g instead of %.9g", i / golden.outputs,
                      i % golden.outputs, static_cast<double>(got[i]), static_cast<double>(golden.predicted[i]));
        first = std::string(how) + ": " + text;
      }
    }
  }
};

Mismatch run(const Engine& engine, const golden::Golden& golden) {
  Mismatch mismatch;
  const auto scratch = engine.make_scratch();
  for (const size_t batch :
       {size_t{1}, size_t{2}, size_t{3}, size_t{4}, size_t{7}, size_t{9}, size_t{64}, size_t{65}, golden.rows}) {
    std::vector<float> out(golden.rows * golden.outputs, -1.0F);
    for (size_t first = 0; first < golden.rows; first += batch) {
      const size_t count = std::min(batch, golden.rows - first);
      test::infer_rows(engine, std::span(golden.input).subspan(first * golden.columns, count * golden.columns), count,
                       *scratch, std::span(out).subspan(first * golden.outputs, count * golden.outputs));
    }
    mismatch.compare(golden, out, "batches of " + std::to_string(batch));
  }
  return mismatch;
}

TEST(Forest, predictions_equal_the_framework) {
  const auto factory = make_forest_engine_factory();
  size_t rows = 0, models = 0;
  for (const golden::Golden& golden : golden::all()) {
    ASSERT_EQ(golden.input.size(), golden.rows * golden.columns) << golden.name;
    ASSERT_EQ(golden.predicted.size(), golden.rows * golden.outputs) << golden.name;
    ASSERT_GE(golden.models.size(), 2U) << golden.name;
    rows += golden.rows;
    for (const std::string& path : golden.models) {
      SCOPED_TRACE(path);
      auto engine = factory->load((golden::root() / path).string());
      ASSERT_TRUE(engine) << engine.error().message;
      ASSERT_EQ(test::input_columns(**engine), golden.columns);
      ASSERT_EQ(test::output_columns(**engine), golden.outputs);
      const Mismatch mismatch = run(**engine, golden);
      EXPECT_EQ(mismatch.count, 0U) << golden.name << ": " << mismatch.first;
      ++models;
    }
  }
  EXPECT_GE(rows, 2000U);
  EXPECT_GE(models, 50U);
}

}  // namespace
}  // namespace clops::serving
