#include <algorithm>
#include <set>

#include "base/digest.h"
#include "local/api/builtin_rules.h"
#include "local/api/core.h"
#include "local/api/managed_fields.h"
#include "local/api/schema.h"

namespace clops::local {
namespace {

constexpr const char* kModified =
    "the object has been modified; please apply your changes to the latest version and try again";

// Kinds whose writes do not count generations upstream.
bool counts_generations(const Resource& resource) {
  static const std::set<std::string> without{"Namespace",
                                             "Node",
                                             "ConfigMap",
                                             "Secret",
                                             "ServiceAccount",
                                             "Endpoints",
                                             "Event",
                                             "Service",
                                             "PersistentVolumeClaim",
                                             "ControllerRevision",
                                             "Lease",
                                             "Role",
                                             "RoleBinding",
                                             "ClusterRole",
                                             "ClusterRoleBinding"};
  return !resource.builtin || !without.contains(resource.type.kind);
}

std::string random_uid() {
  std::string hex = random_hex(16);
  hex[12] = '4';
  hex[16] = "89ab"[hex[16] % 4];
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" + hex.substr(16, 4) + "-" +
         hex.substr(20);
}

std::string random_suffix() {
  static constexpr std::string_view kLetters = "bcdfghjklmnpqrstvwxz2456789";
  std::string out;
  for (const char c : random_hex(5).substr(0, 10)) {
    if (out.size() < 5) out += kLetters[static_cast<size_t>(c * 7 + static_cast<char>(out.size())) % kLetters.size()];
  }
  return out;
}

Json& meta_of(Json& object) {
  Json& meta = object["metadata"];
  if (!meta.is_object()) meta = Json::object();
  return meta;
}

void restore(Json& to, const Json& from, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (from.contains(name)) {
      to[name] = from[name];
    } else {
      to.erase(name);
    }
  }
}

// What a generation counts: all but metadata and, where it is a subresource, status.
Json counted(const Resource& resource, Json object) {
  object.erase("metadata");
  object.erase("apiVersion");
  if (resource.status) object.erase("status");
  return object;
}

bool finalizers_done(const Resource& resource, const Json& object) {
  const Json* finalizers = find_path(object, {"metadata", "finalizers"});
  if (finalizers && !finalizers->empty()) return false;
  if (resource.builtin && resource.type.kind == "Namespace") {
    const Json* own = find_path(object, {"spec", "finalizers"});
    return !own || own->empty();
  }
  return true;
}

std::string address(const std::string& network, unsigned index) {
  return network + "." + std::to_string(index / 256) + "." + std::to_string(index % 256);
}

}  // namespace

Done Core::accept_fields(const Resource& resource, Json& object, const WriteContext& context) const {
  if (resource.builtin) {
    if (const auto wrong = wrong_type(resource.schema, object, ""); !wrong.empty()) {
      return bad_request(resource.type.kind + " in version \"" + resource.type.version + "\" cannot be handled as a " +
                         resource.type.kind + ": " + wrong);
    }
  }
  std::vector<std::string> unknown;
  prune(resource.schema, object, "", resource.builtin, unknown);
  if (unknown.empty() || context.unknown == UnknownFields::Ignore) return {};
  std::string list;
  for (const auto& path : unknown) {
    list += (list.empty() ? "" : ", ") + std::string("unknown field \"") + path + "\"";
    if (context.unknown == UnknownFields::Warn && context.warnings)
      context.warnings->push_back("unknown field \"" + path + "\"");
  }
  if (context.unknown == UnknownFields::Warn) return {};
  const std::string prefix = resource.builtin ? resource.type.kind + " in version \"" + resource.type.version +
                                                    "\" cannot be handled as a " + resource.type.kind + ": "
                                              : "";
  return bad_request(prefix + "strict decoding error: " + list);
}

Done Core::admit_namespace(Transaction& transaction, const Resource& resource, const StoreKey& key) const {
  if (!resource.type.namespaced) return {};
  const auto ns = transaction.get({"namespaces", "", key.ns});
  if (!ns) return not_found("", "namespaces", key.ns);
  if (find_path(ns->json, {"metadata", "deletionTimestamp"})) {
    const std::string plural = resource.store_name();
    auto error = api_fail(403, "Forbidden",
                          plural + " \"" + key.name + "\" is forbidden: unable to create new content in namespace " +
                              key.ns + " because it is being terminated");
    error.error().causes.push_back(
        {"NamespaceTerminating", "namespace " + key.ns + " is being terminated", "metadata.namespace"});
    return error;
  }
  return {};
}

