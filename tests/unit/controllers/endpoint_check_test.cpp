// Asking a Service's address until it answers, on one thread and a virtual clock.
#include "controllers/model_deployment/endpoint_check.h"

#include <gtest/gtest.h>

#include "tests/unit/controllers/virtual_executor.h"

namespace clops::controllers::model_deployment {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class FakeNet final : public HttpClient {
 public:
  Result<HttpResponse> send(const HttpRequest& request, const HttpLimits&) override {
    urls.push_back(request.url);
    if (during) during();
    if (refused-- > 0) return fail(Code::Unavailable, "connection refused");
    return HttpResponse{status, {}, "{}"};
  }
  std::unique_ptr<HttpStream> open(const HttpRequest&, const HttpLimits&, StreamSink&) override { return nullptr; }
  std::vector<std::string> urls;
  std::function<void()> during;
  int refused = 0, status = 200;
};

struct EndpointCheckTest : testing::Test {
  EndpointCheckTest() {
    check.on_change([this](const crds::ObjectKey& key) {
      EXPECT_EQ(key, kKey);
      ++changes;
    });
  }
  const crds::ObjectKey kKey{"risk", "fraud"};
  test::VirtualExecutor executor;
  FakeNet net;
  EndpointCheck check{executor, net};
  int changes = 0;
};

TEST_F(EndpointCheckTest, asks_until_it_answers_and_says_so_once) {
  net.refused = 3;
  EXPECT_EQ(check.ask(kKey, "http://10.96.0.7:8080"), Endpoint::Asking);
  executor.run_for(seconds{1});
  EXPECT_EQ(net.urls, std::vector<std::string>(4, "http://10.96.0.7:8080/v2/health/live"));
  EXPECT_EQ(check.ask(kKey, "http://10.96.0.7:8080"), Endpoint::Answers);
  EXPECT_EQ(changes, 1);
  EXPECT_TRUE(executor.at_rest());
}

TEST_F(EndpointCheckTest, any_answer_shows_that_the_way_is_open) {
  net.status = 503;
  (void)check.ask(kKey, "http://10.96.0.7:8080");
  executor.run_for(milliseconds{1});
  EXPECT_EQ(check.ask(kKey, "http://10.96.0.7:8080"), Endpoint::Answers);
}

TEST_F(EndpointCheckTest, gives_up_in_about_ten_seconds) {
  net.refused = 1'000;
  (void)check.ask(kKey, "http://10.96.0.7:8080");
  executor.run_for(seconds{5});
  EXPECT_EQ(check.ask(kKey, "http://10.96.0.7:8080"), Endpoint::Asking);
  executor.run_for(seconds{10});
  EXPECT_EQ(check.ask(kKey, "http://10.96.0.7:8080"), Endpoint::Unreachable);
  EXPECT_EQ(changes, 1);
  EXPECT_TRUE(executor.at_rest());
}

TEST_F(EndpointCheckTest, another_address_begins_anew_and_what_is_forgotten_ends) {
  net.refused = 1'000;
  (void)check.ask(kKey, "http://10.96.0.7:8080");
  executor.run_for(milliseconds{50});
  net.refused = 0;
  EXPECT_EQ(check.ask(kKey, "http://10.96.0.8:8080"), Endpoint::Asking);
  executor.run_for(milliseconds{50});
  EXPECT_EQ(check.ask(kKey, "http://10.96.0.8:8080"), Endpoint::Answers);
  check.forget(kKey);
  net.refused = 1'000;
  EXPECT_EQ(check.ask(kKey, "http://10.96.0.8:8080"), Endpoint::Asking) << "what was true once is asked again";
  net.during = [this] { check.forget(kKey); };  // while its answer is under way
  executor.run_for(seconds{20});
  EXPECT_TRUE(executor.at_rest());
  EXPECT_EQ(changes, 1);
}

}  // namespace
}  // namespace clops::controllers::model_deployment
