#include <array>
#include <cctype>
#include <utility>

#include "local/api/builtin_types.h"

namespace clops::local {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kGroups{{
    {"core", "io.k8s.api.core.v1."},
    {"apps", "io.k8s.api.apps.v1."},
    {"batch", "io.k8s.api.batch.v1."},
    {"policy", "io.k8s.api.policy.v1."},
    {"coordination", "io.k8s.api.coordination.v1."},
    {"discovery", "io.k8s.api.discovery.v1."},
    {"rbac", "io.k8s.api.rbac.v1."},
    {"autoscaling", "io.k8s.api.autoscaling.v1."},
    {"meta", "io.k8s.apimachinery.pkg.apis.meta.v1."},
    {"apiextensions", "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."},
}};

// Reads one line's notation; our own text, so a mistake in it shows in the unit test that reads every type.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::pair<std::string, Json> type_line() {
    const std::string name = builtin_full_name(word());
    Json schema{{"type", "object"}};
    if (take('*')) schema["x-kubernetes-map-type"] = "atomic";
    if (take('?')) schema["x-kubernetes-preserve-unknown-fields"] = true;
    take(':');
    Json required = Json::array();
    while (skip_space(), at_ < text_.size()) {
      const std::string field(word());
      if (take('!')) required.push_back(field);
      const char* zero = take('?') ? "omitted" : take(':') ? "present" : nullptr;
      take('=');
      schema["properties"][field] = type();
      if (zero) schema["properties"][field][kZeroMark] = zero;
      take(',');
    }
    if (!required.empty()) schema["required"] = std::move(required);
    return {name, schema};
  }

 private:
  static bool is_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '$' || c == '/' || c == '-' || c == '_' || c == '.';
  }
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool take(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string_view word() {
    skip_space();
    const size_t from = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    return text_.substr(from, at_ - from);
  }

  Json type() {
    Json out = bare_type();
    if (take('~')) {
      const bool strategy_only = take('~');
      const std::string key(word());
      if (strategy_only) {
        out["x-kubernetes-patch-strategy"] = key;
      } else {
        if (!key.empty()) out["x-kubernetes-patch-merge-key"] = key;
        out["x-kubernetes-patch-strategy"] = take('!') ? "merge,retainKeys" : "merge";
      }
    }
    if (take('|')) {
      take('"');
      out["default"] = std::string(word());
      take('"');
    }
    return out;
  }

  Json bare_type() {
    if (take('[')) {
      Json out{{"type", "array"}, {"items", type()}};
      take(']');
      const std::string_view kind = word();
      out["x-kubernetes-list-type"] = kind.empty() ? "atomic" : std::string(kind);
      if (take('(')) {
        while (!take(')')) out["x-kubernetes-list-map-keys"].push_back(std::string(word()));
      }
      return out;
    }
    if (take('{')) {
      Json out{{"type", "object"}, {"additionalProperties", type()}};
      take('}');
      if (take('*')) out["x-kubernetes-map-type"] = "atomic";
      return out;
    }
    if (take('@')) return {{"$ref", "#/components/schemas/" + builtin_full_name(word())}};
    return scalar(word());
  }

  static Json scalar(std::string_view name) {
    if (name == "i") return {{"type", "integer"}, {"format", "int64"}};
    if (name == "i32") return {{"type", "integer"}, {"format", "int32"}};
    if (name == "n") return {{"type", "number"}, {"format", "double"}};
    if (name == "b") return {{"type", "boolean"}};
    if (name == "t" || name == "mt") return {{"type", "string"}, {"format", "date-time"}};
    if (name == "by") return {{"type", "string"}, {"format", "byte"}};
    if (name == "is" || name == "q")
      return {{"x-kubernetes-int-or-string", true}, {"format", name == "q" ? "quantity" : "int-or-string"}};
    if (name == "s") return {{"type", "string"}};
    return {{"x-kubernetes-preserve-unknown-fields", true}};
  }

  std::string_view text_;
  size_t at_ = 0;
};

Json read_all() {
  Json out = Json::object();
  for (int part = 0; part < 2; ++part) {
    std::string_view rest = builtin_types_text(part);
    while (!rest.empty()) {
      size_t end = rest.find('\n');
      while (end != std::string_view::npos && end + 1 < rest.size() && rest[end + 1] == ' ')
        end = rest.find('\n', end + 1);
      const std::string_view line = rest.substr(0, end);
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
      if (line.empty()) continue;
      auto [name, schema] = Reader(line).type_line();
      out[name] = std::move(schema);
    }
  }
  return out;
}

}  // namespace

std::string builtin_full_name(std::string_view short_name) {
  const size_t slash = short_name.find('/');
  for (const auto& [group, prefix] : kGroups) {
    if (slash != std::string_view::npos && short_name.substr(0, slash) == group)
      return std::string(prefix) + std::string(short_name.substr(slash + 1));
  }
  return std::string(short_name);
}

const Json& builtin_definitions() {
  static const Json definitions = read_all();
  return definitions;
}

}  // namespace clops::local
