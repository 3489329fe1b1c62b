// Calls that came together are computed together: the rows of those that a loop finds ready in one round wait, decoded,
// for its end, and nothing waits for what has not come.
//
// A wire that may come back to a call (CallInfo::may_wait) is left with a ticket in place of an answer, ends its turn
// with Next::Later, and is called again once the round's calls are computed. Thread rule: of the serving thread's.
// Ownership: a PendingCall is good from put() to release(); what views the request's bytes is not kept. Errors: each
// call's own, in `done`.
#pragma once

#include <string>

#include "serving/protocol/call_info.h"
#include "serving/protocol/inference.h"

namespace clops::serving {

struct PendingCall {
  CallInfo call;  // but for its headers
  CallEnd end;
  Inference inference;
  bool computed = false;  // `done` and, where that is good, the outputs are there
  Status done;
  std::string model, version, caller, id;  // what call and request view
};

class Batching {
 public:
  virtual ~Batching() = default;
  // Whether this call's rows had better wait for others'; its inputs are whole.
  [[nodiscard]] virtual bool wants(const CallInfo& call, const Target& target, const InferRequest& request) = 0;
  // Takes the call; `inference` is another one afterwards. `id`: the request's. Returns its ticket.
  [[nodiscard]] virtual int64_t put(const CallInfo& call, const CallEnd& end, Inference& inference,
                                    std::string_view id) = 0;
  [[nodiscard]] virtual PendingCall& at(int64_t ticket) = 0;  // computed, now if it was not yet
  virtual void release(int64_t ticket) = 0;
  // What a call took that was computed by itself.
  virtual void ran_alone(const Target& target, Duration spent) = 0;
};

}  // namespace clops::serving
