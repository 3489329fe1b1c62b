#include "tests/unit/simulation/operator_under_test.h"

#include "controllers/register.h"
#include "operator/kube/client.h"
#include "operator/manager/manager.h"
#include "tests/unit/simulation/network.h"

namespace clops::sim {
namespace {

using std::chrono::seconds;

controllers::Options controller_options() {
  controllers::Options options;
  options.scrape_interval = seconds(60);
  return options;
}

class RealOperator final : public OperatorUnderTest {
 public:
  RealOperator(Deps deps, const Options& options)
      : random_(deps.random),
        client_(kube::make_client({.server = kApiUrl, .limits = {}}, deps.http, deps.clock)),
        lease_client_(kube::make_client({.server = kApiUrl, .limits = {.total = std::chrono::milliseconds(5'000)}},
                                        deps.lease_http, deps.clock)),
        controllers_({deps.executor, deps.http, [this] { return "key-" + std::to_string(random_.next()); }},
                     controller_options()),
        manager_({deps.executor, deps.clock, deps.random, deps.log, *client_, lease_client_.get()},
                 manager_options(options), controllers_.informers(), controllers_.specs()) {
    controllers_.attach(manager_);
  }
  Status start() override { return manager_.start(); }
  void stop() override { manager_.stop(); }
  bool idle() const override { return manager_.idle(); }
  bool leading() const override { return manager_.leading(); }
  std::string metrics() const override {
    return manager_.serve({.method = "GET", .url = "/metrics", .headers = {}, .body = {}}).body;
  }

 private:
  static op::ManagerOptions manager_options(const Options& options) {
    op::ManagerOptions result;
    result.identity = options.identity;
    result.lease_namespace = options.election ? "clops-system" : "";
    result.backoff_max = seconds(30);
    return result;
  }
  Random& random_;
  const std::unique_ptr<kube::Client> client_, lease_client_;
  controllers::Controllers controllers_;
  op::Manager manager_;
};

}  // namespace

std::unique_ptr<OperatorUnderTest> make_operator(OperatorUnderTest::Deps deps, OperatorUnderTest::Options options) {
  return std::make_unique<RealOperator>(deps, options);
}

}  // namespace clops::sim
