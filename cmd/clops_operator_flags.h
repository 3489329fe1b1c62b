// The flags of clops-operator: their names, limits and help. Thread rule: values, filled in by main before anything
// runs.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>

#include "base/log.h"
#include "base/version.h"
#include "controllers/options.h"

namespace clops::cmd {

struct OperatorFlags {
  std::string kubeconfig, context, lease_namespace, identity, watch_namespace, service_urls = "dns";
  std::string listen = "0.0.0.0";
  int port = 8081, workers = 2;
  bool no_election = false;
  Level log_level = Level::Info;
  controllers::Options controllers;
};

inline void declare_operator(CLI::App& app, OperatorFlags& flags) {
  const std::map<std::string, Level> levels{
      {"debug", Level::Debug}, {"info", Level::Info}, {"warn", Level::Warn}, {"error", Level::Error}};
  app.set_version_flag("--version", kProgramVersion);
  app.add_option("--kubeconfig", flags.kubeconfig, "file; without it, the service account of the pod it runs in")
      ->envname("KUBECONFIG");
  app.add_option("--context", flags.context, "of the kubeconfig; without it, its current one");
  app.add_option("--namespace", flags.lease_namespace,
                 "where the Lease is kept; without it, the namespace of the pod or context");
  app.add_option(
      "--identity", flags.identity,
      "name in the Lease; a pod's own name lets a restarted container go on at once. Without it, a new one each time");
  app.add_flag("--no-leader-election", flags.no_election,
               "lead without asking: only where nothing else runs an operator");
  app.add_option("--watch-namespace", flags.watch_namespace, "the only namespace to serve; without it, all");
  app.add_option("--listen", flags.listen, "address of /healthz, /readyz, /metrics and /scaling")
      ->capture_default_str();
  app.add_option("--port", flags.port, "their port; 0: any free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app.add_option("--workers", flags.workers, "reconciles at once, per kind")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--server-image", flags.controllers.server_image, "image of clops-server")->capture_default_str();
  app.add_option("--image-pull-policy", flags.controllers.image_pull_policy, "of that image")
      ->check(CLI::IsMember({"Always", "IfNotPresent", "Never"}))
      ->capture_default_str();
  app.add_flag("--allow-file-uris", flags.controllers.allow_file_uris, "take file:// sources (the embedded plane's)");
  app.add_option("--serving-otlp-endpoint", flags.controllers.otlp_endpoint,
                 "collector that serving pods send spans to by OTLP over HTTP, such as http://collector:4318");
  app.add_option(
      "--serving-otlp-headers-secret", flags.controllers.otlp_headers_secret,
      "name of the Secret, in each namespace that has it, whose key `headers` goes with them (name=value,...)");
  app.add_option("--serving-trace-ratio", flags.controllers.trace_ratio,
                 "share of calls without a traceparent that are traced")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--service-urls", flags.service_urls, "what status.url names: dns or cluster-ip")
      ->check(CLI::IsMember({"dns", "cluster-ip"}))
      ->capture_default_str();
  app.add_option("--log-level", flags.log_level, "debug, info, warn or error")
      ->transform(CLI::CheckedTransformer(levels, CLI::ignore_case))
      ->default_str("info");
}

}  // namespace clops::cmd
