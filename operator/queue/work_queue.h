// What is to be reconciled, each key once: a key waits, or is delayed, or runs, and what comes in while it runs is done
// after.
//
// High priority is served first (changes), low later (the first list), each in the order of arrival. A key that failed
// waits 5 ms, doubled each time up to a limit; a change of it meanwhile makes it ready at once.
// Pure: time is handed in, whoever owns the queue wakes up at next_due(). Thread rule: one thread at a time (the
// owner's lock). Limit: `keys_max` keys; add() refuses more.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "base/time.h"
#include "crds/meta.h"

namespace clops::op {

using crds::ObjectKey;

enum class Priority { Low = 0, High = 1 };

struct QueueLimits {
  Duration backoff_first = std::chrono::milliseconds{5}, backoff_max = std::chrono::minutes{5};
  size_t keys_max = 1'000'000;
};

class WorkQueue {
 public:
  explicit WorkQueue(QueueLimits limits) : limits_(limits) {}

  bool add(const ObjectKey& key, Priority priority = Priority::High);   // false: full
  bool add_after(const ObjectKey& key, Duration delay, TimePoint now);  // the earliest wish counts
  [[nodiscard]] std::optional<ObjectKey> pop(TimePoint now);            // the key now runs
  // A running key ends in exactly one of these.
  void done(const ObjectKey& key, TimePoint now);  // the next failure starts at backoff_first
  void done_again_after(const ObjectKey& key, Duration delay, TimePoint now);
  Duration failed(const ObjectKey& key, TimePoint now, Duration at_least = {});  // the delay it got
  void park(const ObjectKey& key, Duration delay, TimePoint now);  // not begun: later, or when add() says so

  [[nodiscard]] std::optional<TimePoint> next_due() const;  // of the delayed ones
  [[nodiscard]] size_t ready() const { return ready_.size(); }
  [[nodiscard]] size_t delayed() const { return delayed_.size(); }
  [[nodiscard]] size_t running() const { return running_; }

 private:
  enum class Where { Nowhere, Ready, Delayed, Running };
  struct Item {
    Where where = Where::Nowhere;
    Priority priority = Priority::Low;
    uint64_t order = 0;
    TimePoint due;
    bool again = false;  // something came while it ran
    Priority again_priority = Priority::Low;
    std::optional<TimePoint> again_due;  // an add_after while it ran
    int failures = 0;
  };
  using Items = std::map<ObjectKey, Item>;
  using ReadyKey = std::tuple<int, uint64_t, ObjectKey>;  // minus priority, order
  void make_ready(const ObjectKey& key, Item& item, Priority priority);
  void make_delayed(const ObjectKey& key, Item& item, TimePoint due);
  void settle(Items::iterator it, std::optional<TimePoint> due);
  Items::iterator running(const ObjectKey& key);

  const QueueLimits limits_;
  Items items_;
  std::set<ReadyKey> ready_;
  std::set<std::pair<TimePoint, ObjectKey>> delayed_;
  uint64_t order_ = 0;
  size_t running_ = 0;
};

}  // namespace clops::op
