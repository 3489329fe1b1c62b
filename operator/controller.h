// What one controller watches and who reconciles it, as a value handed to the Manager.
//
// Every type named here must have an InformerSpec. Changes become keys of the primary: its own; by controller owner
// reference from an owned child; or by a mapping.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "operator/cache/cache.h"
#include "operator/reconciler.h"

namespace clops::op {

// Which primaries look at this object, e.g. the ModelDeployments that name a ModelVersion. Called with the object as it
// is now (for a deletion: as it was last), from one thread at a time; pure but for reading the cache.
using KeysOf = std::function<std::vector<ObjectKey>(const Object& object, const Cache& cache)>;

struct Mapping {
  ResourceType type;
  KeysOf keys;
};

struct ControllerSpec {
  std::string name;  // in logs and metrics
  ResourceType primary;
  std::vector<ResourceType> owned;
  std::vector<Mapping> mapped;
  Reconciler* reconciler = nullptr;  // borrowed
  int workers = 1;
  // Changes of the primary that only touch its status or metadata.managedFields need no reconcile: true skips those
  // where generation, labels, annotations, deletionTimestamp and owners are unchanged.
  bool ignore_status_changes = true;
};

}  // namespace clops::op
