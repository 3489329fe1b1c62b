// Reading what a container wrote, from the files its supervisor keeps: what GET .../pods/NAME/log answers.
//
// Thread rule: safe from any thread; a follower writes from the loop's thread. Ownership: api and loop outlive it; it
// stops its followers when destroyed. Errors: NotFound (no such pod, or it has not run yet), InvalidArgument (no such
// container).
#pragma once

#include <filesystem>
#include <memory>

#include "local/api/api.h"
#include "local/node/event_loop.h"

namespace clops::local {

[[nodiscard]] std::unique_ptr<PodLogs> make_pod_logs(const Api& api, EventLoop& loop, std::filesystem::path pods_dir);

}  // namespace clops::local
