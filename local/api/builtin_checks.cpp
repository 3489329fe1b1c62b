#include <algorithm>
#include <array>
#include <set>

#include "local/api/builtin_rules.h"
#include "local/api/schema.h"

namespace clops::local {
namespace {

bool lower_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool alnum(char c) {
  return lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

constexpr const char* kLabelRule =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. "
    "'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
constexpr const char* kSubdomainRule =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character "
    "(e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
constexpr const char* kDns1035Rule =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character "
    "(e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";

bool qualified_name(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    if (!dns_subdomain(std::string(text.substr(0, slash)))) return false;
    text.remove_prefix(slash + 1);
  }
  if (text.empty() || text.size() > 63 || !alnum(text.front()) || !alnum(text.back())) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return alnum(c) || c == '-' || c == '_' || c == '.'; });
}

bool label_value(std::string_view text) {
  return text.empty() || (text.find('/') == std::string_view::npos && qualified_name(text));
}

void check_labels(const Json* labels, const std::string& path, std::vector<Cause>& causes) {
  if (!labels || !labels->is_object()) return;
  for (const auto& [name, value] : labels->items()) {
    if (!qualified_name(name))
      causes.push_back(invalid_cause(path, name,
                                     "name part must consist of alphanumeric characters, '-', '_' or '.', and must "
                                     "start and end with an alphanumeric character"));
    if (value.is_string() && !label_value(value.get_ref<const std::string&>())) {
      causes.push_back(invalid_cause(path, value,
                                     "a valid label must be an empty string or consist of alphanumeric characters, "
                                     "'-', '_' or '.', and must start and end with an alphanumeric character"));
    }
  }
}

void immutable(const Json& object, const Json* before, std::initializer_list<std::string_view> path,
               const std::string& field, std::vector<Cause>& causes) {
  if (!before) return;
  const Json* now = find_path(object, path);
  const Json* old = find_path(*before, path);
  if ((now ? *now : Json()) != (old ? *old : Json()))
    causes.push_back(invalid_cause(field, now ? *now : Json(), "field is immutable"));
}

void at_least_zero(const Json& object, std::initializer_list<std::string_view> path, const std::string& field,
                   std::vector<Cause>& causes) {
  const Json* value = find_path(object, path);
  if (value && value->is_number() && value->get<double>() < 0)
    causes.push_back(invalid_cause(field, *value, "must be greater than or equal to 0"));
}

void check_containers(const Json& spec, const std::string& path, std::vector<Cause>& causes) {
  std::set<std::string> volumes, names;
  if (const Json* list = find_path(spec, {"volumes"}); list && list->is_array()) {
    for (size_t i = 0; i < list->size(); ++i) {
      const std::string name = string_at((*list)[i], {"name"});
      const std::string at = path + ".volumes[" + std::to_string(i) + "].name";
      if (!dns_label(name)) causes.push_back(invalid_cause(at, name, kLabelRule));
      if ((*list)[i].size() > 2) {
        causes.push_back({"FieldValueForbidden", "Forbidden: may not specify more than 1 volume type",
                          path + ".volumes[" + std::to_string(i) + "]"});
      }
      if (!volumes.insert(name).second)
        causes.push_back({"FieldValueDuplicate", "Duplicate value: " + dump_json(name), at});
    }
  }
  for (const char* kind : {"containers", "initContainers"}) {
    const Json* list = find_path(spec, {kind});
    const std::string base = path + "." + kind;
    if (std::string_view(kind) == "containers" && (!list || list->empty())) {
      causes.push_back(required_cause(base));
      continue;
    }
    for (size_t i = 0; list && i < list->size(); ++i) {
      const Json& container = (*list)[i];
      const std::string at = base + "[" + std::to_string(i) + "]", name = string_at(container, {"name"});
      if (name.empty()) causes.push_back(required_cause(at + ".name"));
      if (!name.empty() && !dns_label(name)) causes.push_back(invalid_cause(at + ".name", name, kLabelRule));
      if (!name.empty() && !names.insert(name).second)
        causes.push_back({"FieldValueDuplicate", "Duplicate value: " + dump_json(name), at + ".name"});
      if (string_at(container, {"image"}).empty()) causes.push_back(required_cause(at + ".image"));
      const Json* ports = find_path(container, {"ports"});
      std::set<std::string> port_names;
      for (size_t p = 0; ports && p < ports->size(); ++p) {
        const std::string port = string_at((*ports)[p], {"name"});
        if (!port.empty() && !port_names.insert(port).second)
          causes.push_back({"FieldValueDuplicate", "Duplicate value: " + dump_json(port),
                            at + ".ports[" + std::to_string(p) + "].name"});
      }
      const Json* mounts = find_path(container, {"volumeMounts"});
      for (size_t m = 0; mounts && m < mounts->size(); ++m) {
        const std::string mounted = string_at((*mounts)[m], {"name"});
        if (!volumes.contains(mounted))
          causes.push_back({"FieldValueNotFound", "Not found: " + dump_json(mounted),
                            at + ".volumeMounts[" + std::to_string(m) + "].name"});
      }
    }
  }
}

