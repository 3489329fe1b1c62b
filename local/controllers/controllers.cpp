#include "local/controllers/controllers.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "local/api/types.h"
#include "local/controllers/deployment_plan.h"
#include "local/controllers/endpoints_plan.h"
#include "local/controllers/job_plan.h"
#include "local/controllers/proxy.h"
#include "local/node/event_loop.h"

namespace clops::local {
namespace {

enum class What { Namespace, Claim, Deployment, Job, Service, Proxy, Budget };
using Work = std::tuple<What, std::string, std::string>;  // and namespace, name

constexpr std::chrono::seconds kRetry{1};

const Json* controller_of(const Json& object) {
  const Json* owners = find_path(object, {"metadata", "ownerReferences"});
  if (owners == nullptr || !owners->is_array()) return nullptr;
  for (const Json& owner : *owners) {
    if (bool_at(owner, {"controller"})) return &owner;
  }
  return nullptr;
}

std::map<std::string, std::string> labels_at(const Json& object, std::initializer_list<std::string_view> path) {
  std::map<std::string, std::string> out;
  if (const Json* labels = find_path(object, path); labels != nullptr && labels->is_object()) {
    for (const auto& [name, value] : labels->items()) {
      if (value.is_string()) out[name] = value.get<std::string>();
    }
  }
  return out;
}

WallTime time_at(const std::string& text) {
  return from_rfc3339(text).value_or(WallTime{});
}

WallTime ready_since(const Json& pod) {
  const Json* conditions = find_path(pod, {"status", "conditions"});
  if (conditions == nullptr || !conditions->is_array()) return {};
  for (const Json& condition : *conditions) {
    if (string_at(condition, {"type"}) == "Ready") return time_at(string_at(condition, {"lastTransitionTime"}));
  }
  return {};
}

WallTime finished_at(const Json& pod) {
  WallTime out{};
  const Json* statuses = find_path(pod, {"status", "containerStatuses"});
  if (statuses == nullptr || !statuses->is_array()) return out;
  for (const Json& status : *statuses)
    out = std::max(out, time_at(string_at(status, {"state", "terminated", "finishedAt"})));
  return out;
}

class ControllersImpl final : public Controllers {
 public:
  ControllersImpl(Api& api, const Clock& clock, Log& log, ControllerOptions options)
      : api_(api),
        clock_(clock),
        log_(log),
        options_(std::move(options)),
        proxy_loop_(clock),
        proxy_(make_proxy(proxy_loop_, log)),
        loop_(clock) {}
  ~ControllersImpl() override { watches_.clear(); }

  void begin() {
    watch(types::kNamespaces, [this](const StoreEvent& event) { dirty(What::Namespace, "", event.key.name); });
    watch(types::kPersistentVolumeClaims,
          [this](const StoreEvent& event) { dirty(What::Claim, event.key.ns, event.key.name); });
    watch(types::kDeployments,
          [this](const StoreEvent& event) { dirty(What::Deployment, event.key.ns, event.key.name); });
    watch(types::kJobs, [this](const StoreEvent& event) { dirty(What::Job, event.key.ns, event.key.name); });
    watch(types::kServices, [this](const StoreEvent& event) {
      dirty(What::Service, event.key.ns, event.key.name);
      dirty(What::Proxy, event.key.ns, event.key.name);
    });
    watch(types::kEndpointSlices, [this](const StoreEvent& event) {
      dirty(What::Proxy, event.key.ns, string_at(event.object->json, {"metadata", "labels", kServiceNameLabel}));
    });
    watch(types::kPodDisruptionBudgets,
          [this](const StoreEvent& event) { dirty(What::Budget, event.key.ns, event.key.name); });
    watch(types::kPods, [this](const StoreEvent& event) { on_pod(event); });
  }

 private:
  void watch(const crds::ResourceType& type, std::function<void(const StoreEvent&)> on_event) {
    watches_.push_back(api_.watch(type, "", [this, on_event = std::move(on_event)](const StoreEvent& event) {
      loop_.post([on_event, event] { on_event(event); });
    }));
  }

  // Any number of events between two turns of the loop are one piece of work; in the order of What, so that a pod is
  // made before budgets are counted.
  void dirty(What what, const std::string& ns, const std::string& name) {
    if (work_.empty()) loop_.post([this] { run_work(); });
    work_.insert({what, ns, name});
  }

  void run_work() {
    const std::set<Work> work = std::exchange(work_, {});
    for (const auto& [what, ns, name] : work) {
      const Status done = run_one(what, {ns, name});
      if (done || done.error().code == Code::NotFound) continue;
      log_.debug("a controller tries again", {{"namespace", ns}, {"name", name}, {"why", done.error().message}});
      again(what, {ns, name}, kRetry);
    }
  }

