// One thread, one virtual clock: everything that happens in a simulated world is a task of this loop.
//
// Tasks run in order of time; those due at the same moment run in an order drawn from the seed, as on a pool of
// threads. Each task belongs to somebody (the world, or one simulated process), so that a process can be frozen or
// killed. Ownership: tasks own what they capture; a killed owner's tasks are destroyed unrun. Errors: none.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "base/executor.h"
#include "base/time.h"
#include "tests/unit/simulation/chance.h"

namespace clops::sim {

using Owner = int;
inline constexpr Owner kWorld = 0;

class Loop {
 public:
  explicit Loop(uint64_t seed) : chance_(seed) {}
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  [[nodiscard]] TimePoint now() const { return now_; }
  void post(Owner owner, Duration delay, std::function<void()> task);

  // Runs tasks until virtual time has advanced by `time`.
  void run_for(Duration time);
  // The same while `owner` waits inside one of its own tasks (for an answer). `threads` of its tasks may be under way
  // at once, this one included: with 1 nothing else of it runs meanwhile.
  void wait_in_task(Owner owner, Duration time, int threads = 1);

  // A frozen owner's tasks wait; freezing counts, so that each freeze needs its thaw.
  void freeze(Owner owner) { ++frozen_[owner]; }
  void thaw(Owner owner);
  [[nodiscard]] bool frozen(Owner owner) const;
  // Drops what waits, and whatever is posted later.
  void kill(Owner owner);
  // True while a task of this owner is on the stack (it may be waiting for an answer).
  [[nodiscard]] bool running(Owner owner) const;

  [[nodiscard]] uint64_t steps() const { return steps_; }
  [[nodiscard]] size_t waiting(Owner owner) const;

 private:
  struct Task {
    Owner owner;
    std::function<void()> run;
  };
  using Slot = std::tuple<TimePoint, uint64_t, uint64_t>;  // when, drawn order, arrival
  bool step(TimePoint limit);

  Chance chance_;
  TimePoint now_{};
  uint64_t arrivals_ = 0, steps_ = 0;
  std::map<Slot, Task> tasks_;
  std::map<Owner, int> frozen_, running_;
  std::map<Owner, std::vector<std::function<void()>>> held_;  // due while frozen
  std::map<Owner, bool> dead_;
};

// The clock of one process: virtual time, with a calendar that may be wrong.
class LoopClock final : public Clock {
 public:
  explicit LoopClock(const Loop& loop, Duration wall_skew = {}) : loop_(loop), skew_(wall_skew) {}
  [[nodiscard]] TimePoint now() const override { return loop_.now(); }
  [[nodiscard]] WallTime wall() const override;
  void jump(Duration skew) { skew_ += skew; }

 private:
  const Loop& loop_;
  Duration skew_;
};

class LoopExecutor final : public Executor {
 public:
  LoopExecutor(Loop& loop, Owner owner) : loop_(loop), owner_(owner) {}
  void post(std::function<void()> task) override { loop_.post(owner_, Duration::zero(), std::move(task)); }
  void post_after(Duration delay, std::function<void()> task) override { loop_.post(owner_, delay, std::move(task)); }

 private:
  Loop& loop_;
  const Owner owner_;
};

}  // namespace clops::sim
