// YAML 1.2 core documents as Json, and the one door to yaml-cpp. Unquoted scalars take the core schema's types; quoted
// ones stay strings. Errors: InvalidArgument with line and column; TooLarge (input, or an alias bomb).
#pragma once

#include <string_view>
#include <vector>

#include "base/json.h"

namespace clops {

[[nodiscard]] Result<std::vector<Json>> parse_yaml(std::string_view text,
                                                   size_t bytes_max = 4u << 20);  // empty documents are dropped
[[nodiscard]] std::string dump_yaml(const Json& value);  // block style, as kubectl -o yaml prints

}  // namespace clops
