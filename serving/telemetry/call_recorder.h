// One serving thread's notes of its calls for spans and the access log. A call that is neither costs a look at its
// headers and a random number; another one fills a slot of a ring.
//
// Thread rule: a watcher of its thread; the ring's other end belongs to the telemetry thread.
#pragma once

#include "base/random.h"
#include "serving/protocol/service.h"
#include "serving/telemetry/call_record.h"
#include "serving/telemetry/spsc_ring.h"

namespace clops::serving {

struct RecordRules {
  bool spans = false;     // there is where to send them
  double span_ratio = 0;  // of calls that bring no traceparent; one that does has decided already
  bool errors = false;    // lines for calls that failed
  double line_ratio = 0;  // of all calls
};

class CallRecorder final : public CallWatcher {
 public:
  CallRecorder(RecordRules rules, SpscRing<CallRecord>& ring, uint64_t seed);
  [[nodiscard]] Status before(const CallInfo& call) override;
  [[nodiscard]] Status routed(const CallInfo& call, Target& target) override;
  void after(const CallInfo& call, const CallEnd& end) override;

 private:
  void decide(const CallInfo& call);
  void fill(CallRecord& out, const CallInfo& call, const CallEnd& end);
  [[nodiscard]] bool chance(double ratio);

  RecordRules rules_;
  SpscRing<CallRecord>& ring_;
  SplitMix64 random_;
};

}  // namespace clops::serving
