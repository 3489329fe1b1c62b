// Objects as the tables kubectl prints (meta.k8s.io/v1 Table): columns, cells, ages.
//
// Thread rule: pure functions; `now` is the calendar time ages are counted to.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "local/api/resources.h"

namespace clops::local {

enum class IncludeObject { None, Metadata, Object };

[[nodiscard]] Json table_columns(const Resource& resource);
[[nodiscard]] Json table_row(const Resource& resource, const Json& object, WallTime now, IncludeObject include);
// `rows` is consumed; resource_version and continue_token may be empty.
[[nodiscard]] Json table_of(const Resource& resource, Json rows, const std::string& resource_version,
                            const std::string& continue_token);

// "5m", "2d3h": how kubectl says how long ago.
[[nodiscard]] std::string human_duration(std::chrono::seconds span);
// The subset of JSONPath that printer columns use: .a.b, ['a'], [0], [*], [?(@.type=="Ready")]. Empty: nothing there.
[[nodiscard]] std::vector<Json> json_path(const Json& value, std::string_view path);

}  // namespace clops::local
