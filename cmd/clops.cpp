// clops: the command line. Also kubectl-clops, by a link of that name.
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/inspect.h"
#include "cli/serve.h"
#include "cli/version.h"
#include "cmd/stop_signal.h"

int main(int argc, char** argv) {
  using namespace clops;
  const SystemClock clock;
  const auto log = make_stderr_log("clops", std::getenv("CLOPS_DEBUG") != nullptr ? Level::Debug : Level::Info);
  StopSignal stop;
  std::error_code ignored;
  const cli::Context context{
      .in = std::cin,
      .out = std::cout,
      .err = std::cerr,
      .clock = clock,
      .log = *log,
      .env = [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
      },
      .program = std::filesystem::read_symlink("/proc/self/exe", ignored).string(),
      .arm_stop = [&stop] { stop.arm(); },
      .wait_stop = [&stop](std::chrono::milliseconds at_most) { return stop.wait(at_most); },
  };
  const std::vector<cli::AddCommand> commands = {
      cli::add_apply, cli::add_get,     cli::add_describe, cli::add_delete,  cli::add_wait,
      cli::add_logs,  cli::add_predict, cli::add_serve,    cli::add_inspect, cli::add_version,
  };
  return cli::run(std::vector<std::string>(argv + 1, argv + argc), context, commands);
}
