#include "serving/load/admission.h"

#include <algorithm>

namespace clops::serving {

void ServiceTime::add(Duration spent, bool interrupted) {
  constexpr int kMeanOver = 16, kForget = 64;
  if (seen_ == 0) {
    mean_ = quickest_ = spent;
  } else {
    if (interrupted && unusual(spent)) spent = 2 * mean_;  // it may have become so long: then many will say so
    mean_ += (spent - mean_) / kMeanOver;
    quickest_ = spent < quickest_ ? spent : quickest_ + (spent - quickest_) / kForget;
  }
  if (seen_ < kEnough) ++seen_;
}

Duration allowed_wait(Duration delay, Duration mean) {
  return delay <= Duration{} ? Duration{} : std::max(delay, 4 * mean);
}

bool QueueRule::refuses(TimePoint now, Duration waited, Duration allowed) {
  constexpr int kHopeless = 5, kStrictFor = 10;  // times what is allowed
  if (allowed <= Duration{}) return false;
  if (waited <= allowed) {
    late_since_.reset();
    return false;
  }
  if (!late_since_) late_since_ = now;
  const bool rush = now - *late_since_ < allowed && now >= strict_until_ && waited <= kHopeless * allowed;
  if (rush) return false;
  strict_until_ = now + kStrictFor * allowed;
  return true;
}

bool RateLimit::take(TimePoint now, int per_second) {
  constexpr int64_t kSecond = 1'000'000'000, kAtOnce = kSecond / 10;
  const int64_t now_ns = now.time_since_epoch().count(), step = kSecond / per_second;
  int64_t due = next_ns_.load(std::memory_order_relaxed);
  for (;;) {
    const int64_t from = std::max(due, now_ns);
    if (from - now_ns > kAtOnce) return false;
    if (next_ns_.compare_exchange_weak(due, from + step, std::memory_order_relaxed)) return true;
  }
}

}  // namespace clops::serving
