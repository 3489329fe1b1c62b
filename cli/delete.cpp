// `clops delete`: by kind and name, or what files declare.
#include <ostream>

#include "cli/cluster.h"
#include "cli/commands.h"
#include "cli/documents.h"
#include "cli/kinds.h"

namespace clops::cli {
namespace {

struct DeleteArguments {
  std::string kind;
  std::vector<std::string> names, files;
  bool ignore_not_found = false;
};

Status delete_one(Cluster& cluster, const Context& context, const crds::ResourceType& type, const crds::ObjectKey& key,
                  bool ignore) {
  const Status removed = cluster.client().remove(type, key);
  if (!removed) {
    if (removed.error().code == Code::NotFound && ignore) return {};
    return fail_in(object_label(type, key.name), removed.error());
  }
  context.out << object_label(type, key.name) << " deleted" << std::endl;
  return {};
}

Status delete_all(Cluster& cluster, const Context& context, const DeleteArguments& arguments) {
  if (arguments.files.empty()) {
    CLOPS_ASSIGN(const crds::ResourceType type, cluster.type_named(arguments.kind));
    for (const std::string& name : arguments.names) {
      CLOPS_TRY(
          delete_one(cluster, context, type, {type.namespaced ? cluster.ns() : "", name}, arguments.ignore_not_found));
    }
    return {};
  }
  CLOPS_ASSIGN(const std::vector<Document> documents, read_documents(arguments.files, context));
  for (const Document& document : documents) {
    const auto type = cluster.type_of(document.object);
    if (!type) return fail_in(document.where, type.error());
    const std::string ns = string_at(document.object, {"metadata", "namespace"}, cluster.ns());
    const crds::ObjectKey key{type->namespaced ? ns : "", string_at(document.object, {"metadata", "name"})};
    CLOPS_TRY(delete_one(cluster, context, *type, key, arguments.ignore_not_found));
  }
  return {};
}

}  // namespace

void add_delete(CLI::App& root, const Context& context, int& exit_code) {
  CLI::App* command = root.add_subcommand("delete", "Delete objects: clops delete md fraud, clops delete -f samples/");
  const auto arguments = std::make_shared<DeleteArguments>();
  const auto cluster = add_cluster_options(*command);
  CLI::Option* kind = command->add_option("KIND", arguments->kind, "md, mv, ...");
  CLI::Option* names = command->add_option("NAME", arguments->names, "Which objects");
  CLI::Option* files = command->add_option("-f,--filename", arguments->files, "What these files or folders declare");
  command->add_flag("--ignore-not-found", arguments->ignore_not_found, "What is not there counts as deleted");
  kind->needs(names)->excludes(files);
  on_run(*command, context, exit_code, [&context, arguments, cluster]() -> Status {
    if (arguments->files.empty() && arguments->names.empty()) {
      return fail(Code::InvalidArgument, "what is to be deleted? clops delete KIND NAME..., or clops delete -f FILE");
    }
    return with_cluster(*cluster, context, [&](Cluster& opened) { return delete_all(opened, context, *arguments); });
  });
}

}  // namespace clops::cli
