// The API server a command talks to: which one, as whom, in which namespace; and the options that say so.
//
// The kubeconfig is --kubeconfig, else $KUBECONFIG, else the embedded plane's where one was started, else
// ~/.kube/config. Thread rule: one thread. Ownership: a Cluster owns its connection; it borrows the Context. Errors are
// those of operator/kube/client.h, with what to do next where the server cannot be reached.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/command_line.h"
#include "crds/meta.h"
#include "operator/kube/config.h"

namespace clops::cli {

struct ClusterOptions {
  std::string kubeconfig, context_name, ns;
};
// --kubeconfig, --context and -n/--namespace on a subcommand.
[[nodiscard]] std::shared_ptr<ClusterOptions> add_cluster_options(CLI::App& command);

class Cluster {
 public:
  [[nodiscard]] static Result<Cluster> open(const ClusterOptions& options, const Context& context);

  [[nodiscard]] kube::Client& client() { return *connection_.client; }
  [[nodiscard]] const std::string& ns() const { return ns_; }
  [[nodiscard]] const std::string& kubeconfig() const { return source_; }  // where the access came from, for people
  [[nodiscard]] HttpClient& http() { return *connection_.http; }

  // A type people named, or an object's apiVersion and kind: from the table, else asked of the server.
  [[nodiscard]] Result<crds::ResourceType> type_named(const std::string& name);
  [[nodiscard]] Result<crds::ResourceType> type_of(const Json& object);

  // GET of a path as the server's own table (`kubectl get`'s columns).
  [[nodiscard]] Result<Json> table(const std::string& path_and_query);

  // The same error, and what to do about it where the way to the server is what failed.
  [[nodiscard]] Error explain(const Error& error) const;

 private:
  Result<Json> get_raw(const std::string& path, const std::string& accept);
  Result<std::vector<crds::ResourceType>> discover(const std::string& group_version);

  kube::Access access_;
  kube::Connection connection_;
  std::string ns_, source_;
  bool embedded_ = false;
};

// Opens the cluster, runs `body` on it and explains its error.
[[nodiscard]] Status with_cluster(const ClusterOptions& options, const Context& context,
                                  const std::function<Status(Cluster& cluster)>& body);

}  // namespace clops::cli
