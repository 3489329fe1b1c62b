#include "crds/validation_steps.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>

namespace clops::crds {
namespace {

using Violations = std::vector<Violation>;

const Json* field(const Json& object, std::string_view name) {
  const Json* const value = find_path(object, {name});
  return value == nullptr || value->is_null() ? nullptr : value;
}

bool has(const Json& object, std::string_view name) {
  return field(object, name) != nullptr;
}

ptrdiff_t count_of(const Json& object, std::initializer_list<std::string_view> names) {
  return std::ranges::count_if(names, [&](std::string_view name) { return has(object, name); });
}

size_t size_of(const Json& object, std::string_view name) {
  const Json* const list = field(object, name);
  return list != nullptr && list->is_array() ? list->size() : 0;
}

bool rises(const Json& object) {  // also where one of them is not there, or is no number
  const Json* const min = field(object, "min");
  const Json* const max = field(object, "max");
  return min == nullptr || max == nullptr || !min->is_number() || !max->is_number() ||
         min->get<double>() <= max->get<double>();
}

// ---- the messages stand in the CRD too, word for word

struct Rule {
  std::string_view step, part;  // `part`: of an item, where the rule is of a field in it
  bool (*holds)(const Json& item);
  const char* message;
};

constexpr const char* kBounds = "write min, max or both, min not above max";

const Rule kPreRules[] = {
    {"impute", "", [](const Json& item) { return has(item, "value") != has(item, "text"); },
     "write value for a column of numbers, or text for a column of text"},
    {"scale", "", [](const Json& item) { return count_of(item, {"standard", "minMax", "robust"}) == 1; },
     "write exactly one of standard, minMax and robust"},
    {"scale", "minMax", rises, "write the least value as min and the greatest as max"},
    {"clip", "", [](const Json& item) { return count_of(item, {"min", "max"}) > 0 && rises(item); }, kBounds},
    {"mapLabels", "", [](const Json& item) { return (string_at(item, {"unknown"}) == "Value") == has(item, "value"); },
     "value goes with unknown: Value, and unknown: Value with value"},
    {"oneHot", "", [](const Json& item) { return has(item, "categories") != has(item, "numbers"); },
     "write exactly one of categories (texts) and numbers"},
    {"oneHot", "",
     [](const Json& item) {
       const std::string_view kind = has(item, "categories") ? "categories" : "numbers";
       return !has(item, "names") || size_of(item, "names") == size_of(item, kind);
     },
     "write one name for each category, or leave names out"},
};

const Rule kPostRules[] = {
    {"clip", "", [](const Json& item) { return count_of(item, {"min", "max"}) > 0 && rises(item); }, kBounds},
    {"calibrate", "", [](const Json& item) { return has(item, "platt") != has(item, "isotonic"); },
     "write exactly one of platt and isotonic"},
    {"calibrate", "isotonic",
     [](const Json& curve) { return size_of(curve, "scores") == size_of(curve, "probabilities"); },
     "write one probability for each score"},
    {"threshold", "", [](const Json& item) { return has(item, "above") == has(item, "below"); },
     "write above and below, or neither"},
};

void check_items(const Json& step, std::span<const Rule> rules, const std::string& where, Violations& out) {
  for (const Rule& rule : rules) {
    const Json* const items = field(step, rule.step);
    if (items == nullptr || !items->is_array()) continue;
    for (size_t i = 0; i < items->size(); ++i) {
      const Json* const judged = rule.part.empty() ? &(*items)[i] : field((*items)[i], rule.part);
      if (judged == nullptr || !judged->is_object() || rule.holds(*judged)) continue;
      std::string path = where + "." + std::string(rule.step) + "[" + std::to_string(i) + "]";
      if (!rule.part.empty()) path += "." + std::string(rule.part);
      out.push_back({std::move(path), rule.message});
    }
  }
}

}  // namespace

void check_steps(const Json& steps, const std::string& where, Violations& out) {
  const auto each = [&](std::string_view list, std::initializer_list<std::string_view> kinds, const char* message,
                        std::span<const Rule> rules) {
    const Json* const all = field(steps, list);
    if (all == nullptr || !all->is_array()) return;
    for (size_t i = 0; i < all->size(); ++i) {
      if (!(*all)[i].is_object()) continue;
      const std::string here = where + "." + std::string(list) + "[" + std::to_string(i) + "]";
      if (count_of((*all)[i], kinds) != 1) out.push_back({here, message});
      check_items((*all)[i], rules, here, out);
    }
  };
  each("pre", {"select", "rename", "impute", "scale", "clip", "mapLabels", "oneHot"},
       "write exactly one step in each item of pre: select, rename, impute, scale, clip, mapLabels or oneHot; several "
       "steps are several items",
       kPreRules);
  each("post", {"select", "rename", "clip", "calibrate", "threshold", "topK", "mapLabels"},
       "write exactly one step in each item of post: select, rename, clip, calibrate, threshold, topK or mapLabels; "
       "several steps are several items",
       kPostRules);
}

}  // namespace clops::crds
