#include "crds/override_codec.h"

namespace clops::crds {

RoutingOverride read_override(const Reader& parent, bool strict) {
  if (!parent.has("override")) return {};
  const Reader in = parent.child("override");
  if (strict) in.only({"callers"});
  RoutingOverride out{.callers = in.text_list("callers", kOverrideCallersMax)};
  if (strict && out.callers.empty()) in.fail("callers", "must not be empty");
  return out;
}

void put_override(Json& parent, const RoutingOverride& value) {
  if (!value.callers.empty()) parent["override"] = {{"callers", value.callers}};
}

void check_override(const Json& object, std::vector<Violation>& out) {
  const auto has = [&](std::initializer_list<std::string_view> path) {
    const Json* value = find_path(object, path);
    return value != nullptr && !value->is_null();
  };
  if (has({"spec", "routing", "override"}) && !has({"spec", "auth"}))
    out.push_back({"spec",
                   "routing.override names callers, and without auth nobody has a name: add spec.auth, or write a "
                   "rule in routing.rules that everybody may use"});
}

}  // namespace clops::crds
