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

// In the order in which they are applied: what pods mount, then the pods, which take longest, then what leads to them.
// The push key's Secret is not among them. `claims`: the volume claims that the models lie on.
[[nodiscard]] std::vector<WantedChild> render(const crds::ModelDeployment& object, const crds::ServingConfig& config,
                                              const std::set<std::string>& claims, const Options& options);
[[nodiscard]] Json render_push_key(const crds::ModelDeployment& object, const std::string& key);

}  // namespace clops::controllers::model_deployment
