#include "local/api/managed_fields.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

#include "local/api/schema.h"
#include "local/api/typed_value.h"

namespace clops::local {
namespace {

constexpr size_t kUpdatersMax = 10;  // the oldest then share one entry
constexpr const char* kScaleVersion = "autoscaling/v1";

struct Manager {
  std::string name, operation, api_version, subresource, time;
  FieldSet fields;
  // An applier is the same in every version.
  [[nodiscard]] bool is(const Manager& o) const {
    return name == o.name && operation == o.operation && subresource == o.subresource &&
           (operation == "Apply" || api_version == o.api_version);
  }
};
using Managers = std::vector<Manager>;

Managers read(const Json& object) {
  Managers out;
  const Json* entries = find_path(object, {"metadata", "managedFields"});
  if (!entries || !entries->is_array()) return out;
  for (const auto& entry : *entries) {
    const Json* fields = find_path(entry, {"fieldsV1"});
    if (!fields) continue;
    Manager manager{string_at(entry, {"manager"}),    string_at(entry, {"operation"}),
                    string_at(entry, {"apiVersion"}), string_at(entry, {"subresource"}),
                    string_at(entry, {"time"}),       field_set_from_json(*fields)};
    // As upstream: of two entries of one manager (the scale subresource can leave such) the later counts.
    std::erase_if(out, [&](const Manager& m) { return m.is(manager); });
    out.push_back(std::move(manager));
  }
  return out;
}

void write(Json& object, Managers managers) {
  std::ranges::sort(managers, {}, [](const Manager& m) {
    return std::tie(m.operation, m.time, m.name, m.api_version, m.subresource);
  });
  Json entries = Json::array();
  for (const auto& manager : managers) {
    if (manager.fields.empty()) continue;
    Json entry{{"manager", manager.name},
               {"operation", manager.operation},
               {"apiVersion", manager.api_version},
               {"fieldsType", "FieldsV1"},
               {"fieldsV1", manager.fields.to_json()}};
    if (!manager.time.empty()) entry["time"] = manager.time;
    if (!manager.subresource.empty()) entry["subresource"] = manager.subresource;
    entries.push_back(std::move(entry));
  }
  if (!entries.empty()) {
    object["metadata"]["managedFields"] = std::move(entries);
  } else if (object.contains("metadata")) {
    object["metadata"].erase("managedFields");
  }
}

// Without what nobody owns: identity, and what the server itself keeps.
Json ownable(const Json& schema, Json object, bool builtin) {
  if (!object.is_object()) object = Json::object();
  if (builtin) as_typed(schema, object, true);
  object.erase("apiVersion");
  object.erase("kind");
  if (const auto meta = object.find("metadata"); meta != object.end() && meta->is_object()) {
    for (const char* name : {"name", "namespace", "creationTimestamp", "uid", "resourceVersion", "selfLink",
                             "generation", "managedFields"})
      meta->erase(name);
  }
  return object;
}

// The set without the members of `reset` and all that lies below them.
FieldSet without(const FieldSet& set, const FieldSet& reset) {
  FieldSet out;
  out.member = set.member && !reset.member;
  if (reset.member) return out;
  for (const auto& [element, child] : set.children) {
    const auto it = reset.children.find(element);
    FieldSet left = it == reset.children.end() ? child : without(child, it->second);
    if (!left.empty()) out.children.emplace(element, std::move(left));
  }
  return out;
}

// That there is metadata at all is nobody's.
FieldSet stripped(FieldSet set) {
  if (const auto meta = set.children.find("f:metadata"); meta != set.children.end()) {
    meta->second.member = false;
    if (meta->second.empty()) set.children.erase(meta);
  }
  return set;
}

Differences compare_owned(const Json& schema, const Json& before, const Json& after, const WriterIdentity& writer) {
  Differences out = compare(schema, before, after);
  for (FieldSet* set : {&out.added, &out.modified, &out.removed}) *set = without(*set, writer.reset);
  return out;
}

Manager* find(Managers& managers, const Manager& wanted) {
  const auto found = std::ranges::find_if(managers, [&](const Manager& m) { return m.is(wanted); });
  return found == managers.end() ? nullptr : &*found;
}

std::string described(const Manager& manager) {
  std::string out = "\"" + manager.name + "\"";
  if (!manager.subresource.empty()) out += " with subresource \"" + manager.subresource + "\"";
  if (manager.operation == "Update") out += " using " + manager.api_version;
  return out;
}

struct Disputed {
  const Manager* manager;
  FieldSet fields;
};

std::unexpected<ApiError> apply_conflict(std::vector<Disputed> disputes) {
  // Upstream sorts managers by their identity, printed as JSON.
  std::ranges::sort(disputes, {}, [](const Disputed& d) {
    return std::tie(d.manager->name, d.manager->operation, d.manager->api_version);
  });
  std::vector<Cause> causes;
  std::string list;
  for (const auto& dispute : disputes) {
    list += (list.empty() ? "" : "\n") + std::string("conflicts with ") + described(*dispute.manager) + ":";
    for (const auto& path : dispute.fields.paths()) {
      causes.push_back({"FieldManagerConflict", "conflict with " + described(*dispute.manager), path});
      list += "\n- " + path;
    }
  }
  std::string message = "Apply failed with " + std::to_string(causes.size()) + " conflicts: " + list;
  if (causes.size() == 1) message = "Apply failed with 1 conflict: " + causes[0].message + ": " + causes[0].field;
  auto error = api_fail(409, "Conflict", std::move(message));
  error.error().causes = std::move(causes);
  return error;
}

// The managers a client's write starts from. Kubectl rewrites the list itself, to move to server-side apply; one empty
// entry, or an empty list, resets it.
Managers given_or_live(const Json& before, const Json& after, const WriterIdentity& writer) {
  const Json* given = find_path(after, {"metadata", "managedFields"});
  if (!writer.subresource.empty() || !given || !given->is_array()) return read(before);
  if (given->empty() || (given->size() == 1 && (*given)[0].empty())) return {};
  Managers out = read(after);
  return out.empty() ? read(before) : out;
}

void merge_oldest(Managers& managers) {
  const auto updates = [](const Manager& m) { return m.operation == "Update"; };
  while (static_cast<size_t>(std::ranges::count_if(managers, updates)) > kUpdatersMax) {
    std::ranges::sort(managers, {}, [](const Manager& m) { return std::tie(m.operation, m.time, m.name); });
    const auto first = std::ranges::find_if(managers, updates);
    const auto second =
        std::find_if(first + 1, managers.end(), [&](const Manager& m) { return m.api_version == first->api_version; });
    if (second == managers.end()) return;
    second->fields = unite(first->fields, second->fields);
    second->name = "ancient-changes";
    second->subresource.clear();
    managers.erase(first);
  }
}

void own_changes(const Json& schema, const Json& before, const Json& after, const WriterIdentity& writer,
                 Managers& managers) {
  const Differences changes = compare_owned(schema, before, after, writer);
  const FieldSet taken = unite(changes.added, changes.modified);
  for (auto& manager : managers) manager.fields = subtract(subtract(manager.fields, changes.removed), taken);
  const FieldSet own = stripped(taken);
  if (!own.empty()) {
    const Manager self{writer.manager, "Update", writer.api_version, writer.subresource, "", {}};
    Manager* known = find(managers, self);
    if (!known) known = &managers.emplace_back(self);
    known->fields = unite(known->fields, own);
    known->time = writer.time;
  }
  std::erase_if(managers, [](const Manager& m) { return m.fields.empty(); });
  merge_oldest(managers);
}

// Takes out of `merged` what `last` owned and nobody owns now.
Json pruned(const Json& schema, const Json& merged, const FieldSet& last, const FieldSet& managed) {
  if (last.empty()) return merged;
  const FieldSet all = with_named_fields(schema, fields_of(schema, merged)), was = with_named_fields(schema, last);
  Json out = without_fields(schema, merged, was);
  const FieldSet kept = unite(with_named_fields(schema, fields_of(schema, out)), with_named_fields(schema, managed));
  out = without_fields(schema, merged, subtract(all, kept));
  const FieldSet left = with_named_fields(schema, fields_of(schema, out));
  return without_fields(schema, merged, intersect(subtract(all, left), was));
}

}  // namespace

Json note_update(const Json& schema, const Json& before, Json after, const WriterIdentity& writer) {
  Managers managers = given_or_live(before, after, writer);
  // Who has no list of owners is not given one by an update.
  if (!managers.empty() || before.is_null()) {
    own_changes(schema, ownable(schema, before, writer.builtin), ownable(schema, after, writer.builtin), writer,
                managers);
  }
  write(after, std::move(managers));
  return after;
}

Outcome<Json> server_side_apply(const Json& schema, const Json& live, const Json& applied, bool force,
                                const WriterIdentity& writer) {
  Managers managers = read(live);
  const Json before = ownable(schema, live, writer.builtin);
  if (managers.empty() && !live.is_null()) {
    WriterIdentity unknown = writer;
    unknown.manager = "before-first-apply";
    own_changes(schema, ownable(schema, nullptr, writer.builtin), before, unknown, managers);
  }
  Json base = live.is_object() ? live : Json::object();
  if (writer.builtin) as_typed(schema, base, true);
  Json merged = merge_applied(schema, base, applied);

  Manager own{writer.manager, "Apply", writer.api_version, writer.subresource, "", {}};
  FieldSet last;
  if (const Manager* previous = find(managers, own)) {
    last = previous->fields;
    own.time = previous->time;
    std::erase_if(managers, [&](const Manager& m) { return m.is(own); });
  }
  own.fields = without(fields_of(schema, applied), writer.reset);
  FieldSet managed = own.fields;
  for (const auto& manager : managers) managed = unite(managed, manager.fields);
  merged = pruned(schema, merged, last, managed);

  const Differences changes = compare_owned(schema, before, ownable(schema, merged, false), writer);
  const FieldSet taken = unite(changes.added, changes.modified);
  std::vector<Disputed> disputes;
  for (const auto& manager : managers) {
    if (FieldSet both = intersect(manager.fields, taken); !both.empty())
      disputes.push_back({&manager, std::move(both)});
  }
  if (!force && !disputes.empty()) return apply_conflict(std::move(disputes));
  for (auto& manager : managers) manager.fields = subtract(subtract(manager.fields, taken), changes.removed);
  own.fields = stripped(without(fields_of(schema, ownable(schema, applied, false)), writer.reset));
  if (merged != base) own.time = writer.time;  // who only joins in is not dated
  managers.push_back(std::move(own));
  write(merged, std::move(managers));
  return merged;
}

void settle_times(const Json& before, Json& after) {
  const Json* old_entries = find_path(before, {"metadata", "managedFields"});
  const Json* new_entries = find_path(after, {"metadata", "managedFields"});
  if (!old_entries || !new_entries || old_entries->size() != new_entries->size()) return;
  const auto timeless = [](Json entries) {
    for (auto& entry : entries) entry.erase("time");
    std::sort(entries.begin(), entries.end());
    return entries;
  };
  if (timeless(*old_entries) != timeless(*new_entries)) return;
  Json settled = after;
  settled["metadata"]["managedFields"] = *old_entries;
  settled["metadata"]["resourceVersion"] = before["metadata"].value("resourceVersion", Json());
  if (settled == before) after = std::move(settled);
}

Json scale_owners(const Json& object, const FieldSet& path) {
  Managers managers = read(object);
  std::erase_if(managers, [&](const Manager& m) { return intersect(m.fields, path).empty(); });
  for (auto& manager : managers) {
    manager.api_version = kScaleVersion;
    manager.fields = field_set_from_json({{"f:spec", {{"f:replicas", Json::object()}}}});
  }
  Json out = Json::object();
  write(out, std::move(managers));
  return find_path(out, {"metadata", "managedFields"}) ? out["metadata"]["managedFields"] : Json();
}

void take_scale_owners(Json& object, const Json& scale, const FieldSet& path, const std::string& api_version) {
  Managers owners = read(object), of_scale = read(scale);
  for (auto& manager : owners) {
    if (intersect(manager.fields, path).empty()) continue;
    // Updaters are told apart by their version too, so theirs always moves to the entry of the scale.
    const auto still = std::ranges::find_if(of_scale, [&](const Manager& m) { return m.is(manager); });
    if (still == of_scale.end()) {
      manager.fields = subtract(manager.fields, path);
    } else {
      of_scale.erase(still);
    }
  }
  const FieldSet replicas = field_set_from_json({{"f:spec", {{"f:replicas", Json::object()}}}});
  for (auto& manager : of_scale) {
    if (intersect(manager.fields, replicas).empty()) continue;
    manager.api_version = api_version;
    manager.time.clear();
    manager.fields = path;
    owners.push_back(manager);
  }
  write(object, std::move(owners));
}

}  // namespace clops::local
