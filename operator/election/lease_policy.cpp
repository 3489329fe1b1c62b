#include "operator/election/lease_policy.h"

namespace clops::op::election {

Decision decide(const std::optional<Seen>& seen, const std::string& self, std::optional<TimePoint> last_renewed,
                TimePoint now, const Limits& limits) {
  const auto then = [&](Act act) { return Decision{act, now + limits.retry}; };
  const bool ours = seen && seen->holder == self;
  if (last_renewed) {
    if (!ours || now - *last_renewed >= limits.renew) return then(Act::StepDown);
    return then(Act::Renew);
  }
  if (!seen || seen->holder.empty()) return then(Act::Acquire);
  if (ours) return then(Act::Acquire);  // from before a restart under the same name: nobody else can be meant
  return then(now - seen->changed_at >= limits.lease ? Act::Acquire : Act::Wait);
}

}  // namespace clops::op::election
