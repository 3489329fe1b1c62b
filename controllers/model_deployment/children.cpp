#include "controllers/model_deployment/children.h"

#include "base/digest.h"
#include "controllers/model_deployment/access_parts.h"
#include "crds/codec.h"

namespace clops::controllers::model_deployment {
namespace {

constexpr int kTerminationGraceSeconds = 60;  // leaving the endpoints, then finishing what was begun

Json labels_of(const crds::ModelDeployment& object) {
  return {{kNameLabel, kServerName}, {kManagedByLabel, "clops-operator"}, {kDeploymentLabel, object.meta.name}};
}

Json selector_of(const crds::ModelDeployment& object) {
  return {{kNameLabel, kServerName}, {kDeploymentLabel, object.meta.name}};
}

Json frame_of(const ResourceType& type, const std::string& name, const crds::ModelDeployment& object) {
  return frame(type, name, crds::kModelDeploymentType, object.meta, labels_of(object));
}

Json probe(const char* path, const char* port, int period, int timeout, int failures, const char* scheme = "HTTP") {
  return {{"httpGet", {{"path", path}, {"port", port}, {"scheme", scheme}}},
          {"periodSeconds", period},
          {"timeoutSeconds", timeout},
          {"failureThreshold", failures}};
}

Json resources_of(const crds::ResourceRequirements& wanted) {
  Json out{{"requests", {{"cpu", "100m"}, {"memory", "64Mi"}}}, {"limits", {{"memory", "512Mi"}}}};
  for (const auto& [name, value] : wanted.limits) {
    out["limits"][name] = value;
    // A default request must not be more than the limit that somebody wrote.
    if (!wanted.requests.contains(name) && out["requests"].contains(name)) out["requests"][name] = value;
  }
  for (const auto& [name, value] : wanted.requests) {
    out["requests"][name] = value;
    if (name == "memory" && !wanted.limits.contains(name)) out["limits"].erase(name);
  }
  if (out["limits"].empty()) out.erase("limits");
  return out;
}

void add_tracing(const crds::ModelDeployment& object, const Options& options, std::vector<std::string>& args,
                 Json& env) {
  args.push_back("--otlp-endpoint=" + options.otlp_endpoint);
  args.push_back("--otlp-service-name=" + object.meta.name);
  if (options.trace_ratio > 0) args.push_back("--trace-ratio=" + dump_json(Json(options.trace_ratio)));
  env.push_back({{"name", "OTEL_RESOURCE_ATTRIBUTES"}, {"value", "service.namespace=" + object.meta.ns}});
  if (options.otlp_headers_secret.empty()) return;
  env.push_back(
      {{"name", "OTEL_EXPORTER_OTLP_HEADERS"},
       {"valueFrom",
        {{"secretKeyRef", {{"name", options.otlp_headers_secret}, {"key", "headers"}, {"optional", true}}}}}});
}

// The kubelet has no certificate to show: where one is required, it asks the admin port, which knows as much.
Json readiness_probe(const crds::ModelDeploymentSpec& spec) {
  if (needs_client_certificate(spec)) return probe("/readyz", "admin", 1, 2, 3);
  return probe("/v2/health/ready?wait_ms=1500", "http", 1, 2, 3, spec.tls ? "HTTPS" : "HTTP");
}

Json container(const crds::ModelDeployment& object, const ClaimParts& claims, const AccessParts& access,
               const Options& options) {
  std::vector<std::string> args{"serve", "--listen=$(POD_IP)", "--config=/etc/clops/serving.json",
                                "--push-key-file=/etc/clops-push/key", "--cache=/var/cache/clops"};
  args.insert(args.end(), claims.flags.begin(), claims.flags.end());
  args.insert(args.end(), access.flags.begin(), access.flags.end());
  if (options.allow_file_uris) args.emplace_back("--allow-file-uris");
  Json env = Json::array(
      {{{"name", "POD_IP"}, {"valueFrom", {{"fieldRef", {{"apiVersion", "v1"}, {"fieldPath", "status.podIP"}}}}}}});
  if (!options.otlp_endpoint.empty()) add_tracing(object, options, args, env);
  Json mounts = Json::array({{{"name", "config"}, {"mountPath", "/etc/clops"}, {"readOnly", true}},
                             {{"name", "push-key"}, {"mountPath", "/etc/clops-push"}, {"readOnly", true}},
                             {{"name", "cache"}, {"mountPath", "/var/cache/clops"}}});
  for (const Json* more : {&claims.mounts, &access.mounts})
    for (const auto& mount : *more) mounts.push_back(mount);
  return {{"name", "server"},
          {"image", options.server_image},
          {"imagePullPolicy", options.image_pull_policy},
          {"args", args},
          {"env", std::move(env)},
          {"ports", Json::array({{{"name", "http"}, {"containerPort", crds::kHttpPort}, {"protocol", "TCP"}},
                                 {{"name", "admin"}, {"containerPort", crds::kAdminPort}, {"protocol", "TCP"}}})},
          {"readinessProbe", readiness_probe(object.spec)},
          {"livenessProbe", probe("/healthz", "admin", 10, 5, 3)},
          {"resources", resources_of(object.spec.resources)},
          {"securityContext", restricted_container_security()},
          {"volumeMounts", std::move(mounts)}};
}

Json pod_spec(const crds::ModelDeployment& object, const std::set<std::string>& claim_names, const Options& options) {
  const ClaimParts claims = claim_parts({claim_names.begin(), claim_names.end()});
  const AccessParts access = access_parts(object.spec);
  Json volumes =
      Json::array({{{"name", "config"}, {"configMap", {{"name", config_map_name(object)}}}},
                   {{"name", "push-key"}, {"secret", {{"secretName", secret_name(object)}, {"defaultMode", 0440}}}},
                   {{"name", "cache"}, {"emptyDir", {{"sizeLimit", "10Gi"}}}}});
  for (const Json* more : {&claims.volumes, &access.volumes})
    for (const auto& volume : *more) volumes.push_back(volume);
  Json spec{{"serviceAccountName", service_account_name(object)},
            {"automountServiceAccountToken", false},
            {"enableServiceLinks", false},
            {"terminationGracePeriodSeconds", kTerminationGraceSeconds},
            {"securityContext", restricted_pod_security()},
            {"containers", Json::array({container(object, claims, access, options)})},
            {"volumes", std::move(volumes)}};
  if (!object.spec.node_selector.empty()) spec["nodeSelector"] = object.spec.node_selector;
  for (const auto& t : object.spec.tolerations) {
    Json item = Json::object();
    if (!t.key.empty()) item["key"] = t.key;
    if (!t.op.empty()) item["operator"] = t.op;
    if (!t.value.empty()) item["value"] = t.value;
    if (!t.effect.empty()) item["effect"] = t.effect;
    if (t.toleration_seconds) item["tolerationSeconds"] = *t.toleration_seconds;
    spec["tolerations"].push_back(std::move(item));
  }
  for (const auto& name : object.spec.image_pull_secrets) spec["imagePullSecrets"].push_back({{"name", name}});
  return spec;
}

WantedChild deployment(const crds::ModelDeployment& object, const std::set<std::string>& claims,
                       const Options& options) {
  Json out = frame_of(kDeployments, object.meta.name, object);
  out["spec"] = {
      {"replicas", object.spec.replicas.value_or(1)},
      {"revisionHistoryLimit", 3},
      {"progressDeadlineSeconds", 600},
      {"strategy", {{"type", "RollingUpdate"}, {"rollingUpdate", {{"maxUnavailable", 0}, {"maxSurge", 1}}}}},
      {"selector", {{"matchLabels", selector_of(object)}}},
      {"template", {{"metadata", {{"labels", labels_of(object)}}}, {"spec", pod_spec(object, claims, options)}}}};
  return seal(kDeployments, std::move(out));
}

WantedChild service(const crds::ModelDeployment& object, bool selects) {
  // The pods' port keeps its name: a Service that asks for another would lose the pods of before at once.
  const char* const port_name = object.spec.tls ? "https" : "http";
  Json out = frame_of(kServices, object.meta.name, object);
  out["spec"] = {
      {"type", "ClusterIP"},
      {"ports",
       Json::array({{{"name", port_name}, {"port", crds::kHttpPort}, {"targetPort", "http"}, {"protocol", "TCP"}}})}};
  if (selects) out["spec"]["selector"] = selector_of(object);
  return seal(kServices, std::move(out));
}

}  // namespace

std::string config_map_name(const crds::ModelDeployment& object) {
  return object.meta.name + "-serving";
}
std::string secret_name(const crds::ModelDeployment& object) {
  return object.meta.name + "-push";
}
std::string service_account_name(const crds::ModelDeployment& object) {
  return object.spec.service_account_name.empty() ? object.meta.name + "-serving" : object.spec.service_account_name;
}
std::string selector_text(const crds::ModelDeployment& object) {
  return std::string(kNameLabel) + "=" + kServerName + "," + kDeploymentLabel + "=" + object.meta.name;
}

std::vector<WantedChild> render(const crds::ModelDeployment& object, const ChildInputs& inputs,
                                const Options& options) {
  std::vector<WantedChild> out;
  out.push_back(service(object, inputs.service_selects));
  if (object.spec.service_account_name.empty()) {
    Json account = frame_of(kServiceAccounts, service_account_name(object), object);
    account["automountServiceAccountToken"] = false;
    out.push_back(seal(kServiceAccounts, std::move(account)));
  }
  Json map = frame_of(kConfigMaps, config_map_name(object), object);
  map["data"] = {{kConfigKey, crds::encode(inputs.config)}};
  out.push_back(seal(kConfigMaps, std::move(map)));
  out.push_back(deployment(object, inputs.claims, options));
  if (!inputs.budget) return out;

  Json budget = frame_of(kBudgets, object.meta.name, object);
  budget["spec"] = {{"maxUnavailable", 1},
                    {"unhealthyPodEvictionPolicy", "AlwaysAllow"},  // pods that never get ready hold up no drain
                    {"selector", {{"matchLabels", selector_of(object)}}}};
  out.push_back(seal(kBudgets, std::move(budget)));
  return out;
}

Json render_push_key(const crds::ModelDeployment& object, const std::string& key) {
  Json out = frame_of(kSecrets, secret_name(object), object);
  out["type"] = "Opaque";
  out["data"] = {{kPushKey, base64_encode(key)}};
  return out;
}

}  // namespace clops::controllers::model_deployment
