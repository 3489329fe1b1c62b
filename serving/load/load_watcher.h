// Refuses, before anything of a body is read, calls that have waited too long, that nobody will wait for, or that are
// more than their variant may take (serving/load/admission.h has the rules), and counts them by reason.
//
// Thread rule: one per serving thread, used on it; the gate of a variant is shared. Ownership: values. Errors
// of routed(), decoded(): Unavailable (a limit of the variant's is not the caller's fault: 503 and not 429),
// DeadlineExceeded.
#pragma once

#include "serving/load/admission.h"
#include "serving/monitoring/counters.h"
#include "serving/protocol/call_info.h"

namespace clops::serving {

class LoadWatcher final : public CallWatcher {
 public:
  // Calls of variants whose mean is below `cheap` are not refused for their age unless their variant says a delay:
  // refusing them costs what computing them does, so nobody behind them would be helped.
  LoadWatcher(Duration delay, Duration cheap) : delay_(delay), cheap_(cheap) {}
  [[nodiscard]] Status routed(const CallInfo& call, Target& target) override;
  [[nodiscard]] Status decoded(const CallInfo& call, Target& target, const Inference& inference) override;
  void after(const CallInfo& call, const CallEnd& end) override;

 private:
  [[nodiscard]] bool interrupted();  // the thread was made to wait for a processor since this was asked last
  [[nodiscard]] Status enter(const CallInfo& call, Target& target);
  [[nodiscard]] static std::unexpected<Error> refuse(Target& target, Refusal why);

  Duration delay_, cheap_;
  QueueRule queue_;
  long interruptions_ = 0;
};

}  // namespace clops::serving
