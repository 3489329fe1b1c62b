#include "operator/manager/controller_runner.h"

#include <algorithm>

namespace clops::op {

void ControllerRunner::add(const ObjectKey& key, Priority priority) {
  {
    const std::lock_guard lock(mutex_);
    if (!queue_.add(key, priority)) {
      deps_.log.error("work queue is full", {{"controller", spec_.name}, {"namespace", key.ns}, {"name", key.name}});
      return;
    }
  }
  pump();
}

void ControllerRunner::set_active(bool active) {
  {
    const std::lock_guard lock(mutex_);
    active_ = active;
  }
  pump();
}

void ControllerRunner::cache_moved() {
  {
    const std::lock_guard lock(mutex_);
    for (auto it = holds_.begin(); it != holds_.end();) {
      Hold& hold = it->second;
      bool skipped = false;
      std::erase_if(hold.expected, [&](const Expectation& e) {
        if (!e.seen_by(deps_.cache)) return false;
        skipped = skipped || e.skipped_by(deps_.cache);
        return true;
      });
      if (skipped || (hold.parked && hold.expected.empty())) queue_.add(it->first, Priority::High);
      it = hold.expected.empty() ? holds_.erase(it) : std::next(it);
    }
  }
  pump();
}

bool ControllerRunner::held(const ObjectKey& key, TimePoint now) {
  const auto it = holds_.find(key);
  if (it == holds_.end()) return false;
  Hold& hold = it->second;
  std::erase_if(hold.expected, [&](const Expectation& e) { return e.seen_by(deps_.cache); });
  if (hold.expected.empty()) {
    holds_.erase(it);
    return false;
  }
  if (now >= hold.until) {
    if (!std::exchange(hold.given_up, true)) {
      doubtful_.insert(key);  // what is decided now may rest on our own past: its arrival is news
      ++counts_.held_too_long;
      deps_.log.warn("the cache has not seen our own write in time; going on",
                     {{"controller", spec_.name},
                      {"namespace", key.ns},
                      {"name", key.name},
                      {"type", hold.expected.front().type.plural},
                      {"written", hold.expected.front().resource_version}});
    }
    hold.parked = false;
    return false;
  }
  if (!std::exchange(hold.parked, true)) ++counts_.held;
  queue_.park(key, hold.until - now, now);
  return true;
}

void ControllerRunner::pump() {
  std::vector<ObjectKey> start;
  std::optional<Duration> wake_in;
  {
    const std::lock_guard lock(mutex_);
    const TimePoint now = deps_.clock.now();
    while (active_ && workers_ < spec_.workers) {
      const auto key = queue_.pop(now);
      if (!key) break;
      if (held(*key, now)) continue;
      ++workers_;
      start.push_back(*key);
    }
    const auto due = queue_.next_due();
    if (active_ && workers_ < spec_.workers && due && (!timer_at_ || *due < *timer_at_)) {
      timer_at_ = due;
      wake_in = std::max(*due - now, Duration{0});
    }
  }
  for (ObjectKey& key : start) {
    deps_.executor.post([weak = weak_from_this(), key = std::move(key)] {
      if (const auto self = weak.lock()) self->run(key);
    });
  }
  if (!wake_in) return;
  deps_.executor.post_after(*wake_in, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    {
      const std::lock_guard lock(self->mutex_);
      self->timer_at_.reset();
    }
    self->pump();
  });
}

void ControllerRunner::run(const ObjectKey& key) {
  TrackingClient client(deps_.client, deps_.cache);
  const TimePoint began = deps_.clock.now();
  const Outcome outcome = reconcile(key, client);
  settle(key, outcome, client, deps_.clock.now() - began);
  pump();
}

Outcome ControllerRunner::reconcile(const ObjectKey& key, kube::Client& client) {
  Context context{
      .client = client, .cache = deps_.cache, .events = deps_.events, .clock = deps_.clock, .log = deps_.log};
  try {
    return spec_.reconciler->reconcile(key, context);
  } catch (const std::exception& e) {  // a defect in one kind's code must not take the others down
    return Failed{{Code::Internal, e.what()}, false};
  }
}

void ControllerRunner::expect(const ObjectKey& key, std::vector<Expectation> written, TimePoint now) {
  std::erase_if(written, [&](const Expectation& e) { return e.seen_by(deps_.cache); });
  if (written.empty()) return;
  Hold& hold = holds_[key];
  for (Expectation& e : written) {
    std::erase_if(hold.expected, [&](const Expectation& o) { return o.type == e.type && o.key == e.key; });
    hold.expected.push_back(std::move(e));
  }
  hold.until = now + hold_max_;
  hold.parked = hold.given_up = false;
}

bool ControllerRunner::ends_doubt(const ObjectKey& key) {
  const std::lock_guard lock(mutex_);
  return doubtful_.erase(key) != 0;
}

void ControllerRunner::settle(const ObjectKey& key, const Outcome& outcome, TrackingClient& client, Duration took) {
  const std::lock_guard lock(mutex_);
  const TimePoint now = deps_.clock.now();
  --workers_;
  counts_.seconds += std::chrono::duration<double>(took).count();
  expect(key, client.take(), now);
  if (client.in_doubt()) doubtful_.insert(key);
  if (const auto* after = std::get_if<After>(&outcome)) {
    ++counts_.again;
    return queue_.done_again_after(key, after->delay, now);
  }
  const auto* failure = std::get_if<Failed>(&outcome);
  if (!failure) {
    ++counts_.done;
    return queue_.done(key, now);
  }
  const std::string_view code = to_string(failure->error.code);
  if (failure->terminal) {
    ++counts_.terminal;
    deps_.log.warn("reconcile failed; waiting for a change", {{"controller", spec_.name},
                                                              {"namespace", key.ns},
                                                              {"name", key.name},
                                                              {"code", code},
                                                              {"error", failure->error.message}});
    return queue_.done(key, now);
  }
  ++counts_.failed;
  const Duration delay = queue_.failed(key, now, deps_.client.retry_after());
  const bool overtaken = failure->error.code == Code::Conflict ||
                         failure->error.code == Code::NotFound;  // by another write, or a deletion
  const Level level = overtaken ? Level::Debug : Level::Warn;
  deps_.log.write(level, "reconcile failed; trying again",
                  {{"controller", spec_.name},
                   {"namespace", key.ns},
                   {"name", key.name},
                   {"code", code},
                   {"error", failure->error.message},
                   {"again_ms", std::chrono::duration_cast<std::chrono::milliseconds>(delay).count()}});
}

bool ControllerRunner::idle() const {
  const std::lock_guard lock(mutex_);
  const bool parked = std::ranges::any_of(holds_, [](const auto& entry) { return entry.second.parked; });
  return queue_.ready() == 0 && workers_ == 0 && !parked;
}

ControllerRunner::Counts ControllerRunner::counts() const {
  const std::lock_guard lock(mutex_);
  Counts out = counts_;
  out.ready = queue_.ready();
  out.delayed = queue_.delayed();
  out.running = queue_.running();
  out.holds =
      static_cast<size_t>(std::ranges::count_if(holds_, [](const auto& entry) { return !entry.second.given_up; }));
  return out;
}

}  // namespace clops::op
