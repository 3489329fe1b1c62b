#include "tests/contract/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "base/digest.h"
#include "base/file.h"
#include "tests/support/eventually.h"
#include "tests/support/paths.h"

namespace clops::contract {
namespace {

int free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(fd);
  return bound ? ntohs(address.sin_port) : 0;
}

}  // namespace

const crds::ResourceType kConfigMaps{.group = "", .version = "v1", .kind = "ConfigMap", .plural = "configmaps"};
const crds::ResourceType kSecrets{.group = "", .version = "v1", .kind = "Secret", .plural = "secrets"};
const crds::ResourceType kServices{.group = "", .version = "v1", .kind = "Service", .plural = "services"};
const crds::ResourceType kNamespaces{
    .group = "", .version = "v1", .kind = "Namespace", .plural = "namespaces", .namespaced = false};
const crds::ResourceType kLeases{.group = "coordination.k8s.io", .version = "v1", .kind = "Lease", .plural = "leases"};

Server& Server::instance() {
  static Server server;
  return server;
}

Status Server::start(const std::string& kubeconfig) {
  if (!kubeconfig.empty()) {
    kubeconfig_ = kubeconfig;
    return ready() ? Status{} : fail(Code::Unavailable, kubeconfig + ": no API answers there");
  }
  folder_ = std::filesystem::temp_directory_path() / ("clops-contract-" + random_hex(6));
  const int etcd = free_port();
  etcd_url_ = "http://127.0.0.1:" + std::to_string(etcd);
  const std::string script = clops::test::source_dir() + "/tests/contract/kube_apiserver.sh";
  const std::string ports[] = {std::to_string(etcd), std::to_string(free_port()), std::to_string(free_port())};
  int in[2];
  if (pipe2(in, O_CLOEXEC) != 0) return fail(Code::Internal, "no pipe");
  child_ = fork();
  if (child_ == 0) {
    dup2(in[0], STDIN_FILENO);
    execl(script.c_str(), script.c_str(), folder_.c_str(), ports[0].c_str(), ports[1].c_str(), ports[2].c_str(),
          nullptr);
    _exit(127);
  }
  close(in[0]);
  stdin_ = in[1];
  kubeconfig_ = folder_ / "kubeconfig";
  bool died = false;
  const auto settled = [&] { return ready() || (died = waitpid(child_, nullptr, WNOHANG) == child_); };
  if (eventually(settled, std::chrono::minutes(20)) && !died) return {};  // a cold build of the server included
  return fail(Code::Unavailable, "the API server did not become ready; see the logs in " + folder_.string());
}

Status Server::collect_garbage() {
  if (!real() || controllers_ > 0) return {};
  const std::string build =
      clops::test::source_dir() + "/tests/cluster/build.sh kube-controller-manager 2>&1 | tail -n 1";
  std::string folder(4096, '\0');
  FILE* built = popen(build.c_str(), "r");
  if (!built || !fgets(folder.data(), static_cast<int>(folder.size()), built)) folder.clear();
  if (built) pclose(built);
  folder.resize(folder.find_first_of(std::string_view("\n\0", 2)));
  const std::string program = folder + "/kube-controller-manager", log = folder_ / "controllers.log";
  const std::string kubeconfig = "--kubeconfig=" + kubeconfig_.string();
  controllers_ = fork();
  if (controllers_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    execl(program.c_str(), program.c_str(), kubeconfig.c_str(), "--leader-elect=false", "--secure-port=0",
          "--controllers=garbage-collector-controller,namespace-controller", nullptr);
    _exit(127);
  }
  return waitpid(controllers_, nullptr, WNOHANG) == 0 ? Status{} : fail(Code::Unavailable, program + " did not start");
}

void Server::stop_collecting() {
  if (controllers_ <= 0) return;
  kill(controllers_, SIGTERM);
  waitpid(controllers_, nullptr, 0);
  controllers_ = -1;
}

void Server::stop() {
  stop_collecting();
  if (child_ <= 0) return;
  close(stdin_);
  kill(child_, SIGTERM);
  waitpid(child_, nullptr, 0);
  child_ = -1;
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

bool Server::ready() const {
  const auto access = kube::load_kubeconfig(kubeconfig_);
  if (!access) return false;
  const SystemClock clock;
  auto connection = kube::connect(*access, clock);
  if (!connection) return false;
  if (real()) {
    const auto answer =
        connection->http->send({.method = "GET", .url = access->server + "/readyz", .headers = {}, .body = ""}, {});
    if (!answer || answer->status != 200) return false;
  }
  return connection->client->list(kNamespaces, "").has_value();
}

kube::Access Server::access(const std::string& context) const {
  auto access = kube::load_kubeconfig(kubeconfig_, context);
  EXPECT_TRUE(access) << (access ? "" : access.error().message);
  return access.value_or(kube::Access{});
}

pid_t Server::api_server_pid() const {
  const auto text = read_file(folder_ / "pid.apiserver");
  return text ? static_cast<pid_t>(std::strtol(text->c_str(), nullptr, 10)) : -1;
}

bool Server::restart_api_server() {
  const pid_t old = api_server_pid();
  if (!real() || old <= 0 || kill(old, SIGKILL) != 0) return false;
  return eventually([&] { return api_server_pid() != old && ready(); }, std::chrono::seconds(60));
}

std::string fresh_namespace(kube::Client& client) {
  const std::string name = "t-" + random_hex(5);
  const auto made =
      client.create(kNamespaces, {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}});
  EXPECT_TRUE(made) << (made ? "" : made.error().message);
  return name;
}

Json config_map(const std::string& ns, const std::string& name, const Json& data) {
  return {
      {"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"name", name}, {"namespace", ns}}}, {"data", data}};
}

}  // namespace clops::contract
