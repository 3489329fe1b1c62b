// Each row: the pods a Deployment has, and what is made and removed; then whole rollouts, step by step, by those plans.
#include "local/controllers/deployment_plan.h"

#include <gtest/gtest.h>

#include <random>

namespace clops::local {
namespace {

const WallTime kNow = WallTime(std::chrono::seconds(1'000'000));

crds::Deployment deployment(int replicas, crds::IntOrPercent surge = {25, true},
                            crds::IntOrPercent unavailable = {25, true}) {
  crds::Deployment out{.meta = {.name = "d", .ns = "ns", .uid = "u", .generation = 1}, .replicas = replicas};
  out.pod_template = {{"metadata", {{"labels", {{"app", "x"}}}}}, {"spec", {{"containers", Json::array()}}}};
  out.max_surge = surge;
  out.max_unavailable = unavailable;
  return out;
}

std::string fresh_hash() {
  return template_hash(deployment(1).pod_template);
}

OwnedPod pod(const std::string& name, bool fresh, bool ready) {
  return {.name = name,
          .hash = fresh ? fresh_hash() : "old",
          .phase = "Running",
          .creation_timestamp = "2026-01-01T00:00:0" + name + "Z",
          .ready = ready,
          .ready_since = kNow};
}

struct Row {
  const char* why;
  crds::Deployment deployment;
  std::vector<OwnedPod> pods;
  int create;
  std::vector<std::string> remove;
};

class DeploymentPlanTable : public testing::TestWithParam<Row> {};

TEST_P(DeploymentPlanTable, decides) {
  const Row& row = GetParam();
  const DeploymentPlan plan = plan_deployment(row.deployment, row.pods, kNow);
  EXPECT_EQ(plan.create, row.create) << row.why;
  EXPECT_EQ(plan.remove, row.remove) << row.why;
}

OwnedPod with_phase(OwnedPod pod, const char* phase) {
  pod.phase = phase;
  pod.ready = false;
  return pod;
}
OwnedPod ending(OwnedPod pod) {
  pod.terminating = true;
  return pod;
}
crds::Deployment recreating(int replicas) {
  auto out = deployment(replicas);
  out.recreate = true;
  return out;
}
crds::Deployment paused(int replicas) {
  auto out = deployment(replicas);
  out.paused = true;
  return out;
}

INSTANTIATE_TEST_SUITE_P(
    Table, DeploymentPlanTable,
    testing::Values(
        Row{.why = "none yet", .deployment = deployment(3), .pods = {}, .create = 3, .remove = {}},
        Row{.why = "as declared",
            .deployment = deployment(1),
            .pods = {pod("1", true, true)},
            .create = 0,
            .remove = {}},
        Row{.why = "scaled down: the unready one goes, then the youngest",
            .deployment = deployment(1),
            .pods = {pod("1", true, true), pod("2", true, true), pod("3", true, false)},
            .create = 0,
            .remove = {"2", "3"}},
        Row{.why = "scaled to nothing",
            .deployment = deployment(0),
            .pods = {pod("1", true, true)},
            .create = 0,
            .remove = {"1"}},
        Row{.why = "a new template, one replica: one more before the old one goes",
            .deployment = deployment(1),
            .pods = {pod("1", false, true)},
            .create = 1,
            .remove = {}},
        Row{.why = "the new one is not ready: the old one stays",
            .deployment = deployment(1),
            .pods = {pod("1", false, true), pod("2", true, false)},
            .create = 0,
            .remove = {}},
        Row{.why = "the new one is ready: the old one goes",
            .deployment = deployment(1),
            .pods = {pod("1", false, true), pod("2", true, true)},
            .create = 0,
            .remove = {"1"}},
        Row{.why = "no surge allowed: one old one makes room",
            .deployment = deployment(2, {0, false}, {1, false}),
            .pods = {pod("1", false, true), pod("2", false, true)},
            .create = 0,
            .remove = {"2"}},
        Row{.why = "neither surge nor unavailable: treated as one unavailable, or nothing would move",
            .deployment = deployment(2, {0, false}, {0, false}),
            .pods = {pod("1", false, true), pod("2", false, true)},
            .create = 0,
            .remove = {"2"}},
        Row{.why = "a bad rollout keeps what serves",
            .deployment = deployment(4, {1, false}, {1, false}),
            .pods = {pod("1", false, true), pod("2", false, true), pod("3", false, true), pod("4", true, false),
                     pod("5", true, false)},
            .create = 0,
            .remove = {}},
        Row{.why = "failed pods are replaced",
            .deployment = deployment(1),
            .pods = {with_phase(pod("1", true, false), "Failed")},
            .create = 1,
            .remove = {"1"}},
        Row{.why = "ending pods do not count",
            .deployment = deployment(1),
            .pods = {ending(pod("1", true, true))},
            .create = 1,
            .remove = {}},
        Row{.why = "recreate: all old ones first",
            .deployment = recreating(2),
            .pods = {pod("1", false, true), pod("2", false, true)},
            .create = 0,
            .remove = {"1", "2"}},
        Row{.why = "recreate: until they have gone",
            .deployment = recreating(2),
            .pods = {ending(pod("1", false, true))},
            .create = 0,
            .remove = {}},
        Row{.why = "recreate: then the new", .deployment = recreating(2), .pods = {}, .create = 2, .remove = {}},
        Row{.why = "paused: nothing moves",
            .deployment = paused(2),
            .pods = {pod("1", false, true)},
            .create = 0,
            .remove = {}}));

// Any rollout ends as declared, and on its way never has fewer available or more in all than it may.
TEST(DeploymentPlan, rollouts_stay_within_their_bounds_and_end) {
  std::mt19937 random(7);
  for (int history = 0; history < 500; ++history) {
    const int replicas = 1 + static_cast<int>(random() % 6), surge = static_cast<int>(random() % 3),
              unavailable = static_cast<int>(random() % 3);
    const auto declared = deployment(replicas, {surge, false}, {unavailable, false});
    const int least = replicas - std::min(replicas, surge == 0 && unavailable == 0 ? 1 : unavailable);
    std::vector<OwnedPod> pods;
    for (int i = 0; i < replicas; ++i) pods.push_back(pod(std::to_string(i), false, true));
    bool ended = false;
    for (int step = 0, next = replicas; step < 200 && !ended; ++step) {
      const DeploymentPlan plan = plan_deployment(declared, pods, kNow);
      for (const auto& name : plan.remove) std::erase_if(pods, [&](const auto& it) { return it.name == name; });
      for (int i = 0; i < plan.create; ++i) pods.push_back(pod(std::to_string(next++), true, false));
      const auto ready = std::ranges::count_if(pods, [](const auto& it) { return it.ready; });
      ASSERT_GE(ready, least) << "history " << history << " step " << step;
      ASSERT_LE(pods.size(), static_cast<size_t>(replicas + surge)) << "history " << history << " step " << step;
      for (auto& it : pods) it.ready = it.ready || random() % 2 == 0;
      ended = std::ranges::all_of(pods, [](const auto& it) { return it.hash == fresh_hash() && it.ready; }) &&
              static_cast<int>(pods.size()) == replicas;
    }
    EXPECT_TRUE(ended) << "history " << history;
  }
}

const Json& condition(const Json& status, const std::string& type) {
  for (const Json& item : status.at("conditions")) {
    if (item.at("type") == type) return item;
  }
  static const Json kNone;
  return kNone;
}

TEST(DeploymentPlan, status_counts_and_says_when_it_is_complete) {
  auto declared = deployment(2);
  const DeploymentPlan plan = plan_deployment(declared, {pod("1", true, true), pod("2", true, true)}, kNow);
  EXPECT_EQ(plan.status["replicas"], 2);
  EXPECT_EQ(plan.status["updatedReplicas"], 2);
  EXPECT_EQ(plan.status["availableReplicas"], 2);
  EXPECT_FALSE(plan.status.contains("unavailableReplicas"));
  EXPECT_EQ(condition(plan.status, "Available")["status"], "True");
  EXPECT_EQ(condition(plan.status, "Progressing")["reason"], "NewReplicaSetAvailable");
  declared.status = plan.status;
  EXPECT_EQ(
      plan_deployment(declared, {pod("1", true, true), pod("2", true, true)}, kNow + std::chrono::hours(1)).status,
      plan.status);
}

TEST(DeploymentPlan, a_rollout_that_stands_still_is_said_so_after_its_deadline) {
  auto declared = deployment(1);
  declared.progress_deadline_seconds = 60;
  const std::vector<OwnedPod> stuck = {pod("1", false, true), pod("2", true, false)};
  DeploymentPlan plan = plan_deployment(declared, stuck, kNow);
  EXPECT_EQ(condition(plan.status, "Progressing")["status"], "True");
  EXPECT_EQ(plan.look_again, std::chrono::seconds(60));
  declared.status = plan.status;
  plan = plan_deployment(declared, stuck, kNow + std::chrono::seconds(59));
  EXPECT_EQ(condition(plan.status, "Progressing")["status"], "True");
  plan = plan_deployment(declared, stuck, kNow + std::chrono::seconds(60));
  EXPECT_EQ(condition(plan.status, "Progressing")["reason"], "ProgressDeadlineExceeded");
}

TEST(DeploymentPlan, revisions_count_templates) {
  auto declared = deployment(1);
  EXPECT_EQ(plan_deployment(declared, {}, kNow).revision, 1);
  declared.meta.annotations = {{kRevision, "4"}, {kRevisionHash, fresh_hash()}};
  EXPECT_EQ(plan_deployment(declared, {}, kNow).revision, 4);
  declared.meta.annotations[kRevisionHash] = "other";
  EXPECT_EQ(plan_deployment(declared, {}, kNow).revision, 5);
}

TEST(DeploymentPlan, a_pod_carries_the_template_its_owner_and_the_node) {
  const Json made = pod_of(deployment(1), "h", "node");
  EXPECT_EQ(made["metadata"]["labels"], (Json{{"app", "x"}, {"pod-template-hash", "h"}}));
  EXPECT_EQ(made["metadata"]["ownerReferences"][0]["kind"], "Deployment");
  EXPECT_EQ(made["metadata"]["generateName"], "d-h-");
  EXPECT_EQ(made["spec"]["nodeName"], "node");
}

}  // namespace
}  // namespace clops::local
