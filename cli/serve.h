// `clops serve MODEL`: one model file served over the Open Inference Protocol, with no plane and no cluster, until
// interrupted. Thread rule and errors as cli/command_line.h.
#pragma once

#include "cli/command_line.h"

namespace clops::cli {

void add_serve(CLI::App& root, const Context& context, int& exit_code);

}  // namespace clops::cli
