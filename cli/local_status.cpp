#include "cli/local_status.h"

#include <ostream>

#include "base/file.h"
#include "cli/cluster.h"
#include "cli/kinds.h"
#include "cli/print.h"
#include "local/plane/operator_deployment.h"
#include "local/plane/plane_files.h"

namespace clops::cli {
namespace {

ClusterOptions plane_cluster(const local::PlanePaths& paths) {
  return {.kubeconfig = paths.kubeconfig().string(), .context_name = "", .ns = ""};
}

std::string ready_of(const Json& deployment) {
  return std::to_string(int_at(deployment, {"status", "readyReplicas"})) + "/" +
         std::to_string(int_at(deployment, {"spec", "replicas"}, 1));
}

Status print_deployments(Cluster& cluster, const Context& context) {
  CLOPS_ASSIGN(const kube::ListPage page, cluster.client().list(*kind_named("deployments"), ""));
  std::vector<Row> rows = {{"NAMESPACE", "DEPLOYMENT", "READY", "AGE"}};
  for (const Json& deployment : page.items) {
    rows.push_back({string_at(deployment, {"metadata", "namespace"}), string_at(deployment, {"metadata", "name"}),
                    ready_of(deployment),
                    age(string_at(deployment, {"metadata", "creationTimestamp"}), context.clock.wall())});
  }
  print_columns(context.out, rows);
  return {};
}

std::string last_lines(const std::string& text, int count) {
  size_t at = text.size();
  if (at > 0 && text.back() == '\n') --at;
  for (int i = 0; i < count; ++i) {
    const size_t newline = at == 0 ? std::string::npos : text.rfind('\n', at - 1);
    if (newline == std::string::npos) return text;
    at = newline;
  }
  return text.substr(at + 1);
}

Result<std::string> operator_pod(Cluster& cluster) {
  CLOPS_ASSIGN(
      const kube::ListPage page,
      cluster.client().list(*kind_named("pods"), local::kOperatorNamespace,
                            {.label_selector = std::string("app.kubernetes.io/name=") + local::kOperatorName}));
  if (page.items.empty()) return fail(Code::NotFound, "no operator runs on this plane");
  return string_at(page.items.back(), {"metadata", "name"});
}

}  // namespace

Status local_status(const local::PlanePaths& paths, const Context& context) {
  const auto pid = local::running_plane(paths.lock());
  if (!pid)
    return fail(Code::NotFound,
                "no embedded plane runs over " + paths.state_dir.string() + ": start one with `clops local up`");
  context.out << "plane: up (pid " << *pid << ")\n"
              << "folder: " << paths.state_dir.string() << "\nkubeconfig: " << paths.kubeconfig().string() << "\n";
  return with_cluster(plane_cluster(paths), context, [&](Cluster& cluster) -> Status {
    const auto deployment =
        cluster.client().get(*kind_named("deployments"), {local::kOperatorNamespace, local::kOperatorName});
    const std::string state = !deployment ? "none"
                              : int_at(*deployment, {"status", "readyReplicas"}) > 0
                                  ? "ready"
                                  : "not ready: see `clops local logs operator`";
    context.out << "operator: " << state << "\n\n";
    return print_deployments(cluster, context);
  });
}

Status local_logs(const local::PlanePaths& paths, const std::string& what, int tail, const Context& context) {
  if (what == "plane") {
    CLOPS_ASSIGN(const std::string text, read_file(paths.log()));
    context.out << last_lines(text, tail);
    return {};
  }
  return with_cluster(plane_cluster(paths), context, [&](Cluster& cluster) -> Status {
    kube::ObjectKey pod{"default", what};
    if (what == "operator") {
      CLOPS_ASSIGN(std::string name, operator_pod(cluster));
      pod = {local::kOperatorNamespace, std::move(name)};
    } else if (const size_t slash = what.find('/'); slash != std::string::npos) {
      pod = {what.substr(0, slash), what.substr(slash + 1)};
    }
    kube::LogOptions options;
    options.tail_lines = tail;
    CLOPS_ASSIGN(const std::string text, cluster.client().logs(pod, options));
    context.out << text;
    return {};
  });
}

}  // namespace clops::cli
