// `clops get`: objects in the server's own columns, or whole as YAML or JSON.
#include <ostream>

#include "base/yaml.h"
#include "cli/cluster.h"
#include "cli/commands.h"
#include "cli/kinds.h"
#include "cli/print.h"

namespace clops::cli {
namespace {

struct GetArguments {
  std::string kinds;
  std::vector<std::string> names;
  std::string output, selector;
  bool all_namespaces = false;
};

Result<std::vector<Json>> fetch(Cluster& cluster, const crds::ResourceType& type, const std::string& ns,
                                const GetArguments& arguments) {
  std::vector<Json> objects;
  for (const std::string& name : arguments.names) {
    CLOPS_ASSIGN(Json object, cluster.client().get(type, {type.namespaced ? ns : "", name}));
    objects.push_back(std::move(object));
  }
  if (!arguments.names.empty()) return objects;
  CLOPS_ASSIGN(kube::ListPage page, cluster.client().list(type, ns, {.label_selector = arguments.selector}));
  return std::move(page.items);
}

Status print_objects(Cluster& cluster, const Context& context, const crds::ResourceType& type, const std::string& ns,
                     const GetArguments& arguments) {
  CLOPS_ASSIGN(std::vector<Json> objects, fetch(cluster, type, ns, arguments));
  if (arguments.output == "name") {
    for (const Json& object : objects)
      context.out << object_label(type, string_at(object, {"metadata", "name"})) << '\n';
    return {};
  }
  for (Json& object : objects) {
    if (object.contains("metadata")) object["metadata"].erase("managedFields");
  }
  Json whole;
  if (arguments.names.size() == 1) {
    whole = std::move(objects.front());
  } else {
    whole = {{"apiVersion", "v1"}, {"kind", "List"}, {"items", std::move(objects)}};
  }
  context.out << (arguments.output == "json" ? dump_json(whole, 4) + "\n" : dump_yaml(whole));
  return {};
}

Status print_table(Cluster& cluster, const Context& context, const crds::ResourceType& type, const std::string& ns,
                   const GetArguments& arguments) {
  const TableStyle style{.wide = arguments.output == "wide",
                         .with_namespace = arguments.all_namespaces && type.namespaced};
  std::vector<Row> rows;
  const auto add = [&](const std::string& path) -> Status {
    CLOPS_ASSIGN(const Json table, cluster.table(path));
    std::vector<Row> more = rows_of_table(table, style);
    if (!rows.empty() && !more.empty()) more.erase(more.begin());
    rows.insert(rows.end(), more.begin(), more.end());
    return {};
  };
  const std::string base = type.path(ns);
  for (const std::string& name : arguments.names) CLOPS_TRY(add(base + "/" + url_encode(name)));
  if (arguments.names.empty()) {
    CLOPS_TRY(add(arguments.selector.empty() ? base : base + "?labelSelector=" + url_encode(arguments.selector)));
  }
  if (rows.size() <= 1) {
    context.err << "No " << type.plural << " in " << (ns.empty() ? "the cluster" : "namespace " + ns) << ".\n";
    return {};
  }
  print_columns(context.out, rows);
  return {};
}

Status get(Cluster& cluster, const Context& context, const GetArguments& arguments) {
  std::string_view rest = arguments.kinds;
  bool first = true;
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    CLOPS_ASSIGN(const crds::ResourceType type, cluster.type_named(std::string(rest.substr(0, comma))));
    rest = comma == std::string_view::npos ? "" : rest.substr(comma + 1);
    const std::string ns = !type.namespaced || arguments.all_namespaces ? "" : cluster.ns();
    const bool whole = !arguments.output.empty() && arguments.output != "wide";
    if (!first) context.out << (whole ? "---\n" : "\n");
    first = false;
    CLOPS_TRY(whole ? print_objects(cluster, context, type, ns, arguments)
                    : print_table(cluster, context, type, ns, arguments));
  }
  return {};
}

}  // namespace

void add_get(CLI::App& root, const Context& context, int& exit_code) {
  CLI::App* command =
      root.add_subcommand("get", "List objects: clops get md, clops get mv fraud-7 -o yaml, clops get md,mv,pods");
  const auto arguments = std::make_shared<GetArguments>();
  const auto cluster = add_cluster_options(*command);
  command->add_option("KIND", arguments->kinds, "md, mv, pods, ... ; several with commas")->required();
  command->add_option("NAME", arguments->names, "Which objects (default: all)");
  command->add_option("-o,--output", arguments->output, "wide, yaml, json or name")
      ->check(CLI::IsMember({"wide", "yaml", "json", "name"}));
  CLI::Option* selector =
      command->add_option("-l,--selector", arguments->selector, "Only those with these labels: app=x,tier!=y");
  CLI::Option* all = command->add_flag("-A,--all-namespaces", arguments->all_namespaces, "Of every namespace");
  command->get_option("NAME")->excludes(selector)->excludes(all);
  on_run(*command, context, exit_code, [&context, arguments, cluster] {
    return with_cluster(*cluster, context, [&](Cluster& opened) { return get(opened, context, *arguments); });
  });
}

}  // namespace clops::cli
