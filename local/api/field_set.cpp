#include "local/api/field_set.h"

namespace clops::local {
namespace {

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
  for (const auto& [element, child] : set.children) {
    if (child.member) out.push_back(prefix + readable(element));
  }
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

}  // namespace clops::local
