// The rules of spec.validation and spec.routing.stickyKey that the CRD has in CEL.
//
// Thread rule: pure.
#pragma once

#include <string>
#include <vector>

#include "crds/validation.h"

namespace clops::crds {

// `path`: where they stand, as in "spec.validation".
void check_validation(const Json& validation, const std::string& path, std::vector<Violation>& out);
void check_sticky_key(const Json& key, const std::string& path, std::vector<Violation>& out);

}  // namespace clops::crds
