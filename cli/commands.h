// The commands over a cluster, one source file each (cli/NAME.cpp). All find their cluster as cli/cluster.h says.
#pragma once

#include "cli/command_line.h"

namespace clops::cli {

void add_apply(CLI::App& root, const Context& context, int& exit_code);
void add_get(CLI::App& root, const Context& context, int& exit_code);
void add_describe(CLI::App& root, const Context& context, int& exit_code);
void add_delete(CLI::App& root, const Context& context, int& exit_code);
void add_wait(CLI::App& root, const Context& context, int& exit_code);
void add_logs(CLI::App& root, const Context& context, int& exit_code);
void add_predict(CLI::App& root, const Context& context, int& exit_code);

}  // namespace clops::cli
