// What `clops local status` and `clops local logs` print. Thread rule and errors as cli/command_line.h.
#pragma once

#include <string>

#include "cli/command_line.h"
#include "local/plane/plane.h"

namespace clops::cli {

// NotFound when no plane runs over the folder: the exit code says so to scripts.
[[nodiscard]] Status local_status(const local::PlanePaths& paths, const Context& context);

// `what`: "plane", "operator", or a pod as NAME or NAMESPACE/NAME.
[[nodiscard]] Status local_logs(const local::PlanePaths& paths, const std::string& what, int tail,
                                const Context& context);

}  // namespace clops::cli
