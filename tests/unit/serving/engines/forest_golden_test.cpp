// The invariant predictions_equal_the_framework: every golden row, every encoding, every kernel of every instruction
// set this processor has, one row at a time and in batches of every size around the block's, bit for bit.
#include <gtest/gtest.h>

#include <bit>

#include "formats/model_file.h"
#include "serving/engines/forest.h"
#include "tests/support/sanitized.h"
#include "tests/unit/formats/golden.h"
#include "tests/unit/serving/engines/forest_kinds.h"

namespace clops::serving {
namespace {

template <class Real>
void expect_rows(const Forest& forest, const golden::Golden& golden, const std::vector<Real>& input,
                 const std::vector<Real>& predicted) {
  ASSERT_EQ(forest.features(), golden.columns);
  ASSERT_EQ(forest.out_columns(), golden.outputs);
  ASSERT_EQ(input.size(), golden.rows * golden.columns);
  ASSERT_EQ(predicted.size(), golden.rows * golden.outputs);
  ForestWork work = forest.make_work();
  for (const size_t batch :
       {size_t{1}, size_t{2}, size_t{3}, size_t{4}, size_t{7}, size_t{9}, size_t{64}, size_t{65}, golden.rows}) {
    std::vector<Real> out(golden.rows * golden.outputs, Real{-1});
    for (size_t first = 0; first < golden.rows; first += batch) {
      const size_t count = std::min(batch, golden.rows - first);
      forest.predict(input.data() + first * golden.columns, count, work, out.data() + first * golden.outputs);
    }
    EXPECT_EQ(test::first_difference(std::span<const Real>(out), std::span<const Real>(predicted)), "")
        << golden.name << " in batches of " << batch;
  }
}

void expect_golden(const golden::Golden& golden, size_t& models) {
  for (const std::string& path : golden.models) {
    const auto model = formats::load_model(golden::root() / path);
    ASSERT_TRUE(model) << path << ": " << model.error().message;
    const auto* ensemble = std::get_if<formats::Ensemble>(&*model);
    if (ensemble == nullptr) continue;  // linear models have a test of their own
    ++models;
    ASSERT_TRUE(Forest::make(*ensemble, {})) << path << ": no kernel takes it";
    for (const ForestOptions& options : test::kinds()) {
      SCOPED_TRACE(path + ": " + test::name(options));
      const auto forest = Forest::make(*ensemble, options);
      if (!forest) {
        EXPECT_EQ(forest.error().code, Code::Unsupported) << forest.error().message;
        continue;
      }
      if (golden.bits == 64)
        expect_rows(*forest, golden, golden.input64, golden.predicted64);
      else
        expect_rows(*forest, golden, golden.input, golden.predicted);
    }
  }
}

TEST(Forest, predictions_equal_the_framework) {
  constexpr size_t kEach = test::kSanitized ? 8 : 1;  // of them
  size_t rows = 0, models = 0, goldens = 0;
  for (const size_t bits : {size_t{32}, size_t{64}})
    for (const golden::Golden& golden : golden::all(bits)) {
      if (goldens++ % kEach != 0) continue;
      rows += golden.rows;
      expect_golden(golden, models);
    }
  EXPECT_GE(rows, 8000U / kEach / 2);
  EXPECT_GE(models, 200U / kEach / 2);
}

}  // namespace
}  // namespace clops::serving
