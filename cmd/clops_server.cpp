// clops-server: the inference server of a serving pod (`serve`), and the short pod that verifies a model (`inspect`).
#include <malloc.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "base/http_client.h"
#include "base/log.h"
#include "base/version.h"
#include "cmd/clops_server_flags.h"
#include "cmd/stop_signal.h"
#include "registry/inspection.h"
#include "serving/engines/factories.h"
#include "serving/lifecycle/model_loader.h"
#include "serving/net/listener.h"
#include "serving/server.h"

namespace {

using namespace clops;
using Flags = cmd::ServerFlags;

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = "";
  if (const char* from_pod = std::getenv("HOSTNAME"); from_pod != nullptr && *from_pod != '\0') return from_pod;
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "pod";
}

Result<registry::SourceOptions> source_options(const Flags& flags, HttpClient* http) {
  registry::SourceOptions out{.allow_file_uris = flags.allow_file_uris, .claims = {}, .http = http};
  for (const std::string& item : flags.pvc) {
    const size_t equals = item.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == item.size()) {
      return fail(Code::InvalidArgument, "--pvc=" + item + ": write --pvc=CLAIM=FOLDER");
    }
    out.claims[item.substr(0, equals)] = item.substr(equals + 1);
  }
  return out;
}

int failed(const Error& error) {
  std::cerr << "error: " << error.message << '\n';
  return error.code == Code::InvalidArgument ? 2 : 1;
}

std::vector<std::unique_ptr<serving::EngineFactory>> engine_factories(int threads) {
  const char* const onnx_runtime = std::getenv("CLOPS_ONNXRUNTIME");
  return serving::make_engine_factories(onnx_runtime == nullptr ? "" : onnx_runtime, threads);
}

int serve(Flags& flags) {
  if (flags.server.config_file.empty() && flags.server.push_key_file.empty()) {
    std::cerr
        << "error: nothing says what to serve: give --config=serving.json, or --push-key-file to be told by push\n";
    return 2;
  }
  const SystemClock clock;
  const auto log = make_stderr_log("clops-server", flags.log_level);
  StopSignal stop;
  stop.arm();
  auto http = make_curl_client({.user_agent = std::string("clops-server/") + kProgramVersion});
  if (!http) return failed(http.error());
  auto sources = source_options(flags, http->get());
  if (!sources) return failed(sources.error());
  flags.server.sources = *sources;
  if (const Status told = cmd::finish_telemetry(flags.telemetry, flags.server.telemetry); !told)
    return failed(told.error());
  flags.server.cache_folder = flags.cache.empty() ? "/tmp/clops-cache" : flags.cache;
  flags.server.pod_name = host_name();
  flags.server.queue_delay = std::chrono::milliseconds(flags.queue_delay_ms);
  flags.server.drain_delay = std::chrono::milliseconds(flags.drain_delay_ms);
  flags.server.connection_age = std::chrono::milliseconds(flags.connection_age_ms);
  auto factories = engine_factories(flags.server.threads > 0 ? flags.server.threads : serving::threads_by_quota());
  auto server = serving::InferenceServer::start(flags.server, clock, *log, std::move(factories));
  if (!server) return failed(server.error());
  std::printf("listening http=%s:%d admin=%s:%d\n", flags.server.listen.c_str(), (*server)->port(),
              flags.server.listen.c_str(), (*server)->admin_port());
  std::fflush(stdout);
  stop.take();
  (*server)->drain([&stop](std::chrono::milliseconds at_most) { return stop.wait(at_most); });
  // A download under way would hold the process until it ends: everything that clients wait for is done.
  std::_Exit(0);
}

int inspect(const Flags& flags) {
  const SystemClock clock;
  auto http = make_curl_client({.user_agent = std::string("clops-server/") + kProgramVersion});
  if (!http) return failed(http.error());
  const auto options = source_options(flags, http->get());
  if (!options) return failed(options.error());
  // A folder of its own unless told otherwise: pods of the embedded plane share /tmp, and a cache has one process.
  std::string folder =
      flags.cache.empty() ? (std::filesystem::temp_directory_path() / "clops-inspect-XXXXXX").string() : flags.cache;
  if (flags.cache.empty() && ::mkdtemp(folder.data()) == nullptr)
    return failed({Code::Unavailable, folder + ": cannot be made"});
  auto store = registry::open_store({.folder = folder});
  if (!store) return failed(store.error());
  const registry::SourceTable sources = registry::make_sources(*options, clock);
  registry::InspectRequest request = flags.inspect;
  const auto factories = engine_factories(1);
  request.try_load = [&factories](const std::filesystem::path& path, std::string_view format) -> Status {
    CLOPS_TRY(serving::load_engine(factories, path.string(), format));
    return {};
  };
  std::printf("%s\n", registry::inspect(sources, **store, clock, request).c_str());
  std::error_code ignored;
  if (flags.cache.empty()) std::filesystem::remove_all(folder, ignored);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  // Few threads allocate, and rarely: one arena keeps the process small.
  ::mallopt(M_ARENA_MAX, 1);
  Flags flags;
  CLI::App app{"clops-server: serves models over the Open Inference Protocol v2"};
  app.set_version_flag("--version", kProgramVersion);
  app.require_subcommand(1);
  CLI::App* const serve_command = app.add_subcommand("serve", "serve what serving.json names, until SIGTERM");
  cmd::declare_serve(*serve_command, flags);
  CLI::App* const inspect_command =
      app.add_subcommand("inspect", "fetch, verify and describe one model; the last line printed is one JSON document");
  inspect_command->add_option("--uri", flags.inspect.uri, "where the model is")->required();
  inspect_command->add_option("--digest", flags.inspect.digest, "what its digest must be (sha256:...)");
  inspect_command->add_option("--format", flags.inspect.format, "xgboost, lightgbm, skops, onnx, mlflow or auto")
      ->capture_default_str();
  cmd::declare_sources(*inspect_command, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return serve_command->parsed() ? serve(flags) : inspect(flags);
}
