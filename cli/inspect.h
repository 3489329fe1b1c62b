// `clops inspect MODEL`: what a model file is and takes, or why it cannot be served, with no plane and no server.
#pragma once

#include "cli/command_line.h"

namespace clops::cli {

void add_inspect(CLI::App& root, const Context& context, int& exit_code);

}  // namespace clops::cli
