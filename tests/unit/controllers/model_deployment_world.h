// A model of the cluster, as far as the ModelDeployment planner sees it: plans are applied to it, a Deployment makes
// pods, pods take up what was pushed. Deterministic; one step at a time, so that a test can stop anywhere.
#pragma once

#include <string>
#include <vector>

#include "controllers/model_deployment/children.h"
#include "controllers/model_deployment/plan.h"
#include "crds/codec.h"

namespace clops::controllers::model_deployment {

inline std::string digest_of(const std::string& name) {
  return "sha256:" + std::string(64 - std::min<size_t>(name.size(), 8), '0') +
         std::string(std::min<size_t>(name.size(), 8), 'a' + static_cast<char>(name.back() % 6));
}

inline crds::ModelVersion verified(const std::string& name, const std::string& version, const std::string& uri = "") {
  crds::ModelVersion mv;
  mv.meta.name = name;
  mv.meta.ns = "risk";
  mv.meta.uid = "uid-" + name;
  mv.meta.generation = 1;
  mv.spec.model = "fraud";
  mv.spec.version = version;
  mv.spec.model_format.name = "xgboost";
  mv.spec.storage_uri = uri.empty() ? "pvc://models/" + name : uri;
  mv.status.observed_generation = 1;
  mv.status.resolved_digest = digest_of(name);
  mv.status.format = "xgboost-json";
  mv.status.conditions = {{crds::kReady, crds::ConditionStatus::True, "Verified", "ok", "2026-11-21T10:00:00Z", 1}};
  return mv;
}

inline crds::ModelVersion with_ready(crds::ModelVersion mv, crds::ConditionStatus status, const std::string& reason,
                                     bool stalled) {
  mv.status.conditions = {{crds::kReady, status, reason, "model.json: it is so", "2026-11-21T10:00:00Z", 1}};
  if (stalled)
    mv.status.conditions.push_back(
        {crds::kStalled, crds::ConditionStatus::True, reason, "", "2026-11-21T10:00:00Z", 1});
  return mv;
}

struct World {
  Observed seen;
  Options options;
  WallTime now = *from_rfc3339("2026-11-21T12:00:00Z");
  int serial = 0;
  int writes = 0;
  std::vector<PlannedEvent> events;
  std::vector<std::string> failing;  // digests that pods cannot load

  World() {
    auto& object = seen.object;
    object.meta.name = "fraud";
    object.meta.ns = "risk";
    object.meta.uid = "md-uid";
    object.meta.generation = 1;
    object.spec.variants = {{"champion", "fraud-6", 90}, {"challenger", "fraud-7", 10}};
    seen.versions = {{"fraud-6", verified("fraud-6", "6")}, {"fraud-7", verified("fraud-7", "7")}};
  }

  void edit() { ++seen.object.meta.generation; }

  LiveChild* child(const ResourceType& type) {
    for (auto& live : seen.children) {
      if (live.type == type) return &live;
    }
    return nullptr;
  }

  std::string next_uid() { return "uid-" + std::to_string(++serial); }

  void put(const WantedChild& wanted) {
    const std::string name = string_at(wanted.object, {"metadata", "name"});
    LiveChild* live = nullptr;
    for (auto& c : seen.children) {
      if (c.type == wanted.type && c.meta.name == name) live = &c;
    }
    if (!live) {
      seen.children.push_back({wanted.type, {}, Json::object()});
      live = &seen.children.back();
      live->meta.name = name;
      live->meta.ns = "risk";
      live->meta.uid = next_uid();
    }
    const Json status = live->body.contains("status") ? live->body["status"] : Json::object();
    live->body = wanted.object;
    if (!status.empty()) live->body["status"] = status;
    live->meta.annotations = {
        {kHashAnnotation, string_at(wanted.object, {"metadata", "annotations", kHashAnnotation})}};
    live->meta.owners = {{"clops.dev/v1alpha1", "ModelDeployment", "fraud", "md-uid", true, true}};
    ++live->meta.generation;
    if (wanted.type == kServices) live->body["spec"]["clusterIP"] = "10.0.0.7";
  }

