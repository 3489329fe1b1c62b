// Time as a value. TimePoint is local and monotonic (for deadlines and backoff, never compared between machines);
// WallTime is the calendar's (for what people and other programs read). Only cmd/ and tests make a Clock.
//
// Thread rule: Clock implementations are safe from any thread; everything else is values.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace clops {

struct MonotonicTag {
  using rep = std::chrono::nanoseconds::rep;
  using period = std::chrono::nanoseconds::period;
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<MonotonicTag, duration>;
  static constexpr bool is_steady = true;
};
using TimePoint = MonotonicTag::time_point;
using Duration = std::chrono::nanoseconds;
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual TimePoint now() const = 0;
  [[nodiscard]] virtual WallTime wall() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override;
  [[nodiscard]] WallTime wall() const override;
};

// RFC 3339 in UTC: whole seconds ("2026-11-21T10:00:00Z", metav1.Time) or microseconds (metav1.MicroTime, Leases).
[[nodiscard]] std::string to_rfc3339(WallTime time);
[[nodiscard]] std::string to_rfc3339_micro(WallTime time);
[[nodiscard]] Result<WallTime> from_rfc3339(std::string_view text);

}  // namespace clops