Done Core::give_cluster_ip(Transaction& transaction, Json& object) const {
  Json& spec = object["spec"];
  const std::string wanted = string_at(spec, {"clusterIP"});
  std::set<std::string> taken;
  for (const auto& service : transaction.list("services", ""))
    taken.insert(string_at(service->json, {"spec", "clusterIP"}));
  std::string chosen = wanted;
  if (wanted.empty()) {
    for (unsigned i = 10; i < 65'000 && chosen.empty(); ++i) {
      if (const auto candidate = address(options_.service_network, i);
          i % 256 != 0 && i % 256 != 255 && !taken.contains(candidate))
        chosen = candidate;
    }
    if (chosen.empty()) return api_fail(500, "InternalError", "failed to allocate a serviceIP: range is full");
  } else if (wanted != "None") {
    if (!wanted.starts_with(options_.service_network + ".")) {
      return invalid("", "Service", string_at(object, {"metadata", "name"}),
                     {invalid_cause("spec.clusterIPs", Json::array({wanted}),
                                    "failed to allocate IP " + wanted +
                                        ": the provided IP is not in the valid range. The range of valid IPs is " +
                                        options_.service_network + ".0.0/16")});
    }
    if (taken.contains(wanted)) {
      return invalid("", "Service", string_at(object, {"metadata", "name"}),
                     {invalid_cause("spec.clusterIPs", Json::array({wanted}),
                                    "failed to allocate IP " + wanted + ": provided IP is already allocated")});
    }
  }
  spec["clusterIP"] = chosen;
  spec["clusterIPs"] = Json::array({chosen});
  return {};
}

void Core::crd_conditions(Json& crd, const Json* before) const {
  Json status = before ? before->value("status", Json::object()) : Json::object();
  status["acceptedNames"] = crd["spec"]["names"];
  Json stored = status.value("storedVersions", Json::array());
  for (const auto& version : crd["spec"]["versions"]) {
    const Json name = version.value("name", Json(""));
    if (bool_at(version, {"storage"}) && std::find(stored.begin(), stored.end(), name) == stored.end())
      stored.push_back(name);
  }
  status["storedVersions"] = stored;
  if (!status.contains("conditions")) {
    const std::string time = now();
    status["conditions"] = Json::array({{{"type", "NamesAccepted"},
                                         {"status", "True"},
                                         {"reason", "NoConflicts"},
                                         {"message", "no conflicts found"},
                                         {"lastTransitionTime", time}},
                                        {{"type", "Established"},
                                         {"status", "True"},
                                         {"reason", "InitialNamesAccepted"},
                                         {"message", "the initial names have been accepted"},
                                         {"lastTransitionTime", time}}});
  }
  crd["status"] = std::move(status);
}

// Only what the subresource may change; metadata the server itself keeps is put back.
Done Core::restrict_to(Change& change) const {
  const Json& before = change.before->json;
  Json& after = change.after;
  const std::string& group = change.resource.type.group;
  const std::string wanted_uid = string_at(after, {"metadata", "uid"}), uid = string_at(before, {"metadata", "uid"});
  if (!wanted_uid.empty() && wanted_uid != uid) {
    return conflict(group, change.resource.type.plural, change.key.name,
                    "Precondition failed: UID in precondition: " + wanted_uid + ", UID in object meta: " + uid);
  }
  const std::string wanted = string_at(after, {"metadata", "resourceVersion"});
  if (!wanted.empty() && wanted != string_at(before, {"metadata", "resourceVersion"}))
    return conflict(group, change.resource.type.plural, change.key.name, kModified);

  if (change.subresource == "status") {
    Json only = before;
    restore(only, after, {"status"});
    if (after.contains("metadata") && after["metadata"].is_object()) {
      restore(meta_of(only), after["metadata"], {"managedFields"});
    }
    after = std::move(only);
  } else if (change.resource.status) {
    restore(after, before, {"status"});
  }
  Json& meta = meta_of(after);
  restore(meta, before["metadata"],
          {"name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
           "generation", "generateName", "selfLink", "resourceVersion"});
  if (change.resource.builtin && change.resource.type.kind == "Service" && change.subresource.empty()) {
    // An update that leaves them out keeps what was allocated.
    for (const char* name : {"clusterIP", "clusterIPs"}) {
      if (!after["spec"].contains(name) && before["spec"].contains(name)) after["spec"][name] = before["spec"][name];
    }
  }
  if (change.resource.builtin && change.resource.type.kind == "Job" && change.subresource.empty() &&
      before["spec"].contains("selector") && !after["spec"].contains("selector")) {
    after["spec"]["selector"] = before["spec"]["selector"];
    const Json* labels = find_path(before, {"spec", "template", "metadata", "labels"});
    if (labels && after["spec"]["template"].is_object()) {
      for (const auto& [name, value] : labels->items()) {
        if (!after["spec"]["template"]["metadata"]["labels"].contains(name))
          after["spec"]["template"]["metadata"]["labels"][name] = value;
      }
    }
  }
  return {};
}

