#include "local/api/managed_fields.h"

#include <map>
#include <tuple>
#include <vector>

#include "local/api/field_set.h"
#include "local/api/schema.h"

namespace clops::local {
namespace {

struct Manager {
  std::string name, operation, api_version, subresource, time;
  FieldSet fields;
  [[nodiscard]] auto identity() const { return std::tie(name, operation, api_version, subresource); }
};
using Managers = std::vector<Manager>;

Managers read(const Json& object) {
  Managers out;
  const Json* entries = find_path(object, {"metadata", "managedFields"});
  if (!entries || !entries->is_array()) return out;
  for (const auto& entry : *entries) {
    const Json* fields = find_path(entry, {"fieldsV1"});
    if (!fields) continue;
    out.push_back({string_at(entry, {"manager"}), string_at(entry, {"operation"}), string_at(entry, {"apiVersion"}),
                   string_at(entry, {"subresource"}), string_at(entry, {"time"}), field_set_from_json(*fields)});
  }
  return out;
}

void write(Json& object, const Managers& managers) {
  Json entries = Json::array();
  for (const auto& manager : managers) {
    if (manager.fields.empty()) continue;
    Json entry{{"manager", manager.name}, {"operation", manager.operation}, {"apiVersion", manager.api_version},
               {"time", manager.time},    {"fieldsType", "FieldsV1"},       {"fieldsV1", manager.fields.to_json()}};
    if (!manager.subresource.empty()) entry["subresource"] = manager.subresource;
    entries.push_back(std::move(entry));
  }
  if (entries.empty()) {
    object["metadata"].erase("managedFields");
  } else {
    object["metadata"]["managedFields"] = std::move(entries);
  }
}

// Without what nobody owns: identity, and what the server itself keeps.
Json ownable(Json object) {
  if (!object.is_object()) return Json::object();
  object.erase("apiVersion");
  object.erase("kind");
  if (const auto meta = object.find("metadata"); meta != object.end() && meta->is_object()) {
    for (const char* name : {"name", "namespace", "creationTimestamp", "uid", "resourceVersion", "selfLink",
                             "generation", "managedFields", "deletionTimestamp", "deletionGracePeriodSeconds"})
      meta->erase(name);
    if (meta->empty()) object.erase("metadata");
  }
  return object;
}

Manager* find(Managers& managers, const WriterIdentity& writer, const char* operation) {
  const std::string op = operation;
  for (auto& manager : managers) {
    if (manager.identity() == std::tie(writer.manager, op, writer.api_version, writer.subresource)) return &manager;
  }
  return nullptr;
}

Manager& find_or_add(Managers& managers, const WriterIdentity& writer, const char* operation) {
  if (Manager* found = find(managers, writer, operation)) return *found;
  managers.push_back({writer.manager, operation, writer.api_version, writer.subresource, writer.time, {}});
  return managers.back();
}

std::string described(const Manager& manager) {
  std::string out = "\"" + manager.name + "\"";
  if (!manager.subresource.empty()) out += " with subresource \"" + manager.subresource + "\"";
  if (manager.operation == "Update")
    out += " using " + manager.api_version + (manager.time.empty() ? "" : " at " + manager.time);
  return out;
}

struct Disputed {
  const Manager* manager;
  FieldSet fields;
};

std::unexpected<ApiError> apply_conflict(const std::vector<Disputed>& disputes) {
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

}  // namespace

Json note_update(const Json& schema, const Json& before, Json after, const WriterIdentity& writer) {
  // A client may rewrite the list itself (kubectl does, to move to server-side apply); an empty entry resets it.
  Managers managers = read(after);
  const Json* given = find_path(after, {"metadata", "managedFields"});
  const bool reset = given && given->is_array() && !given->empty() && managers.empty();
  if (managers.empty() && !reset) managers = read(before);
  const Differences changes = compare(schema, ownable(before), ownable(after));
  const FieldSet taken = unite(changes.added, changes.modified);
  for (auto& manager : managers) {
    manager.fields = subtract(subtract(manager.fields, changes.removed), changes.modified);
  }
  if (!taken.empty()) {
    Manager& own = find_or_add(managers, writer, "Update");
    own.fields = unite(own.fields, taken);
    own.time = writer.time;
  }
  write(after, managers);
  return after;
}

Outcome<Json> server_side_apply(const Json& schema, const Json& live, const Json& applied, bool force,
                                const WriterIdentity& writer) {
  Managers managers = read(live);
  const Manager* previous = find(managers, writer, "Apply");
  const FieldSet last = previous ? previous->fields : FieldSet();
  const FieldSet wanted = fields_of(schema, ownable(applied));

  Json merged = live.is_object() ? merge_applied(schema, live, applied) : applied;
  FieldSet kept = wanted;
  for (const auto& manager : managers) {
    if (&manager != previous) kept = unite(kept, manager.fields);
  }
  remove_fields(schema, merged, subtract(last, wanted), kept);

  const Differences changes = compare(schema, ownable(live), ownable(merged));
  const FieldSet taken = unite(changes.added, changes.modified);
  std::vector<Disputed> disputes;
  for (const auto& manager : managers) {
    if (&manager == previous) continue;
    if (FieldSet both = intersect(manager.fields, taken); !both.empty())
      disputes.push_back({&manager, std::move(both)});
  }
  if (!force && !disputes.empty()) return apply_conflict(disputes);
  for (auto& manager : managers) {
    if (&manager != previous) manager.fields = subtract(subtract(manager.fields, taken), changes.removed);
  }
  Manager& own = find_or_add(managers, writer, "Apply");
  own.fields = wanted;
  own.time = writer.time;
  write(merged, managers);
  return merged;
}

void settle_times(const Json& before, Json& after) {
  const Json* old_entries = find_path(before, {"metadata", "managedFields"});
  const auto meta = after.find("metadata");
  if (!old_entries || meta == after.end() || !meta->contains("managedFields")) return;
  for (auto& entry : (*meta)["managedFields"]) {
    for (const auto& old : *old_entries) {
      Json same = old;
      same["time"] = string_at(entry, {"time"});
      if (same == entry) {
        entry["time"] = string_at(old, {"time"});
        break;
      }
    }
  }
}

}  // namespace clops::local