  void again(What what, const crds::ObjectKey& key, Duration delay) {
    EventLoop::TimerId& timer = timers_[{what, key.ns, key.name}];
    loop_.cancel(timer);
    timer = loop_.after(delay, [this, what, key] {
      timers_.erase({what, key.ns, key.name});
      dirty(what, key.ns, key.name);
    });
  }

  Status run_one(What what, const crds::ObjectKey& key) {
    switch (what) {
      case What::Namespace:
        return do_namespace(key.name);
      case What::Claim:
        return do_claim(key);
      case What::Deployment:
        return do_deployment(key);
      case What::Job:
        return do_job(key);
      case What::Service:
        return do_service(key);
      case What::Proxy:
        return do_proxy(key);
      case What::Budget:
        return do_budget(key);
    }
    return {};
  }

  void on_pod(const StoreEvent& event) {
    const Json& pod = event.object->json;
    if (const Json* owner = controller_of(pod)) {
      const std::string kind = string_at(*owner, {"kind"});
      if (kind == "Deployment") dirty(What::Deployment, event.key.ns, string_at(*owner, {"name"}));
      if (kind == "Job") dirty(What::Job, event.key.ns, string_at(*owner, {"name"}));
    }
    const auto labels = labels_at(pod, {"metadata", "labels"});
    const auto before = event.previous ? labels_at(event.previous->json, {"metadata", "labels"}) : labels;
    const auto mark = [&](const crds::ResourceType& type, What what, std::initializer_list<std::string_view> selector) {
      const auto all = api_.list(type, event.key.ns);
      if (!all) return;
      for (const auto& object : all->items) {
        const auto wanted = labels_at(object->json, selector);
        if (selects(wanted, labels) || selects(wanted, before))
          dirty(what, event.key.ns, string_at(object->json, {"metadata", "name"}));
      }
    };
    mark(types::kServices, What::Service, {"spec", "selector"});
    mark(types::kPodDisruptionBudgets, What::Budget, {"spec", "selector", "matchLabels"});
  }

  Status do_namespace(const std::string& name) {
    CLOPS_ASSIGN(const StoredPtr object, api_.get(types::kNamespaces, {"", name}));
    if (!string_at(object->json, {"metadata", "deletionTimestamp"}).empty()) return {};
    if (api_.get(types::kServiceAccounts, {name, "default"})) return {};
    const Json account = {
        {"apiVersion", "v1"}, {"kind", "ServiceAccount"}, {"metadata", {{"name", "default"}, {"namespace", name}}}};
    const auto made = api_.create(types::kServiceAccounts, account);
    if (!made && made.error().code != Code::AlreadyExists && made.error().code != Code::PermissionDenied)
      return std::unexpected(made.error());
    return {};
  }

  Status do_claim(const crds::ObjectKey& key) {
    CLOPS_ASSIGN(const StoredPtr object, api_.get(types::kPersistentVolumeClaims, key));
    if (string_at(object->json, {"status", "phase"}) == "Bound") return {};
    const std::string volume = "folder-" + string_at(object->json, {"metadata", "uid"});
    CLOPS_TRY(api_.mutate(types::kPersistentVolumeClaims, key, "", [&](Json& claim) -> Status {
      claim["spec"]["volumeName"] = volume;
      return {};
    }));
    CLOPS_TRY(api_.mutate(types::kPersistentVolumeClaims, key, "status", [](Json& claim) -> Status {
      claim["status"]["phase"] = "Bound";
      if (const Json* modes = find_path(claim, {"spec", "accessModes"})) claim["status"]["accessModes"] = Json(*modes);
      if (const Json* asked = find_path(claim, {"spec", "resources", "requests"}))
        claim["status"]["capacity"] = Json(*asked);
      return {};
    }));
    return {};
  }

  // Objects of `type` in the owner's namespace that it controls.
  Result<std::vector<StoredPtr>> owned_pods(const crds::ObjectMeta& owner) {
    CLOPS_ASSIGN(const StoreList all, api_.list(types::kPods, owner.ns));
    std::vector<StoredPtr> out;
    for (const auto& pod : all.items) {
      const Json* controller = controller_of(pod->json);
      if (controller != nullptr && string_at(*controller, {"uid"}) == owner.uid) out.push_back(pod);
    }
    return out;
  }

  Status remove_pods(const std::string& ns, const std::vector<std::string>& names) {
    for (const auto& name : names) {
      const auto gone = api_.remove(types::kPods, {ns, name});
      if (!gone && gone.error().code != Code::NotFound) return std::unexpected(gone.error());
    }
    return {};
  }

