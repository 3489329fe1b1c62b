#include "crds/meta.h"

namespace clops::crds {
namespace {

void read_map(const Json& meta, const char* field, std::map<std::string, std::string>& out) {
  const Json* map = find_path(meta, {field});
  if (!map || !map->is_object()) return;
  for (const auto& [key, value] : map->items()) {
    if (value.is_string()) out.emplace(key, value.get<std::string>());
  }
}

}  // namespace

ObjectMeta decode_meta(const Json& object) {
  ObjectMeta out;
  const Json* meta = find_path(object, {"metadata"});
  if (!meta || !meta->is_object()) return out;
  out.name = string_at(*meta, {"name"});
  out.ns = string_at(*meta, {"namespace"});
  out.uid = string_at(*meta, {"uid"});
  out.resource_version = string_at(*meta, {"resourceVersion"});
  out.generation = int_at(*meta, {"generation"});
  out.creation_timestamp = string_at(*meta, {"creationTimestamp"});
  out.deletion_timestamp = string_at(*meta, {"deletionTimestamp"});
  read_map(*meta, "labels", out.labels);
  read_map(*meta, "annotations", out.annotations);
  if (const Json* owners = find_path(*meta, {"ownerReferences"}); owners && owners->is_array()) {
    for (const Json& owner : *owners) {
      out.owners.push_back({.api_version = string_at(owner, {"apiVersion"}),
                            .kind = string_at(owner, {"kind"}),
                            .name = string_at(owner, {"name"}),
                            .uid = string_at(owner, {"uid"}),
                            .controller = bool_at(owner, {"controller"}),
                            .block_owner_deletion = bool_at(owner, {"blockOwnerDeletion"})});
    }
  }
  return out;
}

}  // namespace clops::crds
