// What to do about one ModelDeployment, decided from it, its ModelVersions, its children and what its pods say.
//
// Three steps, each pure: resolve the variants, decide what serving.json must say, compare children and status with
// what there is. serving.json as it is (its ConfigMap) is an input like any other: buckets move from there, generations
// grow from there, and an update whose variants do not all resolve leaves it as it is.
//
// While the models of a new ModelDeployment are being verified its pods start already, with a serving.json that names
// no model ("waiting"): such a pod is never ready. What was verified is then pushed to pods that wait for nothing else,
// so that a deployment takes as long as its slower pod, not as long as two in a row.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "controllers/common/objects.h"
#include "controllers/options.h"
#include "crds/model_deployment.h"
#include "crds/model_version.h"
#include "crds/scaling_hint.h"
#include "crds/serving_config.h"

namespace clops::controllers::model_deployment {

struct ServingPod {
  std::string name, instance, ip;  // instance changes when a container restarts
  bool ready = false, deleting = false;
  std::string trouble;                  // why it does not run, as Kubernetes says
  std::optional<crds::PodState> state;  // what it last answered
  std::optional<crds::ScalingHint> hint;
  bool unheard = false;  // not asked yet since this operator began: nothing is known, neither good nor bad
  bool operator==(const ServingPod&) const = default;
};

// Whether the Service's address answers, asked only while the deployment is becoming ready.
enum class Endpoint : uint8_t {
  Answers,
  Asking,       // not yet
  Unreachable,  // the operator has given up asking: its own way there may be closed
};

struct Observed {
  crds::ModelDeployment object;
  std::map<std::string, crds::ModelVersion> versions;  // of its namespace, those that variants name and that exist
  std::vector<LiveChild> children;                     // those it owns, and any other object that has the name of one
  std::vector<ServingPod> pods;
  std::string refused_child;  // the API would not take a child: which, and why
  Endpoint endpoint = Endpoint::Answers;
};

struct RemovedChild {
  ResourceType type;
  std::string name, uid;
  bool operator==(const RemovedChild&) const = default;
};

struct Plan {
  bool create_push_key = false;    // a Secret with a new random key
  std::vector<WantedChild> apply;  // in order
  std::vector<RemovedChild> remove;
  std::optional<crds::ServingConfig> config;  // what every pod must follow
  crds::ModelDeploymentStatus status;
  std::vector<PlannedEvent> events;
  std::optional<Duration> again;
  bool operator==(const Plan&) const = default;
};

[[nodiscard]] Plan plan(const Observed& observed, const Options& options, WallTime now);

// ---- its steps, for tests

struct Problem {
  crds::Reason reason = crds::Reason::ModelVersionMissing;
  std::string message;
  bool waiting_helps = true;
  bool operator==(const Problem&) const = default;
};
struct Resolution {
  std::vector<crds::ModelRef> refs;  // one per variant, when there is no problem
  std::vector<Problem> problems;
  bool operator==(const Resolution&) const = default;
};
// Nothing is wrong, only not verified yet.
[[nodiscard]] bool only_unverified(const Resolution& resolution);
[[nodiscard]] Resolution resolve(const crds::ModelDeployment& object,
                                 const std::map<std::string, crds::ModelVersion>& versions);

[[nodiscard]] bool is_waiting(const crds::ServingConfig& config);  // names no model yet
// serving.json as the ConfigMap has it; nullopt where there is none, or none that can be read.
[[nodiscard]] std::optional<crds::ServingConfig> config_of(const std::vector<LiveChild>& children,
                                                           const crds::ModelDeployment& object);
// What it must say now. The current one, unchanged, when it already says so.
[[nodiscard]] crds::ServingConfig next_config(const crds::ModelDeployment& object,
                                              const std::vector<crds::ModelRef>& refs,
                                              const std::optional<crds::ServingConfig>& current,
                                              const std::vector<ServingPod>& pods);
// The current one where it may not change (its variants do not all resolve): under a new number when a pod follows a
// higher one, or one of the same number that says something else.
[[nodiscard]] crds::ServingConfig kept_config(const crds::ServingConfig& current, const std::vector<ServingPod>& pods);

// Which configuration it is: its number, and the digest of its text.
struct ConfigId {
  int64_t generation = 0;
  std::string content;
};
[[nodiscard]] ConfigId id_of(const crds::ServingConfig& config);
// What the pod last said of itself is about this configuration. A server of an older version names no content.
[[nodiscard]] bool follows(const ServingPod& pod, const ConfigId& config);
[[nodiscard]] bool any_ready(const std::vector<ServingPod>& pods);
// Every ready pod follows it, and there is one.
[[nodiscard]] bool acknowledged(const std::vector<ServingPod>& pods, const ConfigId& config);
[[nodiscard]] crds::ScalingStatus scaling_decision(const crds::ScalingStatus& before,
                                                   const std::vector<ServingPod>& pods);

}  // namespace clops::controllers::model_deployment
