// Steps as JSON, in spec and in serving.json alike. A field or a kind of step that is not known is refused, in both:
// what would be passed over would be computed wrongly.
//
// Thread rule: pure. Errors: InvalidArgument with the path, through the Reader.
#pragma once

#include "crds/json_reader.h"
#include "crds/steps.h"

namespace clops::crds {

[[nodiscard]] Json encode(const Steps& steps);
[[nodiscard]] Steps read_steps(const Reader& in);  // `in`: the object called steps

}  // namespace clops::crds
