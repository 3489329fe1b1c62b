#include "local/node/container_probes.h"

#include <algorithm>
#include <charconv>

namespace clops::local {
namespace {

constexpr Duration kQuickMost = std::chrono::milliseconds(250);

int resolve_port(const crds::Container& container, const std::string& port) {
  for (const auto& declared : container.ports) {
    if (declared.name == port) return declared.port;
  }
  int number = 0;
  std::from_chars(port.data(), port.data() + port.size(), number);
  return number;
}

}  // namespace

ContainerProbes::ContainerProbes(EventLoop& loop, const crds::Container& container, ProbeTarget target,
                                 Decisions decisions, bool started, bool ready)
    : loop_(loop), decisions_(std::move(decisions)), ready_(ready) {
  const auto set = [&](Run& run, const std::optional<crds::Probe>& probe) {
    run.probe = probe;
    run.target = target;
    if (!probe) return;
    run.target.port = resolve_port(container, probe->port);
    if (!probe->host.empty()) run.target.address = probe->host;
    if (probe->kind == crds::Probe::Kind::Exec) {
      run.target.program = probe->command.front();
      run.target.argv = probe->command;
    }
  };
  set(startup_, container.startup);
  set(readiness_, container.readiness);
  set(liveness_, container.liveness);
  readiness_.ever_succeeded = ready;
  readiness_.successes = ready ? 1 : 0;
  // From the loop, never from inside the constructor: a decision may destroy this object.
  startup_.timer = loop_.after(Duration{0}, [this, started] {
    startup_.timer = 0;
    if (startup_.probe && !started)
      begin(startup_, "Startup", &ContainerProbes::judge_startup);
    else
      begin_after_startup();
  });
}

ContainerProbes::~ContainerProbes() {
  *alive_ = false;
  for (Run* run : {&startup_, &readiness_, &liveness_}) loop_.cancel(run->timer);
}

void ContainerProbes::begin(Run& run, const char* name, void (ContainerProbes::*judge)(bool)) {
  run.counted_at = loop_.now();
  // A program that has just been started is not yet alive, but not dead either: its liveness is first asked after a
  // period.
  const int delay = run.probe->initial_delay_seconds + (&run == &liveness_ ? run.probe->period_seconds : 0);
  run.timer = loop_.after(std::chrono::seconds(delay), [this, &run, name, judge] {
    run.timer = 0;
    attempt(run, name, judge);
  });
}

void ContainerProbes::attempt(Run& run, const char* name, void (ContainerProbes::*judge)(bool)) {
  run.attempt = try_probe(loop_, *run.probe, run.target, [this, &run, name, judge](ProbeResult result) {
    const auto finished = std::move(run.attempt);
    const Duration period = std::chrono::seconds(run.probe->period_seconds);
    const bool quick = !run.ever_succeeded && &run != &liveness_;
    bool counts = true;
    if (result.success) {
      run.ever_succeeded = true;
      run.failures = 0;
      ++run.successes;
    } else if (counts = !quick || loop_.now() - run.counted_at >= period; counts) {
      run.counted_at = loop_.now();
      run.successes = 0;
      ++run.failures;
    }
    const bool again_quickly = !run.ever_succeeded && &run != &liveness_;
    const Duration wait = again_quickly ? std::min(run.quick, period) : period;
    if (again_quickly) run.quick = std::min(run.quick * 3 / 2, kQuickMost);
    run.timer = loop_.after(wait, [this, &run, name, judge] {
      run.timer = 0;
      attempt(run, name, judge);
    });
    if (!counts) return;
    const auto alive = alive_;
    if (!result.success) decisions_.unhealthy(name, result.message);
    if (*alive) (this->*judge)(result.success);
  });
}

void ContainerProbes::begin_after_startup() {
  const auto alive = alive_;
  decisions_.started();
  if (!*alive) return;
  if (liveness_.probe) begin(liveness_, "Liveness", &ContainerProbes::judge_liveness);
  if (readiness_.probe)
    begin(readiness_, "Readiness", &ContainerProbes::judge_readiness);
  else
    set_ready(true);
}

void ContainerProbes::judge_startup(bool success) {
  if (success && startup_.successes >= startup_.probe->success_threshold) {
    loop_.cancel(startup_.timer);
    begin_after_startup();
  } else if (!success && startup_.failures >= startup_.probe->failure_threshold) {
    loop_.cancel(startup_.timer);
    decisions_.restart("startup probe failed");
  }
}

void ContainerProbes::judge_readiness(bool success) {
  if (success && readiness_.successes >= readiness_.probe->success_threshold)
    set_ready(true);
  else if (!success && readiness_.failures >= readiness_.probe->failure_threshold)
    set_ready(false);
}

void ContainerProbes::judge_liveness(bool success) {
  if (success || liveness_.failures < liveness_.probe->failure_threshold) return;
  loop_.cancel(liveness_.timer);
  decisions_.restart("liveness probe failed");
}

void ContainerProbes::set_ready(bool ready) {
  if (ready_ == ready) return;
  ready_ = ready;
  decisions_.ready(ready);
}

}  // namespace clops::local
