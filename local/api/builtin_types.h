// The fields of the built-in kinds, as OpenAPI schemas: what prunes, checks, merges, applies and explains them.
//
// The text names one type per line (continued lines are indented): `group/Type: field=TYPE, field!=TYPE (required),
// field?=TYPE (an empty value is the same as none), field:=TYPE (there is always one) ...`. TYPE: s string, i i32 n
// numbers, b boolean, t mt times, by bytes, q quantity, is int-or-string, any,
// @group/Type, {TYPE} map, [TYPE] list, followed by `set` or `map(key key)` for the list's type, `*` for an atomic map,
// `~key` for the merge key of strategic merge patches (`~key!`: with retainKeys), and `|JSON` for a default.
// `group/Type*` is atomic, `?` has any field. Thread rule: const after the first call. Ownership: lives as long as the
// program.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace clops::local {

[[nodiscard]] std::string_view builtin_types_text(int part);  // 0 or 1

// On a property: what the server's own types make of an empty value, "omitted" or "present"; see as_typed().
inline constexpr const char* kZeroMark = "x-clops-zero";

// Schemas by full name ("io.k8s.api.core.v1.Pod"), referring to each other as "#/components/schemas/NAME".
[[nodiscard]] const Json& builtin_definitions();
[[nodiscard]] std::string builtin_full_name(std::string_view short_name);  // of "core/Pod"

}  // namespace clops::local