void check_selector(const Json& object, std::vector<Cause>& causes) {
  const Json* wanted = find_path(object, {"spec", "selector", "matchLabels"});
  const Json* labels = find_path(object, {"spec", "template", "metadata", "labels"});
  const Json* expressions = find_path(object, {"spec", "selector", "matchExpressions"});
  if ((!wanted || wanted->empty()) && (!expressions || expressions->empty())) {
    causes.push_back(invalid_cause("spec.selector", Json::object(), "empty selector is invalid for deployment"));
    return;
  }
  const Json wanted_or_none = wanted ? *wanted : Json::object();  // named: a temporary would end before its items()
  for (const auto& [name, value] : wanted_or_none.items()) {
    if (labels && labels->contains(name) && (*labels)[name] == value) continue;
    causes.push_back({"FieldValueInvalid",
                      "Invalid value: " + dump_json(labels ? *labels : Json::object()) +
                          ": `selector` does not match template `labels`",
                      "spec.template.metadata.labels"});
    return;
  }
}

void check_strategy(const Json& object, std::vector<Cause>& causes) {
  const Json* rolling = find_path(object, {"spec", "strategy", "rollingUpdate"});
  if (!rolling) return;
  if (string_at(object, {"spec", "strategy", "type"}) == "Recreate") {
    causes.push_back({"FieldValueForbidden", "Forbidden: may not be specified when strategy `type` is 'Recreate'",
                      "spec.strategy.rollingUpdate"});
    return;
  }
  const auto none = [&](const char* name) {
    const Json* value = find_path(*rolling, {name});
    return value && (*value == Json(0) || *value == Json("0%"));
  };
  if (none("maxSurge") && none("maxUnavailable")) {
    causes.push_back(invalid_cause("spec.strategy.rollingUpdate.maxUnavailable", (*rolling)["maxUnavailable"],
                                   "may not be 0 when `maxSurge` is 0"));
  }
}

