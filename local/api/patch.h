// The three patches of the Kubernetes API over JSON values: merge (RFC 7386), JSON (RFC 6902), strategic merge.
//
// Thread rule: pure functions. Errors: 400 for a patch that is malformed, 422 for one that does not fit the object.
#pragma once

#include "base/json.h"
#include "local/api/error.h"

namespace clops::local {

[[nodiscard]] Json merge_patch(Json target, const Json& patch);
[[nodiscard]] Outcome<Json> json_patch(Json target, const Json& operations);
[[nodiscard]] Outcome<Json> strategic_merge_patch(const Json& schema, const Json& target, const Json& patch);

}  // namespace clops::local
