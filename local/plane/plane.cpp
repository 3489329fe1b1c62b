#include "local/plane/plane.h"

#include <charconv>

#include "base/executor.h"
#include "base/file.h"
#include "base/http_server.h"
#include "base/yaml.h"
#include "local/api/types.h"
#include "local/controllers/controllers.h"
#include "local/node/node.h"
#include "local/node/pod_logs.h"
#include "local/plane/operator_deployment.h"
#include "local/plane/plane_files.h"
#include "local/store/store.h"

namespace clops::local {
namespace {

namespace fs = std::filesystem;

constexpr const char* kServerImage = "clops-server:local";

// Creates it, or makes its spec and labels what they should be; nothing is written when they are.
Status ensure(Api& api, const crds::ResourceType& type, const Json& object) {
  const crds::ObjectKey key{string_at(object, {"metadata", "namespace"}), string_at(object, {"metadata", "name"})};
  const auto made = api.create(type, object);
  if (made) return {};
  if (made.error().code != Code::AlreadyExists) return std::unexpected(made.error());
  const auto changed = api.mutate(type, key, "", [&](Json& existing) -> Status {
    if (object.contains("spec")) existing["spec"] = object["spec"];
    return {};
  });
  return changed ? Status{} : Status(std::unexpected(changed.error()));
}

int remembered_port(const fs::path& file) {
  const std::string text = read_file(file, 16).value_or("0");
  int port = 0;
  std::from_chars(text.data(), text.data() + text.size(), port);
  return port;
}

class PlaneImpl final : public Plane {
 public:
  PlaneImpl(PlaneOptions options, const Clock& clock, Log& log)
      : options_(std::move(options)), clock_(clock), log_(log) {}
  ~PlaneImpl() override {
    http_.reset();  // no request may come in while the rest goes
    server_.reset();
  }

  Status begin() {
    std::error_code error;
    const fs::path& dir = options_.state_dir;
    fs::create_directories(dir, error);
    if (error) return fail(Code::Unavailable, dir.string() + ": " + error.message());
    fs::permissions(dir, fs::perms::owner_all, error);
    CLOPS_ASSIGN(auto lock, PlaneLock::make(PlanePaths{dir}.lock()));
    lock_.emplace(std::move(lock));
    CLOPS_ASSIGN(secrets_, load_or_make_secrets(dir, clock_.wall()));
    CLOPS_ASSIGN(auto network, NetworkClaim::make(dir / "network"));
    network_.emplace(std::move(network));
    CLOPS_ASSIGN(store_, open_store({.path = dir / "objects.db"}));
    CLOPS_ASSIGN(api_, make_api(*store_, clock_,
                                {.validator = options_.kinds.validator, .service_network = network_->services()}));
    executor_ = make_thread_pool(2);
    collector_ = start_garbage_collector(*api_, *executor_, log_);
    CLOPS_TRY(install_kinds());
    node_ = start_node(*api_, clock_, log_, node_options());
    logs_ = make_pod_logs(*api_, node_->loop(), PlanePaths{dir}.pods());
    CLOPS_TRY(serve());
    if (options_.run_operator) CLOPS_TRY(install_operator());
    controllers_ = start_controllers(*api_, clock_, log_);
    return {};
  }

  int port() const override { return http_->port(); }
  fs::path kubeconfig() const override { return PlanePaths{options_.state_dir}.kubeconfig(); }

  void end_pods(std::chrono::milliseconds at_most) override {
    controllers_.reset();  // or they would be replaced as they end
    node_->end_pods(at_most);
  }

 private:
  NodeOptions node_options() const {
    NodeOptions out{.state_dir = options_.state_dir,
                    .shim = options_.programs_dir / "clops-shim",
                    .ends_last = kOperatorNamespace,
                    .pod_network = network_->pods(),
                    .base_env = options_.environment,
                    .token = secrets_.token};
    const auto path = options_.environment.find("PATH");
    out.programs.search_path = path == options_.environment.end() ? "/usr/local/bin:/usr/bin:/bin" : path->second;
    for (const char* name : {"clops-server", "clops-operator"})
      out.programs.by_image[name] = (options_.programs_dir / name).string();
    out.programs.by_image["host"] = "";  // what `command` says, from this machine
    return out;
  }

  Status install_kinds() {
    for (const std::string_view text : options_.kinds.crds) {
      CLOPS_ASSIGN(const auto documents, parse_yaml(text));
      for (const Json& document : documents) CLOPS_TRY(ensure(*api_, types::kCustomResourceDefinitions, document));
    }
    return {};
  }

  Status serve() {
    const fs::path port_file = options_.state_dir / "port";
    server_ = make_api_server(*api_, *executor_, clock_, log_, {.token = secrets_.token, .logs = logs_.get()});
    HttpServerOptions http{
        .port = remembered_port(port_file), .tls_cert_pem = secrets_.cert_pem, .tls_key_pem = secrets_.key_pem};
    const auto handler = [this](ServerRequest request, std::shared_ptr<Responder> responder) {
      server_->handle(std::move(request), std::move(responder));
    };
    auto made = make_http_server(http, handler);
    if (!made && http.port != 0) {
      // Someone took the port while no plane ran: clients read the new one from the kubeconfig.
      log_.warn("the API's port of last time is taken", {{"port", http.port}, {"why", made.error().message}});
      http.port = 0;
      made = make_http_server(http, handler);
    }
    if (!made) return std::unexpected(made.error());
    http_ = std::move(*made);
    CLOPS_TRY(write_file_atomic(port_file, std::to_string(http_->port()) + "\n", 0600));
    return write_file_atomic(kubeconfig(), kubeconfig_text(secrets_, http_->port()), 0600);
  }

  Status install_operator() {
    const OperatorDeployment what{.kubeconfig = kubeconfig(), .server_image = kServerImage, .api_port = http_->port()};
    CLOPS_TRY(ensure(*api_, types::kNamespaces, operator_namespace()));
    return ensure(*api_, types::kDeployments, operator_deployment(what));
  }

  const PlaneOptions options_;
  const Clock& clock_;
  Log& log_;
  std::optional<PlaneLock> lock_;
  PlaneSecrets secrets_;
  std::optional<NetworkClaim> network_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<GarbageCollector> collector_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<PodLogs> logs_;
  std::unique_ptr<ApiServer> server_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<Controllers> controllers_;
};

}  // namespace

Result<std::unique_ptr<Plane>> start_plane(PlaneOptions options, const Clock& clock, Log& log) {
  auto plane = std::make_unique<PlaneImpl>(std::move(options), clock, log);
  CLOPS_TRY(plane->begin());
  return plane;
}

}  // namespace clops::local
