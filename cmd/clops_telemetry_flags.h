// The flags of clops-server for what it tells of its calls, and OpenTelemetry's environment variables of the same
// meaning. Thread rule: values, filled in by main before anything runs.
#pragma once

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdlib>
#include <string>

#include "base/result.h"
#include "serving/telemetry/telemetry_options.h"

namespace clops::cmd {

struct TelemetryFlags {
  std::string endpoint, service_name, access_log = "off";
};

inline void declare_telemetry(CLI::App& command, TelemetryFlags& flags, serving::TelemetryOptions& options) {
  command
      .add_option("--otlp-endpoint", flags.endpoint,
                  "collector that spans are sent to by OTLP over HTTP, such as http://collector:4318; its headers come "
                  "from OTEL_EXPORTER_OTLP_HEADERS alone")
      ->envname("OTEL_EXPORTER_OTLP_ENDPOINT");
  command.add_option("--otlp-service-name", flags.service_name, "service.name of the spans")
      ->envname("OTEL_SERVICE_NAME");
  command
      .add_option("--trace-ratio", options.trace_ratio,
                  "share of calls without a traceparent that are traced; one that has it has decided")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command.add_option("--access-log", flags.access_log, "off, errors, or the share of calls that get a line (0.01)")
      ->capture_default_str();
  command.add_option("--access-log-file", options.access_log.file, "- is standard output")->capture_default_str();
  command
      .add_option("--access-log-max-per-second", options.access_log.lines_per_second, "lines; what is above is counted")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
}

// "a=1,b=2", as OpenTelemetry's variables have it, values percent-encoded. What has no '=' is an error.
inline Result<std::vector<std::pair<std::string, std::string>>> read_pairs(const char* variable) {
  std::vector<std::pair<std::string, std::string>> out;
  const char* const value = std::getenv(variable);
  std::string_view rest = value == nullptr ? "" : value;
  const auto trimmed = [](std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
  };
  while (!rest.empty()) {
    const std::string_view item = trimmed(rest.substr(0, rest.find(',')));
    rest.remove_prefix(
        std::min(rest.size(), rest.find(',') == std::string_view::npos ? rest.size() : rest.find(',') + 1));
    if (item.empty()) continue;
    const size_t equals = item.find('=');
    if (equals == 0 || equals == std::string_view::npos)  // the value may be a secret: not quoted
      return fail(Code::InvalidArgument, std::string(variable) + ": write name=value,name=value");
    out.emplace_back(trimmed(item.substr(0, equals)), url_decode(trimmed(item.substr(equals + 1))));
  }
  return out;
}

inline Status finish_telemetry(const TelemetryFlags& flags, serving::TelemetryOptions& options) {
  if (flags.access_log == "errors") {
    options.log_errors = true;
  } else if (flags.access_log != "off") {
    const char* const end = flags.access_log.data() + flags.access_log.size();
    const auto [at, error] = std::from_chars(flags.access_log.data(), end, options.log_ratio);
    if (error != std::errc{} || at != end || !(options.log_ratio >= 0 && options.log_ratio <= 1))
      return fail(Code::InvalidArgument,
                  "--access-log=" + flags.access_log + ": write off, errors or a share from 0 to 1");
  }
  if (!flags.service_name.empty()) options.service_name = flags.service_name;
  if (flags.endpoint.empty()) {
    if (options.trace_ratio > 0) return fail(Code::InvalidArgument, "--trace-ratio: needs --otlp-endpoint");
    return {};
  }
  if (!flags.endpoint.starts_with("http://") && !flags.endpoint.starts_with("https://"))
    return fail(Code::InvalidArgument, "--otlp-endpoint: write http://host:4318 or https://host:4318");
  options.otlp_traces_url = flags.endpoint + (flags.endpoint.ends_with('/') ? "v1/traces" : "/v1/traces");
  CLOPS_ASSIGN(options.otlp_headers.items, read_pairs("OTEL_EXPORTER_OTLP_HEADERS"));
  CLOPS_ASSIGN(options.resource, read_pairs("OTEL_RESOURCE_ATTRIBUTES"));
  return {};
}

}  // namespace clops::cmd
