#include "tests/unit/simulation/cluster.h"

#include <algorithm>
#include <cstdio>

namespace clops::sim {
namespace {

using std::chrono::milliseconds;

const std::string kDeployments = "deployments.apps", kReplicaSets = "replicasets.apps", kPods = "pods";

std::string template_hash(const Json& pod_template) {
  uint64_t hash = 1469598103934665603ull;
  for (const char c : dump_json(pod_template)) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  char text[16];
  std::snprintf(text, sizeof text, "%08x", static_cast<unsigned>(hash));
  return text;
}

std::string uid_of(const Json& object) {
  return string_at(object, {"metadata", "uid"});
}

ApiKey key_in(const std::string& resource, const Json& object) {
  return {resource, string_at(object, {"metadata", "namespace"}), string_at(object, {"metadata", "name"})};
}

bool owned_by(const Json& object, const std::string& uid) {
  const Json* owners = find_path(object, {"metadata", "ownerReferences"});
  return owners != nullptr &&
         std::ranges::any_of(*owners, [&](const Json& owner) { return string_at(owner, {"uid"}) == uid; });
}

bool ends(const Json& pod) {  // counts no more for its replica set
  const std::string phase = string_at(pod, {"status", "phase"});
  return find_path(pod, {"metadata", "deletionTimestamp"}) != nullptr || phase == "Failed" || phase == "Succeeded";
}

Json owner_reference(const Json& owner) {
  return Json::array({{{"apiVersion", owner["apiVersion"]},
                       {"kind", owner["kind"]},
                       {"name", owner["metadata"]["name"]},
                       {"uid", owner["metadata"]["uid"]},
                       {"controller", true},
                       {"blockOwnerDeletion", true}}});
}

}  // namespace

bool pod_is_ready(const Json& pod) {
  const Json* conditions = find_path(pod, {"status", "conditions"});
  if (conditions == nullptr) return false;
  return std::ranges::any_of(*conditions, [](const Json& c) {
    return string_at(c, {"type"}) == "Ready" && string_at(c, {"status"}) == "True";
  });
}

Cluster::Cluster(Loop& loop, Api& api, Truths& truths, uint64_t seed)
    : loop_(loop), api_(api), truths_(truths), chance_(seed) {
  api_.logs = [this](const ApiKey& pod) { return logs(pod); };
}

void Cluster::later(std::function<void()> task, Duration most) {
  loop_.post(kWorld,
             milliseconds(1) + Duration(static_cast<int64_t>(chance_.below(static_cast<uint64_t>(most.count()) + 1))),
             std::move(task));
}

void Cluster::on_event(const ApiEvent& event) {
  const Json& object = *event.object;
  if (event.what == Happened::Added) live_uids_[uid_of(object)] = 1;
  if (event.what == Happened::Deleted) live_uids_.erase(uid_of(object));
  // An orphan at birth, or something whose dependents may have to go.
  const Json* owners = find_path(object, {"metadata", "ownerReferences"});
  const bool orphan =
      event.what == Happened::Added && owners != nullptr &&
      std::ranges::any_of(*owners, [&](const Json& owner) { return !live_uids_.contains(string_at(owner, {"uid"})); });
  const bool ending =
      event.what == Happened::Deleted || find_path(object, {"metadata", "deletionTimestamp"}) != nullptr;
  if ((orphan || ending) && event.key.resource != "events" && !collecting_) {
    collecting_ = true;
    later([this] { collecting_ = false, collect(); }, milliseconds(100));
  }
  const auto sync = [&](const ApiKey& key) {
    if (syncing_.insert(key).second)
      later([this, key] { syncing_.erase(key), sync_deployment(key); }, milliseconds(20));
  };
  if (event.key.resource == kDeployments && event.what != Happened::Deleted) sync(event.key);
  if ((event.key.resource == kPods || event.key.resource == kReplicaSets) && owners != nullptr) {
    const std::string name = string_at(object, {"metadata", "annotations", "sim/deployment"});
    if (!name.empty()) sync({kDeployments, event.key.ns, name});
  }
  if (event.key.resource == kPods) {
    const ApiKey key = event.key;
    const std::string uid = uid_of(object);
    if (event.what == Happened::Added) later([this, key, uid] { start_pod(key, uid); }, slow_);
    if (event.what == Happened::Deleted) pods_.erase(key);
    if (event.what == Happened::Modified && find_path(object, {"metadata", "deletionTimestamp"}) != nullptr &&
        find_path(*event.previous, {"metadata", "deletionTimestamp"}) == nullptr) {
      later([this, key, uid] { stop_pod(key, uid); }, slow_ * 4);
    }
  }
  if (event.key.resource == "configmaps" && event.what == Happened::Modified) {
    const ApiKey key = event.key;
    loop_.post(kWorld, std::chrono::seconds(30) + milliseconds(chance_.below(60'000)),
               [this, key] { refresh_mounts(key); });
  }
}

void Cluster::sync_deployment(const ApiKey& key) {
  const Snapshot deployment = api_.get(key);
  if (deployment == nullptr || find_path(*deployment, {"metadata", "deletionTimestamp"}) != nullptr) return;
  const Json& pod_template = (*deployment)["spec"]["template"];
  const std::string hash = template_hash(pod_template), name = key.name + "-" + hash;
  const ApiKey current{kReplicaSets, key.ns, name};
  if (api_.get(current) == nullptr) {
    Json labels = pod_template["metadata"].value("labels", Json::object());
    labels["pod-template-hash"] = hash;
    (void)api_.create("deployment-controller", kReplicaSets,
                      {{"apiVersion", "apps/v1"},
                       {"kind", "ReplicaSet"},
                       {"metadata",
                        {{"name", name},
                         {"namespace", key.ns},
                         {"labels", labels},
                         {"annotations", {{"sim/deployment", key.name}}},
                         {"ownerReferences", owner_reference(*deployment)}}},
                       {"spec", {{"template", pod_template}}}});
    return;  // its own event brings us back
  }
  const int wanted = static_cast<int>(int_at(*deployment, {"spec", "replicas"}, 1));
  std::vector<Snapshot> fresh, old;
  int ready = 0;
  for (const Snapshot& pod : api_.list(kPods, key.ns)) {
    if (string_at(*pod, {"metadata", "annotations", "sim/deployment"}) != key.name || ends(*pod)) continue;
    if (!owned_by(*pod, uid_of(*api_.get(current)))) {
      old.push_back(pod);
    } else {
      fresh.push_back(pod);
    }
    ready += pod_is_ready(*pod) ? 1 : 0;
  }
  // maxSurge 1, maxUnavailable 0: the unready go first.
  const auto unready_first = [](const Snapshot& a, const Snapshot& b) { return pod_is_ready(*a) < pod_is_ready(*b); };
  std::ranges::stable_sort(old, unready_first);
  std::ranges::stable_sort(fresh, unready_first);
  const int total = static_cast<int>(fresh.size() + old.size());
  if (static_cast<int>(fresh.size()) < wanted && total < wanted + 1) {
    create_pod(*api_.get(current));
  } else if (static_cast<int>(fresh.size()) > wanted) {
    (void)api_.remove("deployment-controller", key_in(kPods, *fresh.front()));
  } else if (!old.empty() && (!pod_is_ready(*old.front()) || ready > wanted)) {
    (void)api_.remove("deployment-controller", key_in(kPods, *old.front()));
  }
  report_deployment(key, *deployment, hash);
}

void Cluster::report_deployment(const ApiKey& key, const Json& deployment, const std::string& hash) {
  int total = 0, ready = 0, updated = 0;
  for (const Snapshot& pod : api_.list(kPods, key.ns)) {
    if (string_at(*pod, {"metadata", "annotations", "sim/deployment"}) != key.name || ends(*pod)) continue;
    ++total;
    ready += pod_is_ready(*pod) ? 1 : 0;
    updated += string_at(*pod, {"metadata", "labels", "pod-template-hash"}) == hash ? 1 : 0;
  }
  const int64_t wanted = int_at(deployment, {"spec", "replicas"}, 1),
                generation = int_at(deployment, {"metadata", "generation"});
  (void)api_.mutate("deployment-controller", key, "status", [&](Json& object) {
    object["status"] = {
        {"observedGeneration", generation},
        {"replicas", total},
        {"updatedReplicas", updated},
        {"readyReplicas", ready},
        {"availableReplicas", ready},
        {"conditions", Json::array({{{"type", "Available"}, {"status", ready >= wanted ? "True" : "False"}},
                                    {{"type", "Progressing"}, {"status", "True"}}})}};
    if (ready < wanted) object["status"]["unavailableReplicas"] = wanted - ready;
  });
}

void Cluster::create_pod(const Json& replica_set) {
  const Json& pod_template = replica_set["spec"]["template"];
  Json metadata = pod_template.value("metadata", Json::object());
  metadata["namespace"] = replica_set["metadata"]["namespace"];
  metadata["generateName"] = replica_set["metadata"]["name"].get<std::string>() + "-";
  metadata["labels"] = replica_set["metadata"]["labels"];
  metadata["annotations"]["sim/deployment"] = replica_set["metadata"]["annotations"]["sim/deployment"];
  metadata["ownerReferences"] = owner_reference(replica_set);
  (void)api_.create("deployment-controller", kPods,
                    {{"apiVersion", "v1"}, {"kind", "Pod"}, {"metadata", metadata}, {"spec", pod_template["spec"]}});
}

void Cluster::collect() {
  bool again = false;
  std::vector<std::pair<ApiKey, Snapshot>> all(api_.objects().begin(), api_.objects().end());
  for (const auto& [key, object] : all) {
    if (key.resource == "events") continue;
    const Json* owners = find_path(*object, {"metadata", "ownerReferences"});
    if (owners != nullptr && !owners->empty() && std::ranges::none_of(*owners, [&](const Json& owner) {
          return live_uids_.contains(string_at(owner, {"uid"}));
        })) {
      if (find_path(*object, {"metadata", "deletionTimestamp"}) == nullptr)
        (void)api_.remove("garbage-collector", key, {.uid = uid_of(*object)});
      continue;
    }
    const Json* finalizers = find_path(*object, {"metadata", "finalizers"});
    if (finalizers == nullptr || find_path(*object, {"metadata", "deletionTimestamp"}) == nullptr) continue;
    const bool foreground = std::ranges::find(*finalizers, Json("foregroundDeletion")) != finalizers->end();
    const bool orphan = std::ranges::find(*finalizers, Json("orphan")) != finalizers->end();
    if (!foreground && !orphan) continue;
    bool dependents = false;
    for (const auto& [other_key, other] : all) {
      if (!owned_by(*other, uid_of(*object)) || api_.get(other_key) == nullptr) continue;
      if (orphan) {
        (void)api_.mutate("garbage-collector", other_key, "",
                          [&](Json& json) { json["metadata"].erase("ownerReferences"); });
      } else {
        dependents = true;
        if (find_path(*other, {"metadata", "deletionTimestamp"}) == nullptr) {
          (void)api_.remove("garbage-collector", other_key, {.propagation = "Foreground", .uid = uid_of(*other)});
        }
      }
    }
    if (dependents) {
      again = true;
      continue;
    }
    (void)api_.mutate("garbage-collector", key, "", [&](Json& json) {
      Json left = Json::array();
      for (const Json& f : json["metadata"]["finalizers"]) {
        if (f != "foregroundDeletion" && f != "orphan") left.push_back(f);
      }
      json["metadata"]["finalizers"] = left;
    });
  }
  if (again && !collecting_) {
    collecting_ = true;
    later([this] { collecting_ = false, collect(); }, milliseconds(500));
  }
}

}  // namespace clops::sim
