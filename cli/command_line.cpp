#include "cli/command_line.h"

#include <memory>
#include <ostream>

namespace clops::cli {
namespace {

constexpr const char* kAbout =
    "clops: from a trained model to a verified prediction endpoint, on a laptop or on Kubernetes.\n"
    "Also `kubectl clops`, where a link of the name kubectl-clops to this program is on the PATH.";

constexpr const char* kFooter =
    "\nStart here:\n"
    "  clops serve model.json                 one model file, no cluster\n"
    "  clops local up                         a Kubernetes API on this machine, with clops in it\n"
    "  clops apply -f samples/                declare models and deployments\n"
    "  clops get md                           what is served, where, split how\n"
    "\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 timed out, 4 not found.";

int exit_code_of(const Error& error) {
  switch (error.code) {
    case Code::DeadlineExceeded:
      return static_cast<int>(Exit::TimedOut);
    case Code::NotFound:
      return static_cast<int>(Exit::NotFound);
    default:
      return static_cast<int>(Exit::Failed);
  }
}

}  // namespace

void on_run(CLI::App& command, const Context& context, int& exit_code, std::function<Status()> body) {
  command.callback([&context, &exit_code, body = std::move(body)] {
    if (const Status status = body(); !status) {
      context.err << "error: " << status.error().message << std::endl;
      exit_code = exit_code_of(status.error());
    }
  });
}

int run(const std::vector<std::string>& arguments, const Context& context, const std::vector<AddCommand>& commands) {
  CLI::App root{kAbout, "clops"};
  root.footer(kFooter);
  root.require_subcommand(1);
  root.option_defaults()->always_capture_default();
  int exit_code = static_cast<int>(Exit::Done);
  for (const AddCommand& add : commands) add(root, context, exit_code);
  for (CLI::App* command : root.get_subcommands({})) command->footer("");  // inherited otherwise
  try {
    // CLI11 takes the arguments from the back, without the program's name.
    root.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    if (root.exit(error, context.out, context.err) != 0) return static_cast<int>(Exit::Usage);
  } catch (const std::exception& error) {
    context.err << "error: " << error.what() << std::endl;
    return static_cast<int>(Exit::Failed);
  }
  return exit_code;
}

}  // namespace clops::cli
