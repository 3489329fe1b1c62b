#include "crds/validation_door.h"

#include <algorithm>
#include <set>

namespace clops::crds {
namespace {

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_parameter(std::string_view text) {
  const bool plain = std::ranges::all_of(text, [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
  return !text.empty() && is_alnum(text.front()) && plain && !text.starts_with("triton_") &&
         !text.starts_with("shared_memory_") && text != "contributions" && text != "binary_data_output" &&
         text != "timeout";
}

bool has(const Json& object, std::string_view key) {
  const Json* value = find_path(object, {key});
  return value != nullptr && !value->is_null();
}

void check_rule(const Json& rule, const std::string& where, std::vector<Violation>& out) {
  if (!rule.is_object()) return;
  if (has(rule, "name") == has(rule, "index"))
    out.push_back({where, "write either the column's name or its index, counted from 0"});
  if (!has(rule, "min") && !has(rule, "max") && !has(rule, "categories") && !has(rule, "nulls"))
    out.push_back({where, "say what holds for the column: min, max, categories or nulls"});
  const Json *min = find_path(rule, {"min"}), *max = find_path(rule, {"max"});
  if (min != nullptr && max != nullptr && min->is_number() && max->is_number() &&
      min->get<double>() > max->get<double>())
    out.push_back({where, "min is above max, so no value would do: exchange them"});
}

}  // namespace

void check_validation(const Json& validation, const std::string& path, std::vector<Violation>& out) {
  const Json* columns = find_path(validation, {"columns"});
  if (columns == nullptr || !columns->is_array()) return;
  std::set<std::string> seen;
  bool twice = false;
  for (size_t i = 0; i < columns->size(); ++i) {
    const Json& rule = (*columns)[i];
    check_rule(rule, path + ".columns[" + std::to_string(i) + "]", out);
    for (const char* key : {"name", "index"})
      if (rule.is_object() && has(rule, key)) twice = !seen.insert(key + dump_json(rule.at(key))).second || twice;
  }
  if (twice)
    out.push_back({path + ".columns", "a column is named twice: write everything that holds for it in one place"});
}

void check_sticky_key(const Json& key, const std::string& path, std::vector<Violation>& out) {
  if (!key.is_object()) return;
  const int ways = (has(key, "header") ? 1 : 0) + (has(key, "parameter") ? 1 : 0) + (has(key, "column") ? 1 : 0);
  if (ways != 1) out.push_back({path, "write exactly one of header, parameter and column"});
  const Json* parameter = find_path(key, {"parameter"});
  if (parameter == nullptr || !parameter->is_string() || is_parameter(parameter->get_ref<const std::string&>())) return;
  out.push_back({path + ".parameter",
                 "write the name of a request parameter of your own: letters, digits, '-', '_' and '.', such as "
                 "user_id; those that the protocol gives a meaning are not for this"});
}

}  // namespace clops::crds
