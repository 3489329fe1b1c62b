// Many writers, watchers that come and go: every watcher sees every change after its list exactly once, in order.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "local/store/store.h"

namespace clops::local {
namespace {

TEST(StoreThreads, a_list_and_its_watch_have_no_gap_and_no_overlap) {
  auto opened = open_store({.path = "", .log_events_max = 100'000});
  ASSERT_TRUE(opened);
  Store& store = **opened;
  constexpr int kWriters = 3, kWrites = 200;
  std::atomic<int> running = kWriters;
  std::vector<std::thread> threads;
  for (int w = 0; w < kWriters; ++w) {
    threads.emplace_back([&, w] {
      for (int i = 0; i < kWrites; ++i) {
        const Status done = store.transact([&](Transaction& t) -> Status {
          t.put({"pods", "ns", "p" + std::to_string(w)}, Json{{"metadata", Json::object()}, {"value", i}});
          return {};
        });
        EXPECT_TRUE(done);
      }
      --running;
    });
  }
  for (int w = 0; w < 2; ++w) {
    threads.emplace_back([&] {
      while (running > 0) {
        std::vector<int64_t> seen;  // written by committing threads, one at a time; read after the watch has gone
        int64_t from = 0;
        {
          auto [list, watch] =
              store.list_and_watch("pods", "", [&](const StoreEvent& e) { seen.push_back(e.revision); });
          from = list.revision;
          const int64_t until = std::min<int64_t>(from + 20, kWriters * kWrites);
          while (store.revision() < until) std::this_thread::yield();
        }
        for (size_t i = 0; i < seen.size(); ++i) ASSERT_EQ(seen[i], from + 1 + static_cast<int64_t>(i));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(store.revision(), kWriters * kWrites);
}

}  // namespace
}  // namespace clops::local
