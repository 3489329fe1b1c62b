// Who may lead, decided from what was last seen of the Lease.
//
// Pure: no clock, no I/O. `now` is the local monotonic time of the observation; remote clocks are never compared
// (a holder's renewTime is only ever tested for change). Thread rule: free functions over values, safe anywhere.
// Source: the rule is client-go's leader election, with stepping down made explicit.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/time.h"

namespace clops::op::election {

// What the candidate knows of the Lease. `changed_at` is when *we* first saw this holder and renewTime together.
struct Seen {
  std::string holder;  // empty: nobody
  std::string renew_time;
  TimePoint changed_at;
  bool operator==(const Seen&) const = default;
};

struct Limits {
  std::chrono::milliseconds lease{15'000};  // how long others must wait for a silent holder
  std::chrono::milliseconds renew{10'000};  // how long we may fail to renew before we stop writing; < lease
  std::chrono::milliseconds retry{2'000};
};

enum class Act { Wait, Acquire, Renew, StepDown };

struct Decision {
  Act act;
  TimePoint look_again;  // never earlier than `now`
  bool operator==(const Decision&) const = default;
};

// `last_renewed` is empty until we hold the lease. A Lease never seen, or without a holder, is free to take.
[[nodiscard]] Decision decide(const std::optional<Seen>& seen, const std::string& self,
                              std::optional<TimePoint> last_renewed, TimePoint now, const Limits& limits);

}  // namespace clops::op::election
