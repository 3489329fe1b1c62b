#include "local/api/discovery.h"

#include <deque>
#include <set>

#include "base/digest.h"
#include "local/api/builtin_types.h"

namespace clops::local {
namespace {

const std::vector<std::string>& verbs() {
  static const std::vector<std::string> all{"create", "delete", "deletecollection", "get",
                                            "list",   "patch",  "update",           "watch"};
  return all;
}

std::map<std::string, std::set<std::string>> versions_by_group(const std::vector<ResourcePtr>& resources) {
  std::map<std::string, std::set<std::string>> out;
  for (const auto& resource : resources) out[resource->type.group].insert(resource->type.version);
  return out;
}

Json group_of(const std::string& group, const std::set<std::string>& versions) {
  Json list = Json::array();
  for (auto it = versions.rbegin(); it != versions.rend(); ++it)
    list.push_back({{"groupVersion", group + "/" + *it}, {"version", *it}});
  return {{"name", group}, {"versions", list}, {"preferredVersion", list[0]}};
}

Json entry(const Resource& resource) {
  Json out{{"name", resource.type.plural},
           {"singularName", resource.singular},
           {"namespaced", resource.type.namespaced},
           {"kind", resource.type.kind},
           {"verbs", verbs()}};
  if (!resource.short_names.empty()) out["shortNames"] = resource.short_names;
  if (!resource.categories.empty()) out["categories"] = resource.categories;
  return out;
}

struct Subresource {
  std::string name, kind, group, version;
  std::vector<std::string> verbs;
};
std::vector<Subresource> subresources(const Resource& resource) {
  const auto& type = resource.type;
  std::vector<Subresource> out;
  if (resource.builtin && type.kind == "Pod") out.push_back({"log", "Pod", "", "v1", {"get"}});
  if (resource.scale()) out.push_back({"scale", "Scale", "autoscaling", "v1", {"get", "patch", "update"}});
  if (resource.status) out.push_back({"status", type.kind, type.group, type.version, {"get", "patch", "update"}});
  return out;
}

Json gvk(const std::string& group, const std::string& version, const std::string& kind) {
  return {{"group", group}, {"version", version}, {"kind", kind}};
}

// kubectl looks here for which parameters a kind's writes take.
Json path_item(const Resource& resource) {
  const auto& type = resource.type;
  const auto parameter = [](const char* name) {
    return Json{{"name", name}, {"in", "query"}, {"schema", {{"type", "string"}, {"uniqueItems", true}}}};
  };
  const Json who = gvk(type.group, type.version, type.kind);
  const auto operation = [&](const char* action, Json parameters) {
    return Json{{"x-kubernetes-action", action},
                {"x-kubernetes-group-version-kind", who},
                {"parameters", std::move(parameters)},
                {"responses", {{"200", {{"description", "OK"}}}}}};
  };
  const Json writing = Json::array({parameter("dryRun"), parameter("fieldManager"), parameter("fieldValidation")});
  Json patching = writing;
  patching.push_back(parameter("force"));
  return {{"get", operation("get", Json::array())},
          {"put", operation("put", writing)},
          {"patch", operation("patch", patching)},
          {"delete", operation("delete", Json::array({parameter("dryRun")}))}};
}

void add_references(const Json& value, std::deque<std::string>& found) {
  if (value.is_array()) {
    for (const auto& item : value) add_references(item, found);
  } else if (value.is_object()) {
    for (const auto& [name, item] : value.items()) {
      if (name == "$ref" && item.is_string())
        found.push_back(item.get<std::string>().substr(std::string_view("#/components/schemas/").size()));
      add_references(item, found);
    }
  }
}

}  // namespace

Json core_versions() {
  return {{"kind", "APIVersions"}, {"versions", {"v1"}}, {"serverAddressByClientCIDRs", Json::array()}};
}

Json group_list(const std::vector<ResourcePtr>& resources) {
  Json groups = Json::array();
  for (const auto& [group, versions] : versions_by_group(resources)) {
    if (!group.empty()) groups.push_back(group_of(group, versions));
  }
  return {{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", groups}};
}

std::optional<Json> one_group(const std::vector<ResourcePtr>& resources, const std::string& group) {
  const auto all = versions_by_group(resources);
  const auto it = all.find(group);
  if (group.empty() || it == all.end()) return {};
  Json out = group_of(group, it->second);
  out["kind"] = "APIGroup";
  out["apiVersion"] = "v1";
  return out;
}

std::optional<Json> resource_list(const std::vector<ResourcePtr>& resources, const std::string& group,
                                  const std::string& version) {
  Json list = Json::array();
  for (const auto& resource : resources) {
    if (resource->type.group != group || resource->type.version != version) continue;
    list.push_back(entry(*resource));
    for (const auto& sub : subresources(*resource)) {
      Json item{{"name", resource->type.plural + "/" + sub.name},
                {"singularName", ""},
                {"namespaced", resource->type.namespaced},
                {"kind", sub.kind},
                {"verbs", sub.verbs}};
      if (sub.name == "scale") {
        item["group"] = sub.group;
        item["version"] = sub.version;
      }
      list.push_back(std::move(item));
    }
  }
  if (list.empty()) return {};
  return Json{{"kind", "APIResourceList"},
              {"apiVersion", "v1"},
              {"groupVersion", group.empty() ? version : group + "/" + version},
              {"resources", list}};
}

Json aggregated(const std::vector<ResourcePtr>& resources, bool core) {
  Json items = Json::array();
  for (const auto& [group, versions] : versions_by_group(resources)) {
    if (group.empty() != core) continue;
    Json listed = Json::array();
    for (auto version = versions.rbegin(); version != versions.rend(); ++version) {
      Json list = Json::array();
      for (const auto& resource : resources) {
        if (resource->type.group != group || resource->type.version != *version) continue;
        const std::string scope = resource->type.namespaced ? "Namespaced" : "Cluster";
        Json item{{"resource", resource->type.plural},
                  {"responseKind", gvk(group, *version, resource->type.kind)},
                  {"scope", scope},
                  {"singularResource", resource->singular},
                  {"verbs", verbs()}};
        if (!resource->short_names.empty()) item["shortNames"] = resource->short_names;
        if (!resource->categories.empty()) item["categories"] = resource->categories;
        for (const auto& sub : subresources(*resource)) {
          item["subresources"].push_back({{"subresource", sub.name},
                                          {"responseKind", gvk(sub.group, sub.version, sub.kind)},
                                          {"verbs", sub.verbs}});
        }
        list.push_back(std::move(item));
      }
      listed.push_back({{"version", *version}, {"resources", list}, {"freshness", "Current"}});
    }
    items.push_back({{"metadata", {{"name", group}, {"creationTimestamp", nullptr}}}, {"versions", listed}});
  }
  return {{"kind", "APIGroupDiscoveryList"},
          {"apiVersion", "apidiscovery.k8s.io/v2"},
          {"metadata", Json::object()},
          {"items", items}};
}

Json version_info(const std::string& version) {
  const size_t first = version.find('.'), second = version.find('.', first + 1);
  return {{"major", version.substr(1, first - 1)},
          {"minor", version.substr(first + 1, second - first - 1)},
          {"gitVersion", version + "+clops"},
          {"gitCommit", ""},
          {"gitTreeState", "clean"},
          {"buildDate", "1970-01-01T00:00:00Z"},
          {"goVersion", ""},
          {"compiler", "gc"},
          {"platform", "linux/amd64"}};
}

Json openapi_index(const std::vector<ResourcePtr>& resources) {
  Json paths = Json::object();
  for (const auto& [group, versions] : versions_by_group(resources)) {
    for (const auto& version : versions) {
      const std::string path = group.empty() ? "api/" + version : "apis/" + group + "/" + version;
      const auto document = openapi_document(resources, group, version);
      paths[path] = {{"serverRelativeURL", "/openapi/v3/" + path + "?hash=" + sha256(dump_json(*document)).substr(7)}};
    }
  }
  return {{"paths", paths}};
}

namespace {
// Our own notes are nothing to others.
void drop_marks(Json& schema) {
  if (schema.is_object()) schema.erase(kZeroMark);
  if (schema.is_structured()) {
    for (auto& part : schema) drop_marks(part);
  }
}
}  // namespace

std::optional<Json> openapi_document(const std::vector<ResourcePtr>& resources, const std::string& group,
                                     const std::string& version) {
  Json paths = Json::object(), schemas = Json::object();
  std::deque<std::string> wanted;
  for (const auto& resource : resources) {
    if (resource->type.group != group || resource->type.version != version) continue;
    paths[resource->type.path("{namespace}") + "/{name}"] = path_item(*resource);
    Json schema = resource->schema;
    schema["x-kubernetes-group-version-kind"] = Json::array({gvk(group, version, resource->type.kind)});
    add_references(schema, wanted);
    schemas[resource->schema_name] = std::move(schema);
  }
  if (paths.empty()) return {};
  const Json& all = builtin_definitions();
  while (!wanted.empty()) {
    const std::string name = std::move(wanted.front());
    wanted.pop_front();
    if (schemas.contains(name) || !all.contains(name)) continue;
    schemas[name] = all[name];
    add_references(all[name], wanted);
  }
  drop_marks(schemas);
  return Json{{"openapi", "3.0.0"},
              {"info", {{"title", "clops embedded plane"}, {"version", "v1.34.4"}}},
              {"paths", paths},
              {"components", {{"schemas", schemas}}}};
}

}  // namespace clops::local
