// Where control-plane work runs: now, or after a while. Production: a pool of threads with a timer. Simulation: one
// thread and a virtual clock. Thread rule: safe from any thread; tasks run concurrently on a pool, so they guard what
// they share.
#pragma once

#include <functional>
#include <memory>

#include "base/time.h"

namespace clops {

class Executor {
 public:
  virtual ~Executor() = default;
  virtual void post(std::function<void()> task) = 0;
  virtual void post_after(Duration delay, std::function<void()> task) = 0;  // dropped if the executor ends first
};

// Stops in its destructor: running tasks finish, waiting ones are dropped.
[[nodiscard]] std::unique_ptr<Executor> make_thread_pool(int threads);

}  // namespace clops
