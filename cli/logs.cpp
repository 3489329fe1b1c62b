// `clops logs`: of a pod, or of every pod of a ModelDeployment.
#include <ostream>

#include "cli/cluster.h"
#include "cli/commands.h"
#include "cli/kinds.h"

namespace clops::cli {
namespace {

struct LogsArguments {
  std::string what;
  int tail = -1;
  bool previous = false;
};

Result<std::vector<std::string>> pods_of(Cluster& cluster, const std::string& what) {
  const size_t slash = what.find('/');
  if (slash == std::string::npos) return std::vector<std::string>{what};
  const std::string name = what.substr(slash + 1);
  CLOPS_ASSIGN(const crds::ResourceType type, cluster.type_named(what.substr(0, slash)));
  if (type.kind == "Pod") return std::vector<std::string>{name};
  if (type.kind != "ModelDeployment") {
    return fail(Code::Unsupported,
                what + ": logs are those of a pod (POD or pod/NAME) or of a ModelDeployment (md/NAME)");
  }
  CLOPS_ASSIGN(const kube::ListPage page,
               cluster.client().list(*kind_named("pods"), cluster.ns(),
                                     {.label_selector = "clops.dev/model-deployment=" + name}));
  std::vector<std::string> pods;
  for (const Json& pod : page.items) pods.push_back(string_at(pod, {"metadata", "name"}));
  if (pods.empty()) {
    return fail(Code::NotFound,
                what + " has no pods in namespace " + cluster.ns() + ": see `clops describe md " + name + "`");
  }
  return pods;
}

Status print_logs(Cluster& cluster, const Context& context, const LogsArguments& arguments) {
  CLOPS_ASSIGN(const std::vector<std::string> pods, pods_of(cluster, arguments.what));
  for (const std::string& pod : pods) {
    kube::LogOptions options{.previous = arguments.previous};
    if (arguments.tail >= 0) options.tail_lines = arguments.tail;
    CLOPS_ASSIGN(const std::string text, cluster.client().logs({cluster.ns(), pod}, options));
    if (pods.size() > 1) context.out << "== " << pod << '\n';
    context.out << text;
    if (!text.empty() && text.back() != '\n') context.out << '\n';
  }
  return {};
}

}  // namespace

void add_logs(CLI::App& root, const Context& context, int& exit_code) {
  CLI::App* command =
      root.add_subcommand("logs", "Print the logs of a pod or of a deployment's pods: clops logs md/fraud");
  const auto arguments = std::make_shared<LogsArguments>();
  const auto cluster = add_cluster_options(*command);
  command->add_option("WHAT", arguments->what, "POD, pod/NAME or md/NAME")->required();
  command->add_option("--tail", arguments->tail, "Only the last lines (default: all)")->check(CLI::NonNegativeNumber);
  command->add_flag("-p,--previous", arguments->previous, "Of the container's run before this one");
  on_run(*command, context, exit_code, [&context, arguments, cluster] {
    return with_cluster(*cluster, context, [&](Cluster& opened) { return print_logs(opened, context, *arguments); });
  });
}

}  // namespace clops::cli
