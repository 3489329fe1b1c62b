// The line to the pods, on one thread and a virtual clock: every request it makes is answered by a pod made of a few
// lines.
#include "controllers/model_deployment/pod_link.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/unit/controllers/virtual_executor.h"

namespace clops::controllers::model_deployment {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct FakePod {
  crds::PodState state{.generation = 0, .content = "", .ready = true, .variants = {}};
  int64_t accepted = 0;
  int polls_to_take_up = 0;
  bool down = false;
  std::string key = "secret";
  double wanted_replicas = 0.5;
};

class FakeNet final : public HttpClient {
 public:
  Result<HttpResponse> send(const HttpRequest& request, const HttpLimits&) override {
    requests.push_back(request.method + " " + request.url);
    const std::string host = request.url.substr(7, request.url.find(':', 7) - 7);
    FakePod& pod = pods[host];
    if (pod.down) return fail(Code::Unavailable, "connection refused");
    if (request.url.ends_with("/hint")) {
      crds::ScalingHint hint;
      hint.wanted_replicas = pod.wanted_replicas;
      return HttpResponse{200, {}, crds::encode(hint)};
    }
    if (request.headers.get("authorization") != "Bearer " + pod.key)
      return HttpResponse{401, {}, R"({"error":"wrong key"})"};
    if (request.method == "PUT") {
      const auto config = crds::decode_serving_config(request.body);
      if (!config) return HttpResponse{400, {}, ""};
      if (config->generation < pod.state.generation) return HttpResponse{409, {}, R"({"error":"lower generation"})"};
      pod.accepted = config->generation;
    }
    if (pod.accepted > pod.state.generation && pod.polls_to_take_up-- <= 0) pod.state.generation = pod.accepted;
    return HttpResponse{200, {}, crds::encode(pod.state)};
  }
  std::unique_ptr<HttpStream> open(const HttpRequest&, const HttpLimits&, StreamSink&) override { return nullptr; }
  std::map<std::string, FakePod> pods;
  std::vector<std::string> requests;
};

const crds::ObjectKey kKey{"risk", "fraud"};

crds::ServingConfig config(int64_t generation) {
  crds::ServingConfig out;
  out.generation = generation;
  return out;
}

struct PodLinkTest : testing::Test {
  PodLinkTest() {
    link.on_change([this](const crds::ObjectKey& key) {
      EXPECT_EQ(key, kKey);
      ++changes;
    });
  }
  int64_t generation(const std::string& instance) {
    return link.reports(kKey).at(instance).state ? link.reports(kKey).at(instance).state->generation : -1;
  }
  test::VirtualExecutor executor;
  FakeNet net;
  PodLink link{executor, net, {}};
  int changes = 0;
};

TEST_F(PodLinkTest, pushes_until_acknowledged_and_says_so) {
  net.pods["10.0.0.1"].polls_to_take_up = 4;
  link.want(kKey, "secret", config(3), {{"p1", "i1", "10.0.0.1"}, {"p2", "i2", "10.0.0.2"}});
  executor.run_for(seconds{1});
  EXPECT_EQ(generation("i1"), 3);
  EXPECT_EQ(generation("i2"), 3);
  EXPECT_GE(changes, 2);
  EXPECT_EQ(std::count(net.requests.begin(), net.requests.end(), "PUT http://10.0.0.1:8081/clops/v1/config"), 1);
}

TEST_F(PodLinkTest, a_settled_pod_is_only_looked_at_now_and_then) {
  link.want(kKey, "secret", config(1), {{"p1", "i1", "10.0.0.1"}});
  executor.run_for(seconds{1});
  net.requests.clear();
  const int before = changes;
  executor.run_for(seconds{50});
  EXPECT_EQ(net.requests.size(), 20u);
  EXPECT_EQ(changes, before + 1);  // the first hint
  EXPECT_DOUBLE_EQ(link.reports(kKey).at("i1").hint->wanted_replicas, 0.5);
}

TEST_F(PodLinkTest, a_new_configuration_goes_out_at_once) {
  link.want(kKey, "secret", config(1), {{"p1", "i1", "10.0.0.1"}});
  executor.run_for(seconds{7});
  link.want(kKey, "secret", config(2), {{"p1", "i1", "10.0.0.1"}});
  executor.run_for(milliseconds{20});
  EXPECT_EQ(generation("i1"), 2);
}

TEST_F(PodLinkTest, wanting_the_same_again_asks_nothing) {
  link.want(kKey, "secret", config(1), {{"p1", "i1", "10.0.0.1"}});
  executor.run_for(seconds{1});
  net.requests.clear();
  for (int i = 0; i < 10; ++i) link.want(kKey, "secret", config(1), {{"p1", "i1", "10.0.0.1"}});
  executor.run_for(seconds{1});
  EXPECT_TRUE(net.requests.empty());
}

TEST_F(PodLinkTest, a_pod_that_is_down_is_tried_with_growing_delays) {
  net.pods["10.0.0.1"].down = true;
  link.want(kKey, "secret", config(1), {{"p1", "i1", "10.0.0.1"}});
  executor.run_for(seconds{60});
  EXPECT_LT(net.requests.size(), 25u);
  EXPECT_EQ(link.reports(kKey).at("i1").error, "connection refused");
  net.pods["10.0.0.1"].down = false;
  executor.run_for(seconds{6});
  EXPECT_EQ(generation("i1"), 1);
}

TEST_F(PodLinkTest, a_pod_that_turns_ready_is_asked_at_once) {
  net.pods["10.0.0.1"].down = true;
  link.want(kKey, "secret", config(1), {{"p1", "i1", "10.0.0.1"}});
  executor.run_for(seconds{30});  // the next try is seconds away by now
  net.pods["10.0.0.1"].down = false;
  link.want(kKey, "secret", config(1), {{"p1", "i1", "10.0.0.1", true}});
  executor.run_for(milliseconds{0});
  EXPECT_EQ(generation("i1"), 1);
  net.requests.clear();
  link.want(kKey, "secret", config(1), {{"p1", "i1", "10.0.0.1", false}});
  link.want(kKey, "secret", config(1), {{"p1", "i1", "10.0.0.1", true}});
  executor.run_for(seconds{1});
  EXPECT_TRUE(net.requests.empty()) << "a pod that answers is not asked more often for it";
}

TEST_F(PodLinkTest, a_wrong_key_is_an_error_without_the_key_in_it) {
  net.pods["10.0.0.1"].key = "another";
  link.want(kKey, "secret", config(1), {{"p1", "i1", "10.0.0.1"}});
  executor.run_for(seconds{1});
  EXPECT_NE(link.reports(kKey).at("i1").error.find("401"), std::string::npos);
  EXPECT_EQ(dump_json(link.readings()).find("secret"), std::string::npos);
}

TEST_F(PodLinkTest, a_pod_ahead_of_us_tells_its_generation) {
  net.pods["10.0.0.1"].state.generation = 9;
  link.want(kKey, "secret", config(2), {{"p1", "i1", "10.0.0.1"}});
  executor.run_for(seconds{1});
  EXPECT_EQ(generation("i1"), 9);
}

TEST_F(PodLinkTest, a_container_that_restarted_with_an_old_configuration_is_pushed_again) {
  link.want(kKey, "secret", config(4), {{"p1", "i1/0", "10.0.0.1"}});
  executor.run_for(seconds{1});
  net.pods["10.0.0.1"].state.generation = 1;
  net.pods["10.0.0.1"].accepted = 0;
  executor.run_for(seconds{6});  // found by looking, before any watch event tells
  EXPECT_EQ(generation("i1/0"), 4);
}

TEST_F(PodLinkTest, what_is_forgotten_is_left_alone) {
  link.want(kKey, "secret", config(1), {{"p1", "i1", "10.0.0.1"}});
  executor.run_for(seconds{1});
  link.forget(kKey);
  net.requests.clear();
  executor.run_for(seconds{60});
  EXPECT_TRUE(net.requests.empty());
  EXPECT_TRUE(link.reports(kKey).empty());
}

TEST_F(PodLinkTest, a_change_of_load_is_told_once) {
  link.want(kKey, "secret", config(1), {{"p1", "i1", "10.0.0.1"}});
  executor.run_for(seconds{20});
  const int before = changes;
  net.pods["10.0.0.1"].wanted_replicas = 3;
  executor.run_for(seconds{30});
  EXPECT_EQ(changes, before + 1);
}

TEST(PodLink, tasks_outlive_it_without_harm) {
  test::VirtualExecutor executor;
  FakeNet net;
  {
    PodLink link(executor, net, {});
    link.want(kKey, "secret", config(1), {{"p1", "i1", "10.0.0.1"}});
  }
  executor.run_for(seconds{10});
  EXPECT_TRUE(net.requests.empty());
}

}  // namespace
}  // namespace clops::controllers::model_deployment
