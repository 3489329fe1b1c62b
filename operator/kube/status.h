// Reading what every API object and every refusal has: metadata, resourceVersions, Status. Pure functions over values.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "crds/meta.h"

namespace clops::kube {

using crds::decode_meta;
[[nodiscard]] crds::ObjectKey key_of(const Json& object);

// The error an answer of the API stands for, whether its body is a Status or not; the table is in kube/client.h.
[[nodiscard]] Error decode_status(int http_status, std::string_view body);

// resourceVersions of one resource compare as decimal integers of any length; anything else is the smallest.
[[nodiscard]] int compare_resource_versions(std::string_view a, std::string_view b);

}  // namespace clops::kube
