#include "operator/manager/manager.h"

#include <algorithm>
#include <atomic>

#include "operator/cache/informer.h"
#include "operator/election/elector.h"
#include "operator/manager/controller_runner.h"
#include "operator/manager/metrics.h"

namespace clops::op {
namespace {

bool is_owner(const crds::OwnerReference& owner, const ResourceType& type) {
  const size_t slash = owner.api_version.find('/');
  const std::string group = slash == std::string::npos ? "" : owner.api_version.substr(0, slash);
  return owner.controller && owner.kind == type.kind && group == type.group;
}

bool status_only(const Change& change) {
  if (!change.old || !change.now) return false;
  const ObjectMeta &a = change.old->meta, &b = change.now->meta;
  return a.uid == b.uid && a.generation == b.generation && a.generation != 0 && a.labels == b.labels &&
         a.annotations == b.annotations && a.deletion_timestamp == b.deletion_timestamp && a.owners == b.owners;
}

HttpResponse text(int status, std::string body) {
  HttpResponse out{.status = status, .headers = {}, .body = std::move(body)};
  out.headers.set("Content-Type", "text/plain; charset=utf-8");
  return out;
}

}  // namespace

struct Manager::Impl {
  Impl(ManagerDeps d, ManagerOptions o, const std::vector<InformerSpec>& specs, std::vector<ControllerSpec> c)
      : deps(d),
        options(std::move(o)),
        cache(specs),
        client(d.client, gate, d.clock),
        events(make_event_recorder(
            {d.executor, d.clock, d.random, d.log, client},
            {.component = options.component, .instance = options.identity, .waiting_max = options.events_waiting_max})),
        informer_specs(specs) {
    for (ControllerSpec& spec : c) {
      runners.push_back(std::make_shared<ControllerRunner>(
          ControllerRunner::Deps{d.executor, d.clock, d.log, client, cache, *events}, std::move(spec),
          QueueLimits{.backoff_first = options.backoff_first, .backoff_max = options.backoff_max}, options.hold_max));
    }
  }

  Status check() const {
    for (const auto& runner : runners) {
      const ControllerSpec& spec = runner->spec();
      std::vector<ResourceType> types = spec.owned;
      types.push_back(spec.primary);
      for (const Mapping& mapping : spec.mapped) types.push_back(mapping.type);
      for (const ResourceType& type : types) {
        if (!cache.declared(type))
          return fail(Code::InvalidArgument,
                      "controller " + spec.name + " watches " + type.plural + ", which has no informer");
      }
      if (!spec.reconciler || spec.workers < 1)
        return fail(Code::InvalidArgument, "controller " + spec.name + " needs a reconciler and a worker");
    }
    if (!options.lease_namespace.empty() && (!deps.lease_client || options.identity.empty())) {
      return fail(Code::InvalidArgument, "an election needs a lease client and an identity");
    }
    return {};
  }

  void changed(const ResourceType& type, const std::vector<Change>& changes, bool first_list) {
    const Priority priority = first_list ? Priority::Low : Priority::High;
    for (const auto& runner : runners) {
      for (const Change& change : changes) dispatch(*runner, type, change, priority);
      runner->cache_moved();
    }
    settle();
  }

  void dispatch(ControllerRunner& runner, const ResourceType& type, const Change& change, Priority priority) {
    const ControllerSpec& spec = runner.spec();
    const Object& object = change.now ? *change.now : *change.old;
    if (type == spec.primary) {
      const bool doubtful = runner.ends_doubt(object.key());
      if (doubtful || !spec.ignore_status_changes || !status_only(change)) runner.add(object.key(), priority);
    }
    const auto of_owners = [&](const ObjectPtr& side) {
      if (!side) return;
      for (const auto& owner : side->meta.owners) {
        if (is_owner(owner, spec.primary))
          runner.add({spec.primary.namespaced ? side->meta.ns : "", owner.name}, priority);
      }
    };
    if (std::ranges::find(spec.owned, type) != spec.owned.end()) {
      of_owners(change.now);
      if (change.old && (!change.now || change.now->meta.owners != change.old->meta.owners)) of_owners(change.old);
    }
    for (const Mapping& mapping : spec.mapped) {
      if (!(mapping.type == type)) continue;
      for (const ObjectKey& key : mapping.keys(object, cache)) runner.add(key, priority);
      if (change.now && change.old) {
        for (const ObjectKey& key : mapping.keys(*change.old, cache)) runner.add(key, priority);
      }
    }
  }

  // Workers run while everything is synced and this process leads; whenever that begins, every primary is looked at.
  void settle() {
    const std::lock_guard lock(mutex);  // to the end: informers and the elector come here from several threads
    const bool active = !stopped.load() && is_leading.load() && cache.synced();
    if (std::exchange(is_active, active) == active) return;
    for (const auto& runner : runners) {
      if (active) {
        for (const ObjectPtr& object : cache.list(runner->spec().primary)) runner->add(object->key(), Priority::Low);
      }
      runner->set_active(active);
    }
    deps.log.info(active ? "working" : "not working", {{"leading", is_leading.load() ? "yes" : "no"}});
  }

