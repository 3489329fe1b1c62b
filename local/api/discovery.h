// What the API says of itself: groups, resources, versions, OpenAPI v3. Pure functions of the resources served.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "local/api/resources.h"

namespace clops::local {

[[nodiscard]] Json core_versions();                                        // /api
[[nodiscard]] Json group_list(const std::vector<ResourcePtr>& resources);  // /apis
[[nodiscard]] std::optional<Json> one_group(const std::vector<ResourcePtr>& resources,
                                            const std::string& group);  // /apis/GROUP
[[nodiscard]] std::optional<Json> resource_list(const std::vector<ResourcePtr>& resources, const std::string& group,
                                                const std::string& version);
// /api (core) or /apis in aggregated form
[[nodiscard]] Json aggregated(const std::vector<ResourcePtr>& resources, bool core);
[[nodiscard]] Json version_info(const std::string& version);
[[nodiscard]] Json openapi_index(const std::vector<ResourcePtr>& resources);  // /openapi/v3
// /openapi/v3/api/v1 or /openapi/v3/apis/GROUP/VERSION
[[nodiscard]] std::optional<Json> openapi_document(const std::vector<ResourcePtr>& resources, const std::string& group,
                                                   const std::string& version);

}  // namespace clops::local
