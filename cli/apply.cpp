// `clops apply`: server-side apply, so that fields others own stay theirs.
#include <ostream>

#include "cli/cluster.h"
#include "cli/commands.h"
#include "cli/documents.h"
#include "cli/kinds.h"

namespace clops::cli {
namespace {

constexpr const char* kFieldManager = "clops-cli";

struct ApplyArguments {
  std::vector<std::string> files;
  bool force = false;
};

Result<std::string> apply_one(Cluster& cluster, Json object, bool force) {
  CLOPS_ASSIGN(const crds::ResourceType type, cluster.type_of(object));
  const std::string name = string_at(object, {"metadata", "name"});
  if (name.empty()) return fail(Code::InvalidArgument, "metadata.name: needed");
  if (type.namespaced && string_at(object, {"metadata", "namespace"}).empty())
    object["metadata"]["namespace"] = cluster.ns();
  const crds::ObjectKey key{type.namespaced ? string_at(object, {"metadata", "namespace"}) : "", name};
  const auto before = cluster.client().get(type, key);
  if (!before && before.error().code != Code::NotFound) return std::unexpected(before.error());
  auto after = cluster.client().apply(type, object, {.field_manager = kFieldManager, .force = force});
  if (!after) {
    std::string message = object_label(type, name) + ": " + after.error().message;
    if (after.error().code == Code::Conflict) message += " (--force takes the fields over)";
    return fail(after.error().code, std::move(message));
  }
  const char* what = "created";
  if (before) {
    const bool same =
        string_at(*before, {"metadata", "resourceVersion"}) == string_at(*after, {"metadata", "resourceVersion"});
    what = same ? "unchanged" : "configured";
  }
  return object_label(type, name) + " " + what;
}

Status apply_all(Cluster& cluster, const Context& context, const ApplyArguments& arguments) {
  CLOPS_ASSIGN(std::vector<Document> documents, read_documents(arguments.files, context));
  size_t refused = 0;
  const size_t total = documents.size();
  for (Document& document : documents) {
    const auto line = apply_one(cluster, std::move(document.object), arguments.force);
    if (line) {
      context.out << *line << std::endl;
      continue;
    }
    if (line.error().code == Code::Unavailable) return std::unexpected(line.error());  // the rest would wait in vain
    context.err << "error: " << document.where << ": " << line.error().message << std::endl;
    ++refused;
  }
  if (refused == 0) return {};
  return fail(Code::InvalidArgument,
              std::to_string(refused) + " of " + std::to_string(total) + " documents were not applied");
}

}  // namespace

void add_apply(CLI::App& root, const Context& context, int& exit_code) {
  CLI::App* command = root.add_subcommand("apply", "Make the cluster hold what YAML files declare (server-side apply)");
  const auto arguments = std::make_shared<ApplyArguments>();
  const auto cluster = add_cluster_options(*command);
  command
      ->add_option("-f,--filename", arguments->files,
                   "A file, a folder of *.yaml, or - for standard input; may be repeated")
      ->required();
  command->add_flag("--force", arguments->force, "Take over fields that another field manager owns");
  on_run(*command, context, exit_code, [&context, arguments, cluster] {
    return with_cluster(*cluster, context, [&](Cluster& opened) { return apply_all(opened, context, *arguments); });
  });
}

}  // namespace clops::cli
