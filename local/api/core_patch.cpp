#include "local/api/core.h"
#include "local/api/managed_fields.h"
#include "local/api/patch.h"
#include "local/api/schema.h"

namespace clops::local {
namespace {

// ".spec.replicas" as its steps.
std::vector<std::string> steps(const std::string& path) {
  std::vector<std::string> out;
  for (size_t from = 0; from < path.size();) {
    const size_t dot = std::min(path.find('.', from), path.size());
    if (dot > from) out.push_back(path.substr(from, dot - from));
    from = dot + 1;
  }
  return out;
}

const Json* at_path(const Json& object, const std::string& path) {
  const Json* at = &object;
  for (const auto& step : steps(path)) {
    if (!at->is_object() || !at->contains(step)) return nullptr;
    at = &(*at)[step];
  }
  return at;
}

std::string selector_text(const Json* selector) {
  if (!selector) return {};
  if (selector->is_string()) return selector->get<std::string>();
  std::string out;
  const Json* labels = find_path(*selector, {"matchLabels"});
  const Json labels_or_none = labels ? *labels : Json::object();  // named: a temporary would end before its items()
  for (const auto& [name, value] : labels_or_none.items()) {
    if (value.is_string()) out += (out.empty() ? "" : ",") + name + "=" + value.get<std::string>();
  }
  return out;
}

Outcome<Json> patched(const Resource& resource, const Json& live, PatchKind kind, const Json& body) {
  switch (kind) {
    case PatchKind::Json:
      return json_patch(live, body);
    case PatchKind::Strategic:
      return strategic_merge_patch(resource.schema, live, body);
    default:
      if (!body.is_object()) return bad_request("a merge patch is an object");
      return merge_patch(live, body);
  }
}

// What an applier may state: for the object all but status, for its status subresource nothing else.
Json applicable(const Resource& resource, Json applied, const std::string& subresource) {
  if (subresource == "status") {
    Json only{{"apiVersion", applied.value("apiVersion", Json())},
              {"kind", applied.value("kind", Json())},
              {"metadata", {{"name", string_at(applied, {"metadata", "name"})}}}};
    if (applied.contains("status")) only["status"] = applied["status"];
    return only;
  }
  if (resource.status) applied.erase("status");
  return applied;
}

}  // namespace

Json Core::scale_of(const Resource& resource, const Json& object) {
  Json out{{"kind", "Scale"},
           {"apiVersion", "autoscaling/v1"},
           {"metadata", Json::object()},
           {"spec", Json::object()},
           {"status", {{"replicas", 0}}}};
  for (const char* name : {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"}) {
    if (const Json* value = find_path(object, {"metadata", name})) out["metadata"][name] = *value;
  }
  if (const Json* replicas = at_path(object, resource.replicas_path)) out["spec"]["replicas"] = *replicas;
  if (const Json* replicas = at_path(object, resource.status_replicas_path)) out["status"]["replicas"] = *replicas;
  if (const auto selector =
          selector_text(resource.selector_path.empty() ? nullptr : at_path(object, resource.selector_path));
      !selector.empty())
    out["status"]["selector"] = selector;
  return out;
}

Outcome<StoredPtr> Core::patch_scale(Transaction& transaction, const Resource& resource, const StoreKey& key,
                                     const StoredPtr& live, PatchKind kind, const Json& body,
                                     const WriteContext& context) {
  if (kind == PatchKind::Apply)
    return api_fail(415, "UnsupportedMediaType", "the scale subresource takes merge and JSON patches");
  const Json before = scale_of(resource, live->json);
  auto after = kind == PatchKind::Json ? json_patch(before, body) : Outcome<Json>(merge_patch(before, body));
  if (!after) return std::unexpected(after.error());
  const std::string version = string_at(*after, {"metadata", "resourceVersion"});
  if (!version.empty() && version != string_at(live->json, {"metadata", "resourceVersion"})) {
    return conflict(resource.type.group, resource.type.plural, key.name,
                    "the object has been modified; please apply your changes to the latest version and try again");
  }
  const Json* replicas = find_path(*after, {"spec", "replicas"});
  if (!replicas) return live;
  if (!replicas->is_number_integer() || replicas->get<int64_t>() < 0) {
    return invalid("autoscaling", "Scale", key.name,
                   {invalid_cause("spec.replicas", *replicas, "must be greater than or equal to 0")});
  }
  Json object = live->json;
  Json* at = &object;
  for (const auto& step : steps(resource.replicas_path)) {
    if (!at->is_object()) *at = Json::object();
    at = &(*at)[step];
  }
  *at = *replicas;
  // Named as the scale's writer, but the whole object is written: "scale" changes nothing else.
  return finish(transaction, {resource, key, live, std::move(object), "scale"}, context);
}

Outcome<StoredPtr> Core::patch_live(Transaction& transaction, const Resource& resource, const StoreKey& key,
                                    PatchKind kind, const Json& body, const std::string& subresource, bool force,
                                    const WriteContext& context, bool& created) {
  const StoredPtr live = as_version(resource, transaction.get(key));
  if (!live && (kind != PatchKind::Apply || !subresource.empty()))
    return not_found(resource.type.group, resource.type.plural, key.name);
  if (subresource == "scale") return patch_scale(transaction, resource, key, live, kind, body, context);
  if (kind != PatchKind::Apply) {
    auto after = patched(resource, live->json, kind, body);
    if (!after) return std::unexpected(after.error());
    if (!after->is_object()) return bad_request("the patch leaves no object");
    return finish(transaction, {resource, key, live, std::move(*after), subresource}, context);
  }
  if (!body.is_object()) return bad_request("an applied configuration is an object");
  if (const Json* managed = find_path(body, {"metadata", "managedFields"}); managed && !managed->empty())
    return bad_request("metadata.managedFields must be nil");
  const std::string name = string_at(body, {"metadata", "name"});
  if (!name.empty() && name != key.name)
    return bad_request("the name of the object (" + name + ") does not match the name on the URL (" + key.name + ")");
  const std::string version = string_at(body, {"metadata", "resourceVersion"});
  if (live && !version.empty() && version != string_at(live->json, {"metadata", "resourceVersion"})) {
    return conflict(resource.type.group, resource.type.plural, key.name,
                    "the object has been modified; please apply your changes to the latest version and try again");
  }
  Json applied = applicable(resource, body, subresource);
  applied["metadata"]["name"] = key.name;
  if (auto done = accept_fields(resource, applied, context); !done) return std::unexpected(done.error());
  const WriterIdentity writer{context.manager, resource.type.api_version(), subresource, now()};
  auto merged = server_side_apply(resource.schema, live ? live->json : Json(), applied, force, writer);
  if (!merged) return std::unexpected(merged.error());
  if (live) return finish(transaction, {resource, key, live, std::move(*merged), subresource, true}, context);
  created = true;
  merged->at("metadata").erase("resourceVersion");
  return insert_in(transaction, resource, key, std::move(*merged), context, true);
}

Outcome<StoredPtr> Core::patch(const Resource& resource, const crds::ObjectKey& key, PatchKind kind, const Json& body,
                               const std::string& subresource, bool force, const WriteContext& context, bool& created) {
  const StoreKey store_key{resource.store_name(), key.ns, key.name};
  auto out = run(context, [&](Transaction& transaction) {
    return patch_live(transaction, resource, store_key, kind, body, subresource, force, context, created);
  });
  if (out && !context.dry_run && resource.builtin && resource.type.kind == "CustomResourceDefinition")
    refresh_crd(key.name);
  return out;
}

}  // namespace clops::local
