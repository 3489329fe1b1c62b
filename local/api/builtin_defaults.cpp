#include "base/digest.h"
#include "local/api/builtin_rules.h"

namespace clops::local {
namespace {

void set_missing(Json& object, const char* name, Json value) {
  if (!object.contains(name)) object[name] = std::move(value);
}

Json& object_at(Json& parent, const char* name) {
  Json& out = parent[name];
  if (!out.is_object()) out = Json::object();
  return out;
}

void default_probe(Json& container, const char* name) {
  const auto it = container.find(name);
  if (it == container.end() || !it->is_object()) return;
  set_missing(*it, "timeoutSeconds", 1);
  set_missing(*it, "periodSeconds", 10);
  set_missing(*it, "successThreshold", 1);
  set_missing(*it, "failureThreshold", 3);
  if (const auto http = it->find("httpGet"); http != it->end() && http->is_object()) {
    set_missing(*http, "path", "/");
    set_missing(*http, "scheme", "HTTP");
  }
}

void default_container(Json& container) {
  if (!container.is_object()) return;
  const std::string image = string_at(container, {"image"});
  const size_t colon = image.rfind(':'), slash = image.rfind('/');
  const bool tagged = image.find('@') != std::string::npos ||
                      (colon != std::string::npos && (slash == std::string::npos || colon > slash));
  const bool latest = !tagged || image.ends_with(":latest");
  set_missing(container, "imagePullPolicy", latest ? "Always" : "IfNotPresent");
  set_missing(container, "terminationMessagePath", "/dev/termination-log");
  set_missing(container, "terminationMessagePolicy", "File");
  object_at(container, "resources");
  for (const char* probe : {"livenessProbe", "readinessProbe", "startupProbe"}) default_probe(container, probe);
  if (const auto env = container.find("env"); env != container.end() && env->is_array()) {
    for (auto& item : *env) {
      if (find_path(item, {"valueFrom", "fieldRef"})) set_missing(item["valueFrom"]["fieldRef"], "apiVersion", "v1");
    }
  }
}

// Only in a pod itself: a template keeps what was written.
void default_requests(Json& container) {
  Json& resources = object_at(container, "resources");
  const auto limits = resources.find("limits");
  if (limits == resources.end() || !limits->is_object()) return;
  const Json limited = *limits;
  for (const auto& [name, value] : limited.items()) set_missing(object_at(resources, "requests"), name.c_str(), value);
}

void default_volume(Json& volume) {
  if (!volume.is_object()) return;
  for (const char* kind : {"configMap", "secret", "projected", "downwardAPI"}) {
    if (volume.contains(kind) && volume[kind].is_object()) set_missing(volume[kind], "defaultMode", 420);
  }
  if (volume.size() == 1 && volume.contains("name")) volume["emptyDir"] = Json::object();
}

void default_pod_spec(Json& spec) {
  set_missing(spec, "restartPolicy", "Always");
  set_missing(spec, "dnsPolicy", "ClusterFirst");
  set_missing(spec, "terminationGracePeriodSeconds", 30);
  set_missing(spec, "schedulerName", "default-scheduler");
  object_at(spec, "securityContext");
  // The older name of the same field.
  if (spec.contains("serviceAccount")) set_missing(spec, "serviceAccountName", spec["serviceAccount"]);
  if (spec.contains("serviceAccountName")) spec["serviceAccount"] = spec["serviceAccountName"];
  for (const char* list : {"containers", "initContainers"}) {
    if (!spec.contains(list) || !spec[list].is_array()) continue;
    for (auto& container : spec[list]) default_container(container);
  }
  if (spec.contains("volumes") && spec["volumes"].is_array()) {
    for (auto& volume : spec["volumes"]) default_volume(volume);
  }
}

void default_template(Json& spec) {
  if (spec.contains("template") && spec["template"].is_object()) default_pod_spec(object_at(spec["template"], "spec"));
}

void default_deployment(Json& spec) {
  set_missing(spec, "replicas", 1);
  set_missing(spec, "revisionHistoryLimit", 10);
  set_missing(spec, "progressDeadlineSeconds", 600);
  Json& strategy = object_at(spec, "strategy");
  set_missing(strategy, "type", "RollingUpdate");
  if (strategy["type"] == "RollingUpdate") {
    Json& rolling = object_at(strategy, "rollingUpdate");
    set_missing(rolling, "maxSurge", "25%");
    set_missing(rolling, "maxUnavailable", "25%");
  }
  default_template(spec);
}

void default_job(Json& spec) {
  if (!spec.contains("completions") && !spec.contains("parallelism")) {
    spec["completions"] = 1;
    spec["parallelism"] = 1;
  }
  set_missing(spec, "parallelism", 1);
  set_missing(spec, "backoffLimit", 6);
  set_missing(spec, "completionMode", "NonIndexed");
  set_missing(spec, "suspend", false);
  set_missing(spec, "manualSelector", false);
  set_missing(spec, "podReplacementPolicy", "TerminatingOrFailed");
  default_template(spec);
}

// As the real one without manualSelector: a Job selects its pods by its own UID.
void select_by_uid(Json& object) {
  Json& spec = object_at(object, "spec");
  const std::string uid = string_at(object, {"metadata", "uid"});
  if (!uid.empty() && spec["manualSelector"] == false && !spec.contains("selector")) {
    const std::string name = string_at(object, {"metadata", "name"});
    spec["selector"] = {{"matchLabels", {{"batch.kubernetes.io/controller-uid", uid}}}};
    Json& labels = object_at(object_at(object_at(spec, "template"), "metadata"), "labels");
    labels["controller-uid"] = uid;
    labels["job-name"] = name;
    labels["batch.kubernetes.io/controller-uid"] = uid;
    labels["batch.kubernetes.io/job-name"] = name;
  }
}

void default_service(Json& spec) {
  set_missing(spec, "type", "ClusterIP");
  set_missing(spec, "sessionAffinity", "None");
  set_missing(spec, "internalTrafficPolicy", "Cluster");
  if (spec["sessionAffinity"] == "ClientIP")
    set_missing(object_at(object_at(spec, "sessionAffinityConfig"), "clientIP"), "timeoutSeconds", 10'800);
  if (spec["sessionAffinity"] == "None") spec.erase("sessionAffinityConfig");
  if (!spec.contains("ports") || !spec["ports"].is_array()) return;
  for (auto& port : spec["ports"]) {
    if (!port.is_object()) continue;
    if (port.contains("port")) set_missing(port, "targetPort", port["port"]);
  }
}

void default_secret(Json& object) {
  set_missing(object, "type", "Opaque");
  const auto plain = object.find("stringData");
  if (plain == object.end() || !plain->is_object()) return;
  for (const auto& [name, value] : plain->items()) {
    if (value.is_string()) object["data"][name] = base64_encode(value.get_ref<const std::string&>());
  }
  object.erase("stringData");
}

void default_crd(Json& spec) {
  Json& names = object_at(spec, "names");
  if (names.contains("kind") && names["kind"].is_string()) {
    std::string singular = names["kind"].get<std::string>();
    for (char& c : singular) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    set_missing(names, "singular", singular);
    set_missing(names, "listKind", names["kind"].get<std::string>() + "List");
  }
  set_missing(object_at(spec, "conversion"), "strategy", "None");
}

}  // namespace

void default_builtin(const std::string& kind, Json& object) {
  if (kind == "Secret") return default_secret(object);
  if (kind == "Namespace") {
    object["metadata"]["labels"]["kubernetes.io/metadata.name"] = string_at(object, {"metadata", "name"});
    return;
  }
  if (kind != "Pod" && kind != "Deployment" && kind != "ReplicaSet" && kind != "Job" && kind != "Service" &&
      kind != "PersistentVolumeClaim" && kind != "CustomResourceDefinition")
    return;
  Json& spec = object_at(object, "spec");
  if (kind == "Pod") {
    set_missing(spec, "enableServiceLinks", true);
    set_missing(spec, "serviceAccountName", "default");
    default_pod_spec(spec);
    for (const char* list : {"containers", "initContainers"}) {
      if (!spec.contains(list) || !spec[list].is_array()) continue;
      for (auto& container : spec[list]) {
        if (container.is_object()) default_requests(container);
      }
    }
  } else if (kind == "Deployment") {
    default_deployment(spec);
  } else if (kind == "ReplicaSet") {
    set_missing(spec, "replicas", 1);
    default_template(spec);
  } else if (kind == "Job") {
    default_job(spec);
  } else if (kind == "Service") {
    default_service(spec);
  } else if (kind == "PersistentVolumeClaim") {
    set_missing(spec, "volumeMode", "Filesystem");
  } else {
    default_crd(spec);
  }
}

void allocate_builtin(const std::string& kind, Json& object) {
  if (kind == "Job") select_by_uid(object);
  if (kind == "Namespace" && !find_path(object, {"metadata", "deletionTimestamp"}))
    set_missing(object_at(object, "spec"), "finalizers", Json::array({"kubernetes"}));
  if (kind == "Service") {
    Json& spec = object_at(object, "spec");
    // Who looks after the endpoints of a headless Service without selector may give both families.
    const bool both = string_at(spec, {"clusterIP"}) == "None" && !spec.contains("selector");
    if (!spec.contains("ipFamilies")) spec["ipFamilies"] = both ? Json::array({"IPv4", "IPv6"}) : Json::array({"IPv4"});
    set_missing(spec, "ipFamilyPolicy", both ? "RequireDualStack" : "SingleStack");
  }
}

Json initial_status(const std::string& kind) {
  if (kind == "Pod") return {{"phase", "Pending"}, {"qosClass", "BestEffort"}};
  if (kind == "Namespace") return {{"phase", "Active"}};
  if (kind == "PersistentVolumeClaim") return {{"phase", "Pending"}};
  if (kind == "Service") return {{"loadBalancer", Json::object()}};
  if (kind == "Deployment" || kind == "Job") return Json::object();
  if (kind == "ReplicaSet") return {{"replicas", 0}};
  if (kind == "PodDisruptionBudget")
    return {{"currentHealthy", 0}, {"desiredHealthy", 0}, {"disruptionsAllowed", 0}, {"expectedPods", 0}};
  return nullptr;
}

}  // namespace clops::local
