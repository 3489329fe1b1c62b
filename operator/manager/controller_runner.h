// One controller at work: its queue, its workers as executor tasks, and the keys it holds back until the cache has seen
// what was written for them.
//
// Thread rule: every function from any thread. Ownership: shared, as tasks on the executor refer to it weakly; borrows
// deps.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "base/executor.h"
#include "operator/controller.h"
#include "operator/manager/write_tracker.h"
#include "operator/queue/work_queue.h"

namespace clops::op {

class ControllerRunner : public std::enable_shared_from_this<ControllerRunner> {
 public:
  struct Deps {
    Executor& executor;
    const Clock& clock;
    Log& log;
    kube::Client& client;
    const Cache& cache;
    EventRecorder& events;
  };
  struct Counts {
    uint64_t done = 0, again = 0, failed = 0, terminal = 0, held = 0, held_too_long = 0;
    double seconds = 0;
    size_t ready = 0, delayed = 0, running = 0, holds = 0;
  };
  ControllerRunner(Deps deps, ControllerSpec spec, QueueLimits limits, Duration hold_max)
      : deps_(deps), spec_(std::move(spec)), hold_max_(hold_max), queue_(limits) {}

  [[nodiscard]] const ControllerSpec& spec() const { return spec_; }
  void add(const ObjectKey& key, Priority priority);
  void set_active(bool active);  // inactive: keys wait, running items finish
  // Whether a write for this key was lost from sight (no answer came, or the cache did not show it in time) since this
  // was asked last: then even a change of its status is news, as it may be our own.
  [[nodiscard]] bool ends_doubt(const ObjectKey& key);
  void cache_moved();  // an informer has read on: held keys may be free
  [[nodiscard]] bool idle() const;
  [[nodiscard]] Counts counts() const;

 private:
  // What was written for a key and not yet seen, the latest write of each object. It holds the key back until
  // `until`, and is kept after that: if a list takes the cache past it, the key is looked at once more, because what
  // was written may have gone again unseen.
  struct Hold {
    std::vector<Expectation> expected;
    TimePoint until;
    bool parked = false;    // the key came up meanwhile
    bool given_up = false;  // it was told that the cache is late
  };
  void expect(const ObjectKey& key, std::vector<Expectation> written, TimePoint now);
  void pump();
  bool held(const ObjectKey& key, TimePoint now);
  void run(const ObjectKey& key);
  Outcome reconcile(const ObjectKey& key, kube::Client& client);
  void settle(const ObjectKey& key, const Outcome& outcome, TrackingClient& client, Duration took);

  const Deps deps_;
  const ControllerSpec spec_;
  const Duration hold_max_;
  mutable std::mutex mutex_;
  WorkQueue queue_;
  std::map<ObjectKey, Hold> holds_;
  std::set<ObjectKey> doubtful_;
  Counts counts_;
  std::optional<TimePoint> timer_at_;
  int workers_ = 0;
  bool active_ = false;
};

}  // namespace clops::op
