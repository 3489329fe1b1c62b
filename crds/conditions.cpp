#include "crds/conditions.h"

#include <algorithm>

namespace clops::crds {

const Condition* find_condition(const std::vector<Condition>& list, std::string_view type) {
  const auto it = std::find_if(list.begin(), list.end(), [&](const auto& c) { return c.type == type; });
  return it == list.end() ? nullptr : &*it;
}

bool is_true(const std::vector<Condition>& list, std::string_view type) {
  const Condition* condition = find_condition(list, type);
  return condition && condition->status == ConditionStatus::True;
}

void set_condition(std::vector<Condition>& list, Condition condition) {
  const auto it = std::find_if(list.begin(), list.end(), [&](const auto& c) { return c.type == condition.type; });
  if (it == list.end()) {
    list.push_back(std::move(condition));
    return;
  }
  if (it->status == condition.status) condition.last_transition_time = it->last_transition_time;
  *it = std::move(condition);
}

void remove_condition(std::vector<Condition>& list, std::string_view type) {
  std::erase_if(list, [&](const auto& c) { return c.type == type; });
}

std::string_view to_string(ConditionStatus status) {
  switch (status) {
    case ConditionStatus::True:
      return "True";
    case ConditionStatus::False:
      return "False";
    case ConditionStatus::Unknown:
      return "Unknown";
  }
  return "Unknown";
}

Json encode(const std::vector<Condition>& list) {
  Json out = Json::array();
  for (const auto& c : list) {
    out.push_back({{"type", c.type},
                   {"status", to_string(c.status)},
                   {"observedGeneration", c.observed_generation},
                   {"lastTransitionTime", c.last_transition_time},
                   {"reason", c.reason},
                   {"message", c.message}});
  }
  return out;
}

std::vector<Condition> read_conditions(const Reader& status) {
  std::vector<Condition> out;
  status.each("conditions", 64, [&](const Reader& in) {
    const std::string value = in.text("status");
    out.push_back({.type = in.text("type"),
                   .status = value == "True"    ? ConditionStatus::True
                             : value == "False" ? ConditionStatus::False
                                                : ConditionStatus::Unknown,
                   .reason = in.text("reason"),
                   .message = in.text("message"),
                   .last_transition_time = in.text("lastTransitionTime"),
                   .observed_generation = in.integer("observedGeneration", 0, INT64_MAX)});
  });
  return out;
}

}  // namespace clops::crds
