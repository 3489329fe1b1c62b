// The cross-field rules of both kinds, as one pure function: what the CRDs say in CEL, with the same paths and
// messages.
//
// The embedded plane calls it (cmd/ injects it); a real API server evaluates the CEL itself. tests/data/corpus holds
// the two to the same verdicts. Structure (types, bounds, required fields, enums) is the schema's business, not this
// function's: fields that are absent or of another type are passed over here. Thread rule: pure. Errors: none; an empty
// list means valid.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace clops::crds {

struct Violation {
  std::string path;  // "spec.variants"; empty = the object
  std::string message;
  bool operator==(const Violation&) const = default;
};

// `kind` other than ModelVersion and ModelDeployment has no rules. `old`: the object as it was, for an update; else
// nullptr.
[[nodiscard]] std::vector<Violation> validate_object(std::string_view kind, const Json& object, const Json* old);

}  // namespace clops::crds
