#include "local/api/field_set.h"

#include "local/api/schema.h"

namespace clops::local {
namespace {

bool keyed_list(Shape shape) {
  return shape == Shape::MapList || shape == Shape::SetList;
}
bool branches(Shape shape, const Json& value) {
  return (value.is_object() && (shape == Shape::Struct || shape == Shape::Map || shape == Shape::Untyped)) ||
         (value.is_array() && keyed_list(shape));
}

std::string element_of(const Json& schema, Shape shape, const Json& item) {
  if (shape == Shape::SetList) return "v:" + dump_json(item);
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

// A container's parts, in order, each with its path element and schema.
struct Part {
  std::string element;
  const Json* schema;
  const Json* value;
};
std::vector<Part> parts_of(const Json& schema, const Json& value) {
  std::vector<Part> out;
  const Shape shape = shape_of(schema);
  if (value.is_object()) {
    for (const auto& [name, field] : value.items()) {
      const Json* sub = field_schema(schema, name);
      out.push_back({"f:" + name, sub ? sub : &resolve(Json()), &field});
    }
  } else if (value.is_array()) {
    for (const auto& item : value) out.push_back({element_of(schema, shape, item), &item_schema(schema), &item});
  }
  return out;
}

const Json* find_part(const std::vector<Part>& parts, const std::string& element) {
  for (const auto& part : parts) {
    if (part.element == element) return part.value;
  }
  return nullptr;
}

void collect(const Json& schema, const Json& value, FieldSet& node) {
  const Shape shape = shape_of(schema);
  if (!branches(shape, value)) {
    node.member = true;
    return;
  }
  const bool items = value.is_array();
  for (const auto& part : parts_of(schema, value)) {
    FieldSet& child = node.children[part.element];
    collect(*part.schema, *part.value, child);
    if (items || part.value->is_null() || (part.value->is_object() && part.value->empty())) child.member = true;
  }
}

// As collect, with the containers themselves: what appears or goes as a whole.
void collect_whole(const Json& schema, const Json& value, FieldSet& node) {
  collect(schema, value, node);
  if (node.children.empty() || shape_of(schema) != Shape::Struct || value.empty()) node.member = true;
}

void compare_into(const Json& schema, const Json& before, const Json& after, Differences& out) {
  if (before == after) return;
  const Shape shape = shape_of(schema);
  if (!branches(shape, before) || !branches(shape, after) || before.is_object() != after.is_object()) {
    out.modified.member = true;
    return;
  }
  const auto old_parts = parts_of(schema, before), new_parts = parts_of(schema, after);
  for (const auto& part : new_parts) {
    const Json* old_value = find_part(old_parts, part.element);
    if (!old_value) {
      collect_whole(*part.schema, *part.value, out.added.children[part.element]);
      continue;
    }
    Differences inner;
    compare_into(*part.schema, *old_value, *part.value, inner);
    if (!inner.added.empty()) out.added.children[part.element] = std::move(inner.added);
    if (!inner.modified.empty()) out.modified.children[part.element] = std::move(inner.modified);
    if (!inner.removed.empty()) out.removed.children[part.element] = std::move(inner.removed);
  }
  for (const auto& part : old_parts) {
    if (!find_part(new_parts, part.element))
      collect_whole(*part.schema, *part.value, out.removed.children[part.element]);
  }
}

std::string readable(const std::string& element) {
  if (element.starts_with("f:")) return "." + element.substr(2);
  const auto value = parse_json(std::string_view(element).substr(2));
  if (element.starts_with("v:")) return "[=" + element.substr(2) + "]";
  std::string out;
  if (value && value->is_object()) {
    for (const auto& [name, key] : value->items()) out += (out.empty() ? "" : ",") + name + "=" + dump_json(key);
  } else {
    out = element.substr(2);
  }
  return "[" + out + "]";
}

void add_paths(const FieldSet& set, const std::string& prefix, std::vector<std::string>& out) {
  if (set.member) out.push_back(prefix);
  for (const auto& [element, child] : set.children) add_paths(child, prefix + readable(element), out);
}

}  // namespace

bool FieldSet::empty() const {
  if (member) return false;
  for (const auto& [element, child] : children) {
    if (!child.empty()) return false;
  }
  return true;
}

Json FieldSet::to_json() const {
  Json out = Json::object();
  for (const auto& [element, child] : children) {
    if (!child.empty()) out[element] = child.to_json();
  }
  if (member && !out.empty()) out["."] = Json::object();
  return out;
}

std::vector<std::string> FieldSet::paths() const {
  std::vector<std::string> out;
  add_paths(*this, "", out);
  return out;
}

FieldSet field_set_from_json(const Json& fields_v1) {
  FieldSet out;
  if (!fields_v1.is_object()) return out;
  for (const auto& [element, inner] : fields_v1.items()) {
    if (element == ".") {
      out.member = true;
      continue;
    }
    FieldSet child = field_set_from_json(inner);
    if (child.children.empty()) child.member = true;
    out.children.emplace(element, std::move(child));
  }
  return out;
}

FieldSet unite(const FieldSet& a, const FieldSet& b) {
  FieldSet out = a;
  out.member = a.member || b.member;
  for (const auto& [element, child] : b.children) {
    FieldSet& into = out.children[element];
    into = unite(into, child);
  }
  return out;
}

FieldSet intersect(const FieldSet& a, const FieldSet& b) {
  FieldSet out;
  out.member = a.member && b.member;
  for (const auto& [element, child] : a.children) {
    const auto it = b.children.find(element);
    if (it == b.children.end()) continue;
    FieldSet both = intersect(child, it->second);
    if (!both.empty()) out.children.emplace(element, std::move(both));
  }
  return out;
}

FieldSet subtract(const FieldSet& a, const FieldSet& b) {
  FieldSet out;
  out.member = a.member && !b.member;
  for (const auto& [element, child] : a.children) {
    const auto it = b.children.find(element);
    FieldSet left = it == b.children.end() ? child : subtract(child, it->second);
    if (!left.empty()) out.children.emplace(element, std::move(left));
  }
  return out;
}

FieldSet fields_of(const Json& schema, const Json& value) {
  FieldSet out;
  collect(schema, value, out);
  return out;
}

Differences compare(const Json& schema, const Json& before, const Json& after) {
  Differences out;
  compare_into(schema, before, after, out);
  return out;
}

Json merge_applied(const Json& schema, const Json& live, const Json& applied) {
  const Shape shape = shape_of(schema);
  if (!branches(shape, live) || !branches(shape, applied) || live.is_object() != applied.is_object()) return applied;
  Json out = live;
  if (live.is_object()) {
    for (const auto& [name, field] : applied.items()) {
      const Json* sub = field_schema(schema, name);
      const auto present = live.find(name);
      out[name] = present == live.end() ? field : merge_applied(sub ? *sub : resolve(Json()), *present, field);
    }
    return out;
  }
  // Live items keep their place; new ones follow in the applied order.
  const auto live_parts = parts_of(schema, live);
  for (const auto& part : parts_of(schema, applied)) {
    bool found = false;
    for (size_t i = 0; i < live_parts.size() && !found; ++i) {
      if (live_parts[i].element != part.element) continue;
      out[i] = merge_applied(*part.schema, *live_parts[i].value, *part.value);
      found = true;
    }
    if (!found) out.push_back(*part.value);
  }
  return out;
}

void remove_fields(const Json& schema, Json& value, const FieldSet& gone, const FieldSet& kept) {
  static const FieldSet none;
  const Shape shape = shape_of(schema);
  if (!branches(shape, value)) return;
  const std::vector<std::string> keys = list_keys(schema);
  const auto visit = [&](const std::string& element, const Json& sub, Json& part) {  // true: erase the part
    const auto it = gone.children.find(element);
    if (it == gone.children.end()) return false;
    const auto owned = kept.children.find(element);
    const FieldSet& others = owned == kept.children.end() ? none : owned->second;
    if (it->second.member && others.empty()) return true;
    if (!branches(shape_of(sub), part)) return it->second.member && others.empty();
    remove_fields(sub, part, it->second, others);
    return part.empty() && others.empty();
  };
  if (value.is_object()) {
    for (auto it = value.begin(); it != value.end();) {
      const Json* sub = field_schema(schema, it.key());
      it = visit("f:" + it.key(), sub ? *sub : resolve(Json()), *it) ? value.erase(it) : std::next(it);
    }
    return;
  }
  for (auto it = value.begin(); it != value.end();) {
    Json saved = Json::object();  // an item that stays keeps its keys
    for (const auto& key : keys) {
      if (it->is_object() && it->contains(key)) saved[key] = (*it)[key];
    }
    const std::string element = element_of(schema, shape, *it);
    if (visit(element, item_schema(schema), *it)) {
      it = value.erase(it);
      continue;
    }
    if (it->is_object()) it->update(saved);
    ++it;
  }
}

}  // namespace clops::local
