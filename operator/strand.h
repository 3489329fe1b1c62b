// Tasks one after another on an Executor: what makes the state of an informer or a recorder its own without locks.
//
// Thread rule: post() from any thread. Tasks of one strand never run at once and keep their order; they may post more.
// End: after the strand is destroyed its waiting tasks do nothing; a task that runs just then is not waited for (end
// the executor first where that matters).
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "base/executor.h"

namespace clops::op {

class Strand {
 public:
  explicit Strand(Executor& executor) : core_(std::make_shared<Core>(executor)) {}
  ~Strand() {
    const std::lock_guard lock(core_->mutex);
    core_->closed = true;
    core_->tasks.clear();
  }
  Strand(const Strand&) = delete;
  Strand& operator=(const Strand&) = delete;

  void post(std::function<void()> task) { add(core_, std::move(task)); }
  void post_after(Duration delay, std::function<void()> task) {
    core_->executor.post_after(delay, [weak = std::weak_ptr(core_), task = std::move(task)]() mutable {
      if (const auto core = weak.lock()) add(core, std::move(task));
    });
  }
  // A task for the executor, beside the strand (a call that waits for an answer). Dropped once the strand is gone.
  void run_beside(std::function<void()> task) {
    core_->executor.post([weak = std::weak_ptr(core_), task = std::move(task)] {
      const auto core = weak.lock();
      if (core && !core->is_closed()) task();
    });
  }

 private:
  struct Core {
    explicit Core(Executor& e) : executor(e) {}
    bool is_closed() {
      const std::lock_guard lock(mutex);
      return closed;
    }
    Executor& executor;
    std::mutex mutex;
    std::deque<std::function<void()>> tasks;
    bool running = false, closed = false;
  };
  static void add(const std::shared_ptr<Core>& core, std::function<void()> task) {
    {
      const std::lock_guard lock(core->mutex);
      if (core->closed) return;
      core->tasks.push_back(std::move(task));
      if (std::exchange(core->running, true)) return;
    }
    core->executor.post([core] { run(core); });
  }
  static void run(const std::shared_ptr<Core>& core) {
    std::function<void()> task;
    {
      const std::lock_guard lock(core->mutex);
      if (core->tasks.empty()) {
        core->running = false;
        return;
      }
      task = std::move(core->tasks.front());
      core->tasks.pop_front();
    }
    task();
    task = nullptr;
    {
      const std::lock_guard lock(core->mutex);
      if (core->tasks.empty()) {
        core->running = false;
        return;
      }
    }
    core->executor.post([core] { run(core); });  // others get their turn in between
  }
  const std::shared_ptr<Core> core_;
};

}  // namespace clops::op