void check_service(const Json& object, const Json* before, std::vector<Cause>& causes) {
  const std::string type = string_at(object, {"spec", "type"});
  if (type != "ClusterIP") {
    causes.push_back({"FieldValueNotSupported",
                      "Unsupported value: " + dump_json(type) + ": supported values: \"ClusterIP\"", "spec.type"});
  }
  const Json* ports = find_path(object, {"spec", "ports"});
  const bool headless = string_at(object, {"spec", "clusterIP"}) == "None";
  const Json* families = find_path(object, {"spec", "ipFamilies"});
  const bool selects = find_path(object, {"spec", "selector"}) != nullptr;
  if (families && families->size() > 1 && (selects || !headless)) {
    causes.push_back(invalid_cause("spec.ipFamilyPolicy", string_at(object, {"spec", "ipFamilyPolicy"}),
                                   "this cluster is not configured for dual-stack services"));
  }
  if ((!ports || ports->empty()) && !headless) causes.push_back(required_cause("spec.ports"));
  std::set<std::string> names, places;
  for (size_t i = 0; ports && i < ports->size(); ++i) {
    const auto port = int_at((*ports)[i], {"port"});
    const std::string at = "spec.ports[" + std::to_string(i) + "]", name = string_at((*ports)[i], {"name"});
    if (!name.empty() && !names.insert(name).second)
      causes.push_back({"FieldValueDuplicate", "Duplicate value: " + dump_json(name), at + ".name"});
    if (!places.insert(string_at((*ports)[i], {"protocol"}) + std::to_string(port)).second)
      causes.push_back({"FieldValueDuplicate", "Duplicate value: " + std::to_string(port), at});
    if (port < 1 || port > 65535)
      causes.push_back(invalid_cause(at + ".port", port, "must be between 1 and 65535, inclusive"));
    if (ports->size() > 1 && string_at((*ports)[i], {"name"}).empty()) causes.push_back(required_cause(at + ".name"));
  }
  if (before && !string_at(*before, {"spec", "clusterIP"}).empty())
    immutable(object, before, {"spec", "clusterIP"}, "spec.clusterIP", causes);
}

// Of a pod only images, tolerations, the deadline and the grace may change once it exists; the node may be set once.
void check_pod_update(const Json& object, const Json& before, std::vector<Cause>& causes) {
  const Json spec = object.value("spec", Json::object()), old = before.value("spec", Json::object());
  const auto fixed = [&](Json pod) {
    for (const char* list : {"containers", "initContainers"}) {
      if (!pod.contains(list)) continue;
      for (auto& container : pod[list]) container.erase("image");
    }
    for (const char* name : {"tolerations", "activeDeadlineSeconds"}) pod.erase(name);
    if (int_at(old, {"terminationGracePeriodSeconds"}) < 0 && int_at(spec, {"terminationGracePeriodSeconds"}) == 1)
      pod.erase("terminationGracePeriodSeconds");
    if (string_at(before, {"spec", "nodeName"}).empty()) pod.erase("nodeName");
    return pod;
  };
  const Json added = spec.value("tolerations", Json::array());
  const Json tolerated = old.value("tolerations", Json::array());
  for (const auto& toleration : tolerated) {
    if (std::find(added.begin(), added.end(), toleration) != added.end()) continue;
    causes.push_back({"FieldValueForbidden",
                      "Forbidden: existing toleration can not be modified except its tolerationSeconds",
                      "spec.tolerations"});
    break;
  }
  const Json* deadline = find_path(old, {"activeDeadlineSeconds"});
  const int64_t now = int_at(spec, {"activeDeadlineSeconds"});
  if (deadline && (now == 0 || now > deadline->get<int64_t>()))
    causes.push_back(invalid_cause("spec.activeDeadlineSeconds", now, "must be less than or equal to previous value"));
  if (fixed(spec) != fixed(old)) {
    causes.push_back({"FieldValueForbidden",
                      "Forbidden: pod updates may not change fields other than "
                      "`spec.containers[*].image`,`spec.initContainers[*].image`,"
                      "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
                      "tolerations),`spec.terminationGracePeriodSeconds` "
                      "(allow it to be set to 1 if it was previously negative)",
                      "spec"});
  }
}

