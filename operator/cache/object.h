// One object as the cache holds it: its metadata decoded, the rest as compact text, parsed when somebody asks.
//
// Why text: 10,000 objects as trees cost ten times their text, and a reconcile that finds nothing to do looks only at
// metadata (owner, generation, applied hash). Thread rule: immutable, shared freely.
#pragma once

#include <memory>
#include <string>

#include "base/json.h"
#include "crds/meta.h"

namespace clops::op {

using crds::ObjectKey;
using crds::ObjectMeta;
using crds::ResourceType;

class Object {
 public:
  Object(ObjectMeta object_meta, std::string compact_json)
      : meta(std::move(object_meta)), text_(std::move(compact_json)) {}
  [[nodiscard]] Json body() const;  // the whole object as it was trimmed, apiVersion and kind included
  [[nodiscard]] ObjectKey key() const { return {meta.ns, meta.name}; }
  [[nodiscard]] const std::string& text() const { return text_; }
  const ObjectMeta meta;

 private:
  std::string text_;
};
using ObjectPtr = std::shared_ptr<const Object>;

}  // namespace clops::op
