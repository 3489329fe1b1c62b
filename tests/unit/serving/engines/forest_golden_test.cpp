// The invariant predictions_equal_the_framework: every golden row, both encodings, one row at a time and in batches of
// every size around the block's, bit for bit.
#include <gtest/gtest.h>

#include <bit>

#include "formats/model_file.h"
#include "serving/engines/forest.h"
#include "tests/support/reference_forest.h"
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

// What the kernels do not walk yet goes through the plain evaluator.
Mismatch reference(const formats::Ensemble& model, const golden::Golden& golden) {
  std::vector<float> out;
  for (size_t row = 0; row < golden.rows; ++row)
    for (const float value : test::reference_predict<float, float>(model, golden.input.data() + row * golden.columns))
      out.push_back(value);
  Mismatch mismatch;
  mismatch.compare(golden, out, "the plain evaluator");
  return mismatch;
}

TEST(Forest, predictions_equal_the_framework) {
  size_t rows = 0, models = 0, unsupported = 0;
  for (const golden::Golden& golden : golden::all()) {
    ASSERT_EQ(golden.input.size(), golden.rows * golden.columns) << golden.name;
    ASSERT_EQ(golden.predicted.size(), golden.rows * golden.outputs) << golden.name;
    ASSERT_GE(golden.models.size(), 1U) << golden.name;
    rows += golden.rows;
    for (const std::string& path : golden.models) {
      SCOPED_TRACE(path);
      const auto model = formats::load_model(golden::root() / path);
      ASSERT_TRUE(model) << model.error().message;
      const auto* ensemble = std::get_if<formats::Ensemble>(&*model);
      if (ensemble == nullptr) continue;  // linear_test.cpp
      ++models;
      const auto engine = make_forest_engine(*ensemble);
      if (!engine) {
        ASSERT_EQ(engine.error().code, Code::Unsupported) << engine.error().message;
        ++unsupported;
        const Mismatch mismatch = reference(*ensemble, golden);
        EXPECT_EQ(mismatch.count, 0U) << golden.name << ": " << mismatch.first;
        continue;
      }
      ASSERT_EQ(test::input_columns(**engine), golden.columns);
      ASSERT_EQ(test::output_columns(**engine), golden.outputs);
      const Mismatch mismatch = run(**engine, golden);
      EXPECT_EQ(mismatch.count, 0U) << golden.name << ": " << mismatch.first;
    }
  }
  EXPECT_GE(rows, 4000U);
  EXPECT_GE(models, 150U);
  EXPECT_GT(unsupported, 0U) << "the kernels walk every golden: now this is to say EXPECT_EQ(unsupported, 0U), and the "
                                "plain evaluator's part is to go";
}

}  // namespace
}  // namespace clops::serving
