// `clops version`: what this program is.
#pragma once

#include "cli/command_line.h"

namespace clops::cli {

void add_version(CLI::App& root, const Context& context, int& exit_code);

}  // namespace clops::cli
