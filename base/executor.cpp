#include "base/executor.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace clops {
namespace {

class ThreadPool final : public Executor {
 public:
  explicit ThreadPool(int threads) {
    for (int i = 0; i < threads; ++i) workers_.emplace_back([this](const std::stop_token& stop) { run(stop); });
  }
  ~ThreadPool() override {
    for (auto& worker : workers_) worker.request_stop();
    wake_.notify_all();
  }
  void post(std::function<void()> task) override { post_after(Duration{0}, std::move(task)); }
  void post_after(Duration delay, std::function<void()> task) override {
    {
      const std::lock_guard lock(mutex_);
      tasks_.emplace(Steady::now() + delay, std::move(task));
    }
    wake_.notify_one();
  }

 private:
  using Steady = std::chrono::steady_clock;
  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      if (tasks_.empty()) {
        wake_.wait(lock, stop, [&] { return !tasks_.empty(); });
        continue;
      }
      const auto due = tasks_.begin()->first;
      if (Steady::now() < due) {
        wake_.wait_until(lock, stop, due, [&] { return tasks_.empty() || tasks_.begin()->first < due; });
        continue;
      }
      auto task = std::move(tasks_.begin()->second);
      tasks_.erase(tasks_.begin());
      lock.unlock();
      task();
      task = nullptr;
      lock.lock();
    }
  }
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::multimap<Steady::time_point, std::function<void()>> tasks_;
  std::vector<std::jthread> workers_;  // last: joined before the rest is destroyed
};

}  // namespace

std::unique_ptr<Executor> make_thread_pool(int threads) {
  return std::make_unique<ThreadPool>(threads);
}

}  // namespace clops
