// Kubernetes' protobuf form of built-in objects, as `kubectl create` sends it: read into JSON by the field numbers in
// builtin_types. Written it is never: every client that sends it also takes JSON.
//
// Thread rule: pure. Bounded by the body; fuzzed (tests/fuzz/api_request_fuzz.cpp).
#pragma once

#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace clops::local {

// The object in a "k8s" envelope, with its apiVersion and kind. `schema`: of the kind that is expected.
// InvalidArgument: no envelope, another kind's, cut short, or a field whose form does not fit.
[[nodiscard]] Result<Json> parse_protobuf(const Json& schema, std::string_view body);

}  // namespace clops::local
