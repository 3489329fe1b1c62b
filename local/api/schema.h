// What an OpenAPI schema (a CRD's structural one, or a built-in kind's) says of a value: its shape for merging, unknown
// fields, defaults, and whether it is valid. Error texts are those of a real API server.
//
// Thread rule: free functions over values. `$ref` always points into builtin_definitions().
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "local/api/error.h"

namespace clops::local {

enum class Shape { Scalar, Struct, Map, AtomicMap, AtomicList, SetList, MapList, Untyped };

[[nodiscard]] const Json& resolve(const Json& schema);                                // follows $ref
[[nodiscard]] Shape shape_of(const Json& schema);                                     // of a resolved schema
[[nodiscard]] const Json* field_schema(const Json& schema, const std::string& name);  // resolved; null: no such field
[[nodiscard]] const Json& item_schema(const Json& schema);                            // resolved
[[nodiscard]] std::vector<std::string> list_keys(const Json& schema);
// A list item's default for one of the keys ("protocol": "TCP"), or null.
[[nodiscard]] const Json* key_default(const Json& schema, const std::string& key);

// Removes what the schema does not name; its paths are added to `unknown`. drop_nulls: built-in kinds have no nulls.
void prune(const Json& schema, Json& value, const std::string& path, bool drop_nulls,
           std::vector<std::string>& unknown);
void apply_defaults(const Json& schema, Json& value);
// A built-in kind's object as the real server's own types hold it: "", 0, false, [] and {} of most fields are the same
// as none, and some parts are always there. with_nulls: also the lists that are always there, as null.
void as_typed(const Json& schema, Json& value, bool with_nulls);
// x-kubernetes-validations are not read here: they are C++ (see Validator).
void check(const Json& schema, const Json& value, const std::string& path, std::vector<Cause>& causes);
// A value of the wrong JSON type, as the decoder of a built-in kind would say it; empty: none.
[[nodiscard]] std::string wrong_type(const Json& schema, const Json& value, const std::string& path);

[[nodiscard]] std::string json_type(const Json& value);  // "string", "integer", ...
[[nodiscard]] Cause required_cause(const std::string& field, const std::string& detail = "");
[[nodiscard]] Cause invalid_cause(const std::string& field, const Json& value, const std::string& detail);

}  // namespace clops::local
