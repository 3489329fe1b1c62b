// Pods, Deployments, Jobs and Services as far as the embedded plane runs them: typed values decoded from API objects.
//
// Only what is acted on is here. Decoding is lenient about what is absent (Kubernetes' defaults are filled in) and
// strict about what is present and wrong. Thread rule: values. Errors: InvalidArgument naming the field; Unsupported
// naming the field, for what a process on this machine cannot honour.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "crds/meta.h"

namespace clops::crds {

struct KeyRef {  // configMapKeyRef, secretKeyRef
  std::string name, key;
  bool optional = false;
  bool operator==(const KeyRef&) const = default;
};

struct EnvVar {
  std::string name, value;  // value: with $(VAR) still in it
  std::string field_path;   // "status.podIP", "metadata.labels['x']"; empty = none
  std::optional<KeyRef> config_map, secret;
  bool operator==(const EnvVar&) const = default;
};

struct EnvFrom {
  std::string prefix, config_map, secret;  // one of the two is set
  bool optional = false;
  bool operator==(const EnvFrom&) const = default;
};

struct VolumeMount {
  std::string name, mount_path, sub_path;
  bool read_only = false;
  bool operator==(const VolumeMount&) const = default;
};

struct Probe {
  enum class Kind { HttpGet, Tcp, Exec } kind = Kind::HttpGet;
  std::string path, scheme = "HTTP", host;
  std::string port;  // a number or the name of a container port
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<std::string> command;
  int initial_delay_seconds = 0, period_seconds = 10, timeout_seconds = 1, success_threshold = 1, failure_threshold = 3;
  bool operator==(const Probe&) const = default;
};

struct ContainerPort {
  std::string name, protocol = "TCP";
  int port = 0;
  bool operator==(const ContainerPort&) const = default;
};

struct Container {
  std::string name, image, working_dir;
  std::vector<std::string> command, args;
  std::vector<EnvVar> env;
  std::vector<EnvFrom> env_from;
  std::vector<VolumeMount> mounts;
  std::vector<ContainerPort> ports;
  ResourceRequirements resources;
  std::optional<Probe> startup, readiness, liveness;
  bool operator==(const Container&) const = default;
};

struct KeyToPath {
  std::string key, path;
  bool operator==(const KeyToPath&) const = default;
};

struct VolumePart {  // one source; a projected volume has several, every other volume one
  enum class Kind { EmptyDir, ConfigMap, Secret, Claim, Token, DownwardApi } kind = Kind::EmptyDir;
  std::string name;              // of the ConfigMap, Secret or claim; the path of a Token
  std::vector<KeyToPath> items;  // empty = every key. DownwardApi: key is the field path
  bool optional = false;
  bool operator==(const VolumePart&) const = default;
};

struct Volume {
  std::string name;
  std::vector<VolumePart> parts;
  bool operator==(const Volume&) const = default;
};

enum class RestartPolicy { Always, OnFailure, Never };

struct PodSpec {
  std::vector<Container> init_containers, containers;
  std::vector<Volume> volumes;
  RestartPolicy restart_policy = RestartPolicy::Always;
  std::string service_account = "default", node_name;
  int64_t termination_grace_seconds = 30;
  std::optional<int64_t> active_deadline_seconds;
  bool operator==(const PodSpec&) const = default;
};

struct Pod {
  ObjectMeta meta;
  PodSpec spec;
  std::string pod_ip;  // status.podIP; empty = none yet
  std::string phase;
  bool ready = false;  // condition Ready
  bool operator==(const Pod&) const = default;
};

struct IntOrPercent {
  int value = 0;
  bool percent = false;
  bool operator==(const IntOrPercent&) const = default;
};

struct Deployment {
  ObjectMeta meta;
  int replicas = 1;
  std::map<std::string, std::string> match_labels;
  Json pod_template;  // metadata and spec as written; copied into pods
  bool recreate = false;
  IntOrPercent max_surge{25, true}, max_unavailable{25, true};
  int min_ready_seconds = 0, progress_deadline_seconds = 600;
  bool paused = false;
  Json status;
  bool operator==(const Deployment&) const = default;
};

struct Job {
  ObjectMeta meta;
  int completions = 1, parallelism = 1, backoff_limit = 6;
  std::optional<int64_t> active_deadline_seconds, ttl_seconds_after_finished;
  bool suspend = false;
  Json pod_template;
  Json status;
  bool operator==(const Job&) const = default;
};

struct ServicePort {
  std::string name, protocol = "TCP";
  int port = 0;
  std::string target_port;  // a number or the name of a container port
  bool operator==(const ServicePort&) const = default;
};

struct Service {
  ObjectMeta meta;
  std::string type = "ClusterIP", cluster_ip;  // "None" = headless; empty = not yet given
  std::map<std::string, std::string> selector;
  std::vector<ServicePort> ports;
  bool publish_not_ready = false;
  bool operator==(const Service&) const = default;
};

[[nodiscard]] Result<ObjectMeta> decode_workload_meta(const Json& object);
[[nodiscard]] Result<PodSpec> decode_pod_spec(const Json& spec, const std::string& where = "spec");
[[nodiscard]] Result<Pod> decode_pod(const Json& object);
[[nodiscard]] Result<Deployment> decode_deployment(const Json& object);
[[nodiscard]] Result<Job> decode_job(const Json& object);
[[nodiscard]] Result<Service> decode_service(const Json& object);

// "500m" -> 500, "2" -> 2000. "64Mi" -> bytes. Errors: InvalidArgument.
[[nodiscard]] Result<int64_t> parse_cpu_millis(const std::string& quantity);
[[nodiscard]] Result<int64_t> parse_bytes(const std::string& quantity);

}  // namespace clops::crds
