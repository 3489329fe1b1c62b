#include "controllers/model_deployment/status.h"

#include <algorithm>

#include "controllers/model_deployment/children.h"
#include "crds/codec.h"

namespace clops::controllers::model_deployment {
namespace {

std::string split_of(const crds::Routing& routing) {
  if (!routing.sticky_header.empty()) return "; split by header " + routing.sticky_header;
  if (!routing.sticky_parameter.empty()) return "; split by request parameter " + routing.sticky_parameter;
  if (!routing.sticky_column.empty()) return "; split by input column " + routing.sticky_column;
  return "; split per request: set spec.routing.stickyKey to keep a user on one variant";
}

using crds::ConditionStatus;
using crds::Reason;
using std::chrono::seconds;

constexpr size_t kHistoryMax = 10;
constexpr seconds kFirstAnswer{5};  // a pod that has not been asked by then is taken as it is

// The Deployment child as far as it matters here.
struct Rollout {
  bool exists = false, settled = false;
  int replicas = 0, ready = 0;
  std::string stuck;  // the Deployment has given up waiting for progress
};

Rollout rollout_of(const std::vector<LiveChild>& children, const crds::ModelDeployment& object) {
  Rollout out;
  for (const auto& child : children) {
    if (child.type != kDeployments || child.meta.name != object.meta.name) continue;
    if (owner_of(child.meta, crds::kModelDeploymentType, object.meta) != Owner::Us) continue;
    const int64_t wanted = int_at(child.body, {"spec", "replicas"}, 1);
    out.exists = true;
    out.replicas = static_cast<int>(int_at(child.body, {"status", "replicas"}));
    out.ready = static_cast<int>(int_at(child.body, {"status", "readyReplicas"}));
    out.settled = int_at(child.body, {"status", "observedGeneration"}) >= child.meta.generation &&
                  out.replicas == wanted && int_at(child.body, {"status", "updatedReplicas"}) == wanted &&
                  int_at(child.body, {"status", "availableReplicas"}) == wanted;
    const Json* conditions = find_path(child.body, {"status", "conditions"});
    if (!conditions || !conditions->is_array()) continue;
    for (const auto& item : *conditions) {
      if (string_at(item, {"type"}) == "Progressing" && string_at(item, {"status"}) == "False")
        out.stuck = string_at(item, {"message"}, "no progress");
    }
  }
  return out;
}

std::string weights_text(const std::vector<crds::TrafficStatus>& traffic) {
  std::string out;
  for (const auto& t : traffic) out += (out.empty() ? "" : ",") + t.variant + "=" + std::to_string(t.weight);
  return out;
}

std::string weights_text(const crds::ServingConfig& config) {
  std::string out;
  for (const auto& v : config.models.front().variants)
    out += (out.empty() ? "" : ",") + v.name + "=" + std::to_string(v.weight);
  return out;
}

int severity(const std::string& state) {
  return state == "FailedToLoad" ? 3 : state == "Pending" ? 2 : state == "Loading" ? 1 : 0;
}

// What the pods say of one variant, the worst of them first.
const crds::VariantState* worst_state(const std::vector<ServingPod>& pods, const std::string& variant,
                                      const ConfigId& config, bool only_ready) {
  const crds::VariantState* worst = nullptr;
  for (const auto& pod : pods) {
    if (pod.deleting || !follows(pod, config) || (only_ready && !pod.ready)) continue;
    for (const auto& state : pod.state->variants) {
      if (state.variant == variant && (!worst || severity(state.state) > severity(worst->state))) worst = &state;
    }
  }
  return worst;
}

class Writer {
 public:
  Writer(const StatusInputs& inputs, WallTime now)
      : in_(inputs),
        object_(inputs.observed.object),
        pods_(inputs.observed.pods),
        now_(to_rfc3339(now)),
        rollout_(rollout_of(inputs.observed.children, object_)) {
    status_ = object_.status;
    status_.observed_generation = object_.meta.generation;
    ready_pods_ = std::count_if(pods_.begin(), pods_.end(), [](const auto& p) { return p.ready && !p.deleting; });
    if (in_.config) id_ = id_of(*in_.config);
    in_force_ = in_.config && acknowledged(pods_, id_);
    before_ = stays_said();
  }

  StatusPlan run() {
    if (in_.config_is_new && in_.config) {
      event(false, Reason::ConfigPushed,
            "configuration " + std::to_string(in_.config->generation) + ": " + weights_text(*in_.config));
    }
    numbers();
    traffic();
    variants_resolved();
    config_in_force();
    ready();
    convergence();
    for (const char* type : {crds::kVariantsResolved, crds::kConfigInForce, crds::kReady}) tell(type);
    return {std::move(status_), std::move(events_), again_};
  }

