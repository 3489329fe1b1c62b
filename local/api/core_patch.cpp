#include "local/api/builtin_types.h"
#include "local/api/core.h"
#include "local/api/managed_fields.h"
#include "local/api/patch.h"
#include "local/api/schema.h"
#include "local/api/typed_value.h"

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

FieldSet path_set(const std::string& path) {
  FieldSet out;
  FieldSet* at = &out;
  for (const auto& step : steps(path)) at = &at->children["f:" + step];
  at->member = true;
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
                                     const StoredPtr& live, std::optional<PatchKind> kind, const Json& body, bool force,
                                     const WriteContext& context) {
  static const Json schema = resolve({{"$ref", "#/components/schemas/" + builtin_full_name("autoscaling/Scale")}});
  const FieldSet path = path_set(resource.replicas_path);
  Json before = scale_of(resource, live->json);
  if (Json owners = scale_owners(live->json, path); !owners.is_null()) before["metadata"]["managedFields"] = owners;
  const WriterIdentity writer{.manager = context.manager,
                              .api_version = "autoscaling/v1",
                              .subresource = "scale",
                              .time = now(),
                              .reset = {},
                              .builtin = true};
  Outcome<Json> after = body;

  if (kind == PatchKind::Apply) {
    after = server_side_apply(schema, before, body, force, writer);
  } else {
    if (kind == PatchKind::Json) after = json_patch(before, body);
    if (kind == PatchKind::Merge || kind == PatchKind::Strategic) after = merge_patch(before, body);
    if (after) after = note_update(schema, before, std::move(*after), writer);
  }
  const bool unowned = kind == PatchKind::Apply && !before["metadata"].contains("managedFields");
  const bool changes = after && (*after)["spec"] != before["spec"];
  if (kind == PatchKind::Apply && !resource.builtin && (changes || unowned)) {
    // Upstream's own fault, kept so that nobody comes to rely on more here: it cannot convert what was applied.
    return api_fail(500, "", "failed to convert new object (/" + key.name + "; autoscaling/v1, Kind=Scale)");
  }
  if (!after) return std::unexpected(after.error());
  const Json* replicas = find_path(*after, {"spec", "replicas"});
  const Json count = replicas ? *replicas : Json(0);
  if (resource.builtin && (!count.is_number_integer() || count.get<int64_t>() < 0)) {
    return invalid("autoscaling", "Scale", key.name,
                   {invalid_cause("spec.replicas", count, "must be greater than or equal to 0")});
  }
  const std::string wanted = string_at(*after, {"metadata", "uid"}), uid = string_at(live->json, {"metadata", "uid"});
  if (resource.builtin && !wanted.empty() && wanted != uid) {
    return conflict(resource.type.group, resource.type.plural + "/scale", key.name,
                    "Precondition failed: UID in precondition: " + wanted + ", UID in object meta: " + uid);
  }
  Json object = live->json;
  Json* at = &object;
  for (const auto& step : steps(resource.replicas_path)) {
    if (!at->is_object()) *at = Json::object();
    at = &(*at)[step];
  }
  *at = count;
  take_scale_owners(object, *after, path, resource.type.api_version());
  if (const Json* version = find_path(*after, {"metadata", "resourceVersion"}))
    object["metadata"]["resourceVersion"] = *version;
  return finish(transaction, {resource, key, live, std::move(object), "scale", true}, context);
}

Outcome<StoredPtr> Core::patch_live(Transaction& transaction, const Resource& resource, const StoreKey& key,
                                    PatchKind kind, const Json& body, const std::string& subresource, bool force,
                                    const WriteContext& context, bool& created) {
  const StoredPtr live = as_version(resource, transaction.get(key));
  const bool may_create = kind == PatchKind::Apply && (subresource.empty() || creates_on_update(resource));
  if (!live && !may_create) return not_found(resource.type.group, resource.type.plural, key.name);
  if (subresource == "scale") return patch_scale(transaction, resource, key, live, kind, body, force, context);
  if (kind != PatchKind::Apply) {
    auto after = patched(resource, live->json, kind, body);
    if (!after) return std::unexpected(after.error());
    if (!after->is_object()) return bad_request("the patch leaves no object");
    // A patch that leaves what cannot be read is at fault itself.
    const std::string wrong = resource.builtin ? wrong_type(resource.schema, *after, "") : "";
    if (!wrong.empty()) return invalid("", "", "", {invalid_cause("patch", body, wrong)});
    if (auto done = accept_fields(resource, *after, context); !done)
      return invalid("", "", "", {invalid_cause("patch", body, done.error().message)});
    if (const std::string name = string_at(*after, {"metadata", "name"}); name != key.name) {
      return bad_request(
          name.empty()
              ? "the name of the object (" + key.name + " based on URL) was undeterminable: name must be provided"
              : "the name of the object (" + name + ") does not match the name on the URL (" + key.name + ")");
    }
    return finish(transaction, {resource, key, live, std::move(*after), subresource}, context);
  }
  if (!body.is_object()) return bad_request("an applied configuration is an object");
  if (const Json* managed = find_path(body, {"metadata", "managedFields"}); managed && !managed->empty())
    return bad_request("metadata.managedFields must be nil");
  if (const std::string version = string_at(body, {"apiVersion"}); version != resource.type.api_version())
    return bad_request("invalid object type: " + version + ", Kind=" + string_at(body, {"kind"}));
  if (const std::string wrong = not_applicable(resource.schema, body); !wrong.empty()) {
    return api_fail(500, "",
                    "failed to create typed patch object (" + key.ns + "/" + key.name + "; " +
                        resource.type.api_version() + ", Kind=" + resource.type.kind + "): " + wrong);
  }
  auto merged = server_side_apply(resource.schema, live ? live->json : Json(), body, force,
                                  writer(resource, subresource, context));
  if (!merged) return std::unexpected(merged.error());
  if (const std::string wrong = resource.builtin ? wrong_type(resource.schema, body, "") : ""; !wrong.empty())
    return api_fail(500, "", "failed to convert new object (" + key.ns + "/" + key.name + "): " + wrong);
  const std::string name = string_at(body, {"metadata", "name"});
  if (!name.empty() && name != key.name)
    return bad_request("the name of the object (" + name + ") does not match the name on the URL (" + key.name + ")");
  (*merged)["metadata"]["name"] = key.name;
  if (live) return finish(transaction, {resource, key, live, std::move(*merged), subresource, true}, context);
  created = true;
  return insert_in(transaction, resource, key, std::move(*merged), context, true);
}

Outcome<StoredPtr> Core::patch(const Resource& resource, const crds::ObjectKey& key, PatchKind kind, const Json& body,
                               const std::string& subresource, bool force, const WriteContext& context, bool& created) {
  const StoreKey store_key{resource.store_name(), key.ns, key.name};
  auto out = run(context, [&](Transaction& transaction) {
    return patch_live(transaction, resource, store_key, kind, body, subresource, force, context, created);
  });
  if (out) after_write(resource, key.name, context.dry_run);
  return out;
}

}  // namespace clops::local
