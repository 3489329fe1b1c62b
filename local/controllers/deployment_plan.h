// What a Deployment needs next, from the pods it has: pure. There is no ReplicaSet: a pod is a Deployment's own, and
// the label pod-template-hash says which template it was made from.
//
// Thread rule: free functions over values. Source: the Deployment controller's rules for rolling updates and
// conditions.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "crds/workload.h"

namespace clops::local {

inline constexpr const char* kTemplateHash = "pod-template-hash";
inline constexpr const char* kRevision = "deployment.kubernetes.io/revision";
inline constexpr const char* kRevisionHash = "clops.dev/revision-hash";  // of the template kRevision counted last

struct OwnedPod {  // of one Deployment: what the decision needs
  std::string name, hash, phase, creation_timestamp;
  bool ready = false, terminating = false;
  WallTime ready_since;
  bool operator==(const OwnedPod&) const = default;
};

struct DeploymentPlan {
  std::string hash;  // of the template now
  int create = 0;    // pods of that template
  std::vector<std::string> remove;
  int64_t revision = 1;
  Json status;
  std::optional<std::chrono::seconds> look_again;  // when time alone may change the answer
  bool operator==(const DeploymentPlan&) const = default;
};

[[nodiscard]] std::string template_hash(const Json& pod_template);

[[nodiscard]] DeploymentPlan plan_deployment(const crds::Deployment& deployment, const std::vector<OwnedPod>& pods,
                                             WallTime now);

// A pod of the Deployment, to be created; its name is generated.
[[nodiscard]] Json pod_of(const crds::Deployment& deployment, const std::string& hash, const std::string& node_name);

}  // namespace clops::local
