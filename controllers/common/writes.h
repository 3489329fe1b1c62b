// The writes both controllers make, with their preconditions. Errors are the client's.
#pragma once

#include "controllers/common/objects.h"
#include "operator/reconciler.h"

namespace clops::controllers {

// Only onto the object that was read: its uid and resourceVersion are preconditions, so an operator that has lost its
// lease cannot overwrite what the next one has written.
[[nodiscard]] Status write_status(op::Context& context, const ResourceType& type, const ObjectMeta& meta,
                                  const Json& status);
// Conflict unless the API still has this very object and nobody is deleting it. To be asked before a child is created:
// a cache that is behind may still show an owner that is gone, whose children the garbage collector takes as fast as
// they are made.
[[nodiscard]] Status owner_still_there(op::Context& context, const ResourceType& type, const ObjectMeta& owner);
[[nodiscard]] Status judge_owner(const Result<Json>& live, const ResourceType& type, const ObjectMeta& owner);
// Those that are not there yet, all in one round: a new deployment's pods start a few round trips earlier, and what
// they need is there long before them. The first error in their order; the others may have been made.
[[nodiscard]] Status create_children(op::Context& context, const std::vector<WantedChild>& wanted);
// Only what was read: its uid and resourceVersion are preconditions.
[[nodiscard]] Status update_child(op::Context& context, const WantedChild& wanted, const ObjectMeta& live);
// Gone already counts as done.
[[nodiscard]] Status remove_child(op::Context& context, const ResourceType& type, const ObjectKey& key,
                                  const std::string& uid);
void tell(op::Context& context, const ResourceType& type, const ObjectMeta& about,
          const std::vector<PlannedEvent>& events);

}  // namespace clops::controllers
