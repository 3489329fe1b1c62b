// One call of a model from outside, as every wire tells of it: what is asked before it is decoded, and how it ended.
// What must be done with calls whatever the wire (admit, count, log, mirror) is done by watchers of these two.
//
// Thread rule: values and views of one serving thread; good within the call they speak of. Errors: a watcher's
// before() refuses a call; its code and message are the answer.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "serving/routing/router.h"

namespace clops::serving {

struct EventPlan;
class Inference;
struct Target;
struct VariantGate;

// What those who take part in a call note of it: it may wait for others, and they see those meanwhile.
struct CallNotes {
  VariantGate* entered = nullptr;        // counts it as being computed
  bool recording = false, span = false;  // a recorder has decided, and what
  bool timed = false;                    // its parts are to be timed
};

struct CallInfo {
  std::string_view wire;            // "rest", "v1", "mlflow", "grpc": static text
  std::string_view model, version;  // as asked for; version empty: by the split
  std::string_view caller;          // who the gate says is calling; empty: everybody may call
  std::span<const HeaderView> headers;
  size_t body_bytes = 0;  // as they came
  TimePoint begin{};      // when its handling began
  TimePoint arrived{};    // when it most likely came: until `begin` it waited
  std::optional<TimePoint> deadline;
  bool may_wait = false;  // its wire can come back to it at the end of the round (batching.h)
  bool alone = true;      // as far as is known nobody else waits
  mutable CallNotes notes;
};

struct CallEnd {
  Target* target = nullptr;  // null: it reached no variant
  int status = 200;          // HTTP's; gRPC's codes as http_status_of() has them
  std::string_view error;    // the message of an answer that is not 200
  size_t rows = 0;           // that were answered
  size_t answer_bytes = 0;
  const Inference* inference = nullptr;  // inputs and outputs; null: refused before its inputs were whole
  int64_t ticket = 0;                    // not 0: it has not ended, its rows wait for others'
  TimePoint decoded{}, computed{};       // when that was done, if it was and the call is `timed`
  Duration spent{};                      // on it alone, if others were computed with it; 0: all the time since `begin`
  TimePoint end{};
  const EventPlan* events = nullptr;  // what the model's logger wants told; filled in by the service
};

class CallWatcher {
 public:
  virtual ~CallWatcher() = default;
  // Before a body is decoded. An error ends the call with it.
  [[nodiscard]] virtual Status before(const CallInfo&) { return {}; }
  // The variant is known, nothing is decoded yet.
  [[nodiscard]] virtual Status routed(const CallInfo&, Target&) { return {}; }
  // The inputs are whole, nothing is computed yet.
  [[nodiscard]] virtual Status decoded(const CallInfo&, Target&, const Inference&) { return {}; }
  // The answer is written, not sent. Called for each call that was begun, also for those that before() refused.
  virtual void after(const CallInfo&, const CallEnd&) {}
};

}  // namespace clops::serving