  Status do_deployment(const crds::ObjectKey& key) {
    CLOPS_ASSIGN(const StoredPtr object, api_.get(types::kDeployments, key));
    CLOPS_ASSIGN(const crds::Deployment deployment, crds::decode_deployment(object->json));
    if (!deployment.meta.deletion_timestamp.empty()) return {};
    CLOPS_ASSIGN(const auto stored, owned_pods(deployment.meta));
    std::vector<OwnedPod> pods;
    for (const auto& pod : stored) {
      const auto decoded = crds::decode_pod(pod->json);
      if (!decoded) continue;
      const auto hash = decoded->meta.labels.find(kTemplateHash);
      pods.push_back({.name = decoded->meta.name,
                      .hash = hash == decoded->meta.labels.end() ? "" : hash->second,
                      .phase = decoded->phase,
                      .creation_timestamp = decoded->meta.creation_timestamp,
                      .ready = decoded->ready,
                      .terminating = !decoded->meta.deletion_timestamp.empty(),
                      .ready_since = ready_since(pod->json)});
    }
    const DeploymentPlan plan = plan_deployment(deployment, pods, clock_.wall());
    for (int i = 0; i < plan.create; ++i)
      CLOPS_TRY(api_.create(types::kPods, pod_of(deployment, plan.hash, options_.node_name)));
    CLOPS_TRY(remove_pods(key.ns, plan.remove));
    const std::string revision = std::to_string(plan.revision);
    const auto recorded = deployment.meta.annotations.find(kRevision);
    const auto recorded_hash = deployment.meta.annotations.find(kRevisionHash);
    if (recorded == deployment.meta.annotations.end() || recorded->second != revision ||
        recorded_hash == deployment.meta.annotations.end() || recorded_hash->second != plan.hash) {
      CLOPS_TRY(api_.mutate(types::kDeployments, key, "", [&](Json& it) -> Status {
        it["metadata"]["annotations"][kRevision] = revision;
        it["metadata"]["annotations"][kRevisionHash] = plan.hash;
        return {};
      }));
    }
    if (plan.status != deployment.status)
      CLOPS_TRY(set_status(types::kDeployments, key, deployment.meta.uid, plan.status));
    if (plan.look_again) again(What::Deployment, key, *plan.look_again);
    return {};
  }

  Status do_job(const crds::ObjectKey& key) {
    CLOPS_ASSIGN(const StoredPtr object, api_.get(types::kJobs, key));
    CLOPS_ASSIGN(const crds::Job job, crds::decode_job(object->json));
    if (!job.meta.deletion_timestamp.empty()) return {};
    CLOPS_ASSIGN(const auto stored, owned_pods(job.meta));
    std::vector<JobPod> pods;
    for (const auto& pod : stored) {
      const auto decoded = crds::decode_pod(pod->json);
      if (!decoded) continue;
      pods.push_back({.name = decoded->meta.name,
                      .phase = decoded->phase,
                      .ready = decoded->ready,
                      .terminating = !decoded->meta.deletion_timestamp.empty(),
                      .finished = finished_at(pod->json)});
    }
    const JobPlan plan = plan_job(job, pods, clock_.wall());
    if (plan.remove_job) {
      CLOPS_TRY(api_.remove(types::kJobs, key, {.uid = job.meta.uid}));
      return {};
    }
    for (int i = 0; i < plan.create; ++i) CLOPS_TRY(api_.create(types::kPods, pod_of(job, options_.node_name)));
    CLOPS_TRY(remove_pods(key.ns, plan.remove));
    if (plan.status != job.status) CLOPS_TRY(set_status(types::kJobs, key, job.meta.uid, plan.status));
    if (plan.look_again) again(What::Job, key, *plan.look_again);
    return {};
  }

  Status set_status(const crds::ResourceType& type, const crds::ObjectKey& key, const std::string& uid,
                    const Json& status) {
    CLOPS_TRY(api_.mutate(type, key, "status", [&](Json& object) -> Status {
      if (string_at(object, {"metadata", "uid"}) != uid) return fail(Code::NotFound, "replaced by another of the name");
      object["status"] = status;
      return {};
    }));
    return {};
  }

