// Stories of one endpoint, told in full: what its users see at each step.
#include <gtest/gtest.h>

#include "tests/unit/simulation/history.h"

namespace clops::sim {
namespace {

using std::chrono::seconds;

std::string digest(char c) {
  return "sha256:" + std::string(64, c);
}

class Endpoint : public ::testing::Test {
 protected:
  Endpoint() : world_({.seed = 11}) {
    world_.truths["https://models.sim/a"] = {.digest = digest('a')};
    world_.truths["https://models.sim/b"] = {.digest = digest('b')};
    world_.truths["https://models.sim/bad"] = {.digest = digest('c'), .loads = false};
    world_.start(0);
    (void)world_.apply(version_yaml("v1", "https://models.sim/a"));
    (void)world_.apply(version_yaml("v2", "https://models.sim/b"));
    (void)world_.apply(version_yaml("v3", "https://models.sim/bad"));
    (void)world_.apply(deployment_yaml("a", {{"champion", "v1", 100}}, 2));
    EXPECT_TRUE(world_.settle());
  }
  void TearDown() override {
    for (const std::string& what : world_.judge.found()) ADD_FAILURE() << what;
  }
  Json live() { return *world_.api.get(deployment_key("a")); }
  // What each ready pod answers for a variant with.
  std::vector<std::string> serving(const std::string& variant) {
    std::vector<std::string> versions;
    for (const auto& [key, pod] : world_.cluster.pods()) {
      if (pod.server == nullptr || !pod.server->ready()) continue;
      for (const auto& state : pod.server->state().variants) {
        if (state.variant == variant) versions.push_back(state.model_version);
      }
    }
    return versions;
  }
  World world_;
};

TEST_F(Endpoint, failed_load_keeps_old_version) {
  ASSERT_EQ(condition_status(live(), "Ready"), "True");
  (void)world_.apply(deployment_yaml("a", {{"champion", "v3", 100}}, 2));
  ASSERT_TRUE(world_.settle());
  EXPECT_EQ(serving("champion"), (std::vector<std::string>{"v1", "v1"}));
  EXPECT_EQ(condition_status(live(), "Ready"), "True") << "the endpoint answers, with what served before";
  EXPECT_EQ(condition_status(live(), "Stalled"), "True");
  EXPECT_EQ(string_at(live()["status"]["traffic"][0], {"modelVersion"}), "v1") << "status says who serves in fact";
  EXPECT_EQ(string_at(live()["status"]["traffic"][0], {"state"}), "FailedToLoad");

  // A pod that comes later has nothing of before in memory: serving.json tells it what to fall back on.
  (void)world_.api.remove("somebody", world_.cluster.pods().rbegin()->first);
  ASSERT_TRUE(world_.settle());
  EXPECT_EQ(serving("champion"), (std::vector<std::string>{"v1", "v1"}));
}

TEST_F(Endpoint, serving_survives_control_plane_outage) {
  world_.outage(seconds(120));
  world_.crash(0);
  world_.run_for(seconds(60));
  EXPECT_EQ(serving("champion"), (std::vector<std::string>{"v1", "v1"}));
  world_.run_for(seconds(70));
  ASSERT_TRUE(world_.settle());
  EXPECT_EQ(condition_status(live(), "Ready"), "True");
}

TEST_F(Endpoint, a_change_of_weights_is_in_force_within_two_seconds_and_restarts_nothing) {
  (void)world_.apply(deployment_yaml("a", {{"champion", "v1", 90}, {"challenger", "v2", 10}}, 2));
  const auto before = world_.cluster.pods().begin()->first;
  world_.run_for(seconds(2));
  EXPECT_EQ(serving("challenger"), (std::vector<std::string>{"v2", "v2"}));
  EXPECT_EQ(string_at(live(), {"status", "variants"}), "champion=90,challenger=10");
  EXPECT_EQ(world_.cluster.pods().begin()->first, before);
}

TEST_F(Endpoint, unverified_model_never_serves) {
  (void)world_.apply(version_yaml("v4", "https://models.sim/a", digest('f')));
  (void)world_.apply(deployment_yaml("a", {{"champion", "v4", 100}}, 2));
  ASSERT_TRUE(world_.settle());
  EXPECT_EQ(condition_status(*world_.api.get(version_key("v4")), "Ready"), "False");
  EXPECT_EQ(serving("champion"), (std::vector<std::string>{"v1", "v1"}));
  EXPECT_EQ(condition_status(live(), "Ready"), "True");
  EXPECT_EQ(string_at(live(), {"status", "variants"}), "champion=100");
}

TEST_F(Endpoint, a_deleted_configmap_comes_back_with_a_generation_that_pods_accept) {
  (void)world_.apply(deployment_yaml("a", {{"champion", "v1", 50}, {"challenger", "v2", 50}}, 2));
  ASSERT_TRUE(world_.settle());
  (void)world_.api.remove("somebody", {"configmaps", kNs, "a-serving"});
  ASSERT_TRUE(world_.settle());
  world_.judge.at_rest();
  EXPECT_NE(world_.api.get({"configmaps", kNs, "a-serving"}), nullptr);
}

TEST_F(Endpoint, deletion_never_hangs) {
  for (const char* propagation : {"Foreground", "Background"}) {
    ASSERT_TRUE(world_.remove(deployment_key("a"), propagation).has_value());
    ASSERT_TRUE(world_.settle());
    EXPECT_EQ(world_.api.get(deployment_key("a")), nullptr) << propagation;
    EXPECT_TRUE(world_.api.list("deployments.apps", kNs).empty()) << propagation;
    EXPECT_TRUE(world_.cluster.pods().empty()) << propagation;
    (void)world_.apply(deployment_yaml("a", {{"champion", "v1", 100}}, 2));
    ASSERT_TRUE(world_.settle());
    EXPECT_EQ(condition_status(live(), "Ready"), "True") << "made again under the same name";
  }
}

TEST_F(Endpoint, no_write_when_converged) {
  expect_no_more_writes(world_, 1);
}

}  // namespace
}  // namespace clops::sim
