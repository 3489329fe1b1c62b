#include "cli/cluster.h"

#include <filesystem>

#include "cli/kinds.h"
#include "cli/places.h"

namespace clops::cli {
namespace {

namespace fs = std::filesystem;

struct Found {
  fs::path file;
  bool embedded = false;
};

Result<Found> find_kubeconfig(const ClusterOptions& options, const Context& context) {
  if (!options.kubeconfig.empty()) return Found{options.kubeconfig};
  const auto from_env = context.env("KUBECONFIG");
  if (from_env && !from_env->empty()) return Found{*from_env};
  std::error_code ignored;
  if (const auto folder = local_state_dir(context); folder && fs::exists(*folder / "kubeconfig", ignored)) {
    return Found{*folder / "kubeconfig", true};
  }
  const auto home = context.env("HOME");
  if (home && fs::exists(fs::path(*home) / ".kube" / "config", ignored))
    return Found{fs::path(*home) / ".kube" / "config"};
  return fail(Code::NotFound,
              "no cluster is known: start one here with `clops local up`, or name a kubeconfig with --kubeconfig or "
              "KUBECONFIG");
}

bool same_name(const Json& resource, const std::string& wanted) {
  if (wanted == string_at(resource, {"name"}) || wanted == string_at(resource, {"singularName"}) ||
      wanted == string_at(resource, {"kind"})) {
    return true;
  }
  const Json* short_names = find_path(resource, {"shortNames"});
  if (short_names == nullptr || !short_names->is_array()) return false;
  for (const Json& name : *short_names) {
    if (name.is_string() && name == wanted) return true;
  }
  return false;
}

}  // namespace

std::shared_ptr<ClusterOptions> add_cluster_options(CLI::App& command) {
  auto options = std::make_shared<ClusterOptions>();
  command.add_option("--kubeconfig", options->kubeconfig,
                     "How to reach the cluster (default: $KUBECONFIG, else the embedded plane, else ~/.kube/config)");
  command.add_option("--context", options->context_name, "Which context of the kubeconfig (default: its current one)");
  command.add_option("-n,--namespace", options->ns, "Which namespace (default: the context's)");
  return options;
}

Result<Cluster> Cluster::open(const ClusterOptions& options, const Context& context) {
  CLOPS_ASSIGN(const Found found, find_kubeconfig(options, context));
  Cluster cluster;
  CLOPS_ASSIGN(cluster.access_, kube::load_kubeconfig(found.file, options.context_name));
  cluster.source_ = found.file.string();
  cluster.embedded_ = found.embedded;
  cluster.ns_ = options.ns.empty() ? cluster.access_.ns : options.ns;
  CLOPS_ASSIGN(cluster.connection_,
               kube::connect(cluster.access_, context.clock, {.connections_max = 4, .user_agent = "clops-cli"}));
  return cluster;
}

Result<Json> Cluster::get_raw(const std::string& path, const std::string& accept) {
  HttpRequest request{.url = access_.server + path};
  request.headers.set("Accept", accept);
  if (const std::string token = connection_.credentials->bearer_token(); !token.empty()) {
    request.headers.set("Authorization", "Bearer " + token);
  }
  CLOPS_ASSIGN(const HttpResponse response, connection_.http->send(request, {}));
  if (response.status != 200) return std::unexpected(kube::decode_status(response.status, response.body));
  return parse_json(response.body, {.bytes_max = 64u << 20});
}

Result<std::vector<crds::ResourceType>> Cluster::discover(const std::string& group_version) {
  const size_t slash = group_version.find('/');
  const bool core = slash == std::string::npos;
  CLOPS_ASSIGN(const Json list, get_raw((core ? "/api/" : "/apis/") + group_version, "application/json"));
  std::vector<crds::ResourceType> types;
  const Json* resources = find_path(list, {"resources"});
  if (resources == nullptr || !resources->is_array()) return types;
  for (const Json& resource : *resources) {
    const std::string plural = string_at(resource, {"name"});
    if (plural.find('/') != std::string::npos) continue;  // a subresource
    types.push_back({.group = core ? "" : group_version.substr(0, slash),
                     .version = core ? group_version : group_version.substr(slash + 1),
                     .kind = string_at(resource, {"kind"}),
                     .plural = plural,
                     .namespaced = bool_at(resource, {"namespaced"})});
  }
  return types;
}

Result<crds::ResourceType> Cluster::type_of(const Json& object) {
  const std::string api_version = string_at(object, {"apiVersion"}), kind = string_at(object, {"kind"});
  if (api_version.empty() || kind.empty()) return fail(Code::InvalidArgument, "apiVersion and kind are needed");
  if (auto known = kind_of(api_version, kind)) return *known;
  auto types = discover(api_version);
  if (!types && types.error().code != Code::NotFound) return std::unexpected(types.error());
  for (const crds::ResourceType& type : types ? *types : std::vector<crds::ResourceType>{}) {
    if (type.kind == kind) return type;
  }
  return fail(Code::NotFound,
              "the server has no kind " + kind + " in " + api_version + " (for clops's own: clops.dev/v1alpha1)");
}

Result<crds::ResourceType> Cluster::type_named(const std::string& name) {
  if (auto known = kind_named(name)) return *known;
  CLOPS_ASSIGN(const Json groups, get_raw("/apis", "application/json"));
  const Json* list = find_path(groups, {"groups"});
  for (const Json& group : list != nullptr && list->is_array() ? *list : Json::array()) {
    const std::string version = string_at(group, {"preferredVersion", "groupVersion"});
    CLOPS_ASSIGN(const Json resources, get_raw("/apis/" + version, "application/json"));
    const Json* items = find_path(resources, {"resources"});
    for (const Json& resource : items != nullptr && items->is_array() ? *items : Json::array()) {
      if (string_at(resource, {"name"}).find('/') != std::string::npos || !same_name(resource, name)) continue;
      const size_t slash = version.find('/');
      return crds::ResourceType{version.substr(0, slash), version.substr(slash + 1), string_at(resource, {"kind"}),
                                string_at(resource, {"name"}), bool_at(resource, {"namespaced"})};
    }
  }
  return fail(Code::NotFound, "the server has no kind called \"" + name +
                                  "\"; clops's own are md (ModelDeployment) and mv (ModelVersion)");
}

Result<Json> Cluster::table(const std::string& path_and_query) {
  return get_raw(path_and_query, "application/json;as=Table;v=v1;g=meta.k8s.io,application/json");
}

Error Cluster::explain(const Error& error) const {
  if (error.code == Code::Unavailable && embedded_) {
    return {error.code,
            error.message + " (the embedded plane of " + source_ + " does not answer: start it with `clops local up`)"};
  }
  if (error.code == Code::Unavailable || error.code == Code::Unauthenticated) {
    return {error.code, error.message + " (server and credentials are from " + source_ + ")"};
  }
  return error;
}

Status with_cluster(const ClusterOptions& options, const Context& context,
                    const std::function<Status(Cluster& cluster)>& body) {
  CLOPS_ASSIGN(Cluster cluster, Cluster::open(options, context));
  const Status status = body(cluster);
  if (!status) return std::unexpected(cluster.explain(status.error()));
  return {};
}

}  // namespace clops::cli
