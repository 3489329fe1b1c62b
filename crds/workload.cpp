#include "crds/workload.h"

#include <charconv>
#include <cmath>
#include <cstdlib>

namespace clops::crds {
namespace {

std::map<std::string, std::string> string_map(const Json* value) {
  std::map<std::string, std::string> out;
  if (value == nullptr || !value->is_object()) return out;
  for (const auto& [key, item] : value->items()) {
    if (item.is_string())
      out[key] = item.get<std::string>();
    else if (item.is_number())
      out[key] = dump_json(item);  // quantities may be written as numbers
  }
  return out;
}

std::vector<std::string> strings(const Json* value) {
  std::vector<std::string> out;
  if (value == nullptr || !value->is_array()) return out;
  for (const Json& item : *value) {
    if (item.is_string()) out.push_back(item.get<std::string>());
  }
  return out;
}

// Of the items of a list: nothing when it is absent, an error when it is something else.
template <class T, class Decode>
Result<std::vector<T>> list_of(const Json& object, const char* key, const std::string& where, Decode decode) {
  std::vector<T> out;
  const Json* items = find_path(object, {key});
  if (items == nullptr || items->is_null()) return out;
  if (!items->is_array()) return fail(Code::InvalidArgument, where + "." + key + ": must be a list");
  for (size_t i = 0; i < items->size(); ++i) {
    const std::string at = where + "." + key + "[" + std::to_string(i) + "]";
    if (!(*items)[i].is_object()) return fail(Code::InvalidArgument, at + ": must be an object");
    CLOPS_ASSIGN(T item, decode((*items)[i], at));
    out.push_back(std::move(item));
  }
  return out;
}

std::string text_of(const Json* value) {  // an int-or-string
  if (value == nullptr) return "";
  if (value->is_string()) return value->get<std::string>();
  return value->is_number_integer() ? std::to_string(value->get<int64_t>()) : "";
}

KeyRef key_ref(const Json& value) {
  return {
      .name = string_at(value, {"name"}), .key = string_at(value, {"key"}), .optional = bool_at(value, {"optional"})};
}

Result<EnvVar> decode_env(const Json& value, const std::string& where) {
  EnvVar out{.name = string_at(value, {"name"}), .value = string_at(value, {"value"})};
  if (out.name.empty()) return fail(Code::InvalidArgument, where + ".name: is required");
  const Json* from = find_path(value, {"valueFrom"});
  if (from == nullptr) return out;
  if (const Json* field = find_path(*from, {"fieldRef"})) {
    out.field_path = string_at(*field, {"fieldPath"});
  } else if (const Json* config_map = find_path(*from, {"configMapKeyRef"})) {
    out.config_map = key_ref(*config_map);
  } else if (const Json* secret = find_path(*from, {"secretKeyRef"})) {
    out.secret = key_ref(*secret);
  } else {
    return fail(Code::Unsupported,
                where + ".valueFrom: only fieldRef, configMapKeyRef and secretKeyRef are known here");
  }
  return out;
}

Result<EnvFrom> decode_env_from(const Json& value, const std::string&) {
  EnvFrom out{.prefix = string_at(value, {"prefix"})};
  out.config_map = string_at(value, {"configMapRef", "name"});
  out.secret = string_at(value, {"secretRef", "name"});
  out.optional = bool_at(value, {"configMapRef", "optional"}) || bool_at(value, {"secretRef", "optional"});
  return out;
}

Result<Probe> decode_probe(const Json& value, const std::string& where) {
  Probe out;
  if (const Json* http = find_path(value, {"httpGet"})) {
    out.path = string_at(*http, {"path"}, "/");
    out.scheme = string_at(*http, {"scheme"}, "HTTP");
    out.host = string_at(*http, {"host"});
    out.port = text_of(find_path(*http, {"port"}));
    if (out.scheme != "HTTP" && out.scheme != "HTTPS")
      return fail(Code::Unsupported, where + ".httpGet.scheme: only HTTP and HTTPS are probed here");
    if (const Json* headers = find_path(*http, {"httpHeaders"}); headers != nullptr && headers->is_array()) {
      for (const Json& header : *headers)
        out.headers.emplace_back(string_at(header, {"name"}), string_at(header, {"value"}));
    }
  } else if (const Json* tcp = find_path(value, {"tcpSocket"})) {
    out.kind = Probe::Kind::Tcp;
    out.host = string_at(*tcp, {"host"});
    out.port = text_of(find_path(*tcp, {"port"}));
  } else if (const Json* exec = find_path(value, {"exec"})) {
    out.kind = Probe::Kind::Exec;
    out.command = strings(find_path(*exec, {"command"}));
    if (out.command.empty()) return fail(Code::InvalidArgument, where + ".exec.command: is required");
  } else {
    return fail(Code::Unsupported, where + ": only httpGet, tcpSocket and exec probes are known here");
  }
  if (out.kind != Probe::Kind::Exec && out.port.empty())
    return fail(Code::InvalidArgument, where + ": port is required");
  const auto at_least = [&](const char* key, int least, int fallback) {
    return static_cast<int>(std::max<int64_t>(least, int_at(value, {key}, fallback)));
  };
  out.initial_delay_seconds = at_least("initialDelaySeconds", 0, 0);
  out.period_seconds = at_least("periodSeconds", 1, 10);
  out.timeout_seconds = at_least("timeoutSeconds", 1, 1);
  out.success_threshold = at_least("successThreshold", 1, 1);
  out.failure_threshold = at_least("failureThreshold", 1, 3);
  return out;
}

Result<VolumeMount> decode_mount(const Json& value, const std::string& where) {
  VolumeMount out{.name = string_at(value, {"name"}),
                  .mount_path = string_at(value, {"mountPath"}),
                  .sub_path = string_at(value, {"subPath"}),
                  .read_only = bool_at(value, {"readOnly"})};
  if (out.mount_path.empty()) return fail(Code::InvalidArgument, where + ".mountPath: is required");
  return out;
}

Result<ContainerPort> decode_container_port(const Json& value, const std::string&) {
  return ContainerPort{.name = string_at(value, {"name"}),
                       .protocol = string_at(value, {"protocol"}, "TCP"),
                       .port = static_cast<int>(int_at(value, {"containerPort"}))};
}

Result<Container> decode_container(const Json& value, const std::string& where) {
  Container out{.name = string_at(value, {"name"}),
                .image = string_at(value, {"image"}),
                .working_dir = string_at(value, {"workingDir"})};
  if (out.name.empty()) return fail(Code::InvalidArgument, where + ".name: is required");
  out.command = strings(find_path(value, {"command"}));
  out.args = strings(find_path(value, {"args"}));
  CLOPS_ASSIGN(out.env, (list_of<EnvVar>(value, "env", where, decode_env)));
  CLOPS_ASSIGN(out.env_from, (list_of<EnvFrom>(value, "envFrom", where, decode_env_from)));
  CLOPS_ASSIGN(out.mounts, (list_of<VolumeMount>(value, "volumeMounts", where, decode_mount)));
  CLOPS_ASSIGN(out.ports, (list_of<ContainerPort>(value, "ports", where, decode_container_port)));
  out.resources.requests = string_map(find_path(value, {"resources", "requests"}));
  out.resources.limits = string_map(find_path(value, {"resources", "limits"}));
  const auto probe = [&](const char* key, std::optional<Probe>& into) -> Status {
    const Json* given = find_path(value, {key});
    if (given == nullptr || given->is_null()) return {};
    CLOPS_ASSIGN(into, decode_probe(*given, where + "." + key));
    return {};
  };
  CLOPS_TRY(probe("startupProbe", out.startup));
  CLOPS_TRY(probe("readinessProbe", out.readiness));
  CLOPS_TRY(probe("livenessProbe", out.liveness));
  return out;
}

std::vector<KeyToPath> key_items(const Json& value) {
  std::vector<KeyToPath> out;
  const Json* items = find_path(value, {"items"});
  if (items == nullptr || !items->is_array()) return out;
  for (const Json& item : *items) {
    std::string key = string_at(item, {"key"});
    if (key.empty()) key = string_at(item, {"fieldRef", "fieldPath"});
    out.push_back({.key = std::move(key), .path = string_at(item, {"path"})});
  }
  return out;
}

// One source, of a volume or of a projection; `secret_name` differs between the two.
std::optional<VolumePart> decode_part(const Json& value, const char* secret_name) {
  using Kind = VolumePart::Kind;
  if (find_path(value, {"emptyDir"})) return VolumePart{.kind = Kind::EmptyDir};
  if (const Json* at = find_path(value, {"configMap"})) {
    return VolumePart{.kind = Kind::ConfigMap,
                      .name = string_at(*at, {"name"}),
                      .items = key_items(*at),
                      .optional = bool_at(*at, {"optional"})};
  }
  if (const Json* at = find_path(value, {"secret"})) {
    return VolumePart{.kind = Kind::Secret,
                      .name = string_at(*at, {secret_name}),
                      .items = key_items(*at),
                      .optional = bool_at(*at, {"optional"})};
  }
  if (const Json* at = find_path(value, {"persistentVolumeClaim"})) {
    return VolumePart{.kind = Kind::Claim, .name = string_at(*at, {"claimName"})};
  }
  if (const Json* at = find_path(value, {"serviceAccountToken"})) {
    return VolumePart{.kind = Kind::Token, .name = string_at(*at, {"path"}, "token")};
  }
  if (const Json* at = find_path(value, {"downwardAPI"})) {
    return VolumePart{.kind = Kind::DownwardApi, .items = key_items(*at)};
  }
  return std::nullopt;
}

Result<Volume> decode_volume(const Json& value, const std::string& where) {
  Volume out{.name = string_at(value, {"name"})};
  if (const Json* sources = find_path(value, {"projected", "sources"}); sources != nullptr && sources->is_array()) {
    for (const Json& source : *sources) {
      auto part = decode_part(source, "name");
      if (!part) return fail(Code::Unsupported, where + ".projected: a source of this kind is not known here");
      out.parts.push_back(std::move(*part));
    }
    return out;
  }
  auto part = decode_part(value, "secretName");
  if (!part) {
    return fail(Code::Unsupported,
                where + ": volume \"" + out.name +
                    "\" is none of emptyDir, configMap, secret, persistentVolumeClaim, projected, downwardAPI");
  }
  out.parts.push_back(std::move(*part));
  return out;
}

Result<IntOrPercent> int_or_percent(const Json* value, IntOrPercent fallback, const std::string& where) {
  if (value == nullptr || value->is_null()) return fallback;
  if (value->is_number_integer()) return IntOrPercent{static_cast<int>(value->get<int64_t>()), false};
  const std::string text = value->is_string() ? value->get<std::string>() : "";
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number < 0)
    return fail(Code::InvalidArgument, where + ": must be a number or a percentage");
  const std::string_view rest(end, static_cast<size_t>(text.data() + text.size() - end));
  if (rest != "%" && !rest.empty()) return fail(Code::InvalidArgument, where + ": must be a number or a percentage");
  return IntOrPercent{number, rest == "%"};
}

std::optional<int64_t> optional_int(const Json& value, std::initializer_list<std::string_view> path) {
  const Json* at = find_path(value, path);
  return at != nullptr && at->is_number_integer() ? std::optional(at->get<int64_t>()) : std::nullopt;
}

Json pod_template_of(const Json& object) {
  const Json* at = find_path(object, {"spec", "template"});
  return at != nullptr && at->is_object() ? *at : Json::object();
}

Json status_of(const Json& object) {
  const Json* at = find_path(object, {"status"});
  return at != nullptr && at->is_object() ? *at : Json::object();
}

}  // namespace

