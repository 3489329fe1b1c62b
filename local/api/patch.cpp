#include "local/api/patch.h"

#include <algorithm>
#include <optional>

#include "local/api/schema.h"

namespace clops::local {
namespace {

constexpr size_t kOperationsMax = 10'000;

// A JSON pointer's parts.
Outcome<std::vector<std::string>> pointer(const Json& operation, const char* field) {
  const auto it = operation.find(field);
  if (it == operation.end() || !it->is_string())
    return bad_request(std::string("a JSON patch operation needs the text field '") + field + "'");
  const std::string& text = it->get_ref<const std::string&>();
  std::vector<std::string> out;
  if (text.empty()) return out;
  if (text[0] != '/') return bad_request("a JSON pointer starts with '/': " + text);
  for (size_t i = 0; i < text.size();) {
    const size_t end = std::min(text.find('/', i + 1), text.size());
    std::string part;
    for (size_t at = i + 1; at < end; ++at) {
      if (text[at] == '~' && at + 1 < end && (text[at + 1] == '0' || text[at + 1] == '1')) {
        part += text[++at] == '0' ? '~' : '/';
      } else {
        part += text[at];
      }
    }
    out.push_back(std::move(part));
    i = end;
  }
  return out;
}

std::unexpected<ApiError> does_not_fit(const std::vector<std::string>& path, const std::string& why) {
  std::string text;
  for (const auto& part : path) text += "/" + part;
  return api_fail(422, "Invalid",
                  "the server rejected our request due to an error in our request: JSON patch: " + text + ": " + why);
}

std::optional<size_t> index_in(const Json& list, const std::string& part, bool may_append) {
  if (may_append && part == "-") return list.size();
  if (part.empty() || part.size() > 9 || part.find_first_not_of("0123456789") != std::string::npos ||
      (part.size() > 1 && part[0] == '0'))
    return {};
  const size_t index = std::stoul(part);
  return index < list.size() + (may_append ? 1 : 0) ? std::optional(index) : std::nullopt;
}

Json* walk(Json& root, const std::vector<std::string>& path, size_t steps) {
  Json* at = &root;
  for (size_t i = 0; i < steps; ++i) {
    if (at->is_object()) {
      const auto it = at->find(path[i]);
      if (it == at->end()) return nullptr;
      at = &*it;
    } else if (at->is_array()) {
      const auto index = index_in(*at, path[i], false);
      if (!index) return nullptr;
      at = &(*at)[*index];
    } else {
      return nullptr;
    }
  }
  return at;
}

Done put(Json& root, const std::vector<std::string>& path, Json value) {
  if (path.empty()) {
    root = std::move(value);
    return {};
  }
  Json* parent = walk(root, path, path.size() - 1);
  if (!parent) return does_not_fit(path, "the path does not exist");
  if (parent->is_object()) {
    (*parent)[path.back()] = std::move(value);
    return {};
  }
  const auto index = parent->is_array() ? index_in(*parent, path.back(), true) : std::nullopt;
  if (!index) return does_not_fit(path, "not a place in a list or object");
  parent->insert(parent->begin() + static_cast<std::ptrdiff_t>(*index), std::move(value));
  return {};
}

Outcome<Json> take(Json& root, const std::vector<std::string>& path) {
  Json* found = walk(root, path, path.size());
  if (!found || path.empty()) return does_not_fit(path, "the path does not exist");
  Json out = std::move(*found);
  Json* parent = walk(root, path, path.size() - 1);
  if (parent->is_object()) {
    parent->erase(path.back());
  } else {
    parent->erase(*index_in(*parent, path.back(), false));
  }
  return out;
}

Done run(Json& root, const Json& operation) {
  const std::string op = string_at(operation, {"op"});
  auto path = pointer(operation, "path");
  if (!path) return std::unexpected(path.error());
  const auto value = operation.find("value");
  const bool needs_value = op == "add" || op == "replace" || op == "test";
  if (needs_value && value == operation.end()) return bad_request("a JSON patch '" + op + "' needs a value");
  if (op == "add") return put(root, *path, *value);
  if (op == "remove" || op == "replace") {
    if (op == "replace" && path->empty()) return put(root, *path, *value);
    // As upstream's library: in an object a replacement need not find anything.
    const Json* parent = op == "replace" ? walk(root, *path, path->size() - 1) : nullptr;
    if (parent && parent->is_object()) return put(root, *path, *value);
    if (op == "replace" && walk(root, *path, path->size())) return *walk(root, *path, path->size()) = *value, Done{};
    auto taken = take(root, *path);
    return taken ? Done{} : Done(std::unexpected(taken.error()));
  }
  if (op == "test") {
    const Json* found = walk(root, *path, path->size());
    if (!found || *found != *value) return does_not_fit(*path, "testing value failed");
    return {};
  }
  if (op == "move" || op == "copy") {
    auto from = pointer(operation, "from");
    if (!from) return std::unexpected(from.error());
    if (op == "move") {
      auto taken = take(root, *from);
      if (!taken) return std::unexpected(taken.error());
      return put(root, *path, std::move(*taken));
    }
    const Json* found = walk(root, *from, from->size());
    if (!found) return does_not_fit(*from, "the path does not exist");
    return put(root, *path, Json(*found));
  }
  return bad_request("'" + op + "' is no JSON patch operation");
}

std::string text_of(const Json& schema, const char* name) {
  return string_at(schema, {name});
}

Outcome<Json> merge_strategically(const Json& schema, const Json& target, const Json& patch);

void drop_directives(Json& value) {
  if (value.is_object()) {
    for (auto it = value.begin(); it != value.end();) {
      const bool directive = it.key() == "$patch" || it.key() == "$retainKeys" ||
                             it.key().starts_with("$setElementOrder/") ||
                             it.key().starts_with("$deleteFromPrimitiveList/");
      if (directive || it->is_null()) {
        it = value.erase(it);
      } else {
        drop_directives(*it);
        ++it;
      }
    }
  } else if (value.is_array()) {
    for (auto it = value.begin(); it != value.end();) {
      if (it->is_object() && string_at(*it, {"$patch"}) == "delete") {
        it = value.erase(it);
      } else {
        drop_directives(*it);
        ++it;
      }
    }
  }
}

bool same_item(const Json& a, const Json& b, const std::string& key) {
  return key.empty() ? a == b : a.is_object() && b.is_object() && a.value(key, Json()) == b.value(key, Json());
}
size_t place_in(const Json& list, const Json& item, const std::string& key) {
  size_t at = 0;
  while (at < list.size() && !same_item(list[at], item, key)) ++at;
  return at;
}

// Items the patch names come in its order; one only the server has comes before them where it did so already.
void order_items(Json& list, const Json& order, const Json& before, const std::string& key) {
  Json named = Json::array(), others = Json::array(), sorted = Json::array();
  for (const auto& wanted : order) {
    if (const size_t at = place_in(list, wanted, key); at < list.size()) named.push_back(list[at]);
  }
  for (const auto& item : list) {
    if (place_in(order, item, key) == order.size()) others.push_back(item);
  }
  size_t left = 0;
  for (const auto& item : named) {
    const size_t place = place_in(before, item, key);
    while (left < others.size() && place < before.size() && place_in(before, others[left], key) < place)
      sorted.push_back(others[left++]);
    sorted.push_back(item);
  }
  while (left < others.size()) sorted.push_back(others[left++]);
  list = std::move(sorted);
}

Outcome<Json> merge_list(const Json& field, const Json& target, const Json& patch) {
  const std::string key = text_of(field, "x-kubernetes-patch-merge-key");
  Json out = target.is_array() ? target : Json::array();
  for (const auto& item : patch) {
    if (!item.is_object() || key.empty()) {  // a list of scalars is a set
      if (std::find(out.begin(), out.end(), item) == out.end()) out.push_back(item);
      continue;
    }
    const std::string directive = string_at(item, {"$patch"});
    if (directive == "replace") {
      Json rest = patch;
      std::erase_if(rest.get_ref<Json::array_t&>(),
                    [](const Json& i) { return i.is_object() && i.contains("$patch"); });
      drop_directives(rest);
      return rest;
    }
    if (!item.contains(key))
      return bad_request("map: " + dump_json(item) + " does not contain declared merge key: " + key);
    const auto found = std::find_if(out.begin(), out.end(),
                                    [&](const Json& i) { return i.is_object() && i.value(key, Json()) == item[key]; });
    if (directive == "delete") {
      if (found != out.end()) out.erase(found);
    } else if (found != out.end()) {
      auto merged = merge_strategically(item_schema(field), *found, item);
      if (!merged) return merged;
      *found = std::move(*merged);
    } else {
      Json added = item;
      drop_directives(added);
      out.push_back(std::move(added));
    }
  }
  Json named = patch;
  std::erase_if(named.get_ref<Json::array_t&>(), [](const Json& i) { return i.is_object() && i.contains("$patch"); });
  order_items(out, named, target.is_array() ? target : Json::array(), key);
  return out;
}

void retain_only(Json& value, const Json& names) {
  for (auto it = value.begin(); it != value.end();) {
    it = std::find(names.begin(), names.end(), Json(it.key())) == names.end() ? value.erase(it) : std::next(it);
  }
}

Outcome<Json> merge_strategically(const Json& schema, const Json& target, const Json& patch) {
  if (!patch.is_object()) return patch;
  const std::string directive = string_at(patch, {"$patch"});
  if (directive == "delete") return Json(nullptr);
  Json out = target.is_object() && directive != "replace" ? target : Json::object();
  if (const auto retained = patch.find("$retainKeys"); retained != patch.end() && retained->is_array())
    retain_only(out, *retained);
  for (const auto& [name, value] : patch.items()) {
    if (name == "$patch" || name == "$retainKeys" || name.starts_with("$setElementOrder/")) continue;
    if (name.starts_with("$deleteFromPrimitiveList/")) {
      const auto list = out.find(name.substr(25));
      if (list == out.end() || !list->is_array() || !value.is_array()) continue;
      std::erase_if(list->get_ref<Json::array_t&>(),
                    [&](const Json& i) { return std::find(value.begin(), value.end(), i) != value.end(); });
      continue;
    }
    if (value.is_null()) {
      out.erase(name);
      continue;
    }
    const Json* found = field_schema(schema, name);
    const Json& field = found ? *found : resolve(Json());
    const Json present = out.contains(name) ? out[name] : Json();
    Outcome<Json> merged = value;
    if (value.is_object()) {
      merged = merge_strategically(field, present, value);
    } else if (value.is_array() && text_of(field, "x-kubernetes-patch-strategy").starts_with("merge")) {
      merged = merge_list(field, present, value);
    }
    if (!merged) return merged;
    if (merged->is_null()) {
      out.erase(name);
    } else {
      if (!present.is_object() && !present.is_array()) drop_directives(*merged);
      out[name] = std::move(*merged);
    }
  }
  for (const auto& [name, order] : patch.items()) {
    if (!name.starts_with("$setElementOrder/") || !order.is_array()) continue;
    const auto list = out.find(name.substr(17));
    const Json* field = field_schema(schema, name.substr(17));
    if (list != out.end() && list->is_array())
      order_items(*list, order, target.is_object() ? target.value(name.substr(17), Json::array()) : Json::array(),
                  field ? text_of(*field, "x-kubernetes-patch-merge-key") : "");
  }
  return out;
}

}  // namespace

Json merge_patch(Json target, const Json& patch) {
  if (!patch.is_object()) return patch;
  if (!target.is_object()) target = Json::object();
  for (const auto& [name, value] : patch.items()) {
    if (value.is_null()) {
      target.erase(name);
    } else {
      Json present = target.contains(name) ? std::move(target[name]) : Json();
      target[name] = merge_patch(std::move(present), value);
    }
  }
  return target;
}

Outcome<Json> json_patch(Json target, const Json& operations) {
  if (!operations.is_array()) return bad_request("a JSON patch is a list of operations");
  if (operations.size() > kOperationsMax) {
    return api_fail(
        413, "RequestEntityTooLarge",
        "The allowed maximum operations in a JSON patch is 10000, got " + std::to_string(operations.size()));
  }
  for (const auto& operation : operations) {
    if (!operation.is_object()) return bad_request("a JSON patch operation is an object");
    if (auto done = run(target, operation); !done) return std::unexpected(done.error());
  }
  return target;
}

Outcome<Json> strategic_merge_patch(const Json& schema, const Json& target, const Json& patch) {
  if (!patch.is_object()) return bad_request("a strategic merge patch is an object");
  return merge_strategically(schema, target, patch);
}

}  // namespace clops::local
