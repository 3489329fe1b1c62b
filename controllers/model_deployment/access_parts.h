// What spec.tls and spec.auth add to a serving pod: volumes, mounts and flags. The operator never reads these Secrets.
// Pure.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "crds/model_deployment.h"

namespace clops::controllers::model_deployment {

struct AccessParts {
  Json volumes = Json::array(), mounts = Json::array();
  std::vector<std::string> flags;
};
[[nodiscard]] AccessParts access_parts(const crds::ModelDeploymentSpec& spec);

// Whether a client without a certificate is refused at the inference port: then probes are, too.
[[nodiscard]] bool needs_client_certificate(const crds::ModelDeploymentSpec& spec);

}  // namespace clops::controllers::model_deployment
