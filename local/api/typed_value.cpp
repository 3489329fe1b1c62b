#include "local/api/typed_value.h"

#include <algorithm>
#include <map>
#include <optional>

#include "local/api/schema.h"

namespace clops::local {
namespace {

// How a value is walked: as one leaf, or item by item.
enum class Walk { Leaf, Map, AtomicMap, List, AtomicList };

Walk walk_of(const Json& schema, const Json* value) {
  switch (shape_of(schema)) {
    case Shape::Scalar:
      return Walk::Leaf;
    case Shape::Struct:
    case Shape::Map:
      return Walk::Map;
    case Shape::AtomicMap:
      return Walk::AtomicMap;
    case Shape::AtomicList:
      return Walk::AtomicList;
    case Shape::SetList:
    case Shape::MapList:
      return Walk::List;
    case Shape::Untyped:
      break;
  }
  if (value && value->is_array()) return Walk::AtomicList;
  return value && value->is_primitive() && !value->is_null() ? Walk::Leaf : Walk::Map;
}

const Json& field_of(const Json& schema, const std::string& name) {
  const Json* found = field_schema(schema, name);
  return found ? *found : resolve(Json());
}
bool names_field(const Json& schema, const std::string& name) {
  const auto properties = schema.find("properties");
  return (properties != schema.end() && properties->is_object() && properties->contains(name)) ||
         (bool_at(schema, {"x-kubernetes-embedded-resource"}) && field_schema(schema, name));
}

std::string element_of(const Json& schema, const Json& item) {
  if (shape_of(schema) == Shape::SetList) return "v:" + dump_json(item);
  Json key = Json::object();
  for (const auto& name : list_keys(schema)) {
    if (item.is_object() && item.contains(name)) {
      key[name] = item[name];
    } else if (const Json* fallback = key_default(schema, name)) {
      key[name] = *fallback;
    }
  }
  return "k:" + dump_json(key);
}

// null is a map or list without anything in it.
const Json* object_in(const Json* value) {
  return value && value->is_object() ? value : nullptr;
}
const Json* array_in(const Json* value) {
  return value && value->is_array() ? value : nullptr;
}
bool nothing_in(const Json* container) {
  return !container || container->empty();
}

void collect(const Json& schema, const Json& value, FieldSet& node);

void collect_items(const Json& schema, const Json& list, FieldSet& node) {
  std::map<std::string, int> times;
  for (const auto& item : list) ++times[element_of(schema, item)];
  for (const auto& item : list) {
    const std::string element = element_of(schema, item);
    FieldSet& child = node.children[element];
    child.member = true;
    if (times[element] == 1) collect(item_schema(schema), item, child);  // of duplicates only that they are there
  }
}

void collect(const Json& schema, const Json& value, FieldSet& node) {
  const Walk walk = walk_of(schema, &value);
  if (walk != Walk::Map && walk != Walk::List) {
    node.member = true;
    return;
  }
  if (walk == Walk::List && value.is_array()) return collect_items(schema, value, node);
  if (walk == Walk::List || !value.is_object()) return;
  for (const auto& [name, field] : value.items()) {
    FieldSet& child = node.children["f:" + name];
    collect(field_of(schema, name), field, child);
    if (field.is_null() || (field.is_object() && field.empty()) || !names_field(schema, name)) child.member = true;
  }
}

void compare_into(const Json& schema, const Json* before, const Json* after, Differences& out);

void compare_child(const Json& schema, const std::string& element, const Json* before, const Json* after,
                   Differences& out) {
  Differences inner;
  compare_into(schema, before, after, inner);
  if (!inner.added.empty()) out.added.children[element] = std::move(inner.added);
  if (!inner.modified.empty()) out.modified.children[element] = std::move(inner.modified);
  if (!inner.removed.empty()) out.removed.children[element] = std::move(inner.removed);
}

void compare_items(const Json& schema, const Json* before, const Json* after, Differences& out) {
  std::map<std::string, std::pair<std::vector<const Json*>, std::vector<const Json*>>> items;
  if (before) {
    for (const auto& item : *before) items[element_of(schema, item)].first.push_back(&item);
  }
  if (after) {
    for (const auto& item : *after) items[element_of(schema, item)].second.push_back(&item);
  }
  const Json& item = item_schema(schema);
  for (const auto& [element, both] : items) {
    const auto& [old_items, new_items] = both;
    if (old_items.size() < 2 && new_items.size() < 2) {
      compare_child(item, element, old_items.empty() ? nullptr : old_items[0],
                    new_items.empty() ? nullptr : new_items[0], out);
    } else if (old_items.size() >= 2 && new_items.size() >= 2) {
      const bool same = std::ranges::equal(old_items, new_items, [](const Json* a, const Json* b) { return *a == *b; });
      if (!same) out.modified.children[element].member = true;
    } else if (old_items.size() >= 2) {
      if (!new_items.empty()) compare_child(item, element, nullptr, new_items[0], out);
      out.removed.children[element].member = true;
    } else {
      if (!old_items.empty()) compare_child(item, element, old_items[0], nullptr, out);
      out.added.children[element].member = true;
    }
  }
}

// True when the value was one leaf.
bool compare_walked(Walk walk, const Json& schema, const Json* before, const Json* after, Differences& out) {
  const bool map = walk == Walk::Map, list = walk == Walk::List;
  const Json* old_part = map ? object_in(before) : array_in(before);
  const Json* new_part = map ? object_in(after) : array_in(after);
  if ((!map && !list) || (nothing_in(old_part) && nothing_in(new_part))) {
    if (!before) {
      out.added.member = true;
    } else if (!after) {
      out.removed.member = true;
    } else if (*before != *after) {
      out.modified.member = true;
    }
    return true;
  }
  if (list) {
    compare_items(schema, old_part, new_part, out);
    return false;
  }
  const auto part = [](const Json* object, const std::string& name) -> const Json* {
    if (!object) return nullptr;
    const auto it = object->find(name);
    return it == object->end() ? nullptr : &*it;
  };
  if (old_part) {
    for (const auto& [name, value] : old_part->items())
      compare_child(field_of(schema, name), "f:" + name, &value, part(new_part, name), out);
  }
  if (new_part) {
    for (const auto& [name, value] : new_part->items()) {
      if (!part(old_part, name)) compare_child(field_of(schema, name), "f:" + name, nullptr, &value, out);
    }
  }
  return false;
}

void compare_into(const Json& schema, const Json* before, const Json* after, Differences& out) {
  const Walk old_walk = walk_of(schema, before), new_walk = walk_of(schema, after);
  bool leaf = false;
  if (!after) {
    leaf = compare_walked(old_walk, schema, before, after, out);
  } else {
    if (before && old_walk != new_walk) (void)compare_walked(old_walk, schema, before, after, out);
    leaf = compare_walked(new_walk, schema, before, after, out);
  }
  if (leaf) return;
  if (!before) out.added.member = true;
  if (!after) out.removed.member = true;
}

// Null: nothing comes of it.
std::optional<Json> merge(const Json& schema, const Json* live, const Json* applied);

// Applied items come in the applied order; live ones that were not applied keep their place among them.
std::optional<Json> merge_items(const Json& schema, const Json* live, const Json* applied) {
  struct Item {
    std::string element;
    const Json* value;
  };
  std::vector<Item> left, right;
  std::map<std::string, const Json*> of_left, of_right;
  static const Json none = Json::array();
  for (const auto& item : live ? *live : none) {
    const std::string element = element_of(schema, item);
    left.push_back({element, &item});
    const auto [at, is_new] = of_left.emplace(element, &item);
    if (!is_new) at->second = nullptr;  // duplicates are not merged with
  }
  for (const auto& item : applied ? *applied : none) {
    right.push_back({element_of(schema, item), &item});
    of_right.emplace(right.back().element, &item);
  }
  std::vector<std::string> shared;
  for (const auto& item : right) {
    if (of_left.contains(item.element)) shared.push_back(item.element);
  }
  size_t next = 0;  // of shared
  std::map<std::string, bool> done;
  Json out = Json::array();
  const auto add = [&](const Json* from_live, const Json* from_applied) {
    if (auto made = merge(item_schema(schema), from_live, from_applied)) out.push_back(std::move(*made));
  };
  for (size_t l = 0, r = 0; l < left.size() || r < right.size();) {
    if (l < left.size() && r < right.size()) {
      const std::string& element = left[l].element;
      if (element == right[r].element) {
        done[element] = true;
        add(of_left[element], right[r].value);
        ++l, ++r, ++next;
        continue;
      }
      if (of_right.contains(element) && next < shared.size() && shared[next] != element) {
        ++l;  // its turn comes with the applied order
        continue;
      }
    }
    if (l < left.size()) {
      if (!of_right.contains(left[l].element)) {
        add(left[l++].value, nullptr);
        continue;
      }
      if (done.contains(left[l].element)) ++l;
    }
    if (r < right.size()) {
      const std::string& element = right[r].element;
      done[element] = true;
      const auto found = of_left.find(element);
      add(found == of_left.end() ? nullptr : found->second, right[r].value);
      if (next < shared.size() && shared[next] == element) ++next;
      ++r;
    }
  }
  if (out.empty()) return {};
  return out;
}

std::optional<Json> merge(const Json& schema, const Json* live, const Json* applied) {
  const Walk walk = walk_of(schema, applied ? applied : live);
  const bool map = walk == Walk::Map, list = walk == Walk::List;
  const Json* left = map ? object_in(live) : array_in(live);
  const Json* right = map ? object_in(applied) : array_in(applied);
  if ((!map && !list) || (nothing_in(left) && nothing_in(right))) {
    if (applied) return *applied;
    return live ? std::optional<Json>(*live) : std::nullopt;
  }
  if (list) return merge_items(schema, left, right);
  Json out = Json::object();
  static const Json none = Json::object();
  const Json &lefts = left ? *left : none, &rights = right ? *right : none;
  for (const auto& [name, value] : lefts.items()) {
    const auto also = rights.find(name);
    const Json* other = also == rights.end() ? nullptr : &*also;
    if (auto made = merge(field_of(schema, name), &value, other)) out[name] = std::move(*made);
  }
  for (const auto& [name, value] : rights.items()) {
    if (lefts.contains(name)) continue;
    if (auto made = merge(field_of(schema, name), nullptr, &value)) out[name] = std::move(*made);
  }
  if (out.empty()) return {};
  return out;
}

}  // namespace

FieldSet fields_of(const Json& schema, const Json& value) {
  FieldSet out;
  collect(schema, value, out);
  return out;
}

Differences compare(const Json& schema, const Json& before, const Json& after) {
  Differences out;
  compare_into(schema, &before, &after, out);
  return out;
}

Json merge_applied(const Json& schema, const Json& live, const Json& applied) {
  return merge(schema, &live, &applied).value_or(Json());
}

Json without_fields(const Json& schema, const Json& value, const FieldSet& gone) {
  const Walk walk = walk_of(schema, &value);
  if (walk == Walk::Leaf) return value;
  if (walk != Walk::Map && walk != Walk::List) return nullptr;
  const bool map = walk == Walk::Map;
  Json out = map ? Json::object() : Json::array();
  const auto keep = [&](const std::string& element, const Json& sub, const Json& part) -> std::optional<Json> {
    const auto it = gone.children.find(element);
    if (it == gone.children.end()) return part;
    if (it->second.member) return {};
    return it->second.empty() ? part : without_fields(sub, part, it->second);
  };
  if (map && value.is_object()) {
    for (const auto& [name, field] : value.items()) {
      if (auto kept = keep("f:" + name, field_of(schema, name), field)) out[name] = std::move(*kept);
    }
  } else if (!map && value.is_array()) {
    for (const auto& item : value) {
      if (auto kept = keep(element_of(schema, item), item_schema(schema), item)) out.push_back(std::move(*kept));
    }
  }
  return out.empty() ? Json() : out;
}

FieldSet with_named_fields(const Json& schema, const FieldSet& set) {
  FieldSet out;
  out.member = set.member;
  for (const auto& [element, child] : set.children) {
    const bool field = element.starts_with("f:");
    const std::string name = element.substr(2);
    FieldSet inner = with_named_fields(field ? field_of(schema, name) : item_schema(schema), child);
    if (field && names_field(schema, name) && !inner.children.empty()) inner.member = true;
    out.children.emplace(element, std::move(inner));
  }
  return out;
}

namespace {

std::string wrong_scalar(const Json& schema, const Json& value) {
  const std::string type = string_at(schema, {"type"});
  if (value.is_null()) return {};
  if (type == "string" && !value.is_string()) return "expected string";
  if (type == "boolean" && !value.is_boolean()) return "expected boolean";
  if ((type == "integer" || type == "number") && !value.is_number()) {
    return std::string("expected numeric (int or float), got ") + (value.is_string()    ? "string"
                                                                   : value.is_boolean() ? "bool"
                                                                   : value.is_array()   ? "[]interface {}"
                                                                                        : "map[string]interface {}");
  }
  return value.is_structured() ? "expected any scalar" : "";
}

// An item as people are told of it: [name="a"] where keys tell items apart, [="a"] where their values do.
std::string named(const Json& schema, const Json& item) {
  if (shape_of(schema) == Shape::SetList) return "[=" + dump_json(item) + "]";
  std::string out;
  for (const auto& name : list_keys(schema)) {
    if (item.is_object() && item.contains(name)) out += (out.empty() ? "" : ",") + name + "=" + dump_json(item[name]);
  }
  return "[" + out + "]";
}

std::string wrong_items(const Json& schema, const Json& list, bool keyed) {
  std::map<std::string, int> times;
  for (size_t i = 0; i < list.size(); ++i) {
    std::string at = "[" + std::to_string(i) + "]";
    if (keyed) {
      const std::string element = element_of(schema, list[i]);
      if (element == "k:{}") return ": element " + std::to_string(i) + ": it omits all key fields";
      if (times[element]++ > 0) return ": duplicate entries for key " + named(schema, list[i]);
      at = named(schema, list[i]);
    }
    if (const std::string wrong = not_applicable(item_schema(schema), list[i]); !wrong.empty()) return at + wrong;
  }
  return {};
}

}  // namespace

std::string not_applicable(const Json& schema, const Json& value) {
  const Walk walk = walk_of(schema, &value);
  if (walk == Walk::Leaf) {
    const std::string wrong = wrong_scalar(schema, value);
    return wrong.empty() ? "" : ": " + wrong;
  }
  if (value.is_null()) return {};
  if (walk == Walk::List || walk == Walk::AtomicList) {
    if (!value.is_array()) return ": expected list";
    return wrong_items(schema, value, walk == Walk::List);
  }
  if (!value.is_object()) return ": expected map";
  for (const auto& [name, field] : value.items()) {
    const Json* sub = field_schema(schema, name);
    const bool open = shape_of(schema) == Shape::Untyped || bool_at(schema, {"x-kubernetes-preserve-unknown-fields"});
    if (!sub && !open) return "." + name + ": field not declared in schema";
    if (const std::string wrong = sub ? not_applicable(*sub, field) : ""; !wrong.empty()) return "." + name + wrong;
  }
  return {};
}

}  // namespace clops::local