Result<ObjectMeta> decode_workload_meta(const Json& object) {
  if (find_path(object, {"metadata"}) == nullptr) return fail(Code::InvalidArgument, "metadata: is required");
  return decode_meta(object);
}

Result<PodSpec> decode_pod_spec(const Json& spec, const std::string& where) {
  PodSpec out;
  CLOPS_ASSIGN(out.init_containers, (list_of<Container>(spec, "initContainers", where, decode_container)));
  CLOPS_ASSIGN(out.containers, (list_of<Container>(spec, "containers", where, decode_container)));
  if (out.containers.empty()) return fail(Code::InvalidArgument, where + ".containers: is required");
  CLOPS_ASSIGN(out.volumes, (list_of<Volume>(spec, "volumes", where, decode_volume)));
  const std::string policy = string_at(spec, {"restartPolicy"}, "Always");
  if (policy != "Always" && policy != "OnFailure" && policy != "Never") {
    return fail(Code::InvalidArgument, where + ".restartPolicy: must be Always, OnFailure or Never");
  }
  out.restart_policy = policy == "Always"  ? RestartPolicy::Always
                       : policy == "Never" ? RestartPolicy::Never
                                           : RestartPolicy::OnFailure;
  out.service_account = string_at(spec, {"serviceAccountName"}, "default");
  out.node_name = string_at(spec, {"nodeName"});
  out.termination_grace_seconds = std::max<int64_t>(0, int_at(spec, {"terminationGracePeriodSeconds"}, 30));
  out.active_deadline_seconds = optional_int(spec, {"activeDeadlineSeconds"});
  return out;
}

