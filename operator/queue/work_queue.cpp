#include "operator/queue/work_queue.h"

#include <algorithm>

namespace clops::op {

void WorkQueue::make_ready(const ObjectKey& key, Item& item, Priority priority) {
  if (item.where == Where::Delayed) delayed_.erase({item.due, key});
  item.where = Where::Ready;
  item.priority = priority;
  item.order = ++order_;
  ready_.emplace(-static_cast<int>(priority), item.order, key);
}

void WorkQueue::make_delayed(const ObjectKey& key, Item& item, TimePoint due) {
  if (item.where == Where::Delayed) delayed_.erase({item.due, key});
  item.where = Where::Delayed;
  item.due = due;
  delayed_.emplace(due, key);
}

bool WorkQueue::add(const ObjectKey& key, Priority priority) {
  auto it = items_.find(key);
  if (it == items_.end()) {
    if (items_.size() >= limits_.keys_max) return false;
    it = items_.emplace(key, Item{}).first;
  }
  Item& item = it->second;
  switch (item.where) {
    case Where::Running:
      item.again = true;
      item.again_priority = std::max(item.again_priority, priority);
      return true;
    case Where::Ready:
      if (priority <= item.priority) return true;
      ready_.erase({-static_cast<int>(item.priority), item.order, key});
      make_ready(key, item, priority);
      return true;
    case Where::Nowhere:
    case Where::Delayed:
      make_ready(key, item, priority);
      return true;
  }
  return true;
}

bool WorkQueue::add_after(const ObjectKey& key, Duration delay, TimePoint now) {
  if (delay <= Duration{0}) return add(key);
  auto it = items_.find(key);
  if (it == items_.end()) {
    if (items_.size() >= limits_.keys_max) return false;
    it = items_.emplace(key, Item{}).first;
  }
  Item& item = it->second;
  const TimePoint due = now + delay;
  if (item.where == Where::Running) {
    item.again_due = item.again_due ? std::min(*item.again_due, due) : due;
  } else if (item.where == Where::Nowhere || (item.where == Where::Delayed && due < item.due)) {
    make_delayed(key, item, due);
  }
  return true;
}

std::optional<ObjectKey> WorkQueue::pop(TimePoint now) {
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    const ObjectKey key = delayed_.begin()->second;
    make_ready(key, items_.at(key), Priority::High);
  }
  if (ready_.empty()) return std::nullopt;
  ObjectKey key = std::get<2>(*ready_.begin());
  ready_.erase(ready_.begin());
  Item& item = items_.at(key);
  item.where = Where::Running;
  item.again = false;
  item.again_priority = Priority::Low;
  item.again_due.reset();
  ++running_;
  return key;
}

WorkQueue::Items::iterator WorkQueue::running(const ObjectKey& key) {
  const auto it = items_.find(key);
  if (it == items_.end() || it->second.where != Where::Running) return items_.end();
  --running_;
  it->second.where = Where::Nowhere;
  return it;
}

void WorkQueue::settle(Items::iterator it, std::optional<TimePoint> due) {
  Item& item = it->second;
  if (item.again_due) due = due ? std::min(*due, *item.again_due) : item.again_due;
  if (item.again) return make_ready(it->first, item, item.again_priority);
  if (due) return make_delayed(it->first, item, *due);
  items_.erase(it);
}

void WorkQueue::done(const ObjectKey& key, TimePoint) {
  const auto it = running(key);
  if (it == items_.end()) return;
  it->second.failures = 0;
  settle(it, std::nullopt);
}

void WorkQueue::done_again_after(const ObjectKey& key, Duration delay, TimePoint now) {
  const auto it = running(key);
  if (it == items_.end()) return;
  it->second.failures = 0;
  settle(it, now + delay);
}

Duration WorkQueue::failed(const ObjectKey& key, TimePoint now, Duration at_least) {
  const auto it = running(key);
  if (it == items_.end()) return Duration{0};
  Item& item = it->second;
  Duration delay = limits_.backoff_first;
  for (int i = 0; i < item.failures && delay < limits_.backoff_max; ++i) delay *= 2;
  delay = std::max(std::min(delay, limits_.backoff_max), at_least);
  ++item.failures;
  settle(it, now + delay);
  return delay;
}

void WorkQueue::park(const ObjectKey& key, Duration delay, TimePoint now) {
  const auto it = running(key);
  if (it != items_.end()) settle(it, now + delay);
}

std::optional<TimePoint> WorkQueue::next_due() const {
  if (delayed_.empty()) return std::nullopt;
  return delayed_.begin()->first;
}

}  // namespace clops::op
