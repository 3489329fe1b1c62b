// clops: the command line. Also kubectl-clops, by a link of that name.
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/inspect.h"
#include "cli/local.h"
#include "cli/serve.h"
#include "cli/version.h"
#include "cmd/stop_signal.h"
#include "crds/definitions.h"
#include "crds/validation.h"

namespace {

// What the embedded plane is to know of our kinds: their CRDs, and the rules that are CEL there.
clops::local::PlaneKinds our_kinds() {
  using namespace clops;
  local::PlaneKinds kinds;
  kinds.crds.assign(crds::definitions().begin(), crds::definitions().end());
  kinds.validator = [](const std::string& kind, const Json& object, const Json* old) {
    std::vector<local::Violation> out;
    for (crds::Violation& violation : crds::validate_object(kind, object, old)) {
      out.push_back({.field = std::move(violation.path), .message = std::move(violation.message)});
    }
    return out;
  };
  return kinds;
}

}  // namespace

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
      cli::add_serve,  cli::add_inspect, cli::add_local(our_kinds()),
      cli::add_apply,  cli::add_get,     cli::add_describe,
      cli::add_wait,   cli::add_predict, cli::add_logs,
      cli::add_delete, cli::add_version,
  };
  return cli::run(std::vector<std::string>(argv + 1, argv + argc), context, commands);
}
