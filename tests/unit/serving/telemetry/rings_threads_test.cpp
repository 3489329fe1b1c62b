// Rings between threads, and the bytes they may hold, under TSan.
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "serving/telemetry/event_sender.h"
#include "serving/telemetry/spsc_ring.h"

namespace clops::serving {
namespace {

TEST(SpscRingThreads, everything_arrives_once_and_in_order) {
  SpscRing<std::unique_ptr<std::string>> ring(16);
  constexpr int kMost = 50'000;
  std::thread writer([&ring] {
    for (int i = 0; i < kMost;) {
      auto* const slot = ring.claim();
      if (slot == nullptr) {
        std::this_thread::yield();
        continue;
      }
      *slot = std::make_unique<std::string>(std::to_string(i++));
      ring.publish();
    }
  });
  for (int i = 0; i < kMost;) {
    auto* const slot = ring.front();
    if (slot == nullptr) {
      std::this_thread::yield();
      continue;
    }
    ASSERT_EQ(**slot, std::to_string(i++));
    slot->reset();
    ring.pop();
  }
  writer.join();
  EXPECT_EQ(ring.front(), nullptr);
}

TEST(SpscRingThreads, a_budget_is_never_overdrawn) {
  EventBudget budget(100);
  std::atomic<size_t> held{0};
  std::atomic<bool> over{false};
  const auto work = [&] {
    for (int i = 0; i < 20'000; ++i) {
      if (!budget.take(30)) continue;
      if (held.fetch_add(30) + 30 > 100) over = true;
      held.fetch_sub(30);
      budget.give(30);
    }
  };
  std::thread a(work), b(work), c(work), d(work);
  for (std::thread* thread : {&a, &b, &c, &d}) thread->join();
  EXPECT_FALSE(over);
  EXPECT_EQ(budget.used(), 0U);
}

}  // namespace
}  // namespace clops::serving
