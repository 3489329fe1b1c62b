// serving.json: what one serving pod serves, by reference only. Written by the operator, to a ConfigMap (the durable
// copy) and by push to every ready pod; the highest generation wins.
//
// Version rule: `version` is the schema's. A reader accepts its own and the one before (N-1), ignores unknown fields,
// and refuses newer versions with a clear error, so that operator and server can be updated in either order. Push: PUT
// http://POD:8081/clops/v1/config, header "Authorization: Bearer KEY" (KEY: the deployment's Secret NAME-push, key
// "key"); the answer is a PodState (also GET). 401 wrong key, 409 generation lower than what is taken already, or the
// same with another content. Thread rule: values. Errors of the codec: InvalidArgument naming the JSON path,
// Unsupported (version).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crds/bucket_layout.h"
#include "crds/serving_config_door.h"
#include "crds/serving_config_logger.h"
#include "crds/serving_config_override.h"
#include "crds/serving_config_traffic.h"
#include "crds/steps.h"

namespace clops::crds {

inline constexpr int kServingConfigVersion = 1;
inline constexpr int kHttpPort = 8080, kAdminPort = 8081;  // HTTP: gRPC as well

struct ModelRef {             // what is needed to fetch, verify and name one artifact
  std::string model_version;  // the ModelVersion object's name
  std::string version;        // its spec.version: the protocol's version
  std::string uri;
  std::string digest;  // verified by inspection; never empty: an unverified model never serves
  std::string format;  // as inspection found it ("xgboost-json", ...)
  Steps steps;         // before and after it: with the reference, so that a fallback keeps those it was declared with
  bool operator==(const ModelRef&) const = default;
};

struct ServingVariant {
  std::string name;
  int weight = 0;
  ModelRef model;
  std::optional<ModelRef>
      fallback;  // the last reference that every pod loaded for this variant, when `model` is not yet that
  VariantLimits limits;
  bool operator==(const ServingVariant&) const = default;
};

struct ServingRule {
  std::string header, value, variant;
  bool operator==(const ServingRule&) const = default;
};

struct ServingModel {         // one ModelDeployment
  std::string name;           // the protocol's model name
  std::string salt;           // the ModelDeployment's UID
  std::string sticky_header;  // at most one of the three: none: split per request
  std::vector<ServingRule> rules;
  std::vector<ServingVariant> variants;
  std::string
      stable;  // the variant that serves the share of one that cannot be loaded: the greatest weight, first on a tie
  BucketLayout buckets;
  std::string sticky_parameter, sticky_column;
  std::optional<Validation> validation;
  std::optional<Mirror> mirror;
  std::optional<Batcher> batcher;
  std::optional<Logger> logger;
  RoutingOverride chosen_by;
  bool operator==(const ServingModel&) const = default;
};

struct ServingConfig {
  int version = kServingConfigVersion;
  int64_t generation = 0;
  std::vector<ServingModel> models;  // none: the pod waits, and is not ready
  bool operator==(const ServingConfig&) const = default;
};

// What a pod says of itself, in answer to a push.
struct VariantState {
  std::string model, variant;
  std::string state;          // Pending | Loading | Loaded | FailedToLoad (of the wanted reference)
  std::string model_version;  // what in fact serves this variant's share now; empty = nothing
  std::string digest;
  std::string message;  // why it failed: names the file or field
  bool operator==(const VariantState&) const = default;
};
struct PodState {
  int64_t generation = 0;  // in force on every thread: requests from now on follow it
  std::string content;     // digest of that configuration's text as it arrived; empty: an older server, or a newer
                           // configuration is under way
  bool ready = false;
  std::vector<VariantState> variants;
  bool operator==(const PodState&) const = default;
};

[[nodiscard]] std::string encode(const ServingConfig& config);  // canonical: equal values, equal text
[[nodiscard]] Result<ServingConfig> decode_serving_config(std::string_view json);
// What a pod that was sent this text says in PodState::content.
[[nodiscard]] std::string content_digest(std::string_view serving_json);
[[nodiscard]] std::string encode(const PodState& state);
[[nodiscard]] Result<PodState> decode_pod_state(std::string_view json);

}  // namespace clops::crds
