#include "operator/queue/work_queue.h"

#include <gtest/gtest.h>

#include <set>

#include "base/random.h"

namespace clops::op {
namespace {

using namespace std::chrono_literals;
constexpr TimePoint at(Duration d) {
  return TimePoint{} + d;
}
ObjectKey key(int i) {
  return {"ns", "k" + std::to_string(i)};
}
WorkQueue queue() {
  return WorkQueue({.backoff_first = 5ms, .backoff_max = 100ms, .keys_max = 50});
}

TEST(WorkQueue, each_key_once_and_in_order) {
  WorkQueue q = queue();
  for (const int i : {1, 2, 1, 3, 2}) EXPECT_TRUE(q.add(key(i)));
  for (const int i : {1, 2, 3}) EXPECT_EQ(q.pop(at(0s)), key(i));
  EXPECT_EQ(q.pop(at(0s)), std::nullopt);
}

TEST(WorkQueue, what_comes_while_a_key_runs_is_done_after_it) {
  WorkQueue q = queue();
  q.add(key(1));
  ASSERT_EQ(q.pop(at(0s)), key(1));
  q.add(key(1));
  q.add(key(1));
  EXPECT_EQ(q.pop(at(0s)), std::nullopt) << "never on two workers";
  q.done(key(1), at(0s));
  EXPECT_EQ(q.pop(at(0s)), key(1));
  q.done(key(1), at(0s));
  EXPECT_EQ(q.pop(at(0s)), std::nullopt);
}

TEST(WorkQueue, changes_go_before_the_first_list) {
  WorkQueue q = queue();
  q.add(key(1), Priority::Low);
  q.add(key(2), Priority::Low);
  q.add(key(3), Priority::High);
  q.add(key(2), Priority::High);
  for (const int i : {3, 2, 1}) EXPECT_EQ(q.pop(at(0s)), key(i));
}

TEST(WorkQueue, failures_wait_longer_and_longer_until_one_success) {
  WorkQueue q = queue();
  q.add(key(1));
  TimePoint now = at(0s);
  std::vector<Duration> waits;
  for (int i = 0; i < 7; ++i) {
    ASSERT_EQ(q.pop(now), key(1));
    waits.push_back(q.failed(key(1), now));
    EXPECT_EQ(q.pop(now + waits.back() - 1ns), std::nullopt);
    EXPECT_EQ(q.next_due(), now + waits.back());
    now += waits.back();
  }
  EXPECT_EQ(waits, (std::vector<Duration>{5ms, 10ms, 20ms, 40ms, 80ms, 100ms, 100ms}));
  ASSERT_EQ(q.pop(now), key(1));
  q.done(key(1), now);
  q.add(key(1));
  ASSERT_EQ(q.pop(now), key(1));
  EXPECT_EQ(q.failed(key(1), now), 5ms);
}

TEST(WorkQueue, a_change_does_not_wait_for_the_backoff) {
  WorkQueue q = queue();
  q.add(key(1));
  ASSERT_EQ(q.pop(at(0s)), key(1));
  q.failed(key(1), at(0s));
  q.add(key(1));
  EXPECT_EQ(q.pop(at(0s)), key(1));
  EXPECT_EQ(q.next_due(), std::nullopt);
}

TEST(WorkQueue, the_server_may_ask_for_a_longer_wait) {
  WorkQueue q = queue();
  q.add(key(1));
  ASSERT_EQ(q.pop(at(0s)), key(1));
  EXPECT_EQ(q.failed(key(1), at(0s), 32s), 32s);
}

TEST(WorkQueue, again_after_counts_the_earliest_wish) {
  WorkQueue q = queue();
  q.add(key(1));
  ASSERT_EQ(q.pop(at(0s)), key(1));
  q.add_after(key(1), 3s, at(0s));
  q.done_again_after(key(1), 10s, at(0s));
  EXPECT_EQ(q.next_due(), at(3s));
  q.add_after(key(1), 1s, at(1s));
  EXPECT_EQ(q.next_due(), at(2s));
  q.add_after(key(1), 9s, at(1s));
  EXPECT_EQ(q.next_due(), at(2s));
  EXPECT_EQ(q.pop(at(2s)), key(1));
}

TEST(WorkQueue, is_bounded) {
  WorkQueue q = queue();
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(q.add(key(i)));
  EXPECT_FALSE(q.add(key(50)));
  EXPECT_TRUE(q.add(key(7))) << "known already";
}

// Whatever the order of calls: a key never runs twice at once, and a key that was added is always served in the end.
TEST(WorkQueue, nothing_runs_twice_and_nothing_is_lost) {
  const auto random = make_random(11);
  for (int history = 0; history < 400; ++history) {
    WorkQueue q({.backoff_first = 5ms, .backoff_max = 1s});
    TimePoint now = at(0s);
    std::set<ObjectKey> running, owed;  // owed: added since it last began to run
    for (int i = 0; i < 80; ++i) {
      const ObjectKey k = key(static_cast<int>(random->next() % 6));
      switch (random->next() % 7) {
        case 0:
        case 1:
          q.add(k, random->next() % 2 ? Priority::High : Priority::Low);
          owed.insert(k);
          break;
        case 2:
          q.add_after(k, std::chrono::milliseconds(random->next() % 2'000), now);
          break;
        case 3:
          if (const auto popped = q.pop(now)) {
            EXPECT_TRUE(running.insert(*popped).second);
            owed.erase(*popped);
          }
          break;
        case 4:
          if (running.erase(k)) q.done(k, now);
          break;
        case 5:
          if (running.erase(k)) random->next() % 2 ? (void)q.failed(k, now) : q.park(k, 1s, now);
          break;
        default:
          now += std::chrono::milliseconds(random->next() % 500);
      }
      EXPECT_EQ(q.running(), running.size());
    }
    for (const ObjectKey& k : running) q.done(k, now);
    now += 1h;
    while (const auto popped = q.pop(now)) {
      owed.erase(*popped);
      q.done(*popped, now);
    }
    EXPECT_TRUE(owed.empty());
    EXPECT_EQ(q.next_due(), std::nullopt);
  }
}

}  // namespace
}  // namespace clops::op