  // One reconcile. Returns whether it wrote anything.
  bool reconcile() {
    const Plan next = plan(seen, options, now);
    const int before = writes;
    if (next.create_push_key) {
      put({kSecrets, render_push_key(seen.object, "k")});
      ++writes;
    }
    for (const auto& wanted : next.apply) {
      put(wanted);
      ++writes;
    }
    for (const auto& gone : next.remove) {
      std::erase_if(seen.children, [&](const auto& c) { return c.meta.uid == gone.uid; });
      ++writes;
    }
    if (next.config && child(kSecrets)) pushed = next.config;
    if (next.status != seen.object.status) {
      seen.object.status = next.status;
      events.insert(events.end(), next.events.begin(), next.events.end());
      ++writes;
    }
    return writes != before;
  }

  // Kubernetes and the pods do one thing each.
  void run_pods() {
    now += std::chrono::seconds{1};
    LiveChild* deployment = child(kDeployments);
    const auto wanted = deployment ? static_cast<size_t>(int_at(deployment->body, {"spec", "replicas"}, 1)) : 0;
    while (seen.pods.size() > wanted) seen.pods.pop_back();
    while (seen.pods.size() < wanted) {
      const std::string uid = next_uid();
      seen.pods.push_back({.name = "pod-" + uid,
                           .instance = uid + "/0",
                           .ip = "10.1.0.1",
                           .ready = false,
                           .deleting = false,
                           .trouble = "",
                           .state = {},
                           .hint = {}});
    }
    for (auto& pod : seen.pods) take_up(pod);
    if (!deployment) return;
    const auto ready = std::count_if(seen.pods.begin(), seen.pods.end(), [](const auto& p) { return p.ready; });
    deployment->body["status"] = {{"observedGeneration", deployment->meta.generation},
                                  {"replicas", wanted},
                                  {"updatedReplicas", wanted},
                                  {"readyReplicas", ready},
                                  {"availableReplicas", ready}};
  }

  void take_up(ServingPod& pod) {
    if (!pushed || (pod.state && pod.state->generation > pushed->generation)) return;
    crds::PodState state{
        .generation = pushed->generation, .content = id_of(*pushed).content, .ready = true, .variants = {}};
    for (const auto& v : pushed->models.front().variants) {
      auto loads = [&](const crds::ModelRef& ref) {
        return std::find(failing.begin(), failing.end(), ref.digest) == failing.end();
      };
      crds::VariantState item{"fraud", v.name, "Loaded", v.model.model_version, v.model.digest, ""};
      if (!loads(v.model)) {
        const bool back = v.fallback && loads(*v.fallback);
        item = {"fraud",
                v.name,
                "FailedToLoad",
                back ? v.fallback->model_version : "",
                back ? v.fallback->digest : "",
                "model.json: truncated"};
        if (!back && v.weight > 0 && v.name == pushed->models.front().stable) state.ready = false;
      }
      state.variants.push_back(std::move(item));
    }
    pod.ready = state.ready;
    pod.state = std::move(state);
  }

  // Until nothing is written any more. Returns the number of rounds, or -1 when there is no end.
  int settle() {
    for (int round = 0; round < 30; ++round) {
      run_pods();
      const auto pods = seen.pods;
      if (!reconcile() && pods == seen.pods && round > 1) return round;
    }
    return -1;
  }

  const crds::Condition* condition_of(const char* type) const {
    return crds::find_condition(seen.object.status.conditions, type);
  }
  std::string summary() const {
    std::string out;
    for (const auto& c : seen.object.status.conditions)
      out += c.type + "=" + std::string(crds::to_string(c.status)) + "/" + c.reason + " ";
    return out + seen.object.status.variants;
  }
  std::optional<crds::ServingConfig> pushed;
};

inline bool has_event(const World& world, crds::Reason reason) {
  return std::any_of(world.events.begin(), world.events.end(), [&](const auto& e) { return e.reason == reason; });
}

}  // namespace clops::controllers::model_deployment