  Status do_service(const crds::ObjectKey& key) {
    CLOPS_ASSIGN(const StoredPtr object, api_.get(types::kServices, key));
    CLOPS_ASSIGN(const crds::Service service, crds::decode_service(object->json));
    if (service.selector.empty() || !service.meta.deletion_timestamp.empty()) return {};
    CLOPS_ASSIGN(const StoreList stored, api_.list(types::kPods, key.ns));
    std::vector<crds::Pod> pods;
    for (const auto& pod : stored.items) {
      if (!selects(service.selector, labels_at(pod->json, {"metadata", "labels"}))) continue;
      if (auto decoded = crds::decode_pod(pod->json)) pods.push_back(std::move(*decoded));
    }
    const Json slice = endpoint_slice(service, pods);
    const crds::ObjectKey slice_key{key.ns, string_at(slice, {"metadata", "name"})};
    const auto known = api_.get(types::kEndpointSlices, slice_key);
    if (!known) {
      CLOPS_TRY(api_.create(types::kEndpointSlices, slice));
      return {};
    }
    CLOPS_TRY(api_.mutate(types::kEndpointSlices, slice_key, "", [&](Json& it) -> Status {
      for (const char* field : {"ports", "endpoints"}) it[field] = slice[field];
      it["metadata"]["labels"] = slice["metadata"]["labels"];
      it["metadata"]["ownerReferences"] = slice["metadata"]["ownerReferences"];
      return {};
    }));
    return {};
  }

  Status do_proxy(const crds::ObjectKey& key) {
    std::vector<ProxyRule> rules;
    const auto object = api_.get(types::kServices, key);
    if (object) {
      CLOPS_ASSIGN(const crds::Service service, crds::decode_service((*object)->json));
      CLOPS_ASSIGN(const StoreList all, api_.list(types::kEndpointSlices, key.ns));
      std::vector<const Json*> slices;
      for (const auto& slice : all.items) {
        if (string_at(slice->json, {"metadata", "labels", kServiceNameLabel}) == key.name)
          slices.push_back(&slice->json);
      }
      rules = proxy_rules(service, slices);
    }
    proxy_loop_.post([this, service = key.ns + "/" + key.name, rules = std::move(rules)]() mutable {
      proxy_->set(service, std::move(rules));
    });
    return {};
  }

  Status do_budget(const crds::ObjectKey& key) {
    CLOPS_ASSIGN(const StoredPtr object, api_.get(types::kPodDisruptionBudgets, key));
    const auto selector = labels_at(object->json, {"spec", "selector", "matchLabels"});
    CLOPS_ASSIGN(const StoreList stored, api_.list(types::kPods, key.ns));
    int expected = 0, healthy = 0;
    for (const auto& pod : stored.items) {
      const auto decoded = crds::decode_pod(pod->json);
      if (!decoded || !selects(selector, decoded->meta.labels) || decoded->phase == "Succeeded" ||
          decoded->phase == "Failed")
        continue;
      ++expected;
      healthy += decoded->ready && decoded->meta.deletion_timestamp.empty() ? 1 : 0;
    }
    const auto count = [&](const char* field) -> std::optional<int> {
      const Json* value = find_path(object->json, {"spec", field});
      if (value == nullptr) return std::nullopt;
      if (value->is_number_integer()) return static_cast<int>(value->get<int64_t>());
      return (std::atoi(value->is_string() ? value->get<std::string>().c_str() : "0") * expected + 99) / 100;
    };
    const auto unavailable = count("maxUnavailable"), available = count("minAvailable");
    const int desired = unavailable ? std::max(0, expected - *unavailable) : available.value_or(1);
    const int allowed = std::max(0, healthy - desired);
    CLOPS_TRY(api_.mutate(types::kPodDisruptionBudgets, key, "status", [&](Json& it) -> Status {
      Json status = it.value("status", Json::object());
      status.update({{"observedGeneration", int_at(it, {"metadata", "generation"})},
                     {"currentHealthy", healthy},
                     {"desiredHealthy", desired},
                     {"expectedPods", expected},
                     {"disruptionsAllowed", allowed}});
      it["status"] = std::move(status);
      return {};
    }));
    return {};
  }

  Api& api_;
  const Clock& clock_;
  Log& log_;
  const ControllerOptions options_;
  EventLoop proxy_loop_;
  std::unique_ptr<Proxy> proxy_;
  std::set<Work> work_;                        // on loop_
  std::map<Work, EventLoop::TimerId> timers_;  // on loop_
  EventLoop loop_;                             // ends before what its functions use
  std::vector<std::unique_ptr<StoreWatch>> watches_;
};

}  // namespace

std::unique_ptr<Controllers> start_controllers(Api& api, const Clock& clock, Log& log, ControllerOptions options) {
  auto out = std::make_unique<ControllersImpl>(api, clock, log, std::move(options));
  out->begin();
  return out;
}

}  // namespace clops::local