 private:
  // What was decided of this very configuration before, when some pod has not been asked since this operator began:
  // nothing new is known of it, so that a restart changes no status. nullptr: there is no such thing.
  const crds::Condition* stays_said() const {
    const bool unheard =
        std::any_of(pods_.begin(), pods_.end(), [](const auto& p) { return !p.deleting && p.unheard; });
    if (!unheard || !in_.config || in_.config_is_new) return nullptr;
    const crds::Condition* before = crds::find_condition(object_.status.conditions, crds::kConfigInForce);
    if (!before || before->status == ConditionStatus::Unknown) return nullptr;
    const auto& history = object_.status.history;
    const bool was_in_force = !history.empty() && history.front().generation == in_.config->generation;
    const bool failed =
        before->status == ConditionStatus::False && before->observed_generation == object_.meta.generation;
    return was_in_force || failed ? before : nullptr;
  }
  int wanted_replicas() const { return object_.spec.replicas.value_or(1); }

  void numbers() {
    status_.replicas = rollout_.replicas;
    status_.ready_replicas = rollout_.ready;
    status_.selector = selector_text(object_);
    status_.scaling = scaling_decision(status_.scaling, pods_);
    if (!in_.config) return;
    if (!in_.options.cluster_ip_urls) {
      status_.url = "http://" + object_.meta.name + "." + object_.meta.ns + ".svc:" + std::to_string(crds::kHttpPort);
      return;
    }
    for (const auto& child : in_.observed.children) {
      if (child.type != kServices || child.meta.name != object_.meta.name) continue;
      const std::string ip = string_at(child.body, {"spec", "clusterIP"});
      if (!ip.empty() && ip != "None") status_.url = "http://" + ip + ":" + std::to_string(crds::kHttpPort);
    }
  }

  void traffic() {
    if (!in_force_) return;
    std::vector<crds::TrafficStatus> traffic;
    for (const auto& variant : in_.config->models.front().variants) {
      const crds::VariantState* state = worst_state(pods_, variant.name, id_, true);
      crds::TrafficStatus item{variant.name, variant.model.model_version, variant.model.digest, variant.weight,
                               state ? state->state : "Pending"};
      if (state && state->state != "Loaded") {  // what answers in its place, as the pods say
        item.model_version = state->model_version;
        item.digest = state->digest;
      }
      traffic.push_back(std::move(item));
    }
    status_.traffic = traffic;
    status_.variants = weights_text(traffic);
    if (status_.history.empty() || status_.history.front().generation < in_.config->generation) {
      status_.history.insert(status_.history.begin(), {in_.config->generation, now_, std::move(traffic)});
      if (status_.history.size() > kHistoryMax) status_.history.resize(kHistoryMax);
    }
  }

  void variants_resolved() {
    const auto& problems = in_.resolution.problems;
    if (problems.empty())
      return set(crds::kVariantsResolved, ConditionStatus::True, Reason::VariantsResolved,
                 "every variant's ModelVersion is verified");
    const Problem* first = &problems.front();
    std::string message;
    for (const auto& problem : problems) {
      if (first->reason == Reason::ModelVersionNotReady) first = &problem;
      message += (message.empty() ? "" : "; ") + problem.message;
    }
    if (!object_.status.traffic.empty()) message += "; traffic stays as it was: " + object_.status.variants;
    set(crds::kVariantsResolved,
        first->reason == Reason::ModelVersionNotReady ? ConditionStatus::Unknown : ConditionStatus::False,
        first->reason, message);
  }

  // The variants that a pod which follows the configuration could not load, for people; empty = none.
  std::string load_failures() const {
    std::string out;
    if (!in_.config) return out;
    if (before_) return before_->status == ConditionStatus::False ? before_->message : out;
    for (const auto& variant : in_.config->models.front().variants) {
      const crds::VariantState* state = worst_state(pods_, variant.name, id_, false);
      if (!state || state->state != "FailedToLoad") continue;
      out += (out.empty() ? "variant " : "; variant ") + variant.name + " (" + variant.model.model_version +
             "): " + state->message;
      if (!state->model_version.empty()) out += "; its share is served by " + state->model_version;
    }
    return out;
  }

