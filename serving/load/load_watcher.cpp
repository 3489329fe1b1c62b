#include "serving/load/load_watcher.h"

#include <sys/resource.h>

#include <chrono>
#include <utility>

#include "serving/protocol/inference.h"
#include "serving/protocol/service.h"

namespace clops::serving {

std::unexpected<Error> LoadWatcher::refuse(Target& target, Refusal why) {
  target.counters->refuse(why);
  switch (why) {
    case Refusal::Queue:
      return fail(Code::Unavailable, "too much is asked of this server: the call waited too long to be computed");
    case Refusal::Deadline:
      return fail(Code::DeadlineExceeded, "the call could not be answered in the time that it gives");
    case Refusal::Concurrency:
      return fail(Code::Unavailable, "variant " + target.variant + " computes as many calls as its maxConcurrent");
    case Refusal::Rate:
      return fail(Code::Unavailable, "variant " + target.variant + " is asked more than its maxRequestsPerSecond");
  }
  return fail(Code::Internal, "refused");
}

Status LoadWatcher::routed(const CallInfo& call, Target& target) {
  const Duration waited = call.begin - call.arrived;
  target.counters->waited(static_cast<uint64_t>(waited.count()));
  if (target.load == nullptr) return {};
  VariantLoad& load = *target.load;
  if (call.deadline && call.begin + load.service.quickest() >= *call.deadline) {
    load.service.doubt();
    return refuse(target, Refusal::Deadline);
  }
  Duration delay = load.service.mean() < cheap_ ? Duration{} : delay_;
  if (load.limits.max_queue_delay_ms > 0) delay = std::chrono::milliseconds(load.limits.max_queue_delay_ms);
  if (queue_.refuses(call.begin, waited, allowed_wait(delay, load.service.mean())))
    return refuse(target, Refusal::Queue);
  return load.gate == nullptr ? Status() : enter(call, target);
}

Status LoadWatcher::enter(const CallInfo& call, Target& target) {
  const VariantLoad& load = *target.load;
  VariantGate& gate = *load.gate;
  if (load.limits.max_concurrent > 0) {
    // Counted in first: of two that come at once, one may be refused that need not, but never are two too many let in.
    if (gate.computing.fetch_add(1, std::memory_order_relaxed) >= load.limits.max_concurrent) {
      gate.computing.fetch_sub(1, std::memory_order_relaxed);
      return refuse(target, Refusal::Concurrency);
    }
    call.notes.entered = &gate;
  }
  if (load.limits.max_requests_per_second > 0 && !gate.rate.take(call.begin, load.limits.max_requests_per_second))
    return refuse(target, Refusal::Rate);
  return {};
}

// A request may itself say how long it may take (Triton's parameter `timeout`), which is known only now.
Status LoadWatcher::decoded(const CallInfo& call, Target& target, const Inference& inference) {
  const std::chrono::microseconds timeout(inference.request.timeout_us);
  if (timeout.count() <= 0) return {};
  const Duration quickest = target.load == nullptr ? Duration{} : target.load->service.quickest();
  if (call.begin + quickest < call.arrived + timeout) return {};
  if (target.load != nullptr) target.load->service.doubt();
  return refuse(target, Refusal::Deadline);
}

void LoadWatcher::after(const CallInfo& call, const CallEnd& end) {
  if (VariantGate* const gate = std::exchange(call.notes.entered, nullptr))
    gate->computing.fetch_sub(1, std::memory_order_relaxed);
  if (end.target == nullptr || end.target->load == nullptr || end.status != 200) return;
  ServiceTime& service = end.target->load->service;
  const Duration spent = end.spent > Duration{} ? end.spent : end.end - call.begin;
  service.add(spent, service.unusual(spent) && interrupted());
}

// Beside busy neighbours a call of microseconds may last for many milliseconds of theirs. Asked for such calls alone,
// as the system charges for the answer.
bool LoadWatcher::interrupted() {
  rusage usage{};
  if (::getrusage(RUSAGE_THREAD, &usage) != 0) return false;
  return std::exchange(interruptions_, usage.ru_nivcsw) != usage.ru_nivcsw;
}

}  // namespace clops::serving
