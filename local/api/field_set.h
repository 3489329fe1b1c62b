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

}  // namespace clops::local
