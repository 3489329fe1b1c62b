// The one door to nlohmann-json: parsing and printing that cannot throw past it and cannot be driven into deep
// recursion.
//
// For Kubernetes objects and configuration. Never on the request path of serving/ (tests/unit/house holds files to
// this). Thread rule: values. Errors: InvalidArgument (names line and column), TooLarge.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace clops {

using Json = nlohmann::json;  // object keys are sorted: equal values print alike

struct JsonLimits {
  size_t bytes_max = 8u << 20;
  int depth_max = 64;
};

[[nodiscard]] Result<Json> parse_json(std::string_view text, JsonLimits limits = {});

// Never throws: bytes that are not UTF-8 print as U+FFFD. indent < 0 = one line.
[[nodiscard]] std::string dump_json(const Json& value, int indent = -1);

// Look-ups that do not throw: the value at a path of object keys, or nullptr where any step is absent or no object.
[[nodiscard]] const Json* find_path(const Json& value, std::initializer_list<std::string_view> path);
[[nodiscard]] std::string string_at(const Json& value, std::initializer_list<std::string_view> path,
                                    std::string_view fallback = "");
[[nodiscard]] int64_t int_at(const Json& value, std::initializer_list<std::string_view> path, int64_t fallback = 0);
[[nodiscard]] bool bool_at(const Json& value, std::initializer_list<std::string_view> path, bool fallback = false);

}  // namespace clops
