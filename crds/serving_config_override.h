// Who may choose the variant that answers, call by call: spec.routing.override of a ModelDeployment and, in the same
// words, serving.json. A server that does not know it, as one without callers' names, lets nobody choose.
//
// Thread rule: values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace clops::crds {

inline constexpr std::string_view kOverrideHeader = "x-clops-variant";  // its value is the variant's name
inline constexpr size_t kOverrideCallersMax = 64;

struct RoutingOverride {
  std::vector<std::string> callers;  // as the gate names them; none: the header means nothing
  bool operator==(const RoutingOverride&) const = default;
};

}  // namespace clops::crds
