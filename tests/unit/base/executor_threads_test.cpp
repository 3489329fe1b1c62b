#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "base/executor.h"
#include "tests/support/eventually.h"

namespace clops {
namespace {

using namespace std::chrono_literals;

TEST(ThreadPool, runs_everything_and_the_delayed_in_the_order_of_their_time) {
  const auto pool = make_thread_pool(1);
  std::mutex mutex;
  std::vector<int> order;
  const auto note = [&](int n) {
    return [&, n] {
      const std::lock_guard lock(mutex);
      order.push_back(n);
    };
  };
  pool->post_after(60ms, note(3));
  pool->post_after(20ms, note(2));
  pool->post(note(1));
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return order.size() == 3;
  }));
  const std::lock_guard lock(mutex);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST(ThreadPool, a_delayed_task_is_not_early) {
  const auto pool = make_thread_pool(2);
  const auto began = std::chrono::steady_clock::now();
  std::atomic<int64_t> took{0};
  pool->post_after(50ms, [&] {
    took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began).count();
  });
  EXPECT_TRUE(eventually([&] { return took != 0; }));
  EXPECT_GE(took, 50);
}

TEST(ThreadPool, many_threads_post_and_every_task_runs_once) {
  const auto pool = make_thread_pool(4);
  std::atomic<int> count{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 500; ++i) pool->post([&] { pool->post([&] { ++count; }); });
      });
    }
  }
  EXPECT_TRUE(eventually([&] { return count == 2'000; }));
}

TEST(ThreadPool, its_end_waits_for_what_runs_and_drops_what_waits) {
  std::atomic<bool> began{false}, ended{false}, never{false};
  {
    const auto pool = make_thread_pool(1);
    pool->post([&] {
      began = true;
      (void)eventually([] { return false; }, 50ms);
      ended = true;
    });
    pool->post_after(1h, [&] { never = true; });
    EXPECT_TRUE(eventually([&] { return began.load(); }));
  }
  EXPECT_TRUE(ended);
  EXPECT_FALSE(never);
}

}  // namespace
}  // namespace clops
