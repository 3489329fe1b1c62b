// The list of conditions of one object, kept as the Kubernetes API conventions want it: one of each type, and
// lastTransitionTime moves only when status does. Thread rule: pure functions over values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "crds/json_reader.h"
#include "crds/meta.h"

namespace clops::crds {

inline constexpr const char* kReady = "Ready";
inline constexpr const char* kReconciling = "Reconciling";  // exists only while true
inline constexpr const char* kStalled = "Stalled";          // exists only while true, never beside Reconciling
inline constexpr const char* kVariantsResolved = "VariantsResolved";
inline constexpr const char* kConfigInForce = "ConfigInForce";

[[nodiscard]] const Condition* find_condition(const std::vector<Condition>& list, std::string_view type);
[[nodiscard]] bool is_true(const std::vector<Condition>& list, std::string_view type);
// `condition.last_transition_time` is the time now; it is kept only where status differs from what is there.
void set_condition(std::vector<Condition>& list, Condition condition);
void remove_condition(std::vector<Condition>& list, std::string_view type);

[[nodiscard]] std::string_view to_string(ConditionStatus status);
[[nodiscard]] Json encode(const std::vector<Condition>& list);
[[nodiscard]] std::vector<Condition> read_conditions(const Reader& status);

}  // namespace clops::crds
