// Contributions that are made when first asked for, by many threads at once.
#include <gtest/gtest.h>

#include <barrier>
#include <thread>

#include "formats/model_file.h"
#include "serving/engines/forest.h"
#include "serving/engines/tree_shap.h"
#include "tests/unit/formats/golden.h"

namespace clops::serving {
namespace {

TEST(Explainer, is_made_once_whoever_asks_first) {
  constexpr size_t kThreads = 4, kRounds = 20;
  const golden::Golden golden = golden::read(golden::data("contributions") / "lightgbm-binary.golden");
  const auto model = formats::load_model(golden::root() / golden.models[0]);
  ASSERT_TRUE(model) << model.error().message;
  const auto& ensemble = std::get<formats::Ensemble>(*model);
  const auto shap = TreeShap::make(ensemble);
  ASSERT_TRUE(shap) << shap.error().message;
  std::vector<double> wanted(golden.predicted64.size());
  shap->explain(golden.input64.data(), golden.rows, *TreeShap::make_work(), wanted.data());
  for (size_t round = 0; round < kRounds; ++round) {
    const auto engine =
        make_forest_engine(ensemble, {.single = ForestOptions::Single::Plain, .batch = ForestOptions::Batch::Plain});
    ASSERT_TRUE(engine) << engine.error().message;
    std::barrier start(kThreads);
    std::vector<std::vector<double>> got(kThreads);
    std::vector<std::jthread> threads;
    for (size_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        const auto scratch = (*engine)->make_scratch();
        TensorBuffer rows, outputs[2];
        rows.reset(Datatype::Fp64, {static_cast<int64_t>(golden.rows), static_cast<int64_t>(golden.columns)});
        std::ranges::copy(golden.input64, rows.as<double>().begin());
        const TensorView view = rows.view();
        start.arrive_and_wait();
        const Status done = (*engine)->infer({&view, 1}, *scratch, outputs);
        if (done) got[t].assign(outputs[1].as<double>().begin(), outputs[1].as<double>().end());
      });
    }
    threads.clear();
    for (const std::vector<double>& each : got) ASSERT_EQ(each, wanted);
  }
}

}  // namespace
}  // namespace clops::serving
