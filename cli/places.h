// Where this user's clops keeps things, from the environment in Context. Values; errors: NotFound (no HOME).
#pragma once

#include <filesystem>

#include "cli/command_line.h"

namespace clops::cli {

// The embedded plane's folder: $CLOPS_LOCAL_DIR, else $XDG_STATE_HOME/clops/local, else ~/.local/state/clops/local.
[[nodiscard]] Result<std::filesystem::path> local_state_dir(const Context& context);

}  // namespace clops::cli
