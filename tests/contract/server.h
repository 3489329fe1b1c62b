// The API server that the contract is checked on: a real kube-apiserver that this starts, or one that a kubeconfig
// names.
//
// Thread rule: made by main before any test; used from the tests' thread.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "operator/kube/config.h"

namespace clops::contract {

class Server {
 public:
  static Server& instance();  // the one of this program

  [[nodiscard]] Status start(const std::string& kubeconfig);  // empty: start our own
  void stop();
  [[nodiscard]] bool real() const { return child_ > 0; }
  [[nodiscard]] const std::filesystem::path& kubeconfig() const { return kubeconfig_; }
  [[nodiscard]] kube::Access access(const std::string& context = "") const;
  [[nodiscard]] const std::string& etcd_url() const { return etcd_url_; }
  // Makes sure that owners' deletions are followed up: beside a real API server by kube-controller-manager, until
  // stop_collecting().
  [[nodiscard]] Status collect_garbage();
  void stop_collecting();
  [[nodiscard]] bool restart_api_server();  // kill -9, then wait until it answers again
  [[nodiscard]] bool ready() const;

 private:
  [[nodiscard]] pid_t api_server_pid() const;
  std::filesystem::path folder_, kubeconfig_;
  std::string etcd_url_;
  pid_t child_ = -1, controllers_ = -1;
  int stdin_ = -1;
};

// A namespace of its own for each test, so that tests do not see each other.
[[nodiscard]] std::string fresh_namespace(kube::Client& client);

extern const crds::ResourceType kConfigMaps, kSecrets, kNamespaces, kLeases, kServices;
[[nodiscard]] Json config_map(const std::string& ns, const std::string& name, const Json& data = Json::object());

}  // namespace clops::contract