Done Core::validate(const Change& change) const {
  const auto& type = change.resource.type;
  std::vector<Cause> causes;
  check_metadata(change.resource, change.after, causes);
  check(change.resource.schema, change.after, "", causes);
  const Json* before = change.before ? &change.before->json : nullptr;
  if (causes.empty() && change.resource.builtin && change.subresource.empty())
    check_builtin(type.kind, change.after, before, causes);
  if (causes.empty() && !change.resource.builtin && options_.validator && change.subresource != "status") {
    for (auto& violation : options_.validator(type.kind, change.after, before)) {
      const std::string shown = violation.value.empty() ? "" : violation.value + ": ";
      causes.push_back({"FieldValueInvalid", "Invalid value: " + shown + violation.message, violation.field});
    }
  }
  if (causes.empty()) return {};
  return invalid(type.group, type.kind, change.key.name, std::move(causes));
}

Outcome<StoredPtr> Core::finish(Transaction& transaction, Change change, const WriteContext& context) {
  const Resource& resource = change.resource;
  if (change.before) {
    if (auto done = restrict_to(change); !done) return std::unexpected(done.error());
  }
  Json& after = change.after;
  if (auto done = accept_fields(resource, after, context); !done) return std::unexpected(done.error());
  apply_defaults(resource.schema, after);
  if (resource.builtin) {
    default_builtin(resource.type.kind, after);
    if (resource.type.kind == "CustomResourceDefinition" && change.subresource.empty())
      crd_conditions(after, change.before ? &change.before->json : nullptr);
    if (resource.type.kind == "Service" && !change.before) {
      if (auto done = give_cluster_ip(transaction, after); !done) return std::unexpected(done.error());
    }
  }
  const WriterIdentity writer{context.manager, resource.type.api_version(), change.subresource, now()};
  if (!change.owners_noted) {
    // A new object's first status is the server's own: nobody owns it.
    const Json first = !change.before && resource.status ? after.value("status", Json()) : Json();
    if (!first.is_null()) after.erase("status");
    after = note_update(resource.schema, change.before ? change.before->json : Json(), std::move(after), writer);
    if (!first.is_null()) after["status"] = first;
  }
  if (counts_generations(resource)) {
    Json& meta = meta_of(after);
    if (!change.before) {
      meta["generation"] = 1;
    } else if (counted(resource, after) != counted(resource, change.before->json)) {
      meta["generation"] = int_at(change.before->json, {"metadata", "generation"}) + 1;
    }
  }
  if (auto done = validate(change); !done) return std::unexpected(done.error());
  if (change.before) {
    settle_times(change.before->json, after);
    if (after == change.before->json) return change.before;
    if (find_path(after, {"metadata", "deletionTimestamp"}) && finalizers_done(resource, after)) {
      transaction.put(change.key, std::move(after));
      return transaction.erase(change.key);
    }
  }
  StoredPtr stored = transaction.put(change.key, std::move(after));
  if (context.dry_run) {  // nothing was stored, so there is no new version to name
    auto shown = std::make_shared<Stored>(*stored);
    if (change.before) {
      shown->json["metadata"]["resourceVersion"] = string_at(change.before->json, {"metadata", "resourceVersion"});
    } else {
      shown->json["metadata"].erase("resourceVersion");
    }
    shown->text = dump_json(shown->json);
    return StoredPtr(shown);
  }
  return stored;
}