Result<Pod> decode_pod(const Json& object) {
  Pod out;
  CLOPS_ASSIGN(out.meta, decode_workload_meta(object));
  const Json* spec = find_path(object, {"spec"});
  if (spec == nullptr) return fail(Code::InvalidArgument, "spec: is required");
  CLOPS_ASSIGN(out.spec, decode_pod_spec(*spec));
  out.pod_ip = string_at(object, {"status", "podIP"});
  out.phase = string_at(object, {"status", "phase"});
  if (const Json* conditions = find_path(object, {"status", "conditions"});
      conditions != nullptr && conditions->is_array()) {
    for (const Json& condition : *conditions) {
      if (string_at(condition, {"type"}) == "Ready") out.ready = string_at(condition, {"status"}) == "True";
    }
  }
  return out;
}

Result<Deployment> decode_deployment(const Json& object) {
  Deployment out;
  CLOPS_ASSIGN(out.meta, decode_workload_meta(object));
  out.replicas = static_cast<int>(int_at(object, {"spec", "replicas"}, 1));
  out.match_labels = string_map(find_path(object, {"spec", "selector", "matchLabels"}));
  out.pod_template = pod_template_of(object);
  out.recreate = string_at(object, {"spec", "strategy", "type"}) == "Recreate";
  CLOPS_ASSIGN(out.max_surge, int_or_percent(find_path(object, {"spec", "strategy", "rollingUpdate", "maxSurge"}),
                                             {25, true}, "spec.strategy.rollingUpdate.maxSurge"));
  CLOPS_ASSIGN(out.max_unavailable,
               int_or_percent(find_path(object, {"spec", "strategy", "rollingUpdate", "maxUnavailable"}), {25, true},
                              "spec.strategy.rollingUpdate.maxUnavailable"));
  out.min_ready_seconds = static_cast<int>(int_at(object, {"spec", "minReadySeconds"}));
  out.progress_deadline_seconds = static_cast<int>(int_at(object, {"spec", "progressDeadlineSeconds"}, 600));
  out.paused = bool_at(object, {"spec", "paused"});
  out.status = status_of(object);
  return out;
}