  void config_in_force() {
    if (!in_.config)
      return set(crds::kConfigInForce, ConditionStatus::Unknown, Reason::Progressing, "there is no configuration yet");
    const std::string name =
        "configuration " + std::to_string(in_.config->generation) + " (" + weights_text(*in_.config) + ")";
    if (before_) {
      again_ = kFirstAnswer;
      return set(crds::kConfigInForce, before_->status,
                 before_->status == ConditionStatus::True ? Reason::ConfigInForce : Reason::VariantFailedToLoad,
                 before_->message);
    }
    if (const std::string failures = load_failures(); !failures.empty()) {
      return set(crds::kConfigInForce, ConditionStatus::False, Reason::VariantFailedToLoad, failures);
    }
    if (in_force_)
      return set(crds::kConfigInForce, ConditionStatus::True, Reason::ConfigInForce,
                 name + " is in force in every ready pod");
    if (wanted_replicas() == 0)
      return set(crds::kConfigInForce, ConditionStatus::Unknown, Reason::ScaledToZero,
                 name + " waits for pods: spec.replicas is 0");
    if (ready_pods_ == 0)
      return set(crds::kConfigInForce, ConditionStatus::Unknown, Reason::WaitingForPods,
                 name + " waits for pods to be ready");
    set(crds::kConfigInForce, ConditionStatus::Unknown, Reason::WaitingForAcknowledgement,
        name + " is not yet acknowledged by every ready pod");
  }

  std::string pod_trouble() const {
    for (const auto& pod : pods_) {
      if (!pod.deleting && !pod.ready && !pod.trouble.empty()) return ": pod " + pod.name + ": " + pod.trouble;
    }
    return "";
  }

  // The Service does not lead to the ready pods yet, and nobody was told so far that it does.
  bool endpoint_pending() const {
    return in_.observed.endpoint == Endpoint::Asking && ready_pods_ > 0 && !status_.traffic.empty() &&
           !crds::is_true(object_.status.conditions, crds::kReady);
  }

  void ready() {
    if (wanted_replicas() == 0)
      return set(crds::kReady, ConditionStatus::False, Reason::ScaledToZero, "spec.replicas is 0: nothing answers");
    if (endpoint_pending())
      return set(crds::kReady, ConditionStatus::Unknown, Reason::WaitingForEndpoint,
                 "pods are ready; the Service does not lead to them yet");
    if (ready_pods_ > 0 && !status_.traffic.empty()) {
      const std::string split = status_.traffic.size() == 1 ? "" : split_of(object_.spec.routing);
      if (in_.observed.endpoint == Endpoint::Unreachable)
        event(true, Reason::WaitingForEndpoint,
              "the operator gets no answer through the Service, so it takes the pods' word that the endpoint is ready");
      return set(crds::kReady, ConditionStatus::True, Reason::EndpointReady, "serving " + status_.variants + split);
    }
    if (ready_pods_ > 0)
      return set(crds::kReady, ConditionStatus::Unknown, Reason::WaitingForAcknowledgement,
                 "pods are ready and have not acknowledged the configuration yet");
    not_ready();
  }

  void not_ready() {
    const crds::Condition* before = crds::find_condition(object_.status.conditions, crds::kReady);
    const bool was_serving =
        before && (before->status == ConditionStatus::True || before->reason == to_string(Reason::PodsNotReady));
    if (was_serving)
      return set(crds::kReady, ConditionStatus::False, Reason::PodsNotReady, "no pod is ready" + pod_trouble());
    if (!in_.trouble.conflict.empty())
      return set(crds::kReady, ConditionStatus::False, Reason::ChildConflict, in_.trouble.conflict);
    if (!in_.trouble.refused.empty())
      return set(crds::kReady, ConditionStatus::False, Reason::ChildRefused, in_.trouble.refused);
    if (!in_.trouble.waiting.empty())
      return set(crds::kReady, ConditionStatus::Unknown, Reason::Progressing, in_.trouble.waiting);
    if (!in_.config) {
      const crds::Condition* resolved = crds::find_condition(status_.conditions, crds::kVariantsResolved);
      crds::Condition copy = *resolved;
      copy.type = crds::kReady;
      copy.last_transition_time = now_;
      return crds::set_condition(status_.conditions, std::move(copy));
    }
    if (const std::string failures = load_failures(); !failures.empty())
      return set(crds::kReady, ConditionStatus::False, Reason::VariantFailedToLoad, failures);
    if (!rollout_.stuck.empty())
      return set(crds::kReady, ConditionStatus::False, Reason::RolloutStuck, rollout_.stuck + pod_trouble());
    set(crds::kReady, ConditionStatus::Unknown, Reason::WaitingForPods, "waiting for pods to be ready" + pod_trouble());
  }

