#include "local/api/selector.h"

#include <algorithm>
#include <optional>

namespace clops::local {
namespace {

constexpr size_t kTextMax = 16'384;

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// At commas that are not inside brackets.
std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> out;
  int depth = 0;
  size_t from = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '(') ++depth;
    if (i < text.size() && text[i] == ')') --depth;
    if (i < text.size() && (text[i] != ',' || depth > 0)) continue;
    if (const auto part = trim(text.substr(from, i - from)); !part.empty()) out.push_back(part);
    from = i + 1;
  }
  return out;
}

bool key_like(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '/';
  });
}

std::optional<std::string> value_at(const Json& object, std::string_view path) {
  const Json* at = &object;
  while (!path.empty()) {
    const size_t dot = std::min(path.find('.'), path.size());
    if (!at->is_object()) return {};
    const auto it = at->find(std::string(path.substr(0, dot)));
    if (it == at->end()) return {};
    at = &*it;
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return at->is_string() ? at->get<std::string>() : dump_json(*at);
}

}  // namespace

Outcome<Selector> Selector::parse(std::string_view text, Kind kind) {
  Selector out;
  out.kind_ = kind;
  const auto refuse = [&](std::string_view part) {
    return bad_request((kind == Kind::Labels ? "unable to parse requirement: " : "invalid field selector: ") +
                       std::string(part));
  };
  if (text.size() > kTextMax) return refuse("longer than 16384 bytes");
  for (const auto part : split(text)) {
    Rule rule;
    std::string_view key, value;
    if (const size_t in = part.find(" in "), notin = part.find(" notin ");
        kind == Kind::Labels && part.back() == ')' && (in != part.npos || notin != part.npos)) {
      const bool negative = notin != part.npos;
      key = trim(part.substr(0, negative ? notin : in));
      const size_t open = part.find('(');
      if (open == part.npos) return refuse(part);
      rule.op = negative ? Rule::Op::NotIn : Rule::Op::In;
      for (const auto item : split(part.substr(open + 1, part.size() - open - 2))) rule.values.emplace_back(item);
      if (rule.values.empty()) rule.values.emplace_back();
    } else if (const size_t differs = part.find("!="); differs != part.npos) {
      key = trim(part.substr(0, differs));
      rule.op = Rule::Op::NotIn;
      rule.values.emplace_back(trim(part.substr(differs + 2)));
    } else if (const size_t equals = part.find('='); equals != part.npos) {
      key = trim(part.substr(0, equals));
      value = part.substr(equals + 1);
      if (!value.empty() && value.front() == '=') value.remove_prefix(1);
      rule.values.emplace_back(trim(value));
    } else if (kind == Kind::Fields) {
      return refuse(part);
    } else {
      rule.op = part.front() == '!' ? Rule::Op::Absent : Rule::Op::Exists;
      key = trim(part.front() == '!' ? part.substr(1) : part);
    }
    if (!key_like(key)) return refuse(part);
    rule.key = std::string(key);
    out.rules_.push_back(std::move(rule));
  }
  return out;
}

bool Selector::matches(const Json& object) const {
  for (const auto& rule : rules_) {
    std::optional<std::string> value;
    if (kind_ == Kind::Fields) {
      value = value_at(object, rule.key).value_or("");
    } else if (const Json* labels = find_path(object, {"metadata", "labels"})) {
      const auto it = labels->find(rule.key);
      if (it != labels->end() && it->is_string()) value = it->get<std::string>();
    }
    const bool among = value && std::find(rule.values.begin(), rule.values.end(), *value) != rule.values.end();
    const bool ok = rule.op == Rule::Op::In       ? among
                    : rule.op == Rule::Op::NotIn  ? !among
                    : rule.op == Rule::Op::Exists ? value.has_value()
                                                  : !value;
    if (!ok) return false;
  }
  return true;
}

std::vector<std::string> Selector::keys() const {
  std::vector<std::string> out;
  for (const auto& rule : rules_) out.push_back(rule.key);
  return out;
}

}  // namespace clops::local
