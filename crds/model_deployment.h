// ModelDeployment (md): the stable endpoint over named variants. Shapes as in the CRD (crds/modeldeployments.yaml).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "crds/access.h"
#include "crds/meta.h"
#include "crds/serving_config_door.h"
#include "crds/serving_config_logger.h"
#include "crds/serving_config_override.h"
#include "crds/serving_config_traffic.h"
#include "crds/steps.h"

namespace clops::crds {

struct VariantSpec {
  std::string name, model_version;
  int weight = 0;  // percent; all variants total 100
  VariantLimits limits;
  std::optional<Steps> steps;  // in place of the deployment's, also where they are none
  bool operator==(const VariantSpec&) const = default;
};

struct RoutingRule {
  std::string header, value, variant;  // header names compare without case, values exactly; first match wins
  bool operator==(const RoutingRule&) const = default;
};

struct Routing {
  std::string sticky_header;  // routing.stickyKey: at most one of the three; none = split per request
  std::vector<RoutingRule> rules;
  std::string sticky_parameter, sticky_column;
  RoutingOverride chosen_by;
  bool operator==(const Routing&) const = default;
};

struct ModelDeploymentSpec {
  std::vector<VariantSpec> variants;
  std::optional<Mirror> mirror;
  std::optional<Batcher> batcher;
  Routing routing;
  std::optional<Validation> validation;
  Steps steps;                  // of variants that have none of their own
  std::optional<int> replicas;  // absent = 1
  ResourceRequirements resources;
  std::string service_account_name;  // empty: the operator makes one for the deployment
  std::map<std::string, std::string> node_selector;
  std::vector<Toleration> tolerations;
  std::vector<std::string> image_pull_secrets;
  std::optional<Logger> logger;
  std::optional<TlsSpec> tls;
  std::optional<AuthSpec> auth;
  bool operator==(const ModelDeploymentSpec&) const = default;
};

// What traffic is in force, as every ready pod has acknowledged it.
struct TrafficStatus {
  std::string variant, model_version, digest;
  int weight = 0;
  std::string state;  // Pending | Loading | Loaded | FailedToLoad
  bool operator==(const TrafficStatus&) const = default;
};

struct ScalingStatus {  // decisions, not readings
  int wanted_replicas = 0;
  std::string reason;
  bool operator==(const ScalingStatus&) const = default;
};

struct HistoryEntry {      // newest first; at most 10
  int64_t generation = 0;  // of serving.json
  std::string time;
  std::vector<TrafficStatus> traffic;
  bool operator==(const HistoryEntry&) const = default;
};

struct ModelDeploymentStatus {
  int64_t observed_generation = 0;
  std::string url;
  std::string grpc_url;
  std::vector<Condition> conditions;
  int replicas = 0, ready_replicas = 0;
  std::string selector;  // for /scale
  std::string variants;  // for the printer column: "champion=90,challenger=10"
  std::vector<TrafficStatus> traffic;
  ScalingStatus scaling;
  std::vector<HistoryEntry> history;
  bool operator==(const ModelDeploymentStatus&) const = default;
};

struct ModelDeployment {
  ObjectMeta meta;
  ModelDeploymentSpec spec;
  ModelDeploymentStatus status;
  bool operator==(const ModelDeployment&) const = default;
};

}  // namespace clops::crds
