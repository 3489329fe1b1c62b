// Which fields of an object someone owns: a set of paths, as managedFields' FieldsV1 writes it.
//
// Thread rule: values. Path elements are FieldsV1's own keys: "f:name", "k:{...}" (list item by keys), "v:..." (set
// item).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"

namespace clops::local {

struct FieldSet {
  bool member = false;  // the path itself is in the set
  std::map<std::string, FieldSet> children;

  [[nodiscard]] bool empty() const;
  [[nodiscard]] Json to_json() const;                    // FieldsV1
  [[nodiscard]] std::vector<std::string> paths() const;  // ".spec.containers[name=\"x\"].image", in order
  bool operator==(const FieldSet&) const = default;
};

[[nodiscard]] FieldSet field_set_from_json(const Json& fields_v1);
[[nodiscard]] FieldSet unite(const FieldSet& a, const FieldSet& b);
[[nodiscard]] FieldSet intersect(const FieldSet& a, const FieldSet& b);
[[nodiscard]] FieldSet subtract(const FieldSet& a, const FieldSet& b);

// Every field the value states, as an applier of it owns them.
[[nodiscard]] FieldSet fields_of(const Json& schema, const Json& value);

struct Differences {
  FieldSet added, modified, removed;
};
[[nodiscard]] Differences compare(const Json& schema, const Json& before, const Json& after);

// The live value with what the applied one states put over it.
[[nodiscard]] Json merge_applied(const Json& schema, const Json& live, const Json& applied);

// Takes `gone` out of `value`, but nothing (nor what holds it) that is in `kept`.
void remove_fields(const Json& schema, Json& value, const FieldSet& gone, const FieldSet& kept);

}  // namespace clops::local
