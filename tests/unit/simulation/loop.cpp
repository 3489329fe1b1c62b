#include "tests/unit/simulation/loop.h"

namespace clops::sim {

void Loop::post(Owner owner, Duration delay, std::function<void()> task) {
  if (dead_.contains(owner)) return;
  if (delay < Duration::zero()) delay = Duration::zero();
  const uint64_t arrival = ++arrivals_;
  tasks_.emplace(Slot{now_ + delay, chance_.next(), arrival}, Task{owner, std::move(task)});
}

bool Loop::step(TimePoint limit) {
  if (tasks_.empty() || std::get<0>(tasks_.begin()->first) > limit) return false;
  auto node = tasks_.extract(tasks_.begin());
  now_ = std::max(now_, std::get<0>(node.key()));
  Task task = std::move(node.mapped());
  if (frozen(task.owner)) {
    held_[task.owner].push_back(std::move(task.run));
    return true;
  }
  ++steps_;
  ++running_[task.owner];
  task.run();
  --running_[task.owner];
  return true;
}

void Loop::run_for(Duration time) {
  const TimePoint end = now_ + time;
  while (step(end)) {
  }
  now_ = std::max(now_, end);
}

void Loop::wait_in_task(Owner owner, Duration time, int threads) {
  const bool busy = running_[owner] >= threads;
  if (busy) freeze(owner);
  run_for(time);
  if (busy) thaw(owner);
}

void Loop::thaw(Owner owner) {
  if (--frozen_[owner] > 0) return;
  auto node = held_.extract(owner);
  if (node.empty()) return;
  for (auto& task : node.mapped()) post(owner, Duration::zero(), std::move(task));
}

bool Loop::frozen(Owner owner) const {
  const auto it = frozen_.find(owner);
  return it != frozen_.end() && it->second > 0;
}

bool Loop::running(Owner owner) const {
  const auto it = running_.find(owner);
  return it != running_.end() && it->second > 0;
}

void Loop::kill(Owner owner) {
  dead_[owner] = true;
  held_.erase(owner);
  std::erase_if(tasks_, [&](const auto& entry) { return entry.second.owner == owner; });
}

size_t Loop::waiting(Owner owner) const {
  size_t count = 0;
  for (const auto& [slot, task] : tasks_) count += task.owner == owner ? 1 : 0;
  return count;
}

WallTime LoopClock::wall() const {
  using std::chrono::microseconds;
  constexpr microseconds kStart{1'790'000'000'000'000};  // a day in September 2026
  return WallTime{kStart + std::chrono::duration_cast<microseconds>(loop_.now().time_since_epoch() + skew_)};
}

}  // namespace clops::sim
