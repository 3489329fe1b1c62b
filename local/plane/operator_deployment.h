// The operator as an object of the plane it works on. Pure.
#pragma once

#include <filesystem>
#include <string>

#include "base/json.h"

namespace clops::local {

inline constexpr const char* kOperatorNamespace = "clops-system";
inline constexpr const char* kOperatorName = "clops-operator";

struct OperatorDeployment {
  std::filesystem::path kubeconfig;
  std::string server_image;
  int api_port = 0;  // part of the template: another port is another kubeconfig, read at start
};

[[nodiscard]] Json operator_namespace();
[[nodiscard]] Json operator_deployment(const OperatorDeployment& what);

}  // namespace clops::local