Outcome<StoredPtr> Core::insert_in(Transaction& transaction, const Resource& resource, StoreKey key, Json object,
                                   const WriteContext& context, bool owners_noted) {
  Json& meta = meta_of(object);
  if (!string_at(meta, {"resourceVersion"}).empty())
    return bad_request("resourceVersion should not be set on objects to be created");
  for (const char* name : {"uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation",
                           "selfLink", "resourceVersion"})
    meta.erase(name);
  key.name = string_at(meta, {"name"});
  if (const std::string prefix = string_at(meta, {"generateName"}); key.name.empty() && !prefix.empty()) {
    do key.name = prefix.substr(0, 58) + random_suffix();
    while (transaction.get(key));
    meta["name"] = key.name;
  }
  if (resource.type.namespaced) meta["namespace"] = key.ns;
  if (auto done = admit_namespace(transaction, resource, key); !done) return std::unexpected(done.error());
  if (transaction.get(key)) {
    auto error = api_fail(409, "AlreadyExists", resource.store_name() + " \"" + key.name + "\" already exists");
    error.error().group = resource.type.group;
    error.error().kind = resource.type.plural;
    error.error().name = key.name;
    return error;
  }
  meta["uid"] = random_uid();
  meta["creationTimestamp"] = now();
  object["apiVersion"] = resource.type.api_version();
  object["kind"] = resource.type.kind;
  if (resource.status) object.erase("status");
  if (resource.builtin) {
    if (Json status = initial_status(resource.type.kind); !status.is_null()) object["status"] = std::move(status);
  }
  auto stored = finish(transaction, {resource, key, nullptr, std::move(object), "", owners_noted}, context);
  if (stored && resource.builtin && resource.type.kind == "Namespace") {
    const auto accounts = catalog_.find("", "v1", "serviceaccounts");
    Json account{{"apiVersion", "v1"}, {"kind", "ServiceAccount"}, {"metadata", {{"name", "default"}}}};
    auto made =
        insert_in(transaction, *accounts, {accounts->store_name(), key.name, "default"}, std::move(account), {}, false);
    if (!made) return made;
  }
  return stored;
}

Outcome<StoredPtr> Core::insert(const Resource& resource, const std::string& ns, Json object,
                                const WriteContext& context) {
  if (!object.is_object()) return bad_request("the body is no object");
  auto out = run(context, [&](Transaction& transaction) {
    return insert_in(transaction, resource, {resource.store_name(), resource.type.namespaced ? ns : "", ""},
                     std::move(object), context, false);
  });
  if (out && !context.dry_run && resource.builtin && resource.type.kind == "CustomResourceDefinition")
    refresh_crd(string_at((*out)->json, {"metadata", "name"}));
  return out;
}

Outcome<StoredPtr> Core::update(const Resource& resource, const crds::ObjectKey& key, Json object,
                                const std::string& subresource, const WriteContext& context) {
  if (!object.is_object()) return bad_request("the body is no object");
  const StoreKey store_key{resource.store_name(), key.ns, key.name};
  auto out = run(context, [&](Transaction& transaction) -> Outcome<StoredPtr> {
    const StoredPtr live = as_version(resource, transaction.get(store_key));
    if (!live) return not_found(resource.type.group, resource.type.plural, key.name);
    if (subresource == "scale")
      return patch_scale(transaction, resource, store_key, live, PatchKind::Merge, object, context);
    const std::string name = string_at(object, {"metadata", "name"});
    if (!name.empty() && name != key.name)
      return bad_request("the name of the object (" + name + ") does not match the name on the URL (" + key.name + ")");
    if (!resource.builtin && string_at(object, {"metadata", "resourceVersion"}).empty()) {
      return invalid(
          resource.type.group, resource.type.kind, key.name,
          {{"FieldValueInvalid", "Invalid value: 0x0: must be specified for an update", "metadata.resourceVersion"}});
    }
    return finish(transaction, {resource, store_key, live, std::move(object), subresource}, context);
  });
  if (out && !context.dry_run && resource.builtin && resource.type.kind == "CustomResourceDefinition")
    refresh_crd(key.name);
  return out;
}

}  // namespace clops::local
