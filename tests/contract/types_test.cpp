// The plane's table of built-in types (local/api/builtin_types) beside the server's own discovery and OpenAPI: every
// field with its type, every merge key, list type and required field, every resource with its names.
#include <map>
#include <set>

#include "local/api/builtin_types.h"
#include "local/api/resources.h"
#include "tests/contract/fixture.h"

namespace clops::contract {
namespace {

constexpr std::string_view kRef = "#/components/schemas/";

class BuiltinTypes : public Contract {
 protected:
  [[nodiscard]] static std::string document(const crds::ResourceType& type) {
    return type.group.empty() ? "api/" + type.version : "apis/" + type.group + "/" + type.version;
  }
  // The server's schemas of all groups that the plane serves, by name.
  const Json& schemas() {
    if (!schemas_.empty()) return schemas_;
    std::set<std::string> documents;
    for (const auto& resource : local::builtin_resources()) documents.insert(document(resource->type));
    for (const auto& name : documents) {
      const Answer answer = raw.get("/openapi/v3/" + name);
      EXPECT_EQ(answer.status, 200) << name;
      schemas_.update(answer.body["components"]["schemas"]);
    }
    return schemas_;
  }

 private:
  Json schemas_ = Json::object();
};

// Types that the plane holds as scalars or as anything; all others are followed by name.
std::string plain(const std::string& name) {
  static const std::map<std::string, std::string> known{
      {"io.k8s.apimachinery.pkg.api.resource.Quantity", "quantity"},
      {"io.k8s.apimachinery.pkg.util.intstr.IntOrString", "int-or-string"},
      {"io.k8s.apimachinery.pkg.apis.meta.v1.Time", "string/date-time"},
      {"io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime", "string/date-time"},
      {"io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1", "any"},
      {"io.k8s.apimachinery.pkg.runtime.RawExtension", "any"},
      {"io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps", "any"}};
  const auto found = known.find(name);
  return found == known.end() ? name : found->second;
}

std::string ref_of(const Json& schema) {
  std::string ref = string_at(schema, {"$ref"});
  if (const auto all = schema.find("allOf"); ref.empty() && all != schema.end() && all->size() == 1)
    ref = string_at((*all)[0], {"$ref"});
  return ref.empty() ? "" : ref.substr(kRef.size());
}

// A field's type in one line, with all that merging and applying depend on.
std::string told(const Json& schema) {
  std::string out;
  const std::string ref = ref_of(schema), type = string_at(schema, {"type"}), format = string_at(schema, {"format"});
  if (!ref.empty()) {
    out = plain(ref);
  } else if (bool_at(schema, {"x-kubernetes-int-or-string"})) {
    out = format;
  } else if (type == "array") {
    out = "[" + told(schema.value("items", Json::object())) + "]" +
          string_at(schema, {"x-kubernetes-list-type"}, "atomic");
    for (const auto& key : schema.value("x-kubernetes-list-map-keys", Json::array()))
      out += " " + key.get<std::string>();
  } else if (type == "object") {
    out = "{" + told(schema.value("additionalProperties", Json::object())) + "}" +
          string_at(schema, {"x-kubernetes-map-type"});
    if (out.ends_with("granular")) out.resize(out.size() - 8);  // what it is anyway
  } else {
    out = type.empty() ? "any" : type + (format.empty() ? "" : "/" + format);
  }
  for (const char* name : {"x-kubernetes-patch-merge-key", "x-kubernetes-patch-strategy"}) {
    if (const std::string value = string_at(schema, {name}); !value.empty()) out += " " + value;
  }
  return out;
}

std::map<std::string, std::string> told_type(const Json& schema, bool required) {
  std::map<std::string, std::string> out{{"(map type)", string_at(schema, {"x-kubernetes-map-type"})}};
  const Json fields = schema.value("properties", Json::object());
  for (const auto& [name, field] : fields.items()) out[name] = told(field);
  if (!required) return out;
  for (const auto& name : schema.value("required", Json::array())) out[name.get<std::string>()] += " (required)";
  return out;
}

TEST_F(BuiltinTypes, are_those_of_the_server_field_by_field) {
  // Of another minor: the fields that both have, whichever of them its document calls required.
  const bool same_minor = raw.minor() == kPlaneMinor;
  int compared = 0;
  for (const auto& [name, ours] : local::builtin_definitions().items()) {
    const auto theirs = schemas().find(name);
    if (theirs == schemas().end()) {
      // Upstream has no document of its own for this one; the plane none for what only subresources use.
      EXPECT_TRUE(!same_minor || !Server::instance().real() || name.ends_with(".CustomResourceSubresourceStatus"))
          << name << " is nothing that the server knows";
      continue;
    }
    const auto want = told_type(*theirs, same_minor), got = told_type(ours, same_minor);
    for (const auto& [field, type] : want) {
      const auto mine = got.find(field);
      if (mine == got.end() && !same_minor) continue;
      EXPECT_EQ(mine == got.end() ? "(absent)" : mine->second, type) << name << "." << field;
    }
    for (const auto& [field, type] : got)
      EXPECT_TRUE(!same_minor || want.contains(field)) << name << "." << field << " is ours alone";
    ++compared;
  }
  EXPECT_GT(compared, 150);
}

TEST_F(BuiltinTypes, resources_have_their_names) {
  for (const auto& resource : local::builtin_resources()) {
    const auto& type = resource->type;
    const Answer listed = raw.get("/" + document(type));
    ASSERT_EQ(listed.status, 200) << document(type);
    std::map<std::string, Json> served;
    for (const auto& entry : listed.body["resources"]) served[string_at(entry, {"name"})] = entry;
    ASSERT_TRUE(served.contains(type.plural)) << type.plural;
    const Json& theirs = served[type.plural];
    EXPECT_EQ(string_at(theirs, {"kind"}), type.kind);
    EXPECT_EQ(bool_at(theirs, {"namespaced"}), type.namespaced) << type.plural;
    EXPECT_EQ(string_at(theirs, {"singularName"}), resource->singular) << type.plural;
    EXPECT_EQ(theirs.value("shortNames", Json::array()), Json(resource->short_names)) << type.plural;
    EXPECT_EQ(theirs.value("categories", Json::array()), Json(resource->categories)) << type.plural;
    EXPECT_EQ(served.contains(type.plural + "/status"), resource->status) << type.plural;
    EXPECT_EQ(served.contains(type.plural + "/scale"), resource->scale()) << type.plural;
  }
}

}  // namespace
}  // namespace clops::contract
