// predictions_equal_the_framework for scikit-learn's models: every golden row through the engines that serve them, one
// at a time and in batches.
#include <gtest/gtest.h>

#include "serving/engines/forest.h"
#include "tests/support/ulps.h"
#include "tests/unit/formats/golden.h"

namespace clops::serving {
namespace {

// Rows [first, first + count) as the engine takes them, asked at once.
std::vector<double> ask(const Engine& engine, const golden::Golden& golden, size_t first, size_t count,
                        Scratch& scratch) {
  const Datatype type = engine.info().inputs.at(0).datatype;
  TensorBuffer input;
  input.reset(type, {static_cast<int64_t>(count), static_cast<int64_t>(golden.columns)});
  for (size_t i = 0; i < input.count(); ++i) {
    const double value = golden.input64[first * golden.columns + i];
    if (type == Datatype::Fp32) {
      input.as<float>()[i] = static_cast<float>(value);
    } else {
      input.as<double>()[i] = value;
    }
  }
  const TensorView view = input.view();
  std::vector<TensorBuffer> output(engine.info().outputs.size());
  for (size_t i = 1; i < output.size(); ++i) output[i].wanted = false;
  const Status done = engine.infer({&view, 1}, scratch, output);
  EXPECT_TRUE(done) << done.error().message;
  EXPECT_EQ(output[0].datatype(), Datatype::Fp64);
  const auto values = output[0].as<double>();
  return {values.begin(), values.end()};
}

TEST(Sklearn, predictions_equal_the_framework) {
  const auto factory = make_forest_engine_factory();
  size_t models = 0;
  for (const golden::Golden& golden : golden::all(64, "golden-sklearn")) {
    SCOPED_TRACE(golden.name);
    ASSERT_TRUE(factory->accepts("skops"));
    const auto engine = factory->load((golden::root() / golden.models.at(0)).string());
    ASSERT_TRUE(engine) << engine.error().message;
    const auto scratch = (*engine)->make_scratch();
    std::vector<double> singles;
    for (const size_t batch : {size_t{1}, size_t{3}, size_t{16}, golden.rows}) {
      std::vector<double> got;
      for (size_t first = 0; first < golden.rows; first += batch) {
        const auto part = ask(**engine, golden, first, std::min(batch, golden.rows - first), *scratch);
        got.insert(got.end(), part.begin(), part.end());
      }
      ASSERT_EQ(got.size(), golden.predicted64.size());
      if (batch == 1) singles = got;
      size_t wrong = 0;
      for (size_t i = 0; i < got.size(); ++i) {
        if (test::ulps_between(got[i], golden.predicted64[i]) > golden.ulps && wrong++ == 0)
          ADD_FAILURE() << "batches of " << batch << ", value " << i << ": " << got[i] << " instead of "
                        << golden.predicted64[i];
        if (test::ulps_between(got[i], singles[i]) != 0 && wrong++ == 0)
          ADD_FAILURE() << "batches of " << batch << ", value " << i << " differs from the single row's";
      }
      EXPECT_EQ(wrong, 0U);
    }
    ++models;
  }
  EXPECT_GE(models, 73U);
}

}  // namespace
}  // namespace clops::serving
