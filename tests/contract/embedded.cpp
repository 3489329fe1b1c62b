#include "tests/contract/embedded.h"

#include "base/executor.h"
#include "base/http_server.h"
#include "base/log.h"
#include "base/yaml.h"
#include "crds/codec.h"
#include "crds/definitions.h"
#include "crds/validation.h"
#include "local/api/api.h"
#include "tests/support/eventually.h"

namespace clops::contract {
namespace {

constexpr const char* kToken = "embedded-token";

const crds::ResourceType kCrds{.group = "apiextensions.k8s.io",
                               .version = "v1",
                               .kind = "CustomResourceDefinition",
                               .plural = "customresourcedefinitions",
                               .namespaced = false};

// The rules that are CEL in our CRDs, as cmd/clops.cpp gives them to the plane.
std::vector<local::Violation> our_rules(const std::string& kind, const Json& object, const Json* old) {
  std::vector<local::Violation> out;
  for (crds::Violation& violation : crds::validate_object(kind, object, old))
    out.push_back({.field = std::move(violation.path), .message = std::move(violation.message)});
  return out;
}

class EmbeddedImpl final : public Embedded {
 public:
  ~EmbeddedImpl() override {
    http_.reset();  // no request may come in while the rest goes
    server_.reset();
  }
  Status begin() {
    CLOPS_ASSIGN(store_, local::open_store({}));
    CLOPS_ASSIGN(api_, local::make_api(*store_, clock_, {.validator = our_rules}));
    executor_ = make_thread_pool(1);
    server_ = local::make_api_server(*api_, *executor_, clock_, *log_, {.token = kToken});
    const auto handler = [this](ServerRequest request, std::shared_ptr<Responder> responder) {
      server_->handle(std::move(request), std::move(responder));
    };
    CLOPS_ASSIGN(http_, make_http_server({}, handler));
    return {};
  }
  [[nodiscard]] kube::Access access() const override {
    kube::Access out;
    out.server = "http://127.0.0.1:" + std::to_string(http_->port());
    out.token = kToken;
    return out;
  }

 private:
  const SystemClock clock_;
  std::unique_ptr<Log> log_ = make_null_log();
  std::unique_ptr<local::Store> store_;
  std::unique_ptr<local::Api> api_;
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<local::ApiServer> server_;
  std::unique_ptr<HttpServer> http_;
};

}  // namespace

Result<std::unique_ptr<Embedded>> start_embedded() {
  auto out = std::make_unique<EmbeddedImpl>();
  CLOPS_TRY(out->begin());
  return out;
}

Status install_our_kinds(kube::Client& client) {
  for (const std::string_view text : crds::definitions()) {
    CLOPS_ASSIGN(const auto documents, parse_yaml(text));
    for (const Json& document : documents)
      CLOPS_TRY(client.apply(kCrds, document, {.field_manager = "contract", .force = true}));
  }
  const auto served = [&] {
    return client.list(crds::kModelVersionType, "default").has_value() &&
           client.list(crds::kModelDeploymentType, "default").has_value();
  };
  return eventually(served, std::chrono::seconds(30)) ? Status{}
                                                      : fail(Code::Unavailable, "our kinds are not served after 30 s");
}

}  // namespace clops::contract
