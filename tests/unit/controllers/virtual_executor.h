// Tasks in the order of their times, on one thread and a virtual clock.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>

#include "base/executor.h"

namespace clops::test {

class VirtualExecutor final : public Executor {
 public:
  void post(std::function<void()> task) override { tasks_.emplace(now, std::move(task)); }
  void post_after(Duration delay, std::function<void()> task) override { tasks_.emplace(now + delay, std::move(task)); }
  void run_for(Duration span) {
    const TimePoint end = now + span;
    while (!tasks_.empty() && tasks_.begin()->first <= end) {
      auto node = tasks_.extract(tasks_.begin());
      now = std::max(now, node.key());
      node.mapped()();
      ASSERT_LT(++steps, 100'000) << "it never rests";
    }
    now = end;
  }
  [[nodiscard]] bool at_rest() const { return tasks_.empty(); }
  TimePoint now;
  int steps = 0;

 private:
  std::multimap<TimePoint, std::function<void()>> tasks_;
};

}  // namespace clops::test
