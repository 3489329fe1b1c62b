// What a real API server's code, not its schema, does to built-in kinds: defaults and validation.
//
// Thread rule: pure functions. Kinds without rules pass through. Source of the rules: Kubernetes 1.34's behaviour,
// which the contract suite compares.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "local/api/error.h"
#include "local/api/resources.h"

namespace clops::local {

void default_builtin(const std::string& kind, Json& object);
// What the server itself gives to an object of this kind when it is written: nobody owns it.
void allocate_builtin(const std::string& kind, Json& object);
void check_builtin(const std::string& kind, const Json& object, const Json* before, std::vector<Cause>& causes);
void check_metadata(const Resource& resource, const Json& object, const Json* before, std::vector<Cause>& causes);
// The status a new object of this kind starts with, or null.
[[nodiscard]] Json initial_status(const std::string& kind);
[[nodiscard]] bool dns_label(const std::string& text);
[[nodiscard]] bool dns_subdomain(const std::string& text);

}  // namespace clops::local
