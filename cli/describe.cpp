// `clops describe`: one object with its conditions and the Events about it.
#include <algorithm>
#include <ostream>

#include "base/yaml.h"
#include "cli/cluster.h"
#include "cli/commands.h"
#include "cli/kinds.h"
#include "cli/print.h"

namespace clops::cli {
namespace {

struct DescribeArguments {
  std::string kind, name;
};

void print_indented(std::ostream& out, std::string_view title, const Json* value) {
  if (value == nullptr || value->empty()) return;
  out << title << ":\n";
  std::string text = dump_yaml(*value);
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    out << "  " << std::string_view(text).substr(at, end - at) << '\n';
    at = end + 1;
  }
}

void print_conditions(const Context& context, const Json& object) {
  const Json* conditions = find_path(object, {"status", "conditions"});
  if (conditions == nullptr || !conditions->is_array() || conditions->empty()) return;
  std::vector<Row> rows = {{"TYPE", "STATUS", "REASON", "SINCE", "MESSAGE"}};
  for (const Json& condition : *conditions) {
    rows.push_back({string_at(condition, {"type"}), string_at(condition, {"status"}), string_at(condition, {"reason"}),
                    age(string_at(condition, {"lastTransitionTime"}), context.clock.wall()),
                    string_at(condition, {"message"})});
  }
  context.out << "Conditions:\n";
  print_columns(context.out, rows, "  ");
}

std::string last_seen(const Json& event) {
  for (const char* field : {"lastTimestamp", "eventTime", "firstTimestamp"}) {
    if (std::string time = string_at(event, {field}); !time.empty()) return time;
  }
  return string_at(event, {"metadata", "creationTimestamp"});
}

Status print_events(Cluster& cluster, const Context& context, const crds::ResourceType& type,
                    const crds::ObjectKey& key) {
  const auto events = kind_named("events");
  CLOPS_ASSIGN(kube::ListPage page, cluster.client().list(*events, key.ns.empty() ? "default" : key.ns,
                                                          {.field_selector = "involvedObject.name=" + key.name}));
  // A server that knows no such selector sends all.
  std::erase_if(page.items, [&](const Json& event) {
    return string_at(event, {"involvedObject", "name"}) != key.name ||
           string_at(event, {"involvedObject", "kind"}) != type.kind;
  });
  std::ranges::stable_sort(page.items, {}, last_seen);
  if (page.items.empty()) {
    context.out << "Events: none\n";
    return {};
  }
  std::vector<Row> rows = {{"TYPE", "REASON", "AGE", "COUNT", "MESSAGE"}};
  for (const Json& event : page.items) {
    rows.push_back({string_at(event, {"type"}), string_at(event, {"reason"}),
                    age(last_seen(event), context.clock.wall()),
                    std::to_string(std::max<int64_t>(1, int_at(event, {"count"}, 1))), string_at(event, {"message"})});
  }
  context.out << "Events:\n";
  print_columns(context.out, rows, "  ");
  return {};
}

Status describe(Cluster& cluster, const Context& context, const DescribeArguments& arguments) {
  CLOPS_ASSIGN(const crds::ResourceType type, cluster.type_named(arguments.kind));
  const crds::ObjectKey key{type.namespaced ? cluster.ns() : "", arguments.name};
  CLOPS_ASSIGN(Json object, cluster.client().get(type, key));
  std::vector<Row> head = {{"Name:", key.name}};
  if (type.namespaced) head.push_back({"Namespace:", key.ns});
  head.push_back({"Kind:", type.kind + " (" + type.api_version() + ")"});
  head.push_back({"Age:", age(string_at(object, {"metadata", "creationTimestamp"}), context.clock.wall())});
  print_columns(context.out, head);
  print_indented(context.out, "Labels", find_path(object, {"metadata", "labels"}));
  print_indented(context.out, "Spec", find_path(object, {"spec"}));
  if (const Json* status = find_path(object, {"status"}); status != nullptr && status->is_object()) {
    Json rest = *status;
    rest.erase("conditions");
    print_indented(context.out, "Status", &rest);
  }
  print_conditions(context, object);
  return print_events(cluster, context, type, key);
}

}  // namespace

void add_describe(CLI::App& root, const Context& context, int& exit_code) {
  CLI::App* command =
      root.add_subcommand("describe", "Show one object with its conditions and events: clops describe md fraud");
  const auto arguments = std::make_shared<DescribeArguments>();
  const auto cluster = add_cluster_options(*command);
  command->add_option("KIND", arguments->kind, "md, mv, pod, ...")->required();
  command->add_option("NAME", arguments->name, "Which object")->required();
  on_run(*command, context, exit_code, [&context, arguments, cluster] {
    return with_cluster(*cluster, context, [&](Cluster& opened) { return describe(opened, context, *arguments); });
  });
}

}  // namespace clops::cli
