// How the command line is put together, and the one door to CLI11: each cli/NAME.h offers one AddCommand, cmd/clops.cpp
// lists them, run() parses and runs.
//
// A command declares its options on a subcommand of `root` and gives its body to on_run(); the body returns a Status,
// whose error is printed as "error: MESSAGE" and becomes the exit code. Errors say what to do next. Thread rule: one
// thread parses and runs. Ownership: Context outlives every command; options live in a shared_ptr that the body
// captures. CLI11's exceptions stop in run().
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "base/time.h"

namespace clops::cli {

// What a command may touch besides files and the network: cmd/clops.cpp gives the real ones, tests their own.
struct Context {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  const Clock& clock;
  Log& log;
  std::function<std::optional<std::string>(const std::string& name)> env;
  std::string program;  // absolute path of this binary; clops-server and clops-operator lie beside it
  // A command that stays: arm_stop() before it starts threads (from then SIGINT and SIGTERM do not end the process),
  // then wait_stop() returns at the first of either, or after `at_most` with false.
  std::function<void()> arm_stop;
  std::function<bool(std::chrono::milliseconds at_most)> wait_stop;
};

// Exit codes, as `clops --help` prints them.
enum class Exit : int { Done = 0, Failed = 1, Usage = 2, TimedOut = 3, NotFound = 4 };

using AddCommand = std::function<void(CLI::App& root, const Context& context, int& exit_code)>;

// Gives `command` its body: run on success of parsing, its error printed and turned into the exit code.
void on_run(CLI::App& command, const Context& context, int& exit_code, std::function<Status()> body);

// Parses and runs; --help and --version print and end. Returns the exit code.
[[nodiscard]] int run(const std::vector<std::string>& arguments, const Context& context,
                      const std::vector<AddCommand>& commands);

}  // namespace clops::cli
