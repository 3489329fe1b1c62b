// Which resources the plane serves: the built-in kinds and whatever CustomResourceDefinitions are stored.
//
// Thread rule: Catalog is safe from any thread; a Resource never changes once handed out (a new one takes its place).
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/json.h"
#include "crds/meta.h"
#include "local/api/field_set.h"
#include "local/store/store.h"

namespace clops::local {

struct Column {
  std::string name, type, format, description;
  int priority = 0;
  std::string path;  // a JSONPath such as ".spec.model"; built-in kinds: empty where a function makes the cell
};

struct Resource {
  crds::ResourceType type;
  std::string singular;
  std::vector<std::string> short_names, categories;
  bool builtin = false;
  bool status = false;  // has the status subresource
  bool rules = false;   // there are CEL rules in its schema
  std::string replicas_path, status_replicas_path,
      selector_path;        // ".spec.replicas"; set when there is a scale subresource
  std::string schema_name;  // in OpenAPI: "io.k8s.api.apps.v1.Deployment"
  Json schema;              // of the whole object, resolved
  std::vector<Column> columns;
  [[nodiscard]] bool scale() const { return !replicas_path.empty(); }
  [[nodiscard]] std::string store_name() const {
    return type.group.empty() ? type.plural : type.plural + "." + type.group;
  }
};
using ResourcePtr = std::shared_ptr<const Resource>;

class Catalog {
 public:
  Catalog();
  [[nodiscard]] ResourcePtr find(const std::string& group, const std::string& version,
                                 const std::string& plural) const;  // null: none
  [[nodiscard]] ResourcePtr find(const crds::ResourceType& type) const {
    return find(type.group, type.version, type.plural);
  }
  [[nodiscard]] ResourcePtr find_kind(const std::string& api_version, const std::string& kind) const;
  [[nodiscard]] std::vector<ResourcePtr> all() const;  // by group, version, plural
  void serve_crd(const Json& crd);                     // new or changed
  void drop_crd(const std::string& crd_name);

 private:
  using Key = std::tuple<std::string, std::string, std::string>;
  mutable std::mutex mutex_;
  std::map<Key, ResourcePtr> resources_;
  std::map<std::string, std::vector<Key>> of_crd_;
};

// What a write through this subresource ("" = the object itself) cannot change, so that nobody owns it by that way.
[[nodiscard]] FieldSet reset_fields(const Resource& resource, const std::string& subresource);

// The resources of a CustomResourceDefinition, one for each served version.
[[nodiscard]] std::vector<ResourcePtr> resources_of_crd(const Json& crd);
[[nodiscard]] std::vector<ResourcePtr> builtin_resources();

}  // namespace clops::local
