// The rules of admission as tables of times: when a queue is one, what a rate lets through, what is believed of a
// variant's time.
#include "serving/load/admission.h"

#include <gtest/gtest.h>

#include <thread>

namespace clops::serving {
namespace {

using namespace std::chrono_literals;

const TimePoint kStart{std::chrono::hours(1)};

struct Step {
  Duration at, waited;
  bool refused;
};
void expect(const char* what, Duration allowed, const std::vector<Step>& steps) {
  QueueRule rule;
  for (size_t i = 0; i < steps.size(); ++i)
    EXPECT_EQ(rule.refuses(kStart + steps[i].at, steps[i].waited, allowed), steps[i].refused) << what << ", step " << i;
}

TEST(QueueRule, a_rush_is_computed_and_a_standing_queue_is_not) {
  expect("in time", 100ms, {{0ms, 0ms, false}, {1000ms, 100ms, false}, {2000ms, 100ms, false}});
  expect(
      "a rush that passes", 100ms,
      {{0ms, 150ms, false}, {50ms, 180ms, false}, {99ms, 190ms, false}, {110ms, 90ms, false}, {120ms, 150ms, false}});
  expect("late for as long as the delay", 100ms, {{0ms, 101ms, false}, {99ms, 150ms, false}, {100ms, 101ms, true}});
  expect("hopeless at once", 100ms, {{0ms, 501ms, true}, {1ms, 500ms, true}});
  expect(
      "strict after it", 100ms,
      {{0ms, 150ms, false}, {100ms, 150ms, true}, {101ms, 90ms, false}, {102ms, 101ms, true}, {1101ms, 101ms, true}});
  expect("forgiving a second later", 100ms,
         {{0ms, 150ms, false}, {100ms, 150ms, true}, {101ms, 90ms, false}, {1200ms, 101ms, false}});
  expect("off", 0ms, {{0ms, 10s, false}, {10s, 10s, false}});
}

TEST(QueueRule, calls_that_take_long_may_wait_longer) {
  EXPECT_EQ(allowed_wait(100ms, 1ms), 100ms);
  EXPECT_EQ(allowed_wait(100ms, 50ms), 200ms);
  EXPECT_EQ(allowed_wait(0ms, 50ms), 0ms);
}

TEST(ServiceTime, the_mean_follows_and_the_quickest_is_not_forgotten_soon) {
  ServiceTime time;
  EXPECT_EQ(time.mean(), 0ms);
  for (int i = 0; i < 7; ++i) time.add(8ms);
  EXPECT_EQ(time.mean(), 8ms);
  EXPECT_EQ(time.quickest(), 0ms) << "seven are too few to refuse a call by";
  time.add(8ms);
  EXPECT_EQ(time.quickest(), 8ms);
  time.add(2ms);
  EXPECT_EQ(time.quickest(), 2ms);
  for (int i = 0; i < 100; ++i) time.add(10ms);
  EXPECT_GT(time.mean(), 9900us);
  EXPECT_GT(time.quickest(), 6ms);
  EXPECT_LT(time.quickest(), 10ms);
}

// Else a cheap variant is taken for a dear one, and its calls are refused for their age, because others use the
// processor.
TEST(ServiceTime, a_call_in_which_the_thread_had_to_wait_says_little) {
  ServiceTime busy, dear;
  for (int i = 0; i < 8; ++i) {
    busy.add(50us);
    dear.add(50us);
  }
  EXPECT_FALSE(busy.unusual(300us));
  EXPECT_TRUE(busy.unusual(20ms));
  for (int i = 0; i < 10; ++i) {  // one of ten
    busy.add(20ms, true);
    for (int j = 0; j < 9; ++j) busy.add(50us);
  }
  EXPECT_LT(busy.mean(), 100us);
  dear.add(20ms);
  EXPECT_GT(dear.mean(), 1ms) << "nothing but the call itself took so long";
  for (int i = 0; i < 100; ++i) busy.add(20ms, true);
  EXPECT_GT(busy.mean(), 2ms) << "whatever is always so long is believed in the end";
}

// Else a variant whose first calls were slow would refuse every short deadline for ever, and never learn better.
TEST(ServiceTime, what_refuses_calls_is_doubted) {
  ServiceTime time;
  for (int i = 0; i < 8; ++i) time.add(80ms);
  int refusals = 0;
  while (time.quickest() > 1ms && refusals < 1000) {
    time.doubt();
    ++refusals;
  }
  EXPECT_LT(refusals, 50);
  EXPECT_GT(refusals, 20);
}

TEST(RateLimit, so_many_a_second_and_a_tenth_of_them_at_once) {
  struct Row {
    int per_second;
    int at_once, in_ten_seconds;
  };
  for (const Row& row : {Row{1, 1, 10}, Row{10, 2, 101}, Row{1000, 101, 10'100}}) {
    RateLimit burst, steady;
    int taken = 0;
    for (int i = 0; i < 1000; ++i) taken += burst.take(kStart, row.per_second) ? 1 : 0;
    EXPECT_EQ(taken, row.at_once) << row.per_second;
    taken = 0;
    for (int ms = 0; ms < 10'000; ++ms) {
      for (int i = 0; i < 5; ++i) taken += steady.take(kStart + std::chrono::milliseconds(ms), row.per_second) ? 1 : 0;
    }
    EXPECT_NEAR(taken, row.in_ten_seconds, 1) << row.per_second;
  }
}

TEST(RateLimit, threads_share_it) {
  RateLimit rate;
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 5'000; ++i)
        if (rate.take(kStart, 10'000)) taken.fetch_add(1);
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken.load(), 1'001);
}

}  // namespace
}  // namespace clops::serving
