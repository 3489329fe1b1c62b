// Keeps one Store in step with the API: the driver of operator/watch's pure machine.
//
// No thread of its own: list calls are executor tasks, frames come from the HTTP client's stream and are decoded on the
// informer's strand. What waits to be decoded is bounded: a consumer that falls 64 MiB behind drops the watch and opens
// it again where it was. Thread rule: start() and stop() from any thread; the handler is called on the strand, never
// twice at once. Ownership: borrows client, store, clock, random, log; see Strand for the end.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "base/log.h"
#include "base/random.h"
#include "operator/cache/cache.h"
#include "operator/kube/client.h"
#include "operator/strand.h"

namespace clops::op {

class Informer {
 public:
  struct Deps {
    Executor& executor;
    const Clock& clock;
    Random& random;
    Log& log;
    kube::Client& client;
  };
  struct Counters {  // read on the metrics page
    std::atomic<uint64_t> lists{0}, watches{0}, frames{0}, failures{0};
    std::atomic<int64_t> heard_at_ns{0};  // on the monotonic clock
  };
  // After each list and each frame: what changed (perhaps nothing), once the store has it.
  using Handler = std::function<void(const std::vector<Change>& changes, bool first_list)>;

  Informer(Deps deps, Store& store, Handler handler);
  ~Informer();
  void start();
  void stop();
  [[nodiscard]] const Counters& counters() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace clops::op
