#include "cli/version.h"

#include <ostream>

#include "base/version.h"

namespace clops::cli {

void add_version(CLI::App& root, const Context& context, int& exit_code) {
  CLI::App* command = root.add_subcommand("version", "Print the version of this program");
  on_run(*command, context, exit_code, [&context]() -> Status {
    context.out << "clops " << kProgramVersion << '\n';
    return {};
  });
}

}  // namespace clops::cli