void check_crd(const Json& object, std::vector<Cause>& causes) {
  const std::string name = string_at(object, {"metadata", "name"}), group = string_at(object, {"spec", "group"}),
                    plural = string_at(object, {"spec", "names", "plural"});
  if (name != plural + "." + group)
    causes.push_back(invalid_cause("metadata.name", name, "must be spec.names.plural+\".\"+spec.group"));
  const std::string scope = string_at(object, {"spec", "scope"});
  if (scope != "Namespaced" && scope != "Cluster") {
    causes.push_back({"FieldValueNotSupported",
                      "Unsupported value: " + dump_json(scope) + ": supported values: \"Cluster\", \"Namespaced\"",
                      "spec.scope"});
  }
  const Json* versions = find_path(object, {"spec", "versions"});
  int storage = 0;
  for (size_t i = 0; versions && i < versions->size(); ++i) {
    storage += bool_at((*versions)[i], {"storage"});
    if (!find_path((*versions)[i], {"schema", "openAPIV3Schema"})) {
      causes.push_back(
          required_cause("spec.versions[" + std::to_string(i) + "].schema.openAPIV3Schema", "schemas are required"));
    }
  }
  if (storage != 1)
    causes.push_back({"FieldValueInvalid", "Invalid value: must have exactly one version marked as storage version",
                      "spec.versions"});
  if (string_at(object, {"spec", "conversion", "strategy"}) != "None") {
    causes.push_back({"FieldValueNotSupported",
                      "Unsupported value: " + dump_json(string_at(object, {"spec", "conversion", "strategy"})) +
                          ": supported values: \"None\"",
                      "spec.conversion.strategy"});
  }
}

}  // namespace

bool dns_label(const std::string& text) {
  return !text.empty() && text.size() <= 63 && lower_alnum(text.front()) && lower_alnum(text.back()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return lower_alnum(c) || c == '-'; });
}

bool dns_subdomain(const std::string& text) {
  if (text.empty() || text.size() > 253) return false;
  for (size_t from = 0; from <= text.size();) {
    const size_t dot = std::min(text.find('.', from), text.size());
    const std::string label = text.substr(from, dot - from);
    if (label.empty() || !lower_alnum(label.front()) || !lower_alnum(label.back())) return false;
    if (!std::all_of(label.begin(), label.end(), [](char c) { return lower_alnum(c) || c == '-'; })) return false;
    from = dot + 1;
  }
  return true;
}

namespace {

// Once its end has begun, what still has to be done only becomes less.
void check_finalizers(const Json& object, const Json* before, bool builtin, std::vector<Cause>& causes) {
  const Json* list = find_path(object, {"metadata", "finalizers"});
  const Json* old = before ? find_path(*before, {"metadata", "finalizers"}) : nullptr;
  const bool ending = before && find_path(*before, {"metadata", "deletionTimestamp"});
  std::string added;
  for (size_t i = 0; list && i < list->size(); ++i) {
    const std::string name = (*list)[i].is_string() ? (*list)[i].get<std::string>() : "";
    const bool standard = name == "orphan" || name == "foregroundDeletion" || name == "kubernetes";
    if (builtin && !standard && name.find('/') == std::string::npos)
      causes.push_back(invalid_cause("metadata.finalizers", name,
                                     "name is neither a standard finalizer name nor is it fully qualified"));
    if (ending && (!old || std::find(old->begin(), old->end(), (*list)[i]) == old->end()))
      added += (added.empty() ? "" : ", ") + dump_json(Json(name));
  }
  if (!added.empty()) {
    causes.push_back(
        {"FieldValueForbidden",
         "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{" +
             added + "}",
         "metadata.finalizers"});
  }
}

}  // namespace

