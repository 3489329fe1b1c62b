// The contract between the framework and a kind's controller: bring one object's world to what its spec says.
//
// Thread rule: reconcile() is called from `workers` threads at once, never for the same key on two.
// Rules of the house: everything is read first, then the time; the plan is pure; writes go through context.client,
// which refuses them once this process no longer leads, and remembers them: the key comes back only after the cache has
// seen them (with a limit), so a reconcile never reads its own past. It may wait for answers of the API and of pods,
// never sleep.
#pragma once

#include <variant>

#include "base/log.h"
#include "base/result.h"
#include "base/time.h"
#include "operator/cache/cache.h"
#include "operator/events/recorder.h"
#include "operator/kube/client.h"

namespace clops::op {

struct Done {  // until something changes
  bool operator==(const Done&) const = default;
};
struct After {  // look again after this long, or earlier when something changes
  Duration delay;
  bool operator==(const After&) const = default;
};
struct Failed {
  Error error;
  bool terminal = false;  // true: trying again cannot help until something changes; false: again, with growing delays
  bool operator==(const Failed&) const = default;
};
using Outcome = std::variant<Done, After, Failed>;

struct Context {
  kube::Client& client;
  const Cache& cache;
  EventRecorder& events;
  const Clock& clock;
  Log& log;
};

class Reconciler {
 public:
  virtual ~Reconciler() = default;
  // `key` may name an object that no longer exists: that is how a deletion is told.
  [[nodiscard]] virtual Outcome reconcile(const ObjectKey& key, Context& context) = 0;
};

}  // namespace clops::op
