#include <algorithm>
#include <cstdio>

#include "tests/unit/simulation/api.h"

namespace clops::sim {
namespace {

// What a write to the object leaves alone, and what a write to a subresource changes.
bool has_status(const std::string& resource) {
  return resource == "pods" || resource == "services" || resource == "deployments.apps" ||
         resource == "replicasets.apps" || resource == "jobs.batch" || resource == "poddisruptionbudgets.policy" ||
         resource.ends_with(".clops.dev");
}

bool custom(const std::string& resource) {
  return resource.ends_with(".clops.dev");
}

void merge_patch(Json& target, const Json& patch) {
  if (!patch.is_object()) {
    target = patch;
    return;
  }
  if (!target.is_object()) target = Json::object();
  for (const auto& [field, value] : patch.items()) {
    if (value.is_null()) {
      target.erase(field);
    } else {
      merge_patch(target[field], value);
    }
  }
}

Status json_patch(Json& target, const Json& patch) {
  for (const Json& operation : patch) {
    const std::string op = string_at(operation, {"op"}), path = string_at(operation, {"path"});
    const Json value = operation.value("value", Json());
    try {
      const Json::json_pointer pointer(path);
      if (op == "test") {
        if (!target.contains(pointer) || target.at(pointer) != value)
          return fail(Code::InvalidArgument, "testing " + path + " failed");
      } else if (op == "add" || op == "replace" || op == "remove") {
        target = target.patch(Json::array({operation}));
      } else {
        return fail(Code::InvalidArgument, "op " + op + " is not simulated");
      }
    } catch (const Json::exception& error) {
      return fail(Code::InvalidArgument, error.what());
    }
  }
  return {};
}

std::string new_uid(uint64_t n) {
  char text[48];
  std::snprintf(text, sizeof text, "00000000-0000-4000-8000-%012llx", static_cast<unsigned long long>(n));
  return text;
}

// `next` as a write through `subresource` may make it: the other parts as they were.
void keep_other_parts(const std::string& resource, const std::string& subresource, const Json& old, Json& next) {
  if (subresource == "status") {
    const auto status = next.find("status");
    Json kept = status == next.end() ? Json() : std::move(*status);
    const bool any = status != next.end();
    next = old;
    if (any) {
      next["status"] = std::move(kept);
    } else {
      next.erase("status");
    }
  } else if (has_status(resource)) {
    next.erase("status");
    if (old.contains("status")) next["status"] = old["status"];
  }
}

bool same_beside_metadata_and_status(const Json& a, const Json& b) {
  const auto covers = [](const Json& whole, const Json& part) {
    for (const auto& [field, value] : part.get_ref<const Json::object_t&>()) {
      if (field == "metadata" || field == "status") continue;
      const auto it = whole.find(field);
      if (it == whole.end() || *it != value) return false;
    }
    return true;
  };
  return covers(a, b) && covers(b, a);
}

Status check_preconditions(const ApiKey& key, const Json& live, const std::string& uid,
                           const std::string& resource_version) {
  const Json& metadata = live["metadata"];
  if (!uid.empty() && metadata["uid"] != uid) {
    return fail(Code::Conflict, "Precondition failed: UID in precondition: " + uid + ", of " + to_string(key) + ": " +
                                    metadata["uid"].get<std::string>());
  }
  if (!resource_version.empty() && metadata["resourceVersion"] != resource_version) {
    return fail(Code::Conflict,
                "Operation cannot be fulfilled on " + to_string(key) + ": the object has been modified");
  }
  return {};
}

}  // namespace

Result<Snapshot> Api::write(const std::string& actor, const Route& route, const Target& target,
                            const HttpRequest& request) {
  CLOPS_ASSIGN(Json body, parse_json(request.body));
  if (request.method == "POST" && route.name.empty()) {
    if (body.is_object() && !route.ns.empty()) body["metadata"]["namespace"] = route.ns;
    return create(actor, route.resource, std::move(body));
  }
  if (route.name.empty()) return fail(Code::InvalidArgument, "a name is required");
  if (!route.subresource.empty() && (route.subresource != "status" || !has_status(route.resource))) {
    return fail(Code::NotFound, "no subresource " + route.subresource);
  }
  if (request.method == "PUT") return update(actor, route, std::move(body));
  const std::string type(request.headers.get("Content-Type").value_or(""));
  if (request.method == "PATCH" && type.starts_with("application/apply-patch")) {
    const std::string manager(target.param("fieldManager").value_or(""));
    if (manager.empty())
      return fail(Code::InvalidArgument, "PatchOptions.fieldManager: Required value: is required for apply patch");
    if (body.is_object()) {
      body["metadata"]["name"] = route.name;
      if (!route.ns.empty()) body["metadata"]["namespace"] = route.ns;
    }
    return apply(actor, route.resource, body, manager, target.param("force").value_or("") == "true", route.subresource);
  }
  if (request.method == "PATCH" && type.starts_with("application/merge-patch")) return patch(actor, route, body, false);
  if (request.method == "PATCH" && type.starts_with("application/json-patch")) return patch(actor, route, body, true);
  return fail(Code::Unsupported, request.method + " with Content-Type " + type + " is not simulated");
}

Result<Snapshot> Api::create(const std::string& actor, const std::string& resource, Json object) {
  if (!object.is_object() || !object.contains("metadata"))
    return fail(Code::InvalidArgument, "metadata: Required value");
  Json& metadata = object["metadata"];
  const std::string ns = string_at(metadata, {"namespace"});
  std::string name = string_at(metadata, {"name"});
  if (name.empty() && metadata.contains("generateName")) {
    char suffix[8];
    std::snprintf(suffix, sizeof suffix, "%05llx", static_cast<unsigned long long>((uids_ + 1) * 0x9E37u & 0xFFFFFu));
    name = metadata["generateName"].get<std::string>() + suffix;
    metadata["name"] = name;
  }
  if (name.empty()) return fail(Code::InvalidArgument, "metadata.name: Required value");
  if (metadata.contains("resourceVersion") && metadata["resourceVersion"] != "") {
    return fail(Code::InvalidArgument, "metadata.resourceVersion: must not be set on objects to be created");
  }
  const ApiKey key{resource, ns, name};
  if (objects_.contains(key)) return fail(Code::AlreadyExists, to_string(key) + " already exists");
  if (has_status(resource)) object.erase("status");
  metadata.erase("managedFields"), metadata.erase("deletionTimestamp");
  metadata["uid"] = new_uid(++uids_);
  metadata["creationTimestamp"] = to_rfc3339(clock_.wall());
  metadata["generation"] = 1;
  if (resource == "services" && !find_path(object, {"spec", "clusterIP"})) {
    object["spec"]["clusterIP"] = "10.96." + std::to_string(uids_ / 250 % 250) + "." + std::to_string(uids_ % 250 + 1);
  }
  if (resource == "pods") object["status"] = Json{{"phase", "Pending"}};
  return commit(actor, key, "", nullptr, std::move(object));
}

Result<Snapshot> Api::update(const std::string& actor, const Route& route, Json object) {
  const ApiKey key{route.resource, route.ns, route.name};
  const Snapshot old = get(key);
  if (old == nullptr) return fail(Code::NotFound, to_string(key) + " not found");
  const std::string resource_version = string_at(object, {"metadata", "resourceVersion"});
  if (resource_version.empty() && custom(route.resource)) {
    return fail(Code::InvalidArgument, "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update");
  }
  CLOPS_TRY(check_preconditions(key, *old, string_at(object, {"metadata", "uid"}), resource_version));
  return commit(actor, key, route.subresource, old, std::move(object));
}

Result<Snapshot> Api::patch(const std::string& actor, const Route& route, const Json& patch, bool is_json_patch) {
  const ApiKey key{route.resource, route.ns, route.name};
  const Snapshot old = get(key);
  if (old == nullptr) return fail(Code::NotFound, to_string(key) + " not found");
  Json next = *old;
  if (is_json_patch) {
    CLOPS_TRY(json_patch(next, patch));
  } else {
    merge_patch(next, patch);
  }
  CLOPS_TRY(check_preconditions(key, *old, string_at(next, {"metadata", "uid"}),
                                string_at(next, {"metadata", "resourceVersion"})));
  return commit(actor, key, route.subresource, old, std::move(next));
}

Result<Snapshot> Api::apply(const std::string& actor, const std::string& resource, const Json& object,
                            const std::string& manager, bool force, const std::string& subresource) {
  const ApiKey key{resource, string_at(object, {"metadata", "namespace"}), string_at(object, {"metadata", "name"})};
  const std::string uid = string_at(object, {"metadata", "uid"}),
                    resource_version = string_at(object, {"metadata", "resourceVersion"});
  const Snapshot old = get(key);
  Json now = object;
  for (const char* field : {"uid", "resourceVersion", "managedFields", "creationTimestamp", "generation"})
    now["metadata"].erase(field);
  if (subresource == "status") {
    now = Json{{"status", object.value("status", Json::object())}};
  } else if (has_status(resource)) {
    now.erase("status");
  }
  const std::string slot = manager + "/" + subresource;
  if (old == nullptr) {
    if (!subresource.empty()) return fail(Code::NotFound, to_string(key) + " not found");
    if (!resource_version.empty() || !uid.empty()) {
      return fail(Code::Conflict, "Operation cannot be fulfilled on " + to_string(key) +
                                      ": the object no longer exists (precondition)");
    }
    CLOPS_ASSIGN(Snapshot created, create(actor, resource, now));
    applied_[key][slot] = std::move(now);
    return created;
  }
  CLOPS_TRY(check_preconditions(key, *old, uid, resource_version));
  std::vector<const Json*> others;
  for (const auto& [other, json] : applied_[key]) {
    if (other != slot) others.push_back(&json);
  }
  if (!force) {
    if (const std::string path = apply_conflict(now, others); !path.empty()) {
      return fail(Code::Conflict, "Apply failed with 1 conflict: " + path);
    }
  }
  static const Json kNothing = Json::object();
  const auto before = applied_[key].find(slot);
  Json next = apply_merge(*old, before == applied_[key].end() ? kNothing : before->second, now, others);
  CLOPS_ASSIGN(Snapshot written, commit(actor, key, subresource, old, std::move(next)));
  applied_[key][slot] = std::move(now);
  return written;
}

Result<Snapshot> Api::mutate(const std::string& actor, const ApiKey& key, const std::string& subresource,
                             const std::function<void(Json&)>& change) {
  const Snapshot old = get(key);
  if (old == nullptr) return fail(Code::NotFound, to_string(key) + " not found");
  Json next = *old;
  change(next);
  return commit(actor, key, subresource, old, std::move(next));
}

Result<Snapshot> Api::commit(const std::string& actor, const ApiKey& key, const std::string& subresource,
                             const Snapshot& old, Json next) {
  if (old != nullptr) {
    keep_other_parts(key.resource, subresource, *old, next);
    Json& metadata = next["metadata"];
    const Json& was = (*old)["metadata"];
    metadata["name"] = key.name;
    if (!key.ns.empty()) metadata["namespace"] = key.ns;
    for (const char* field : {"uid", "resourceVersion", "creationTimestamp", "generation", "deletionTimestamp"}) {
      if (was.contains(field)) {
        metadata[field] = was[field];
      } else {
        metadata.erase(field);
      }
    }
    metadata.erase("managedFields");
    next["apiVersion"] = (*old)["apiVersion"], next["kind"] = (*old)["kind"];
    if (next == *old) return old;
    if (!same_beside_metadata_and_status(next, *old))
      metadata["generation"] = int_at(*old, {"metadata", "generation"}) + 1;
  }
  if (admission_ && subresource.empty()) {
    if (std::string verdict = admission_(next, old.get()); !verdict.empty())
      return fail(Code::InvalidArgument, to_string(key) + ": " + verdict);
  }
  next["metadata"]["resourceVersion"] = std::to_string(++revision_);
  const bool finished = next["metadata"].contains("deletionTimestamp") && key.resource != "pods" &&
                        (!next["metadata"].contains("finalizers") || next["metadata"]["finalizers"].empty());
  auto object = std::make_shared<const Json>(std::move(next));
  if (finished) {
    erase(actor, key, object);
    return object;
  }
  objects_[key] = object;
  publish({.revision = revision_,
           .what = old ? Happened::Modified : Happened::Added,
           .key = key,
           .object = object,
           .previous = old,
           .actor = actor,
           .subresource = subresource});
  return object;
}

Status Api::remove(const std::string& actor, const ApiKey& key, const DeleteHow& how) {
  const Snapshot old = get(key);
  if (old == nullptr) return fail(Code::NotFound, to_string(key) + " not found");
  CLOPS_TRY(check_preconditions(key, *old, how.uid, how.resource_version));
  Json next = *old;
  Json& metadata = next["metadata"];
  if (how.propagation == "Orphan" || how.propagation == "Foreground") {
    const std::string finalizer = how.propagation == "Orphan" ? "orphan" : "foregroundDeletion";
    if (!metadata.contains("finalizers")) metadata["finalizers"] = Json::array();
    if (std::ranges::find(metadata["finalizers"], Json(finalizer)) == metadata["finalizers"].end())
      metadata["finalizers"].push_back(finalizer);
  }
  const bool held = metadata.contains("finalizers") && !metadata["finalizers"].empty();
  const bool graceful = key.resource == "pods" && how.grace_seconds.value_or(30) != 0 && next.contains("spec") &&
                        next["spec"].contains("nodeName");
  if (!held && !graceful) {
    ++revision_;
    erase(actor, key, old);
    return {};
  }
  if (metadata.contains("deletionTimestamp")) return {};
  metadata["deletionTimestamp"] = to_rfc3339(clock_.wall());
  metadata["generation"] = int_at(next, {"metadata", "generation"}) + 1;
  metadata["resourceVersion"] = std::to_string(++revision_);
  auto object = std::make_shared<const Json>(std::move(next));
  objects_[key] = object;
  publish({.revision = revision_,
           .what = Happened::Modified,
           .key = key,
           .object = object,
           .previous = old,
           .actor = actor,
           .subresource = "delete"});
  return {};
}

void Api::erase(const std::string& actor, const ApiKey& key, const Snapshot& old) {
  Json last = *old;
  last["metadata"]["resourceVersion"] = std::to_string(revision_);
  objects_.erase(key);
  applied_.erase(key);
  texts_.erase(key);
  auto object = std::make_shared<const Json>(std::move(last));
  publish({.revision = revision_,
           .what = Happened::Deleted,
           .key = key,
           .object = object,
           .previous = old,
           .actor = actor,
           .subresource = "delete"});
}

void Api::publish(ApiEvent event) {
  log_.push_back(event);
  if (on_event) on_event(event);
}

}  // namespace clops::sim