  void led(bool now) {
    is_leading.store(now);
    settle();
  }

  void begin() {
    for (const InformerSpec& spec : informer_specs) {
      const Informer::Deps with{deps.executor, deps.clock, deps.random, deps.log, client};
      informers.emplace(
          spec.type, std::make_unique<Informer>(
                         with, cache.store(spec.type),
                         [this, type = spec.type](const auto& changes, bool first) { changed(type, changes, first); }));
    }
    for (const auto& [_, informer] : informers) informer->start();
    if (options.lease_namespace.empty()) {
      gate.open_for_ever();
      return led(true);
    }
    elector = std::make_unique<election::Elector>(
        election::Elector::Deps{deps.lease_executor ? *deps.lease_executor : deps.executor, deps.clock, deps.random,
                                deps.log, *deps.lease_client, gate},
        election::Elector::Options{options.lease_namespace, options.lease_name, options.identity, options.lease},
        [this](bool now) { led(now); });
    elector->start();
  }

  const ManagerDeps deps;
  const ManagerOptions options;
  Cache cache;
  election::WriteGate gate;
  election::GatedClient client;
  std::unique_ptr<EventRecorder> events;
  const std::vector<InformerSpec> informer_specs;
  std::vector<std::shared_ptr<ControllerRunner>> runners;
  std::vector<std::pair<std::string, std::function<HttpResponse(const HttpRequest&)>>> endpoints;
  std::vector<std::function<void(std::string&)>> metric_writers;
  std::atomic<bool> is_leading{false}, stopped{false};
  std::mutex mutex;
  bool is_active = false;
  std::map<ResourceType, std::unique_ptr<Informer>> informers;  // after what their handlers use
  std::unique_ptr<election::Elector> elector;
};

Manager::Manager(ManagerDeps deps, ManagerOptions options, std::vector<InformerSpec> informers,
                 std::vector<ControllerSpec> controllers)
    : impl_(std::make_unique<Impl>(deps, std::move(options), informers, std::move(controllers))) {}
Manager::~Manager() = default;

Status Manager::start() {
  CLOPS_TRY(impl_->check());
  impl_->begin();
  return {};
}

void Manager::stop() {
  if (impl_->stopped.exchange(true)) return;
  impl_->settle();
  for (const auto& [_, informer] : impl_->informers) informer->stop();
  if (impl_->elector) impl_->elector->release();
  impl_->gate.close();
}

bool Manager::synced() const {
  return impl_->cache.synced();
}
bool Manager::leading() const {
  return impl_->is_leading.load() && impl_->gate.is_open(impl_->deps.clock.now());
}
bool Manager::idle() const {
  return std::ranges::all_of(impl_->runners, [](const auto& runner) { return runner->idle(); });
}
const Cache& Manager::cache() const {
  return impl_->cache;
}
EventRecorder& Manager::events() {
  return *impl_->events;
}

void Manager::enqueue(const std::string& controller, const ObjectKey& key) {
  for (const auto& runner : impl_->runners) {
    if (runner->spec().name == controller) runner->add(key, Priority::High);
  }
}

HttpResponse Manager::serve(const HttpRequest& request) const {
  const std::string path = parse_target(request.url).path;
  if (request.method != "GET" && request.method != "HEAD") return text(405, "only GET\n");
  if (path == "/healthz") return text(200, "ok\n");
  if (path == "/readyz") {
    std::string missing;
    for (const InformerSpec& spec : impl_->informer_specs) {
      if (!impl_->cache.of(spec.type).synced()) missing += " " + spec.type.plural;
    }
    return missing.empty() ? text(200, "ok\n") : text(503, "not yet synced:" + missing + "\n");
  }
  if (path == "/metrics") {
    Metrics out;
    out.gauge("clops_operator_leading", "Whether this process holds the lease.", {}, leading() ? 1 : 0);
    for (const auto& runner : impl_->runners) describe(out, *runner);
    for (const auto& [type, informer] : impl_->informers) {
      describe(out, type, *informer, impl_->cache.of(type), impl_->deps.clock.now());
    }
    describe(out, impl_->client);
    std::string page = out.print();
    for (const auto& writer : impl_->metric_writers) writer(page);
    HttpResponse response{.status = 200, .headers = {}, .body = std::move(page)};
    response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    return response;
  }
  for (const auto& [known, handler] : impl_->endpoints) {
    if (path == known) return handler(request);
  }
  return text(404, "not found\n");
}

void Manager::add_endpoint(std::string path, std::function<HttpResponse(const HttpRequest&)> handler) {
  impl_->endpoints.emplace_back(std::move(path), std::move(handler));
}
void Manager::add_metrics(std::function<void(std::string&)> writer) {
  impl_->metric_writers.push_back(std::move(writer));
}

}  // namespace clops::op