Result<Job> decode_job(const Json& object) {
  Job out;
  CLOPS_ASSIGN(out.meta, decode_workload_meta(object));
  out.completions = static_cast<int>(int_at(object, {"spec", "completions"}, 1));
  out.parallelism = static_cast<int>(int_at(object, {"spec", "parallelism"}, 1));
  out.backoff_limit = static_cast<int>(int_at(object, {"spec", "backoffLimit"}, 6));
  out.active_deadline_seconds = optional_int(object, {"spec", "activeDeadlineSeconds"});
  out.ttl_seconds_after_finished = optional_int(object, {"spec", "ttlSecondsAfterFinished"});
  out.suspend = bool_at(object, {"spec", "suspend"});
  out.pod_template = pod_template_of(object);
  out.status = status_of(object);
  return out;
}

Result<Service> decode_service(const Json& object) {
  Service out;
  CLOPS_ASSIGN(out.meta, decode_workload_meta(object));
  out.type = string_at(object, {"spec", "type"}, "ClusterIP");
  out.cluster_ip = string_at(object, {"spec", "clusterIP"});
  out.selector = string_map(find_path(object, {"spec", "selector"}));
  out.publish_not_ready = bool_at(object, {"spec", "publishNotReadyAddresses"});
  CLOPS_ASSIGN(out.ports, (list_of<ServicePort>(object.value("spec", Json::object()), "ports", "spec",
                                                [](const Json& value, const std::string&) -> Result<ServicePort> {
                                                  ServicePort port{
                                                      .name = string_at(value, {"name"}),
                                                      .protocol = string_at(value, {"protocol"}, "TCP"),
                                                      .port = static_cast<int>(int_at(value, {"port"})),
                                                      .target_port = text_of(find_path(value, {"targetPort"}))};
                                                  if (port.target_port.empty())
                                                    port.target_port = std::to_string(port.port);
                                                  return port;
                                                })));
  return out;
}

