#include "crds/door_codec.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace clops::crds {
namespace {

constexpr int kIndexMax = 65'535;
constexpr std::array<std::string_view, 3> kModes = {"Off", "Warn", "Reject"};

// Text, or a whole number, which YAML's readers make of what looks like one.
std::vector<std::string> read_categories(const Reader& in) {
  std::vector<std::string> out;
  in.each_value("categories", kCategoriesMax, [&](const Json& value, const std::string& path, ReadError& error) {
    if (value.is_string()) {
      out.push_back(value.get<std::string>());
    } else if (value.is_number_integer()) {
      out.push_back(dump_json(value));
    } else {
      error.set(path, "must be a string or an integer");
    }
  });
  return out;
}

ColumnRule read_rule(const Reader& in, bool strict) {
  if (strict) in.only({"name", "index", "min", "max", "categories", "nulls"});
  ColumnRule rule{.name = in.text("name"),
                  .index = in.has("index") ? static_cast<int>(in.integer("index", 0, kIndexMax)) : -1,
                  .min = {},
                  .max = {},
                  .categories = read_categories(in),
                  .forbid_nulls = false};
  if (rule.name.empty() == (rule.index < 0)) in.fail("name", "must be given, or index, and not both");
  if (in.has("min")) rule.min = in.number("min");
  if (in.has("max")) rule.max = in.number("max");
  if (rule.min && rule.max && *rule.min > *rule.max) in.fail("min", "is above max");
  const std::string nulls = in.text("nulls");
  if (!nulls.empty() && nulls != "Allow" && nulls != "Forbid") in.fail("nulls", "must be Allow or Forbid");
  rule.forbid_nulls = nulls == "Forbid";
  return rule;
}

}  // namespace

std::optional<Validation> read_validation(const Reader& parent, bool strict) {
  if (!parent.has("validation")) return std::nullopt;
  const Reader in = parent.child("validation");
  if (strict) in.only({"mode", "columns"});
  Validation out;
  const std::string mode = in.text("mode", Need::Required);
  const auto* const at = std::ranges::find(kModes, mode);
  if (at == kModes.end()) in.fail("mode", "must be Reject, Warn or Off");
  out.mode = at == kModes.end() ? ValidationMode::Off : static_cast<ValidationMode>(at - kModes.begin());
  in.each("columns", kColumnRulesMax, [&](const Reader& r) { out.columns.push_back(read_rule(r, strict)); });
  return out;
}

void put_validation(Json& parent, const std::optional<Validation>& validation) {
  if (!validation) return;
  Json& out = parent["validation"] = {{"mode", kModes[static_cast<size_t>(validation->mode)]}};
  for (const ColumnRule& rule : validation->columns) {
    Json item = Json::object();
    put(item, "name", rule.name);
    if (rule.index >= 0) item["index"] = rule.index;
    if (rule.min) item["min"] = *rule.min;
    if (rule.max) item["max"] = *rule.max;
    put(item, "categories", rule.categories);
    if (rule.forbid_nulls) item["nulls"] = "Forbid";
    out["columns"].push_back(std::move(item));
  }
}

}  // namespace clops::crds
