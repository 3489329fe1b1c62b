// Whether a call is worth computing: the rules, as functions of times and numbers.
//
// Queue: calls that have waited longer than the delay are refused, so that those behind them need not. As CoDel does,
// by age and not by length, and not for a rush: calls must have come that late for as long as the delay once more.
// Where calls take long, four times their mean is no queue yet. Thread rule: QueueRule and ServiceTime belong to one
// thread; a RateLimit is for all. Ownership: values. Errors: none.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "base/time.h"
#include "crds/serving_config_traffic.h"

namespace clops::serving {

// What calls of one variant take on one thread.
class ServiceTime {
 public:
  // `interrupted`: the thread had to wait for a processor of late, perhaps within the call, whose time then says
  // little.
  void add(Duration spent, bool interrupted = false);
  [[nodiscard]] bool unusual(Duration spent) const { return seen_ > 0 && spent > 8 * mean_; }
  [[nodiscard]] Duration mean() const { return mean_; }  // of the last 16 or so
  // What the quickest of late took; nothing until there are enough of them to tell.
  [[nodiscard]] Duration quickest() const { return seen_ < kEnough ? Duration{} : quickest_; }
  // A call was refused because even the quickest would take too long: none may be seen then, so it is believed less.
  void doubt() { quickest_ -= quickest_ / 8; }

 private:
  static constexpr uint32_t kEnough = 8;
  Duration mean_{}, quickest_{};
  uint32_t seen_ = 0;
};

class QueueRule {
 public:
  // Of calls in the order they are handled. `allowed` 0: never.
  [[nodiscard]] bool refuses(TimePoint now, Duration waited, Duration allowed);

 private:
  std::optional<TimePoint> late_since_;  // no call since has come in time
  TimePoint strict_until_{};             // calls are refused: a queue that is there is not let grow again
};
[[nodiscard]] Duration allowed_wait(Duration delay, Duration mean);

// So many a second, spread evenly but for a tenth of a second's worth (the generic cell rate algorithm).
class RateLimit {
 public:
  [[nodiscard]] bool take(TimePoint now, int per_second);

 private:
  std::atomic<int64_t> next_ns_{0};  // when the next one is due if all come evenly
};

// What the threads of a pod share of one variant.
struct VariantGate {
  RateLimit rate;
  std::atomic<int> computing{0};
};

// What one thread knows of one variant.
struct VariantLoad {
  crds::VariantLimits limits;
  VariantGate* gate = nullptr;  // null: nothing is limited that threads share
  ServiceTime service;
};

}  // namespace clops::serving
