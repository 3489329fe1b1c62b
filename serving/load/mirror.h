// Computes a share of the calls once more, by another variant, on a thread of its own. Their answers are counted, told
// to the thread's watchers (wire "mirror"), and given to nobody.
//
// It can neither slow nor fail the answers that are given: decoded inputs are copied (so many bytes at most) into a
// ring that each serving thread has, and dropped and counted when there is no room or the thread is behind; nobody
// waits for anybody. The mirror's thread runs only when a processor has nothing else to do (SCHED_IDLE), and no more
// than the serving threads leave unused of their share, so that a cgroup's quota is not spent on it. Memory of a ring
// is given back by its serving thread alone: a lock of the allocator, held by a thread that does not run, would stop
// all. Thread rule: offer() of a slot by that serving thread; wake() by any. Ownership: borrows the clock; a call keeps
// its model alive until it is computed, and between calls the thread lets go of what no table has any more. Errors:
// none.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/time.h"
#include "serving/load/mirror_route.h"
#include "serving/protocol/call_info.h"
#include "serving/protocol/inference.h"

namespace clops::serving {

struct MirrorLimits {
  size_t calls_max = 64;               // in each ring
  size_t call_bytes_max = 256u << 10;  // of one call's inputs
  size_t ring_bytes_max = 4u << 20;    // of all in a ring
};

// How long to rest after work, so that it and the serving threads together take no more than theirs.
class MirrorPace {
 public:
  // `busy`: what `threads` serving threads have spent since the start.
  [[nodiscard]] Duration rest_after(Duration spent, TimePoint now, Duration busy, size_t threads);

 private:
  double free_ = 1;  // of a processor
  TimePoint looked_{};
  Duration busy_{};
};

// What the serving threads that are at work have spent since the start.
struct ServingLoad {
  size_t threads = 0;
  Duration busy{};
};

class MirrorThread {
 public:
  struct Parts {
    const Clock& clock;
    size_t threads = 0;  // serving ones; this one's slot of counters is the next
    std::function<ServingLoad()> load;
    std::vector<std::unique_ptr<CallWatcher>> watchers;  // of this thread: told the end of each call
  };
  MirrorThread(Parts parts, MirrorLimits limits);
  ~MirrorThread();
  MirrorThread(const MirrorThread&) = delete;
  MirrorThread& operator=(const MirrorThread&) = delete;

  void start();
  void wake();  // tables have changed
  void offer(size_t slot, const std::shared_ptr<const MirrorRoute>& route, const InferRequest& request);

 private:
  struct Call {
    std::shared_ptr<const MirrorRoute> route;
    std::vector<TensorBuffer> inputs;
    size_t bytes = 0;
  };
  struct alignas(64) Ring {
    std::vector<Call> calls;
    std::atomic<uint64_t> written{0};
    alignas(64) std::atomic<uint64_t> taken{0};
    std::atomic<size_t> bytes{0};
  };
  struct Held;  // a model with what this thread needs to ask it
  void run();
  bool take(Ring& ring);
  void compute(Call& call);
  Held& held_for(const std::shared_ptr<const MirrorRoute>& route);
  void let_go_of_unused();
  void rest(Duration spent);

  Parts parts_;
  MirrorLimits limits_;
  std::vector<Ring> rings_;
  std::atomic<uint32_t> signal_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  // The thread's own.
  std::vector<std::unique_ptr<Held>> held_;
  Inference inference_;
  MirrorPace pace_;
};

// Offers a share of the calls that were answered. One per serving thread.
class MirrorWatcher final : public CallWatcher {
 public:
  MirrorWatcher(MirrorThread& mirror, size_t slot) : mirror_(mirror), slot_(slot), random_(slot + 1) {}
  void after(const CallInfo& call, const CallEnd& end) override;

 private:
  MirrorThread& mirror_;
  size_t slot_;
  uint64_t random_;
};

}  // namespace clops::serving
