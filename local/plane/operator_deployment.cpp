#include "local/plane/operator_deployment.h"

namespace clops::local {

Json operator_namespace() {
  return {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", kOperatorNamespace}}}};
}

Json operator_deployment(const OperatorDeployment& what) {
  const Json labels = {{"app.kubernetes.io/name", kOperatorName}};
  const auto field = [](const char* name, const char* path) -> Json {
    return {{"name", name}, {"valueFrom", {{"fieldRef", {{"fieldPath", path}}}}}};
  };
  const Json args =
      Json::array({"--kubeconfig=" + what.kubeconfig.string(), "--allow-file-uris", "--service-urls=cluster-ip",
                   "--server-image=" + what.server_image, "--namespace=" + std::string(kOperatorNamespace),
                   "--listen=$(POD_IP)", "--port=8081", "--identity=$(POD_NAME)"});
  const Json container = {
      {"name", "operator"},
      {"image", "clops-operator:local"},
      {"imagePullPolicy", "IfNotPresent"},
      {"args", args},
      {"env", Json::array({field("POD_IP", "status.podIP"), field("POD_NAME", "metadata.name")})},
      {"ports", Json::array({{{"name", "admin"}, {"containerPort", 8081}}})},
      {"livenessProbe",
       {{"httpGet", {{"path", "/healthz"}, {"port", "admin"}}}, {"initialDelaySeconds", 5}, {"failureThreshold", 6}}},
      {"readinessProbe", {{"httpGet", {{"path", "/readyz"}, {"port", "admin"}}}}}};
  return {
      {"apiVersion", "apps/v1"},
      {"kind", "Deployment"},
      {"metadata", {{"name", kOperatorName}, {"namespace", kOperatorNamespace}, {"labels", labels}}},
      {"spec",
       {{"replicas", 1},
        {"selector", {{"matchLabels", labels}}},
        // One writer at a time either way (its Lease); recreating saves the wait for it.
        {"strategy", {{"type", "Recreate"}}},
        {"template",
         {{"metadata", {{"labels", labels}, {"annotations", {{"clops.dev/api-port", std::to_string(what.api_port)}}}}},
          {"spec", {{"terminationGracePeriodSeconds", 10}, {"containers", Json::array({container})}}}}}}}};
}

}  // namespace clops::local