  // Reconciling and Stalled: at most one of them, and only while true.
  void convergence() {
    const auto& problems = in_.resolution.problems;
    const auto hopeless =
        std::find_if(problems.begin(), problems.end(), [](const auto& p) { return !p.waiting_helps; });
    const std::string failures = load_failures();
    if (!in_.trouble.conflict.empty()) return converge(crds::kStalled, Reason::ChildConflict, in_.trouble.conflict);
    if (hopeless != problems.end()) return converge(crds::kStalled, hopeless->reason, hopeless->message);
    if (!failures.empty()) return converge(crds::kStalled, Reason::VariantFailedToLoad, failures);
    if (!rollout_.stuck.empty() && !rollout_.settled)
      return converge(crds::kStalled, Reason::RolloutStuck, rollout_.stuck + pod_trouble());
    if (!in_.trouble.waiting.empty()) return converge(crds::kReconciling, Reason::Progressing, in_.trouble.waiting);
    if (!in_.trouble.refused.empty()) return converge(crds::kReconciling, Reason::ChildRefused, in_.trouble.refused);
    if (!problems.empty()) return converge(crds::kReconciling, problems.front().reason, problems.front().message);
    if (in_.writes || !rollout_.settled)
      return converge(crds::kReconciling, Reason::Progressing, "objects are being brought to what spec says");
    if (!in_force_ && !before_ && wanted_replicas() > 0)
      return converge(crds::kReconciling, Reason::WaitingForAcknowledgement, "pods are taking up the configuration");
    if (endpoint_pending() && wanted_replicas() > 0)
      return converge(crds::kReconciling, Reason::WaitingForEndpoint, "the Service does not lead to the pods yet");
    crds::remove_condition(status_.conditions, crds::kReconciling);
    crds::remove_condition(status_.conditions, crds::kStalled);
  }

  void converge(const char* type, Reason reason, const std::string& message) {
    crds::remove_condition(status_.conditions,
                           std::string_view(type) == crds::kStalled ? crds::kReconciling : crds::kStalled);
    set(type, ConditionStatus::True, reason, message);
    const crds::Condition* before = crds::find_condition(object_.status.conditions, type);
    if (reason == Reason::ChildConflict && (!before || before->message != message)) event(true, reason, message);
    again_ = seconds{30};  // what no watch tells: a foreign object that goes, a lost change
  }

  void set(const char* type, ConditionStatus status, Reason reason, const std::string& message) {
    crds::set_condition(status_.conditions, condition(type, status, reason, message, object_.meta.generation, now_));
  }

  void event(bool warning, Reason reason, const std::string& message) {
    const bool told = std::any_of(events_.begin(), events_.end(), [&](const auto& e) { return e.reason == reason; });
    if (!told) events_.push_back({warning, reason, message});
  }

  // An event for a decision that changed; waiting is not one.
  void tell(const char* type) {
    const crds::Condition* now = crds::find_condition(status_.conditions, type);
    const crds::Condition* before = crds::find_condition(object_.status.conditions, type);
    if (before && before->reason == now->reason && before->message == now->message) return;
    for (const Reason reason : {Reason::ModelVersionMissing, Reason::ModelVersionNotReady, Reason::ModelVersionFailed,
                                Reason::VariantsResolved, Reason::ConfigInForce, Reason::VariantFailedToLoad,
                                Reason::EndpointReady, Reason::PodsNotReady, Reason::RolloutStuck, Reason::ScaledToZero,
                                Reason::ChildConflict, Reason::ChildRefused, Reason::InvalidSpec}) {
      if (to_string(reason) == now->reason)
        event(now->status == ConditionStatus::False && reason != Reason::ScaledToZero, reason, now->message);
    }
  }

  const StatusInputs& in_;
  const crds::ModelDeployment& object_;
  const std::vector<ServingPod>& pods_;
  const std::string now_;
  const Rollout rollout_;
  ConfigId id_;  // of the configuration, when there is one
  int64_t ready_pods_ = 0;
  bool in_force_ = false;
  const crds::Condition* before_ = nullptr;  // of object_: ConfigInForce, while it stays as it was
  crds::ModelDeploymentStatus status_;
  std::vector<PlannedEvent> events_;
  std::optional<Duration> again_;
};

}  // namespace

StatusPlan plan_status(const StatusInputs& inputs, WallTime now) {
  return Writer(inputs, now).run();
}

}  // namespace clops::controllers::model_deployment