void check_metadata(const Resource& resource, const Json& object, const Json* before, std::vector<Cause>& causes) {
  check_finalizers(object, before, resource.builtin, causes);
  if (before) immutable(object, before, {"metadata", "uid"}, "metadata.uid", causes);
  const std::string name = string_at(object, {"metadata", "name"}), &kind = resource.type.kind;
  const bool path_like = resource.type.group == "rbac.authorization.k8s.io";
  if (name.empty()) {
    causes.push_back(required_cause("metadata.name", "name or generateName is required"));
  } else if (path_like) {
    if (name == "." || name == ".." || name.find_first_of("/%") != std::string::npos)
      causes.push_back(invalid_cause("metadata.name", name, "may not contain '/' or '%'"));
  } else if (kind == "Namespace" && resource.builtin) {
    if (!dns_label(name)) causes.push_back(invalid_cause("metadata.name", name, kLabelRule));
  } else if (kind == "Service" && resource.builtin) {
    if (!dns_label(name) || (name[0] >= '0' && name[0] <= '9'))
      causes.push_back(invalid_cause("metadata.name", name, kDns1035Rule));
  } else if (!dns_subdomain(name)) {
    causes.push_back(invalid_cause("metadata.name", name, kSubdomainRule));
  }
  check_labels(find_path(object, {"metadata", "labels"}), "metadata.labels", causes);
  if (const Json* annotations = find_path(object, {"metadata", "annotations"});
      annotations && annotations->is_object()) {
    size_t total = 0;
    for (const auto& [key, value] : annotations->items()) {
      std::string lower = key;
      std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
      if (!qualified_name(lower))
        causes.push_back(invalid_cause("metadata.annotations", key,
                                       "name part must consist of alphanumeric characters, '-', '_' or '.', and must "
                                       "start and end with an alphanumeric character"));
      total += key.size() + (value.is_string() ? value.get_ref<const std::string&>().size() : 0);
    }
    if (total > 262'144)
      causes.push_back({"FieldValueTooLong", "Too long: may not be more than 262144 bytes", "metadata.annotations"});
  }
  const Json* owners = find_path(object, {"metadata", "ownerReferences"});
  for (size_t i = 0; owners && i < owners->size(); ++i) {
    for (const char* field : {"apiVersion", "kind", "name", "uid"}) {
      const std::string at = "metadata.ownerReferences[" + std::to_string(i) + "]." + field;
      if (string_at((*owners)[i], {field}).empty())
        causes.push_back(invalid_cause(at, "", std::string(field) + " must not be empty"));
    }
  }
}

void check_builtin(const std::string& kind, const Json& object, const Json* before, std::vector<Cause>& causes) {
  if (kind == "Deployment" || kind == "ReplicaSet") {
    at_least_zero(object, {"spec", "replicas"}, "spec.replicas", causes);
    check_selector(object, causes);
    if (kind == "Deployment") check_strategy(object, causes);
    immutable(object, before, {"spec", "selector"}, "spec.selector", causes);
    check_containers(
        object.value("spec", Json::object()).value("template", Json::object()).value("spec", Json::object()),
        "spec.template.spec", causes);
  } else if (kind == "Job") {
    at_least_zero(object, {"spec", "backoffLimit"}, "spec.backoffLimit", causes);
    immutable(object, before, {"spec", "template"}, "spec.template", causes);
    immutable(object, before, {"spec", "selector"}, "spec.selector", causes);
    const Json spec =
        object.value("spec", Json::object()).value("template", Json::object()).value("spec", Json::object());
    check_containers(spec, "spec.template.spec", causes);
    if (string_at(spec, {"restartPolicy"}) == "Always") {
      causes.push_back({"FieldValueNotSupported",
                        "Unsupported value: \"Always\": supported values: \"OnFailure\", \"Never\"",
                        "spec.template.spec.restartPolicy"});
    }
  } else if (kind == "Pod") {
    check_containers(object.value("spec", Json::object()), "spec", causes);
    if (before) check_pod_update(object, *before, causes);
  } else if (kind == "Service") {
    check_service(object, before, causes);
  } else if (kind == "PodDisruptionBudget") {
    if (find_path(object, {"spec", "minAvailable"}) && find_path(object, {"spec", "maxUnavailable"})) {
      causes.push_back(invalid_cause("spec", Json::object(), "minAvailable and maxUnavailable cannot be both set"));
    }
  } else if ((kind == "ConfigMap" || kind == "Secret") && before) {
    if (kind == "Secret") immutable(object, before, {"type"}, "type", causes);
    for (const char* field : {"immutable", "data", "binaryData"}) {
      const bool same = object.value(field, Json()) == before->value(field, Json());
      if (bool_at(*before, {"immutable"}) && !same)
        causes.push_back({"FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set", field});
    }
  } else if (kind == "CustomResourceDefinition") {
    check_crd(object, causes);
    immutable(object, before, {"spec", "scope"}, "spec.scope", causes);
  }
}

}  // namespace clops::local
