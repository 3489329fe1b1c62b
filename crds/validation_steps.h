// The rules of spec.steps and spec.variants[].steps within an object: part of validation.h's. What only a model's
// columns can tell is steps_plan.h's to find.
//
// Thread rule: pure. Errors: none.
#pragma once

#include <string>
#include <vector>

#include "crds/validation.h"

namespace clops::crds {

void check_steps(const Json& steps, const std::string& where, std::vector<Violation>& out);

}  // namespace clops::crds
