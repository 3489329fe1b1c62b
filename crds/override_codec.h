// Reads, writes and checks override (serving_config_override.h) as a part of spec.routing and of serving.json.
//
// Thread rule: pure. Errors: remembered by the Reader, naming the field.
#pragma once

#include "crds/json_reader.h"
#include "crds/serving_config_override.h"
#include "crds/validation.h"

namespace clops::crds {

// From `parent`'s field "override"; absent as if empty. `strict`: a field that is not known, and no callers, are
// errors.
[[nodiscard]] RoutingOverride read_override(const Reader& parent, bool strict);
// Into `parent`, unless there is nothing to say.
void put_override(Json& parent, const RoutingOverride& value);
// What the CRD has in CEL, of a whole object.
void check_override(const Json& object, std::vector<Violation>& out);

}  // namespace clops::crds
