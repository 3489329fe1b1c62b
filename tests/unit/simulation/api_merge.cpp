#include <algorithm>
#include <array>
#include <utility>

#include "tests/unit/simulation/api.h"

namespace clops::sim {
namespace {

// Lists whose items are merged by a key (x-kubernetes-list-map-keys of the real schemas); every other list is one
// value.
std::string_view list_key(std::string_view field) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kKeys = {{
      {"containers", "name"},
      {"initContainers", "name"},
      {"env", "name"},
      {"volumes", "name"},
      {"volumeMounts", "mountPath"},
      {"imagePullSecrets", "name"},
      {"ownerReferences", "uid"},
      {"conditions", "type"},
      {"variants", "name"},
      {"secrets", "name"},
      {"topologySpreadConstraints", "topologyKey"},
      {"hostAliases", "ip"},
  }};
  const auto it = std::ranges::find(kKeys, field, &std::pair<std::string_view, std::string_view>::first);
  return it == kKeys.end() ? std::string_view{} : it->second;
}

bool keyed(const Json& list, std::string_view key) {
  return list.is_array() && !key.empty() &&
         std::ranges::all_of(list, [&](const Json& item) { return item.is_object() && item.contains(key); });
}

const Json* find_item(const Json& list, std::string_view key, const Json& value) {
  for (const Json& item : list) {
    if (item.is_object() && item.contains(key) && item.at(std::string(key)) == value) return &item;
  }
  return nullptr;
}

const Json* child(const Json* value, const std::string& field) {
  if (value == nullptr || !value->is_object()) return nullptr;
  const auto it = value->find(field);
  return it == value->end() ? nullptr : &*it;
}

using Others = std::vector<const Json*>;

Others descend(const Others& others, const std::string& field) {
  Others result;
  for (const Json* other : others) {
    if (const Json* value = child(other, field)) result.push_back(value);
  }
  return result;
}

Others descend_item(const Others& others, std::string_view key, const Json& value) {
  Others result;
  for (const Json* other : others) {
    if (!other->is_array()) continue;
    if (const Json* item = find_item(*other, key, value)) result.push_back(item);
  }
  return result;
}

void merge(Json& live, const Json* before, const Json& now, const Others& others, const std::string& field);

void merge_list(Json& live, const Json* before, const Json& now, const Others& others, std::string_view key) {
  const std::string name(key);
  if (before != nullptr && before->is_array()) {
    for (const Json& old : *before) {
      if (!old.is_object() || !old.contains(name) || find_item(now, key, old.at(name)) != nullptr) continue;
      if (!descend_item(others, key, old.at(name)).empty()) continue;
      for (size_t i = live.size(); i-- > 0;) {
        if (live[i].is_object() && live[i].value(name, Json()) == old.at(name)) live.erase(i);
      }
    }
  }
  for (const Json& item : now) {
    Json* target = nullptr;
    for (Json& candidate : live) {
      if (candidate.is_object() && candidate.contains(name) && candidate.at(name) == item.at(name)) target = &candidate;
    }
    if (target == nullptr) {
      live.push_back(item);
      continue;
    }
    const Json* old = before != nullptr && before->is_array() ? find_item(*before, key, item.at(name)) : nullptr;
    merge(*target, old, item, descend_item(others, key, item.at(name)), "");
  }
}

void merge_object(Json& live, const Json* before, const Json& now, const Others& others) {
  if (before != nullptr && before->is_object()) {
    for (const auto& [field, old] : before->items()) {
      if (now.contains(field) || !live.contains(field)) continue;
      const Others holders = descend(others, field);
      if (holders.empty()) {
        // What nobody else has put below goes; fields that others or the server set inside stay.
        if (old.is_object() && live[field].is_object()) {
          merge_object(live[field], &old, Json::object(), {});
          if (live[field].empty()) live.erase(field);
        } else {
          live.erase(field);
        }
      } else if (old.is_object() && live[field].is_object()) {
        merge_object(live[field], &old, Json::object(), holders);
      }
    }
  }
  for (const auto& [field, value] : now.items()) {
    if (!live.contains(field)) {
      live[field] = value;
      continue;
    }
    merge(live[field], child(before, field), value, descend(others, field), field);
  }
}

void merge(Json& live, const Json* before, const Json& now, const Others& others, const std::string& field) {
  if (now.is_object() && live.is_object()) {
    merge_object(live, before, now, others);
  } else if (const std::string_view key = list_key(field); keyed(now, key) && keyed(live, key)) {
    merge_list(live, before, now, others, key);
  } else {
    live = now;
  }
}

std::string conflict_at(const Json& now, const Json& other, const std::string& path, const std::string& field) {
  if (now.is_object() && other.is_object()) {
    for (const auto& [name, value] : now.items()) {
      if (!other.contains(name)) continue;
      if (auto found = conflict_at(value, other[name], path + "." + name, name); !found.empty()) return found;
    }
    return "";
  }
  if (const std::string_view key = list_key(field); keyed(now, key) && keyed(other, key)) {
    const std::string name(key);
    for (const Json& item : now) {
      const Json* theirs = find_item(other, key, item.at(name));
      if (theirs == nullptr) continue;
      if (auto found = conflict_at(item, *theirs, path + "[" + dump_json(item.at(name)) + "]", ""); !found.empty())
        return found;
    }
    return "";
  }
  return now == other ? "" : path;
}

}  // namespace

Json apply_merge(Json live, const Json& before, const Json& now, const std::vector<const Json*>& others) {
  merge_object(live, &before, now, others);
  return live;
}

std::string apply_conflict(const Json& now, const std::vector<const Json*>& others) {
  for (const Json* other : others) {
    for (const auto& [field, value] : now.items()) {
      if (field == "apiVersion" || field == "kind" || !other->contains(field)) continue;
      if (auto found = conflict_at(value, (*other)[field], "." + field, field); !found.empty()) return found;
    }
  }
  return "";
}

}  // namespace clops::sim
