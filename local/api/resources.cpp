#include "local/api/resources.h"

#include <algorithm>

#include "local/api/builtin_types.h"
#include "local/api/schema.h"

namespace clops::local {
namespace {

const Column kName{"Name", "string", "name", "Name must be unique within a namespace.", 0, ".metadata.name"};
const Column kAge{
    "Age", "date", "", "CreationTimestamp is when the object was made.", 0, ".metadata.creationTimestamp"};

struct Extra {
  bool status = false;
  std::vector<std::string> short_names, categories;
  std::vector<Column> columns;  // between Name and Age
  bool scale = false;
};

Column text_column(std::string name, std::string path = "", int priority = 0) {
  return {std::move(name), "string", "", "", priority, std::move(path)};
}
Column number_column(std::string name, std::string path = "", int priority = 0) {
  return {std::move(name), "integer", "", "", priority, std::move(path)};
}

ResourcePtr builtin(crds::ResourceType type, const std::string& schema, Extra extra = {}) {
  auto out = std::make_shared<Resource>();
  out->singular = type.kind;
  std::transform(out->singular.begin(), out->singular.end(), out->singular.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  out->type = std::move(type);
  out->short_names = std::move(extra.short_names);
  out->categories = std::move(extra.categories);
  out->builtin = true;
  out->status = extra.status;
  out->schema_name = builtin_full_name(schema);
  out->schema = resolve(Json{{"$ref", "#/components/schemas/" + out->schema_name}});
  if (extra.scale) {
    out->replicas_path = ".spec.replicas";
    out->status_replicas_path = ".status.replicas";
    out->selector_path = ".spec.selector";
  }
  out->columns.push_back(kName);
  for (const bool wide : {false, true}) {  // wide columns come last, after the age
    for (const auto& column : extra.columns) {
      if ((column.priority > 0) == wide) out->columns.push_back(column);
    }
    if (!wide) out->columns.push_back(kAge);
  }
  return out;
}

}  // namespace

std::vector<ResourcePtr> builtin_resources() {
  using C = std::vector<Column>;
  return {
      builtin({"", "v1", "Namespace", "namespaces", false}, "core/Namespace",
              {.status = true, .short_names = {"ns"}, .columns = C{text_column("Status", ".status.phase")}}),
      builtin({"", "v1", "Node", "nodes", false}, "core/Node",
              {.status = true,
               .short_names = {"no"},
               .columns = C{text_column("Status"), text_column("Version", ".status.nodeInfo.kubeletVersion")}}),
      builtin({"", "v1", "Pod", "pods", true}, "core/Pod",
              {.status = true,
               .short_names = {"po"},
               .categories = {"all"},
               .columns = C{text_column("Ready"), text_column("Status"), text_column("Restarts"),
                            text_column("IP", ".status.podIP", 1), text_column("Node", ".spec.nodeName", 1)}}),
      builtin({"", "v1", "Service", "services", true}, "core/Service",
              {.status = true,
               .short_names = {"svc"},
               .categories = {"all"},
               .columns = C{text_column("Type", ".spec.type"), text_column("Cluster-IP", ".spec.clusterIP"),
                            text_column("External-IP"), text_column("Port(s)"), text_column("Selector", "", 1)}}),
      builtin({"", "v1", "ConfigMap", "configmaps", true}, "core/ConfigMap",
              {.short_names = {"cm"}, .columns = C{number_column("Data")}}),
      builtin({"", "v1", "Secret", "secrets", true}, "core/Secret",
              {.columns = C{text_column("Type", ".type"), number_column("Data")}}),
      builtin({"", "v1", "ServiceAccount", "serviceaccounts", true}, "core/ServiceAccount",
              {.short_names = {"sa"}, .columns = C{number_column("Secrets")}}),
      builtin({"", "v1", "Endpoints", "endpoints", true}, "core/Endpoints",
              {.short_names = {"ep"}, .columns = C{text_column("Endpoints")}}),
      builtin({"", "v1", "Event", "events", true}, "core/Event",
              {.short_names = {"ev"},
               .columns = C{text_column("Last Seen"), text_column("Type", ".type"), text_column("Reason", ".reason"),
                            text_column("Object"), text_column("Message", ".message")}}),
      builtin({"", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true}, "core/PersistentVolumeClaim",
              {.status = true,
               .short_names = {"pvc"},
               .columns = C{text_column("Status", ".status.phase"), text_column("Volume", ".spec.volumeName"),
                            text_column("Capacity", ".status.capacity.storage"), text_column("Access Modes"),
                            text_column("StorageClass", ".spec.storageClassName")}}),
      builtin(
          {"apps", "v1", "Deployment", "deployments", true}, "apps/Deployment",
          {.status = true,
           .short_names = {"deploy"},
           .categories = {"all"},
           .columns = C{text_column("Ready"), number_column("Up-to-date"), number_column("Available"),
                        text_column("Containers", "", 1), text_column("Images", "", 1), text_column("Selector", "", 1)},
           .scale = true}),
      builtin({"apps", "v1", "ReplicaSet", "replicasets", true}, "apps/ReplicaSet",
              {.status = true,
               .short_names = {"rs"},
               .categories = {"all"},
               .columns = C{number_column("Desired"), number_column("Current"), number_column("Ready")},
               .scale = true}),
      builtin({"apps", "v1", "ControllerRevision", "controllerrevisions", true}, "apps/ControllerRevision",
              {.columns = C{text_column("Controller"), number_column("Revision", ".revision")}}),
      builtin({"batch", "v1", "Job", "jobs", true}, "batch/Job",
              {.status = true,
               .categories = {"all"},
               .columns = C{text_column("Status"), text_column("Completions"), text_column("Duration")}}),
      builtin({"policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", true}, "policy/PodDisruptionBudget",
              {.status = true,
               .short_names = {"pdb"},
               .columns = C{text_column("Min Available"), text_column("Max Unavailable"),
                            number_column("Allowed Disruptions", ".status.disruptionsAllowed")}}),
      builtin({"coordination.k8s.io", "v1", "Lease", "leases", true}, "coordination/Lease",
              {.columns = C{text_column("Holder", ".spec.holderIdentity")}}),
      builtin(
          {"discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", true}, "discovery/EndpointSlice",
          {.columns = C{text_column("AddressType", ".addressType"), text_column("Ports"), text_column("Endpoints")}}),
      builtin({"rbac.authorization.k8s.io", "v1", "Role", "roles", true}, "rbac/Role"),
      builtin({"rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", true}, "rbac/RoleBinding",
              {.columns = C{text_column("Role")}}),
      builtin({"rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", false}, "rbac/ClusterRole"),
      builtin({"rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", false},
              "rbac/ClusterRoleBinding", {.columns = C{text_column("Role")}}),
      builtin({"apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", false},
              "apiextensions/CustomResourceDefinition",
              {.status = true,
               .short_names = {"crd", "crds"},
               .categories = {"api-extensions"},
               .columns = C{text_column("Created At", ".metadata.creationTimestamp")}}),
  };
}

namespace {

std::vector<std::string> texts(const Json& value, std::initializer_list<std::string_view> path) {
  std::vector<std::string> out;
  const Json* list = find_path(value, path);
  if (!list || !list->is_array()) return out;
  for (const auto& item : *list) {
    if (item.is_string()) out.push_back(item.get<std::string>());
  }
  return out;
}

// The server knows these fields of every object; a CRD need not name them.
Json whole_schema(const Json& version) {
  const Json* given = find_path(version, {"schema", "openAPIV3Schema"});
  Json out =
      given && given->is_object() ? *given : Json{{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}};
  out["type"] = "object";
  out["properties"]["apiVersion"] = {{"type", "string"}};
  out["properties"]["kind"] = {{"type", "string"}};
  out["properties"]["metadata"] = {{"$ref", "#/components/schemas/" + builtin_full_name("meta/ObjectMeta")}};
  return out;
}

bool has_rules(const Json& schema) {
  if (schema.is_object() && schema.contains("x-kubernetes-validations")) return true;
  return schema.is_structured() && std::any_of(schema.begin(), schema.end(), has_rules);
}

std::string reversed_group(const std::string& group) {
  std::string out;
  size_t end = group.size();
  while (true) {
    const size_t dot = end == 0 ? std::string::npos : group.rfind('.', end - 1);
    const size_t from = dot == std::string::npos ? 0 : dot + 1;
    out += (out.empty() ? "" : ".") + group.substr(from, end - from);
    if (dot == std::string::npos) return out;
    end = dot;
  }
}

}  // namespace

std::vector<ResourcePtr> resources_of_crd(const Json& crd) {
  std::vector<ResourcePtr> out;
  const Json* versions = find_path(crd, {"spec", "versions"});
  if (!versions || !versions->is_array()) return out;
  const std::string group = string_at(crd, {"spec", "group"}), kind = string_at(crd, {"spec", "names", "kind"});
  for (const auto& version : *versions) {
    if (!bool_at(version, {"served"})) continue;
    auto resource = std::make_shared<Resource>();
    const std::string name = string_at(version, {"name"});
    resource->type = {group, name, kind, string_at(crd, {"spec", "names", "plural"}),
                      string_at(crd, {"spec", "scope"}) != "Cluster"};
    resource->singular = string_at(crd, {"spec", "names", "singular"});
    resource->short_names = texts(crd, {"spec", "names", "shortNames"});
    resource->categories = texts(crd, {"spec", "names", "categories"});
    resource->status = find_path(version, {"subresources", "status"}) != nullptr;
    resource->replicas_path = string_at(version, {"subresources", "scale", "specReplicasPath"});
    resource->status_replicas_path = string_at(version, {"subresources", "scale", "statusReplicasPath"});
    resource->selector_path = string_at(version, {"subresources", "scale", "labelSelectorPath"});
    resource->schema_name = reversed_group(group) + "." + name + "." + kind;
    resource->schema = whole_schema(version);
    resource->rules = has_rules(resource->schema);
    resource->columns.push_back(kName);
    const Json* columns = find_path(version, {"additionalPrinterColumns"});
    if (columns && columns->is_array()) {
      for (const auto& c : *columns) {
        resource->columns.push_back({string_at(c, {"name"}), string_at(c, {"type"}), string_at(c, {"format"}),
                                     string_at(c, {"description"}), static_cast<int>(int_at(c, {"priority"})),
                                     string_at(c, {"jsonPath"})});
      }
    } else {
      resource->columns.push_back(kAge);
    }
    out.push_back(std::move(resource));
  }
  return out;
}

FieldSet reset_fields(const Resource& resource, const std::string& subresource) {
  const Json whole = Json::object();
  if (subresource == "scale") return {};
  if (subresource.empty()) return resource.status ? field_set_from_json({{"f:status", whole}}) : FieldSet();
  Json out{{"f:spec", whole}};
  if (resource.builtin && resource.type.kind == "Deployment") out["f:metadata"]["f:labels"] = whole;
  if (resource.builtin && resource.type.kind == "Pod")
    out["f:metadata"] = {{"f:deletionTimestamp", whole}, {"f:ownerReferences", whole}};
  if (resource.builtin && resource.type.kind == "CustomResourceDefinition") out["f:metadata"] = whole;
  return field_set_from_json(out);
}

Catalog::Catalog() {
  for (auto& resource : builtin_resources())
    resources_[{resource->type.group, resource->type.version, resource->type.plural}] = resource;
}

ResourcePtr Catalog::find(const std::string& group, const std::string& version, const std::string& plural) const {
  const std::lock_guard lock(mutex_);
  const auto it = resources_.find({group, version, plural});
  return it == resources_.end() ? nullptr : it->second;
}

ResourcePtr Catalog::find_kind(const std::string& api_version, const std::string& kind) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, resource] : resources_) {
    if (resource->type.kind == kind && resource->type.api_version() == api_version) return resource;
  }
  return nullptr;
}

std::vector<ResourcePtr> Catalog::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<ResourcePtr> out;
  for (const auto& [key, resource] : resources_) out.push_back(resource);
  return out;
}

void Catalog::serve_crd(const Json& crd) {
  const std::string name = string_at(crd, {"metadata", "name"});
  drop_crd(name);
  const std::lock_guard lock(mutex_);
  for (auto& resource : resources_of_crd(crd)) {
    const Key key{resource->type.group, resource->type.version, resource->type.plural};
    of_crd_[name].push_back(key);
    resources_[key] = std::move(resource);
  }
}

void Catalog::drop_crd(const std::string& crd_name) {
  const std::lock_guard lock(mutex_);
  for (const auto& key : of_crd_[crd_name]) resources_.erase(key);
  of_crd_.erase(crd_name);
}

}  // namespace clops::local
