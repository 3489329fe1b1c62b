#include <algorithm>

#include "local/api/core.h"

namespace clops::local {
namespace {

constexpr const char* kForeground = "foregroundDeletion";
constexpr const char* kOrphan = "orphan";
constexpr const char* kCrdCleanup = "customresourcecleanup.apiextensions.k8s.io";

void add_finalizer(Json& object, const char* name) {
  Json& list = object["metadata"]["finalizers"];
  if (!list.is_array()) list = Json::array();
  if (std::find(list.begin(), list.end(), Json(name)) == list.end()) list.push_back(name);
}

void drop_finalizer(Json& object, const char* name) {
  const auto list = object["metadata"].find("finalizers");
  if (list == object["metadata"].end() || !list->is_array()) return;
  std::erase(list->get_ref<Json::array_t&>(), Json(name));
  if (list->empty()) object["metadata"].erase("finalizers");
}

bool has_finalizers(const Json& object) {
  const Json* list = find_path(object, {"metadata", "finalizers"});
  return list && !list->empty();
}

int64_t grace_of(const Resource& resource, const Json& object, const DeleteOptions& options) {
  if (!resource.builtin || resource.type.kind != "Pod") return 0;
  const std::string phase = string_at(object, {"status", "phase"});
  // Nobody has to end a pod that no node has taken, or that has ended.
  if (string_at(object, {"spec", "nodeName"}).empty() || phase == "Succeeded" || phase == "Failed") return 0;
  return std::max<int64_t>(
      0, options.grace_seconds.value_or(int_at(object, {"spec", "terminationGracePeriodSeconds"}, 30)));
}

}  // namespace

Outcome<StoredPtr> Core::begin_deletion(Transaction& transaction, const Resource& resource, const StoreKey& key,
                                        const StoredPtr& live, const DeleteOptions& options, bool& gone) {
  Json object = live->json;
  const bool namespace_kind = resource.builtin && resource.type.kind == "Namespace";
  const bool crd_kind = resource.builtin && resource.type.kind == "CustomResourceDefinition";
  if (options.propagation) {
    drop_finalizer(object, kForeground);
    drop_finalizer(object, kOrphan);
  }
  if (options.propagation == Propagation::Foreground) add_finalizer(object, kForeground);
  if (options.propagation == Propagation::Orphan) add_finalizer(object, kOrphan);
  if (crd_kind && !transaction.list(key.name, "").empty()) add_finalizer(object, kCrdCleanup);
  const int64_t grace = grace_of(resource, object, options);
  const bool at_once = grace == 0 && !has_finalizers(object) && !namespace_kind;
  if (at_once) {
    gone = true;
    return transaction.erase(key);
  }
  Json& meta = object["metadata"];
  const bool already = meta.contains("deletionTimestamp");
  if (already && grace >= int_at(meta, {"deletionGracePeriodSeconds"}) && object["metadata"] == live->json["metadata"])
    return live;
  const bool shorter = already && grace < int_at(meta, {"deletionGracePeriodSeconds"});
  if (!already || shorter) {
    meta["deletionTimestamp"] = to_rfc3339(clock_.wall() + std::chrono::seconds(grace));
    meta["deletionGracePeriodSeconds"] = grace;
    if (meta.contains("generation")) meta["generation"] = meta["generation"].get<int64_t>() + 1;
  }
  if (namespace_kind) object["status"]["phase"] = "Terminating";
  return transaction.put(key, std::move(object));
}

Outcome<StoredPtr> Core::erase(const Resource& resource, const crds::ObjectKey& key, const DeleteOptions& options,
                               bool dry_run, bool& gone) {
  const StoreKey store_key{resource.store_name(), key.ns, key.name};
  auto out = run({.manager = "", .dry_run = dry_run}, [&](Transaction& transaction) -> Outcome<StoredPtr> {
    const StoredPtr live = as_version(resource, transaction.get(store_key));
    if (!live) return not_found(resource.type.group, resource.type.plural, key.name);
    const std::string uid = string_at(live->json, {"metadata", "uid"}),
                      version = string_at(live->json, {"metadata", "resourceVersion"});
    if (!options.uid.empty() && options.uid != uid) {
      return conflict(resource.type.group, resource.type.kind, key.name,
                      "the UID in the precondition (" + options.uid + ") does not match the UID in record (" + uid +
                          "). The object might have been deleted and then recreated");
    }
    if (!options.resource_version.empty() && options.resource_version != version) {
      return conflict(resource.type.group, resource.type.kind, key.name,
                      "the ResourceVersion in the precondition (" + options.resource_version +
                          ") does not match the ResourceVersion in record (" + version +
                          "). The object might have been modified");
    }
    if (resource.builtin && resource.type.kind == "Namespace" &&
        (key.name == "default" || key.name.starts_with("kube-"))) {
      return api_fail(403, "Forbidden",
                      "namespaces \"" + key.name + "\" is forbidden: this namespace may not be deleted");
    }
    auto ended = begin_deletion(transaction, resource, store_key, live, options, gone);
    if (!ended || !dry_run) return ended;
    auto shown = std::make_shared<Stored>(**ended);  // nothing was stored, so its version is still the old one
    shown->json["metadata"]["resourceVersion"] = version;
    shown->text = dump_json(shown->json);
    return StoredPtr(shown);
  });
  if (out) after_write(resource, key.name, dry_run);
  return out;
}

Status Core::finish_namespace(const std::string& name) {
  const auto resource = catalog_.find("", "v1", "namespaces");
  size_t left = 0;
  for (const auto& kind : catalog_.all()) {
    if (!kind->type.namespaced) continue;
    for (const auto& item : store_.list(kind->store_name(), name).items) {
      ++left;
      if (find_path(item->json, {"metadata", "deletionTimestamp"})) continue;
      CLOPS_TRY(remove(kind->type, {name, string_at(item->json, {"metadata", "name"})}, {}));
    }
  }
  if (left > 0) return {};  // looked at again when they have gone
  return store_.transact([&](Transaction& transaction) -> Status {
    const StoreKey key{resource->store_name(), "", name};
    const auto live = transaction.get(key);
    if (!live || !find_path(live->json, {"metadata", "deletionTimestamp"})) return {};
    Json object = live->json;
    if (object.contains("spec")) object["spec"].erase("finalizers");
    if (has_finalizers(object)) {
      if (object != live->json) transaction.put(key, std::move(object));
    } else {
      transaction.erase(key);
    }
    return {};
  });
}

Status Core::finish_crd(const std::string& name) {
  const auto crd = store_.get({"customresourcedefinitions.apiextensions.k8s.io", "", name});
  if (!crd || !find_path(crd->json, {"metadata", "deletionTimestamp"})) return {};
  const auto versions = resources_of_crd(crd->json);
  for (const auto& item : store_.list(name, "").items) {
    if (versions.empty() || find_path(item->json, {"metadata", "deletionTimestamp"})) continue;
    CLOPS_TRY(remove(versions.front()->type,
                     {string_at(item->json, {"metadata", "namespace"}), string_at(item->json, {"metadata", "name"})},
                     {}));
  }
  if (!store_.list(name, "").items.empty()) return {};
  const Status done = store_.transact([&](Transaction& transaction) -> Status {
    const StoreKey key{"customresourcedefinitions.apiextensions.k8s.io", "", name};
    const auto live = transaction.get(key);
    if (!live) return {};
    Json object = live->json;
    auto& list = object["metadata"]["finalizers"];
    if (list.is_array()) std::erase(list.get_ref<Json::array_t&>(), Json(kCrdCleanup));
    if (has_finalizers(object)) {
      if (object != live->json) transaction.put(key, std::move(object));
    } else {
      transaction.erase(key);
    }
    return {};
  });
  refresh_crd(name);
  return done;
}

}  // namespace clops::local
