// The flags of clops-server: their names, limits and help. Thread rule: values, filled in by main before anything runs.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "base/log.h"
#include "cmd/clops_telemetry_flags.h"
#include "registry/inspection.h"
#include "serving/server.h"

namespace clops::cmd {

struct ServerFlags {
  serving::ServerOptions server;
  TelemetryFlags telemetry;
  registry::InspectRequest inspect;
  std::vector<std::string> pvc;
  bool allow_file_uris = false;
  std::string cache;
  int queue_delay_ms = 100, drain_delay_ms = 5000, connection_age_ms = 30'000;
  Level log_level = Level::Info;
};

inline void declare_sources(CLI::App& command, ServerFlags& flags) {
  command.add_option("--pvc", flags.pvc, "CLAIM=FOLDER: where a PersistentVolumeClaim is mounted; may be repeated")
      ->type_name("CLAIM=FOLDER");
  command.add_flag("--allow-file-uris", flags.allow_file_uris, "take file:// sources (the embedded plane's)");
  command.add_option("--cache", flags.cache,
                     "folder of the model cache (serve: /tmp/clops-cache; inspect: a temporary one)");
}

inline void declare_serve(CLI::App& command, ServerFlags& flags) {
  serving::ServerOptions& o = flags.server;
  const std::map<std::string, Level> levels{
      {"debug", Level::Debug}, {"info", Level::Info}, {"warn", Level::Warn}, {"error", Level::Error}};
  command.add_option("--listen", o.listen, "IP address to listen on")->capture_default_str();
  command.add_option("--port", o.port, "inference port; 0: any free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command.add_option("--admin-port", o.admin_port, "health, metrics and configuration; 0: any free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command.add_option("--config", o.config_file, "serving.json; re-read when its content changes");
  command.add_option("--push-key-file", o.push_key_file, "file with the key that a pushed configuration must carry");
  command.add_option("--threads", o.threads, "serving threads; 0: by the cgroup's CPU quota")
      ->check(CLI::Range(0, 256))
      ->capture_default_str();
  command.add_option("--max-concurrent-streams", o.streams_max, "gRPC calls at once, of one connection")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command.add_option("--max-body-bytes", o.body_bytes_max, "largest request body, or gRPC message")
      ->check(CLI::Range(size_t{1024}, size_t{1} << 30))
      ->capture_default_str();
  command
      .add_option("--queue-delay", flags.queue_delay_ms,
                  "milliseconds after which a call that still waits is refused with 503 and Retry-After; 0: none is")
      ->check(CLI::Range(0, 60'000))
      ->capture_default_str();
  command.add_option("--drain-delay", flags.drain_delay_ms, "milliseconds to accept after SIGTERM; a second ends them")
      ->check(CLI::Range(0, 600'000))
      ->capture_default_str();
  command
      .add_option("--max-connection-age", flags.connection_age_ms,
                  "milliseconds (give or take a tenth) until a kept connection is told to end with its next "
                  "answer, so that clients find new pods; 0: never")
      ->check(CLI::Range(0, 86'400'000))
      ->capture_default_str();
  command.add_flag("--allow-model-control", o.model_control,
                   "let clients unload and load the models that are declared (v2/repository/models/M/load, /unload)");
  command.add_option("--log-level", flags.log_level, "debug, info, warn or error")
      ->transform(CLI::CheckedTransformer(levels, CLI::ignore_case))
      ->default_str("info");
  declare_telemetry(command, flags.telemetry, o.telemetry);
  declare_sources(command, flags);
}

}  // namespace clops::cmd
