// A serving thread's end of the event log: takes what is to be told of a call, if it is one of those that are, and
// hands it on through a ring.
//
// Thread rule: a watcher of its thread; the ring's other end belongs to the telemetry thread. A call that is told costs
// the copies of its values, at most the logger's maxBytes a side; when too much waits, it is dropped and counted.
#pragma once

#include <functional>

#include "base/random.h"
#include "serving/protocol/service.h"
#include "serving/telemetry/call_event.h"
#include "serving/telemetry/event_sender.h"
#include "serving/telemetry/spsc_ring.h"
#include "serving/telemetry/trace_context.h"

namespace clops::serving {

using EventRing = SpscRing<std::unique_ptr<CallEvent>>;

class EventTap final : public CallWatcher {
 public:
  // `first`: called once, with the first call that is told: somebody must empty the ring from now on.
  EventTap(EventRing& ring, EventBudget& budget, EventCounts& counts, uint64_t seed, std::function<void()> first)
      : ring_(ring), budget_(budget), counts_(counts), random_(seed), first_(std::move(first)) {}
  void after(const CallInfo& call, const CallEnd& end) override;

 private:
  [[nodiscard]] std::string id_of(const CallInfo& call);

  EventRing& ring_;
  EventBudget& budget_;
  EventCounts& counts_;
  SplitMix64 random_;
  std::function<void()> first_;
};

}  // namespace clops::serving
