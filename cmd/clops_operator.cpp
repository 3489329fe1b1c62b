// clops-operator: reconciles ModelVersions and ModelDeployments. Everything it does is wired here; nothing is decided
// here.
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "base/digest.h"
#include "base/http_server.h"
#include "base/version.h"
#include "cmd/clops_operator_flags.h"
#include "cmd/stop_signal.h"
#include "controllers/register.h"
#include "operator/kube/config.h"
#include "operator/manager/manager.h"

namespace {

using namespace clops;
using namespace std::chrono_literals;
using Flags = cmd::OperatorFlags;

std::string env(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

int failed(const Error& error) {
  std::cerr << "clops-operator: " << error.message << '\n';
  return error.code == Code::InvalidArgument ? 2 : 1;
}

Result<kube::Access> find_cluster(const Flags& flags) {
  if (!flags.kubeconfig.empty()) return kube::load_kubeconfig(flags.kubeconfig, flags.context);
  return kube::in_cluster(env("KUBERNETES_SERVICE_HOST"), env("KUBERNETES_SERVICE_PORT"));
}

Status run(Flags flags) {
  const SystemClock clock;
  const auto log = make_stderr_log("clops-operator", flags.log_level);
  StopSignal stop;
  stop.arm();
  CLOPS_ASSIGN(const kube::Access access, find_cluster(flags));
  const std::string agent = std::string("clops-operator/") + kProgramVersion;
  CLOPS_ASSIGN(const kube::Connection api, kube::connect(access, clock, {.user_agent = agent}));
  CLOPS_ASSIGN(const kube::Connection lease_api,
               kube::connect(access, clock,
                             {.limits = {.connect = 2s, .total = 4s}, .connections_max = 1, .user_agent = agent}));
  CLOPS_ASSIGN(const auto pods, make_curl_client({.user_agent = agent, .proxy = "-"}));

  const auto random = make_system_random();
  auto executor = make_thread_pool(2 * flags.workers + 2);
  auto lease_executor = make_thread_pool(1);
  flags.controllers.cluster_ip_urls = flags.service_urls == "cluster-ip";
  controllers::Controllers both({*executor, *pods, [] { return random_hex(32); }}, flags.controllers, flags.workers,
                                flags.watch_namespace);
  op::ManagerOptions options;
  options.identity = flags.identity.empty() ? "clops-operator-" + random_hex(6) : flags.identity;
  if (!flags.no_election) options.lease_namespace = flags.lease_namespace.empty() ? access.ns : flags.lease_namespace;
  op::Manager manager({.executor = *executor,
                       .clock = clock,
                       .random = *random,
                       .log = *log,
                       .client = *api.client,
                       .lease_client = lease_api.client.get(),
                       .lease_executor = lease_executor.get()},
                      options, both.informers(), both.specs());
  both.attach(manager);
  CLOPS_ASSIGN(auto server,
               make_http_server({.address = flags.listen, .port = flags.port, .threads = 1, .body_bytes_max = 4'096},
                                [&manager](ServerRequest request, std::shared_ptr<Responder> responder) {
                                  responder->respond(manager.serve(request.http));
                                }));
  CLOPS_TRY(manager.start());
  log->info("started", {{"version", kProgramVersion},
                        {"server", access.server},
                        {"identity", options.identity},
                        {"port", server->port()}});

  (void)stop.wait(std::chrono::milliseconds(-1));
  log->info("stopping");
  manager.stop();
  server.reset();
  lease_executor.reset();
  executor.reset();  // running reconciles finish; their writes are refused by now
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  ::mallopt(M_ARENA_MAX, 2);  // a dozen threads that allocate little: an arena for each would hold memory for nothing
  Flags flags;
  CLI::App app{"clops-operator: keeps model deployments as they were declared"};
  cmd::declare_operator(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (const Status ended = run(std::move(flags)); !ended) return failed(ended.error());
  return 0;
}
