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
  // A Deployment's rollout is told by annotations too.
  const bool annotated = resource.builtin && resource.type.kind == "Deployment";
  const Json annotations = annotated ? object["metadata"].value("annotations", Json()) : Json();
  object.erase("metadata");
  object.erase("apiVersion");
  if (resource.status) object.erase("status");
  if (annotated) object["annotations"] = annotations;
  return object;
}

// What a status writer may change besides status: upstream's strategies, kind by kind.
void keep_from_status_write(const Resource& resource, Json& after, const Json& before) {
  const std::string& kind = resource.type.kind;
  if (!resource.builtin || kind == "CustomResourceDefinition") {
    Json only = before;
    restore(only, after, {"status"});
    if (after.contains("metadata") && after["metadata"].is_object())
      restore(meta_of(only), after["metadata"], {"managedFields"});
    after = std::move(only);
    return;
  }
  restore(after, before, {"spec"});
  if (kind == "Deployment") restore(meta_of(after), before["metadata"], {"labels"});
  if (kind == "Pod") restore(meta_of(after), before["metadata"], {"ownerReferences"});
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
  const std::string wanted_uid = string_at(after, {"metadata", "uid"});
  const std::string wanted = string_at(after, {"metadata", "resourceVersion"});
  if (!wanted.empty() && wanted != string_at(before, {"metadata", "resourceVersion"}))
    return conflict(group, change.resource.type.plural, change.key.name, kModified);

  if (change.subresource == "status") {
    keep_from_status_write(change.resource, after, before);
  } else if (change.resource.status) {
    restore(after, before, {"status"});
  }
  Json& meta = meta_of(after);
  restore(meta, before["metadata"],
          {"name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
           "generation", "generateName", "selfLink", "resourceVersion"});
  const bool whole = change.subresource.empty() || change.resource.builtin;
  if (!wanted_uid.empty() && whole) meta["uid"] = wanted_uid;  // another's is refused with all else that is wrong
  if (change.resource.builtin && change.resource.type.kind == "Service" && change.subresource.empty()) {
    // An update that leaves them out keeps what was allocated.
    for (const char* name : {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"}) {
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

namespace {

// What stands at "spec.variants[1].name", or null.
const Json* at_field(const Json& object, std::string_view field) {
  const Json* at = &object;
  while (!field.empty() && at) {
    const size_t end = std::min(field.find_first_of(".["), field.size());
    if (end > 0) at = find_path(*at, {field.substr(0, end)});
    field.remove_prefix(end);
    if (field.starts_with("[")) {
      const size_t close = std::min(field.find(']'), field.size() - 1);
      const size_t index = std::strtoul(std::string(field.substr(1, close - 1)).c_str(), nullptr, 10);
      at = at && at->is_array() && index < at->size() ? &(*at)[index] : nullptr;
      field.remove_prefix(close + 1);
    }
    if (field.starts_with(".")) field.remove_prefix(1);
  }
  return at;
}

// Rules are not looked at where the value they speak of may not be what they expect.
bool blocks_rules(const Cause& cause) {
  static const std::set<std::string> reasons{"FieldValueNotSupported", "FieldValueRequired", "FieldValueTooLong",
                                             "FieldValueTooMany", "FieldValueTypeInvalid"};
  return reasons.contains(cause.reason);
}

}  // namespace

void Core::check_schema(const Change& change, std::vector<Cause>& causes) const {
  const Json& schema = change.resource.schema;
  const Json* status = field_schema(schema, "status");
  const bool part = !change.resource.builtin && change.subresource == "status" && status;
  if (!part) return check(schema, change.after, "", causes);
  // As upstream: a status writer's faults are told from the status on.
  const auto written = change.after.find("status");
  if (written == change.after.end()) return;
  std::vector<Cause> found;
  check(*status, *written, "", found);
  for (auto& cause : found) {
    cause.field = std::string(cause.field.empty() || cause.field[0] == '[' ? "status" : "status.") + cause.field;
    causes.push_back(std::move(cause));
  }
}

void Core::check_replicas(const Change& change, std::vector<Cause>& causes) const {
  const auto& path = change.resource.replicas_path;
  if (change.resource.builtin || path.empty() || change.subresource == "status") return;
  const Json* replicas = at_field(change.after, std::string_view(path).substr(1));
  if (replicas && replicas->is_string()) {
    causes.push_back(invalid_cause(
        path, 0, path + " accessor error: " + replicas->get<std::string>() + " is of the type string, expected int64"));
  }
  if (replicas && replicas->is_number_integer() && replicas->get<int64_t>() < 0)
    causes.push_back(invalid_cause(path, *replicas, "should be a non-negative integer"));
}

void Core::check_rules(const Change& change, std::vector<Cause>& causes) const {
  if (std::ranges::any_of(causes, blocks_rules)) {
    if (!change.resource.rules) return;
    causes.push_back({"FieldValueInvalid",
                      "Invalid value: null: some validation rules were not checked because the object was invalid; "
                      "correct the existing errors to complete validation",
                      "<nil>"});
    return;
  }
  if (!options_.validator || change.subresource == "status") return;
  const Json* before = change.before ? &change.before->json : nullptr;
  for (auto& violation : options_.validator(change.resource.type.kind, change.after, before)) {
    // What the schema has said already (two items of one name) is not said twice.
    if (std::ranges::any_of(causes, [&](const Cause& c) { return c.field == violation.field; })) continue;
    const Json* value = at_field(change.after, violation.field);
    const std::string type = dump_json(Json(json_type(value ? *value : Json::object())));
    causes.push_back({"FieldValueInvalid", "Invalid value: " + type + ": " + violation.message,
                      violation.field.empty() ? "<nil>" : violation.field});
  }
}

Done Core::validate(const Change& change) const {
  const auto& type = change.resource.type;
  std::vector<Cause> causes;
  check_metadata(change.resource, change.after, change.before ? &change.before->json : nullptr, causes);
  const std::string kind = string_at(change.after, {"kind"});
  if (kind != type.kind) causes.push_back(invalid_cause("kind", kind, "must be " + type.kind));
  check_schema(change, causes);
  const Json* before = change.before ? &change.before->json : nullptr;
  if (causes.empty() && change.resource.builtin && change.subresource.empty())
    check_builtin(type.kind, change.after, before, causes);
  check_replicas(change, causes);
  if (causes.empty() && change.resource.builtin && change.subresource == "status")
    check_builtin_status(type.kind, change.after, causes);
  if (!change.resource.builtin) check_rules(change, causes);
  if (causes.empty()) return {};
  return invalid(type.group, kind, change.key.name, std::move(causes));
}

// Versioned defaults, as the decoder of the real server gives them, before anybody owns anything.
void Core::complete(const Resource& resource, Json& object) const {
  apply_defaults(resource.schema, object);
  if (resource.builtin) default_builtin(resource.type.kind, object);
  // An empty list says to forget who owns what: not the same as none.
  const Json* given = find_path(object, {"metadata", "managedFields"});
  const bool reset = resource.builtin && given && given->is_array() && given->empty();
  if (resource.builtin) {
    as_typed(resource.schema, object, false);
  } else if (const Json* meta = field_schema(resource.schema, "metadata"); meta && object.contains("metadata")) {
    as_typed(*meta, object["metadata"], false);  // of another's kind the server knows its metadata
  }
  if (reset) meta_of(object)["managedFields"] = Json::array();
}

WriterIdentity Core::writer(const Resource& resource, const std::string& subresource,
                            const WriteContext& context) const {
  return {.manager = context.manager,
          .api_version = resource.type.api_version(),
          .subresource = subresource,
          .time = now(),
          .reset = reset_fields(resource, subresource),
          .builtin = resource.builtin};
}

// What the server itself gives to an object, after its writer has been noted: nobody owns it.
Done Core::allocate(Transaction& transaction, Change& change) const {
  if (!change.resource.builtin) return {};
  const std::string& kind = change.resource.type.kind;
  allocate_builtin(kind, change.after);
  if (kind == "CustomResourceDefinition" && change.subresource.empty())
    crd_conditions(change.after, change.before ? &change.before->json : nullptr);
  if (kind == "Service" && !change.before) return give_cluster_ip(transaction, change.after);
  return {};
}

Outcome<StoredPtr> Core::finish(Transaction& transaction, Change change, const WriteContext& context) {
  const Resource& resource = change.resource;
  Json& after = change.after;
  if (auto done = accept_fields(resource, after, context); !done) return std::unexpected(done.error());
  complete(resource, after);
  if (!change.owners_noted) {
    after = note_update(resource.schema, change.before ? change.before->json : Json(), std::move(after),
                        writer(resource, change.subresource, context));
  }
  if (change.before) {
    if (auto done = restrict_to(change); !done) return std::unexpected(done.error());
  } else {
    prepare_new(resource, after);
  }
  if (auto done = allocate(transaction, change); !done) return std::unexpected(done.error());
  if (counts_generations(resource)) {
    Json& meta = meta_of(after);
    if (!change.before) {
      meta["generation"] = 1;
    } else if (change.subresource != "status" && counted(resource, after) != counted(resource, change.before->json)) {
      meta["generation"] = int_at(change.before->json, {"metadata", "generation"}) + 1;
    }
  }
  if (auto done = validate(change); !done) return std::unexpected(done.error());
  if (!change.before && transaction.get(change.key)) {
    const bool ending = find_path(transaction.get(change.key)->json, {"metadata", "deletionTimestamp"});
    auto error = api_fail(409, "AlreadyExists",
                          (ending ? "object is being deleted: " : "") + resource.store_name() + " \"" +
                              change.key.name + "\" already exists");
    error.error().group = resource.type.group;
    error.error().kind = resource.type.plural;
    error.error().name = change.key.name;
    return error;
  }
  if (change.before) {
    if (change.subresource != "scale") settle_times(change.before->json, after);  // upstream settles the scale's alone
    if (after == change.before->json) return change.before;
    if (find_path(after, {"metadata", "deletionTimestamp"}) && finalizers_done(resource, after)) {
      transaction.erase(change.key);  // the last state was never stored, so it has no version of its own
      return std::make_shared<const Stored>(Stored{after, dump_json(after), change.before->revision});
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

// A new object's status is the server's own.
void Core::prepare_new(const Resource& resource, Json& object) const {
  Json& meta = meta_of(object);
  for (const char* name :
       {"deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink", "resourceVersion"})
    meta.erase(name);
  meta["uid"] = random_uid();
  meta["creationTimestamp"] = now();
  if (resource.status) object.erase("status");
  if (!resource.builtin) return;
  if (Json status = initial_status(resource.type.kind); !status.is_null()) object["status"] = std::move(status);
}

Outcome<StoredPtr> Core::insert_in(Transaction& transaction, const Resource& resource, StoreKey key, Json object,
                                   const WriteContext& context, bool owners_noted) {
  Json& meta = meta_of(object);
  key.name = string_at(meta, {"name"});
  if (const std::string prefix = string_at(meta, {"generateName"}); key.name.empty() && !prefix.empty()) {
    do key.name = prefix.substr(0, 58) + random_suffix();
    while (transaction.get(key));
    meta["name"] = key.name;
  }
  if (resource.type.namespaced) meta["namespace"] = key.ns;
  if (auto done = admit_namespace(transaction, resource, key); !done) return std::unexpected(done.error());
  object["apiVersion"] = resource.type.api_version();
  if (!object.contains("kind")) object["kind"] = resource.type.kind;
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
  if (!string_at(object, {"metadata", "resourceVersion"}).empty())
    return api_fail(500, "", "resourceVersion should not be set on objects to be created");
  auto out = run(context, [&](Transaction& transaction) {
    return insert_in(transaction, resource, {resource.store_name(), resource.type.namespaced ? ns : "", ""},
                     std::move(object), context, false);
  });
  if (out) after_write(resource, string_at((*out)->json, {"metadata", "name"}), context.dry_run);
  return out;
}

namespace {

// Of a PUT the UID is a condition.
Done same_uid(const Resource& resource, const Stored& live, const Json& object) {
  const std::string wanted = string_at(object, {"metadata", "uid"}), uid = string_at(live.json, {"metadata", "uid"});
  if (wanted.empty() || wanted == uid) return {};
  return conflict(resource.type.group, resource.type.plural, string_at(live.json, {"metadata", "name"}),
                  "Precondition failed: UID in precondition: " + wanted + ", UID in object meta: " + uid);
}

}  // namespace

bool creates_on_update(const Resource& resource) {
  static const std::set<std::string> kinds{"Service", "Endpoints",   "Event",       "Lease",
                                           "Role",    "RoleBinding", "ClusterRole", "ClusterRoleBinding"};
  return resource.builtin && kinds.contains(resource.type.kind);
}

Outcome<StoredPtr> Core::update(const Resource& resource, const crds::ObjectKey& key, Json object,
                                const std::string& subresource, const WriteContext& context, bool& created) {
  if (!object.is_object()) return bad_request("the body is no object");
  const StoreKey store_key{resource.store_name(), key.ns, key.name};
  auto out = run(context, [&](Transaction& transaction) -> Outcome<StoredPtr> {
    const StoredPtr live = as_version(resource, transaction.get(store_key));
    if (subresource != "scale") {  // what cannot be read is told before what is not there
      if (auto done = accept_fields(resource, object, context); !done) return std::unexpected(done.error());
    }
    const std::string name = string_at(object, {"metadata", "name"});
    if (!name.empty() && name != key.name)
      return bad_request("the name of the object (" + name + ") does not match the name on the URL (" + key.name + ")");
    if (!live && subresource != "scale" && creates_on_update(resource)) {
      created = true;
      object["metadata"]["name"] = key.name;
      return insert_in(transaction, resource, store_key, std::move(object), context, false);
    }
    if (!live) return not_found(resource.type.group, resource.type.plural, key.name);
    if (auto done = same_uid(resource, *live, object); !done) return std::unexpected(done.error());
    if (subresource == "scale")
      return patch_scale(transaction, resource, store_key, live, std::nullopt, object, false, context);
    if (!resource.builtin && string_at(object, {"metadata", "resourceVersion"}).empty()) {
      return invalid(
          resource.type.group, resource.type.plural, key.name,
          {{"FieldValueInvalid", "Invalid value: 0: must be specified for an update", "metadata.resourceVersion"}});
    }
    return finish(transaction, {resource, store_key, live, std::move(object), subresource}, context);
  });
  if (out) after_write(resource, key.name, context.dry_run);
  return out;
}

}  // namespace clops::local
