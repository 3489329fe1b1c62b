// Large batches that several threads compute together: every row once, the bits of one thread alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <random>
#include <thread>

#include "serving/engines/forest.h"
#include "serving/engines/row_pool.h"
#include "tests/unit/serving/engines/forest_maker.h"

namespace clops::serving {
namespace {

TEST(RowPool, does_every_row_once_whoever_else_asks) {
  constexpr size_t kCallers = 3, kRounds = 200, kRows = 1000;
  RowPool pool(2);
  EXPECT_EQ(pool.workers(), 3U);
  std::atomic<size_t> done{0};
  const auto ask = [&] {
    for (size_t round = 0; round < kRounds; ++round) {
      std::vector<std::atomic<int>> times(kRows);
      const bool took = pool.run(kRows, 1 + round, [&](size_t worker, size_t first, size_t count) {
        EXPECT_LT(worker, 3U);
        for (size_t row = first; row < first + count; ++row) times[row].fetch_add(1);
      });
      for (const auto& each : times) ASSERT_EQ(each.load(), took ? 1 : 0);
      done += took ? 1 : 0;
    }
  };
  std::vector<std::jthread> callers;
  for (size_t i = 0; i < kCallers; ++i) callers.emplace_back(ask);
  callers.clear();
  EXPECT_GE(done.load(), 1U);  // whoever asked first
  EXPECT_EQ(pool.jobs(), done.load());
}

TEST(RowPool, a_job_waits_for_helpers_that_have_begun) {
  RowPool pool(1);
  std::atomic<bool> helped{false};
  // The caller keeps a chunk until the helper has one, and the helper's is not done before the caller's last is.
  ASSERT_TRUE(pool.run(2, 1, [&](size_t worker, size_t, size_t) {
    if (worker == 1) {
      helped.store(true);
      helped.notify_all();
    } else {
      helped.wait(false);
    }
  }));
  EXPECT_TRUE(helped.load());
}

TEST(RowPool, shared_batches_have_the_bits_of_one_thread) {
  constexpr int64_t kRows = 20'000;
  const test::ForestShape shape{.features = 6, .trees = 60};
  test::ForestMaker maker(3, shape);
  const formats::Ensemble model = maker.model();
  const auto pool = std::make_shared<RowPool>(2);
  const ForestOptions slow{.single = ForestOptions::Single::Plain, .batch = ForestOptions::Batch::Plain};
  const auto alone = make_forest_engine(model, slow), shared = make_forest_engine(model, slow, pool);
  ASSERT_TRUE(alone && shared);
  TensorBuffer rows;
  rows.reset(Datatype::Fp32, {kRows, shape.features});
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  for (float& value : rows.as<float>()) value = normal(random);
  const TensorView view = rows.view();
  const auto answers = [&](const Engine& engine) {
    std::vector<TensorBuffer> outputs(engine.info().outputs.size());
    for (size_t i = 1; i < outputs.size(); ++i) outputs[i].wanted = false;
    EXPECT_TRUE(engine.infer({&view, 1}, *engine.make_scratch(), outputs));
    const std::span<const float> all = outputs[0].view().as<float>();
    std::vector<uint32_t> bits(all.size());
    std::ranges::transform(all, bits.begin(), [](float value) { return std::bit_cast<uint32_t>(value); });
    return bits;
  };
  const std::vector<uint32_t> wanted = answers(**alone);
  std::vector<std::vector<uint32_t>> got(2);
  {
    std::jthread other([&] { got[1] = answers(**shared); });
    got[0] = answers(**shared);
  }
  for (const std::vector<uint32_t>& each : got) EXPECT_TRUE(each == wanted);
  EXPECT_GE(pool->jobs(), 1U);
}

}  // namespace
}  // namespace clops::serving
