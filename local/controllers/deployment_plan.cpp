#include "local/controllers/deployment_plan.h"

#include <algorithm>

#include "base/digest.h"

namespace clops::local {
namespace {

int resolve(const crds::IntOrPercent& value, int of, bool up) {
  if (!value.percent) return value.value;
  return (value.value * of + (up ? 99 : 0)) / 100;
}

struct Bounds {
  int surge = 0, unavailable = 0;
};

Bounds bounds_of(const crds::Deployment& deployment) {
  Bounds out{resolve(deployment.max_surge, deployment.replicas, true),
             resolve(deployment.max_unavailable, deployment.replicas, false)};
  if (out.surge == 0 && out.unavailable == 0) out.unavailable = 1;  // else nothing could ever move
  out.unavailable = std::min(out.unavailable, deployment.replicas);
  return out;
}

struct Count {
  std::vector<const OwnedPod*> fresh, old;  // neither ended nor ending
  bool old_ending = false;
  int ready = 0, available = 0, fresh_available = 0, old_available = 0;
  std::optional<std::chrono::seconds> next_available;
};

bool active(const OwnedPod& pod) {
  return !pod.terminating && pod.phase != "Failed" && pod.phase != "Succeeded";
}

Count count(const crds::Deployment& deployment, const std::vector<OwnedPod>& pods, const std::string& hash,
            WallTime now, std::vector<std::string>& remove) {
  Count out;
  const std::chrono::seconds least(deployment.min_ready_seconds);
  for (const OwnedPod& pod : pods) {
    if (!active(pod)) {
      // Ended pods of a Deployment are replaced; ending ones are already on their way.
      if (!pod.terminating) remove.push_back(pod.name);
      out.old_ending = out.old_ending || (pod.terminating && pod.hash != hash);
      continue;
    }
    const bool is_fresh = pod.hash == hash;
    (is_fresh ? out.fresh : out.old).push_back(&pod);
    if (!pod.ready) continue;
    ++out.ready;
    if (now - pod.ready_since >= least) {
      ++out.available;
      ++(is_fresh ? out.fresh_available : out.old_available);
      continue;
    }
    const auto left = std::chrono::ceil<std::chrono::seconds>(least - (now - pod.ready_since));
    if (!out.next_available || left < *out.next_available) out.next_available = left;
  }
  return out;
}

// First those that serve nobody, then the youngest.
void remove_some(std::vector<const OwnedPod*> pods, int many, std::vector<std::string>& remove) {
  std::ranges::sort(pods, [](const OwnedPod* a, const OwnedPod* b) {
    if (a->ready != b->ready) return b->ready;
    if (a->creation_timestamp != b->creation_timestamp) return a->creation_timestamp > b->creation_timestamp;
    return a->name > b->name;
  });
  for (int i = 0; i < many && i < static_cast<int>(pods.size()); ++i)
    remove.push_back(pods[static_cast<size_t>(i)]->name);
}

void scale(const crds::Deployment& deployment, const Count& have, DeploymentPlan& plan) {
  const int want = deployment.replicas, fresh = static_cast<int>(have.fresh.size()),
            old = static_cast<int>(have.old.size());
  if (fresh > want) remove_some(have.fresh, fresh - want, plan.remove);
  if (deployment.recreate) {
    remove_some(have.old, old, plan.remove);
    if (old == 0 && !have.old_ending) plan.create = std::max(0, want - fresh);
    return;
  }
  const Bounds bounds = bounds_of(deployment);
  // Pods that are not available cost nothing to remove, so they go first; then as many as stay above the least.
  const int old_unavailable = old - have.old_available;
  const int spare = std::max(0, have.fresh_available + have.old_available - (want - bounds.unavailable));
  const int may_go = old_unavailable + std::min(spare, have.old_available);
  plan.create = std::clamp(want + bounds.surge - fresh - old, 0, std::max(0, want - fresh));
  // An old pod that is not available goes only where a new one that is has come: else a bad rollout would eat them all.
  const int surplus = old + have.fresh_available - (want - bounds.unavailable);
  remove_some(have.old, std::max(std::min(may_go, surplus), 0), plan.remove);
}

const Json* old_condition(const Json& status, const std::string& type) {
  const Json* all = find_path(status, {"conditions"});
  if (all == nullptr || !all->is_array()) return nullptr;
  for (const Json& condition : *all) {
    if (string_at(condition, {"type"}) == type) return &condition;
  }
  return nullptr;
}

Json condition(const std::string& type, bool status, const std::string& reason, const std::string& message,
               const Json& before, bool moved, const std::string& now) {
  const Json* old = old_condition(before, type);
  const std::string text = status ? "True" : "False";
  const bool same = old != nullptr && string_at(*old, {"status"}) == text;
  const bool untouched = same && !moved && string_at(*old, {"reason"}) == reason;
  return {{"type", type},
          {"status", text},
          {"reason", reason},
          {"message", message},
          {"lastTransitionTime", same ? string_at(*old, {"lastTransitionTime"}, now) : now},
          {"lastUpdateTime", untouched ? string_at(*old, {"lastUpdateTime"}, now) : now}};
}

Json progressing(const crds::Deployment& deployment, const Json& status, bool complete, WallTime now,
                 DeploymentPlan& plan) {
  const Json& before = deployment.status;
  const Json* old = old_condition(before, "Progressing");
  const std::string time = to_rfc3339(now), name = "Deployment \"" + deployment.meta.name + "\" ";
  if (complete)
    return condition("Progressing", true, "NewReplicaSetAvailable", name + "has successfully progressed.", before,
                     false, time);
  bool moved = old == nullptr || string_at(*old, {"reason"}) == "NewReplicaSetAvailable" ||
               int_at(before, {"observedGeneration"}) != deployment.meta.generation;
  for (const char* field : {"updatedReplicas", "readyReplicas", "availableReplicas", "replicas"}) {
    moved = moved || int_at(before, {field}) != int_at(status, {field});
  }
  if (!moved) {
    const auto since = from_rfc3339(string_at(*old, {"lastUpdateTime"}));
    const std::chrono::seconds deadline(deployment.progress_deadline_seconds);
    const auto spent = since ? now - *since : WallTime::duration{0};
    if (spent >= deadline || string_at(*old, {"reason"}) == "ProgressDeadlineExceeded") {
      return condition("Progressing", false, "ProgressDeadlineExceeded", name + "has timed out progressing.", before,
                       false, time);
    }
    const auto left = std::chrono::ceil<std::chrono::seconds>(deadline - spent);
    if (!plan.look_again || left < *plan.look_again) plan.look_again = left;
  } else {
    plan.look_again = std::min(plan.look_again.value_or(std::chrono::seconds::max()),
                               std::chrono::seconds(deployment.progress_deadline_seconds));
  }
  return condition("Progressing", true, "ReplicaSetUpdated", name + "is progressing.", before, moved, time);
}

Json status_of(const crds::Deployment& deployment, const Count& have, WallTime now, DeploymentPlan& plan) {
  const int fresh = static_cast<int>(have.fresh.size()), total = fresh + static_cast<int>(have.old.size());
  Json status = {{"observedGeneration", deployment.meta.generation}};
  const auto set = [&](const char* field, int value) {
    if (value > 0) status[field] = value;  // absent when zero, as Kubernetes prints it
  };
  set("replicas", total);
  set("updatedReplicas", fresh);
  set("readyReplicas", have.ready);
  set("availableReplicas", have.available);
  set("unavailableReplicas", std::max(0, std::max(deployment.replicas, total) - have.available));
  const int least = deployment.replicas - (deployment.recreate ? 0 : bounds_of(deployment).unavailable);
  const bool available = have.available >= least;
  const bool complete = fresh == deployment.replicas && total == fresh && have.available >= deployment.replicas;
  status["conditions"] = Json::array(
      {condition("Available", available, available ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
                 available ? "Deployment has minimum availability." : "Deployment does not have minimum availability.",
                 deployment.status, false, to_rfc3339(now)),
       progressing(deployment, status, complete, now, plan)});
  return status;
}

}  // namespace

std::string template_hash(const Json& pod_template) {
  // Letters and digits that spell no word, as Kubernetes' own hashes.
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrst";
  const std::string digest = sha256(dump_json(pod_template)).substr(7, 10);
  std::string out;
  for (const char c : digest) out += kAlphabet[static_cast<size_t>(c <= '9' ? c - '0' : c - 'a' + 10)];
  return out;
}

DeploymentPlan plan_deployment(const crds::Deployment& deployment, const std::vector<OwnedPod>& pods, WallTime now) {
  DeploymentPlan plan{.hash = template_hash(deployment.pod_template)};
  const Count have = count(deployment, pods, plan.hash, now, plan.remove);
  const auto recorded = deployment.meta.annotations.find(kRevision);
  const int64_t last = recorded == deployment.meta.annotations.end() ? 0 : std::atoll(recorded->second.c_str());
  const auto recorded_hash = deployment.meta.annotations.find(kRevisionHash);
  const bool same_template = recorded_hash != deployment.meta.annotations.end() && recorded_hash->second == plan.hash;
  plan.revision = same_template && last > 0 ? last : last + 1;
  if (!deployment.paused) scale(deployment, have, plan);
  plan.look_again = have.next_available;
  plan.status = status_of(deployment, have, now, plan);
  std::ranges::sort(plan.remove);
  return plan;
}

Json pod_of(const crds::Deployment& deployment, const std::string& hash, const std::string& node_name) {
  Json pod = {{"apiVersion", "v1"}, {"kind", "Pod"}};
  const Json* meta = find_path(deployment.pod_template, {"metadata"});
  pod["metadata"] = meta != nullptr && meta->is_object() ? *meta : Json::object();
  pod["metadata"]["generateName"] = deployment.meta.name + "-" + hash + "-";
  pod["metadata"]["namespace"] = deployment.meta.ns;
  pod["metadata"]["labels"][kTemplateHash] = hash;
  pod["metadata"]["ownerReferences"] = Json::array({{{"apiVersion", "apps/v1"},
                                                     {"kind", "Deployment"},
                                                     {"name", deployment.meta.name},
                                                     {"uid", deployment.meta.uid},
                                                     {"controller", true},
                                                     {"blockOwnerDeletion", true}}});
  const Json* spec = find_path(deployment.pod_template, {"spec"});
  pod["spec"] = spec != nullptr ? *spec : Json::object();
  pod["spec"]["nodeName"] = node_name;
  return pod;
}

}  // namespace clops::local
