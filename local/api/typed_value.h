// What upstream's structured-merge-diff does to values with a schema: which fields a value states, how two values
// differ, merging, and taking fields out. Its rules exactly, because who owns what in managedFields follows from them.
//
// Thread rule: free functions over values.
#pragma once

#include "base/json.h"
#include "local/api/error.h"
#include "local/api/field_set.h"

namespace clops::local {

// Every field the value states, as an applier of it owns them.
[[nodiscard]] FieldSet fields_of(const Json& schema, const Json& value);

struct Differences {
  FieldSet added, modified, removed;
};
[[nodiscard]] Differences compare(const Json& schema, const Json& before, const Json& after);

// The live value with what the applied one states put over it; lists of items with keys (or sets) item by item.
[[nodiscard]] Json merge_applied(const Json& schema, const Json& live, const Json& applied);

// The value without the set's members; what is empty then becomes null.
[[nodiscard]] Json without_fields(const Json& schema, const Json& value, const FieldSet& gone);

// With the fields of objects on the way to the set's members, as far as the schema names them.
[[nodiscard]] FieldSet with_named_fields(const Json& schema, const FieldSet& set);

// Why the value cannot be applied: a wrong type, an item without its key or with another's; empty: it can.
[[nodiscard]] std::string not_applicable(const Json& schema, const Json& value);

}  // namespace clops::local
