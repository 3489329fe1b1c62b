// Random requests to a Kubernetes API, as values that two servers can be sent alike.
//
// What differs between servers (resource versions, UIDs) is written as a placeholder in a body: "$rv" and "$uid" stand
// for what this server last said of the object, "$stale" for the first resourceVersion it said. Thread rule: values.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "base/json.h"
#include "crds/meta.h"

namespace clops::contract {

struct Operation {
  enum class Verb { Create, Put, Apply, Merge, JsonPatch, Strategic, Delete, List };
  Verb verb = Verb::Create;
  const crds::ResourceType* type = nullptr;
  std::string name;         // of the object; List: empty
  std::string subresource;  // "", "status", "scale"
  std::string query;        // without '?'
  Json body;                // Put: a merge patch over what the server last gave for the object (or its scale)
};
[[nodiscard]] std::string describe(const Operation& operation);

// Equal seeds give equal operations, on every machine.
[[nodiscard]] std::vector<Operation> random_operations(uint64_t seed, size_t count);

// The types the operations are about.
[[nodiscard]] const std::vector<const crds::ResourceType*>& operated_types();

}  // namespace clops::contract
