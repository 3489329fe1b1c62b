#include "operator/election/elector.h"

#include <mutex>

namespace clops::op::election {
namespace {
const crds::ResourceType& leases() {
  static const crds::ResourceType type{
      .group = "coordination.k8s.io", .version = "v1", .kind = "Lease", .plural = "leases"};
  return type;
}
}  // namespace

struct Elector::Impl : std::enable_shared_from_this<Elector::Impl> {
  Impl(Deps d, Options o, std::function<void(bool)> l)
      : deps(d), options(std::move(o)), listener(std::move(l)), strand(d.executor) {}

  void schedule(Duration after) {
    strand.post_after(after, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->tick();
    });
  }

  void tick() {
    const std::lock_guard lock(mutex);
    if (released) return;
    TimePoint now = deps.clock.now();
    if (!last_renewed || !fresh) observe();  // a holder that knows its own last write need not read
    now = deps.clock.now();
    const Decision decision = decide(seen, options.identity, last_renewed, now, options.limits);
    switch (decision.act) {
      case Act::Wait:
        break;
      case Act::Acquire:
      case Act::Renew:
        write(decision.act, now);
        break;
      case Act::StepDown:
        step_down();
        break;
    }
    const auto jitter =
        static_cast<int64_t>(deps.random.unit() * 0.2 * static_cast<double>(Duration{options.limits.retry}.count()));
    Duration wait = decision.look_again - now + (last_renewed ? Duration{0} : Duration{jitter});
    if (last_renewed)
      wait = std::min(wait, std::max(*last_renewed + options.limits.renew - deps.clock.now(), Duration{0}));
    schedule(wait);
  }

  void observe() {
    auto got = deps.client.get(leases(), {options.ns, options.name});
    if (!got) {
      if (got.error().code != Code::NotFound) {
        deps.log.warn("cannot read the lease", {{"lease", options.name}, {"error", got.error().message}});
        return;  // what was seen before stays true until proven otherwise
      }
      seen.reset();
      lease = Json();
      return;
    }
    note(std::move(*got));
  }

  void note(Json object) {
    Seen now_seen{.holder = string_at(object, {"spec", "holderIdentity"}),
                  .renew_time = string_at(object, {"spec", "renewTime"}),
                  .changed_at = deps.clock.now()};
    if (!seen || seen->holder != now_seen.holder || seen->renew_time != now_seen.renew_time) seen = std::move(now_seen);
    lease = std::move(object);
    fresh = true;
  }

  void write(Act act, TimePoint sent_at) {
    const std::string stamp = to_rfc3339_micro(deps.clock.wall());
    Json object = lease.is_object() ? lease
                                    : Json{{"apiVersion", "coordination.k8s.io/v1"},
                                           {"kind", "Lease"},
                                           {"metadata", {{"name", options.name}, {"namespace", options.ns}}},
                                           {"spec", Json::object()}};
    Json& spec = object["spec"];
    if (act == Act::Acquire && string_at(spec, {"holderIdentity"}) != options.identity) {
      spec["acquireTime"] = stamp;
      spec["leaseTransitions"] = lease.is_object() ? int_at(spec, {"leaseTransitions"}) + 1 : 0;
    }
    spec["holderIdentity"] = options.identity;
    spec["leaseDurationSeconds"] = std::max<int64_t>(1, options.limits.lease.count() / 1'000);
    spec["renewTime"] = stamp;
    auto answer = lease.is_object() ? deps.client.update(leases(), object) : deps.client.create(leases(), object);
    if (!answer) {
      fresh = false;  // somebody else wrote, or we do not know whether we did: read before the next try
      deps.log.write(answer.error().code == Code::Conflict || answer.error().code == Code::AlreadyExists ? Level::Debug
                                                                                                         : Level::Warn,
                     "lease not written", {{"lease", options.name}, {"error", answer.error().message}});
      return;
    }
    note(std::move(*answer));
    last_renewed = sent_at;
    deps.gate.open_until(sent_at + options.limits.renew);
    if (!std::exchange(leading, true)) {
      deps.log.info("leading", {{"lease", options.name}, {"identity", options.identity}});
      listener(true);
    }
  }

  void step_down() {
    deps.gate.close();
    last_renewed.reset();
    fresh = false;
    if (std::exchange(leading, false)) {
      deps.log.warn("not leading any more", {{"lease", options.name}, {"holder", seen ? seen->holder : ""}});
      listener(false);
    }
  }

  void release() {
    const std::lock_guard lock(mutex);
    if (std::exchange(released, true)) return;
    const bool held = last_renewed.has_value() && lease.is_object();
    deps.gate.close();
    last_renewed.reset();
    if (!held) return;
    Json object = lease;
    object["spec"]["holderIdentity"] = "";
    object["spec"]["leaseDurationSeconds"] = 1;
    object["spec"]["renewTime"] = to_rfc3339_micro(deps.clock.wall());
    if (const auto answer = deps.client.update(leases(), object); !answer) {
      deps.log.info("the lease could not be given back; others wait until it runs out",
                    {{"error", answer.error().message}});
    }
  }

  const Deps deps;
  const Options options;
  const std::function<void(bool)> listener;
  std::mutex mutex;  // tick() against release()
  std::optional<Seen> seen;
  std::optional<TimePoint> last_renewed;
  Json lease;          // as last read or written; null: none seen
  bool fresh = false;  // `lease` is the newest we know of: an update may be tried without reading
  bool leading = false, released = false;
  Strand strand;
};

Elector::Elector(Deps deps, Options options, std::function<void(bool)> listener)
    : impl_(std::make_shared<Impl>(deps, std::move(options), std::move(listener))) {}
Elector::~Elector() = default;
void Elector::start() {
  impl_->schedule(Duration{0});
}
void Elector::release() {
  impl_->release();
}

}  // namespace clops::op::election
