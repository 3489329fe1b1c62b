// The objects a ModelDeployment becomes. Pure: equal inputs render equal objects, so that their hash can tell whether
// anything must be applied.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "controllers/common/objects.h"
#include "controllers/options.h"
#include "crds/model_deployment.h"
#include "crds/serving_config.h"

namespace clops::controllers::model_deployment {

[[nodiscard]] std::string config_map_name(const crds::ModelDeployment& object);
[[nodiscard]] std::string secret_name(const crds::ModelDeployment& object);
[[nodiscard]] std::string service_account_name(const crds::ModelDeployment& object);
[[nodiscard]] std::string selector_text(const crds::ModelDeployment& object);
inline constexpr const char* kConfigKey = "serving.json";
inline constexpr const char* kPushKey = "key";

// What the children follow besides the object and its options.
struct ChildInputs {
  crds::ServingConfig config;
  std::set<std::string> claims;  // the volume claims that the models lie on
  // The Service names its pods. It is made before there are any, as every node's proxy needs time for it, and selects
  // them from the first ready one on: kube-proxy writes what it hears at once, but then hears of nothing for a second
  // (minSyncPeriod), and pods that come and are not ready yet would be what it hears of.
  bool service_selects = true;
  bool budget = true;  // of disruptions: once somebody may be served, so that it is not in the first pod's way
};
// In the order in which they are applied: the Service, then what pods mount, then the pods. The push key's Secret is
// not among them.
[[nodiscard]] std::vector<WantedChild> render(const crds::ModelDeployment& object, const ChildInputs& inputs,
                                              const Options& options);
[[nodiscard]] Json render_push_key(const crds::ModelDeployment& object, const std::string& key);

}  // namespace clops::controllers::model_deployment
