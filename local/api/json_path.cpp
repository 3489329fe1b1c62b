#include <charconv>

#include "local/api/table.h"

namespace clops::local {
namespace {

constexpr size_t kResultsMax = 1'000;

using Values = std::vector<const Json*>;

Values children(const Values& from, std::string_view name) {
  Values out;
  for (const Json* value : from) {
    if (!value->is_object()) continue;
    if (const auto it = value->find(std::string(name)); it != value->end()) out.push_back(&*it);
  }
  return out;
}

Values every(const Values& from) {
  Values out;
  for (const Json* value : from) {
    if (!value->is_array() && !value->is_object()) continue;
    for (const auto& item : *value) {
      if (out.size() < kResultsMax) out.push_back(&item);
    }
  }
  return out;
}

std::string_view unquoted(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front())
    text = text.substr(1, text.size() - 2);
  return text;
}

// ?(@.type=="Ready")
Values filtered(const Values& from, std::string_view rule) {
  const size_t at = rule.find("@."), equals = rule.find("=="), close = rule.rfind(')');
  if (at == rule.npos || equals == rule.npos || close == rule.npos || equals < at || close < equals) return {};
  std::string_view field = rule.substr(at + 2, equals - at - 2);
  while (!field.empty() && field.back() == ' ') field.remove_suffix(1);
  const std::string_view wanted = unquoted(rule.substr(equals + 2, close - equals - 2));
  Values out;
  for (const Json* item : every(from)) {
    for (const Json& found : json_path(*item, "." + std::string(field))) {
      if ((found.is_string() ? found.get<std::string>() : dump_json(found)) == wanted) out.push_back(item);
    }
  }
  return out;
}

Values indexed(const Values& from, std::string_view text) {
  int64_t index = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), index).ec != std::errc()) return {};
  Values out;
  for (const Json* value : from) {
    if (!value->is_array()) continue;
    const auto size = static_cast<int64_t>(value->size());
    const int64_t at = index < 0 ? size + index : index;
    if (at >= 0 && at < size) out.push_back(&(*value)[static_cast<size_t>(at)]);
  }
  return out;
}

// Where the bracket at `open` ends, quotes and parentheses respected.
size_t bracket_end(std::string_view path, size_t open) {
  char quote = 0;
  for (size_t i = open + 1; i < path.size(); ++i) {
    if (quote != 0) {
      if (path[i] == quote) quote = 0;
    } else if (path[i] == '"' || path[i] == '\'') {
      quote = path[i];
    } else if (path[i] == ']') {
      return i;
    }
  }
  return std::string_view::npos;
}

}  // namespace

std::vector<Json> json_path(const Json& value, std::string_view path) {
  if (path.size() > 1'024) return {};
  if (path.starts_with("{") && path.ends_with("}")) path = path.substr(1, path.size() - 2);
  if (path.starts_with("$")) path.remove_prefix(1);
  Values at{&value};
  while (!path.empty() && !at.empty()) {
    if (path.front() == '[') {
      const size_t close = bracket_end(path, 0);
      if (close == path.npos) return {};
      const std::string_view inside = path.substr(1, close - 1);
      path.remove_prefix(close + 1);
      if (inside == "*") {
        at = every(at);
      } else if (inside.starts_with("?")) {
        at = filtered(at, inside);
      } else if (!inside.empty() && (inside.front() == '\'' || inside.front() == '"')) {
        at = children(at, unquoted(inside));
      } else {
        at = indexed(at, inside);
      }
      continue;
    }
    if (path.front() == '.') path.remove_prefix(1);
    std::string name;
    size_t i = 0;
    for (; i < path.size() && path[i] != '.' && path[i] != '['; ++i) {
      if (path[i] == '\\' && i + 1 < path.size()) ++i;  // a dot in a label's name
      name += path[i];
    }
    path.remove_prefix(i);
    if (!name.empty()) at = name == "*" ? every(at) : children(at, name);
  }
  std::vector<Json> out;
  for (const Json* found : at) out.push_back(*found);
  return out;
}

}  // namespace clops::local
