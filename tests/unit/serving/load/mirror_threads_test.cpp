// The mirror's rings between threads: many write, one reads, models come and go.
#include <gtest/gtest.h>

#include <thread>

#include "serving/lifecycle/model_loader.h"
#include "serving/load/mirror.h"
#include "serving/monitoring/counters.h"
#include "tests/support/eventually.h"
#include "tests/unit/serving/hold_engine.h"

namespace clops::serving {
namespace {

using namespace std::chrono_literals;

struct Told final : CallWatcher {
  struct Sums {
    std::atomic<uint64_t> calls{0}, rows{0}, wrong{0};
  };
  explicit Told(Sums& s) : sums(s) {}
  // The answer is the sum that its caller sent: nothing of one call is in another.
  void after(const CallInfo& call, const CallEnd& end) override {
    const InferRequest& request = end.inference->request;
    const auto x = request.views[0].as<float>();
    for (const float value : x) sums.wrong += value == x[0] ? 0 : 1;
    sums.wrong += call.wire == "mirror" && x.size() == end.rows && x[0] == static_cast<float>(end.rows) ? 0 : 1;
    sums.calls += 1;
    sums.rows += end.rows;
  }
  Sums& sums;
};

std::shared_ptr<const MirrorRoute> route_to(CounterRegistry& counters, const std::string& version) {
  auto engine = std::make_shared<const HoldEngine>(std::make_shared<Holding>());
  const auto set = counters.get_mirrored({"m", "1", "b"});
  const auto predictions = set->predictions(prediction_columns(engine->info()));
  return std::make_shared<const MirrorRoute>(MirrorRoute{.model = "m",
                                                         .variant = "b",
                                                         .version = version,
                                                         .digest = "sha256:0",
                                                         .engine = std::move(engine),
                                                         .counters = set,
                                                         .predictions = predictions,
                                                         .percent = 100,
                                                         .fits = true,
                                                         .inputs = {0}});
}

TEST(MirrorThreads, every_call_is_computed_or_counted_as_dropped_and_models_are_let_go) {
  constexpr size_t kThreads = 2;
  constexpr uint64_t kCalls = 3'000;
  SystemClock clock;
  CounterRegistry counters(kThreads, 8);
  Told::Sums sums;
  MirrorThread::Parts parts{
      .clock = clock, .threads = kThreads, .load = [] { return ServingLoad{kThreads, {}}; }, .watchers = {}};
  parts.watchers.push_back(std::make_unique<Told>(sums));
  MirrorThread mirror(std::move(parts), {.calls_max = 16, .call_bytes_max = 300, .ring_bytes_max = 2'000});
  mirror.start();
  std::vector<std::weak_ptr<const Engine>> models(kThreads);
  std::vector<std::thread> threads;
  for (size_t slot = 0; slot < kThreads; ++slot)
    threads.emplace_back([&, slot] {
      std::shared_ptr<const MirrorRoute> route;
      InferRequest request;
      for (uint64_t i = 0; i < kCalls; ++i) {
        if (i % 500 == 0) route = route_to(counters, std::to_string(i));
        const auto rows = static_cast<int64_t>(1 + i % 80);  // those above 75 are too large
        TensorBuffer x;
        x.reset(Datatype::Fp32, {rows, 1});
        std::ranges::fill(x.as<float>(), static_cast<float>(rows));
        request.views = {x.view()};
        mirror.offer(slot, route, request);
      }
      models[slot] = route->engine;
      route.reset();
      mirror.wake();
    });
  for (std::thread& thread : threads) thread.join();
  const auto count = [&](Mirrored outcome) {
    return counters.all_mirrored()[0]->totals().by_code[code_index(code_of(outcome))].count;
  };
  ASSERT_TRUE(eventually(
      [&] { return count(Mirrored::Answered) + count(Mirrored::Full) + count(Mirrored::Large) == kThreads * kCalls; }));
  EXPECT_GT(count(Mirrored::Answered), 0U);
  EXPECT_GT(count(Mirrored::Large), 0U);
  EXPECT_EQ(sums.calls.load(), count(Mirrored::Answered));
  EXPECT_EQ(sums.rows.load(), counters.all_mirrored()[0]->totals().rows);
  EXPECT_EQ(sums.wrong.load(), 0U);
  EXPECT_TRUE(eventually([&] {
    mirror.wake();
    return models[0].expired() && models[1].expired();
  }));
}

}  // namespace
}  // namespace clops::serving