namespace {

// The number in front of a suffix; Kubernetes writes plain decimals.
Result<std::pair<double, std::string>> split_quantity(const std::string& quantity) {
  char* end = nullptr;
  const double number = std::strtod(quantity.c_str(), &end);
  if (end == quantity.c_str() || !std::isfinite(number) || number < 0) {
    return fail(Code::InvalidArgument, "\"" + quantity + "\" is not a quantity");
  }
  return std::pair(number, std::string(end));
}

}  // namespace

Result<int64_t> parse_cpu_millis(const std::string& quantity) {
  CLOPS_ASSIGN(const auto parts, split_quantity(quantity));
  if (parts.second == "m") return static_cast<int64_t>(std::ceil(parts.first));
  if (parts.second.empty()) return static_cast<int64_t>(std::ceil(parts.first * 1000));
  return fail(Code::InvalidArgument, "\"" + quantity + "\" is not an amount of CPU");
}

Result<int64_t> parse_bytes(const std::string& quantity) {
  CLOPS_ASSIGN(const auto parts, split_quantity(quantity));
  static const std::map<std::string, double> kUnits = {{"", 1},
                                                       {"k", 1e3},
                                                       {"M", 1e6},
                                                       {"G", 1e9},
                                                       {"T", 1e12},
                                                       {"P", 1e15},
                                                       {"Ki", 1024.0},
                                                       {"Mi", 1048576.0},
                                                       {"Gi", 1073741824.0},
                                                       {"Ti", 1099511627776.0},
                                                       {"Pi", 1125899906842624.0}};
  const auto unit = kUnits.find(parts.second);
  if (unit == kUnits.end()) return fail(Code::InvalidArgument, "\"" + quantity + "\" is not an amount of memory");
  return static_cast<int64_t>(parts.first * unit->second);
}

}  // namespace clops::crds
