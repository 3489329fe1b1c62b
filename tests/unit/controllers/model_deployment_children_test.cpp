// What a ModelDeployment becomes: its Service, names that others have, volumes and defaults of its pods.
#include <gtest/gtest.h>

#include "tests/unit/controllers/model_deployment_world.h"

namespace clops::controllers::model_deployment {
namespace {

using crds::ConditionStatus;

bool service_selects(World& world) {
  const LiveChild* service = world.child(kServices);
  return service && find_path(service->body, {"spec", "selector", kDeploymentLabel});
}

TEST(ModelDeploymentChildren, the_service_is_there_first_and_selects_from_the_first_ready_pod_on) {
  World world;
  ASSERT_EQ(plan(world.seen, world.options, world.now).apply.front().type, kServices);
  while (world.seen.pods.empty() || !world.seen.pods.front().ready) {
    world.reconcile();
    ASSERT_TRUE(world.child(kServices));
    ASSERT_FALSE(service_selects(world)) << "no pod is ready";
    world.run_pods();
    ASSERT_LT(world.serial, 50);
  }
  world.reconcile();
  EXPECT_TRUE(service_selects(world));

  for (auto& pod : world.seen.pods) pod.ready = false;
  world.reconcile();
  EXPECT_TRUE(service_selects(world)) << "what leads to pods goes on doing so";
  world.seen.pods.clear();
  world.reconcile();
  EXPECT_TRUE(service_selects(world));
}

TEST(ModelDeploymentChildren, a_pod_that_is_going_makes_no_service_select) {
  World world;
  world.reconcile();
  ServingPod& old = world.seen.pods.emplace_back();
  old.ready = old.deleting = true;
  world.reconcile();
  EXPECT_FALSE(service_selects(world));
}

TEST(ModelDeploymentChildren, a_taken_name_is_left_alone) {
  World world;
  LiveChild foreign{kServices, {}, Json{{"spec", {{"selector", {{"app", "other"}}}}}}};
  foreign.meta.name = "fraud";
  foreign.meta.ns = "risk";
  foreign.meta.uid = "theirs";
  world.seen.children.push_back(foreign);
  world.settle();
  EXPECT_EQ(world.seen.children, std::vector<LiveChild>{foreign});
  EXPECT_EQ(world.condition_of(crds::kReady)->reason, "ChildConflict");
  EXPECT_NE(world.condition_of(crds::kStalled)->message.find("Service fraud exists"), std::string::npos);
  EXPECT_TRUE(has_event(world, crds::Reason::ChildConflict));
}

TEST(ModelDeploymentChildren, a_former_deployments_children_are_waited_for) {
  World world;
  ASSERT_GE(world.settle(), 0);
  world.seen.object.meta.uid = "second-life";
  world.seen.object.status = {};
  world.seen.pods.clear();
  const auto before = world.seen.children;
  world.reconcile();
  EXPECT_EQ(world.seen.children, before);
  EXPECT_TRUE(crds::is_true(world.seen.object.status.conditions, crds::kReconciling));
  EXPECT_EQ(world.condition_of(crds::kReady)->status, ConditionStatus::Unknown);
}

TEST(ModelDeploymentChildren, claims_become_read_only_volumes) {
  World world;
  world.seen.versions["fraud-7"] = verified("fraud-7", "7", "pvc://other/x");
  world.settle();
  const Json spec = world.child(kDeployments)->body["spec"]["template"]["spec"];
  const std::string text = dump_json(spec["containers"][0]["args"]);
  EXPECT_NE(text.find("--pvc=models=/mnt/pvc/models"), std::string::npos);
  EXPECT_NE(text.find("--pvc=other=/mnt/pvc/other"), std::string::npos);
  EXPECT_EQ(spec["volumes"].size(), 5u);
  EXPECT_EQ(spec["volumes"][3]["persistentVolumeClaim"]["readOnly"], true);
  EXPECT_EQ(world.child(kDeployments)->body["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"], 0);
}

TEST(ModelDeploymentChildren, defaults_of_resources_yield_to_what_is_written) {
  World world;
  world.seen.object.spec.resources = {{{"memory", "1Gi"}}, {{"cpu", "50m"}}};
  world.settle();
  const Json resources = world.child(kDeployments)->body["spec"]["template"]["spec"]["containers"][0]["resources"];
  EXPECT_EQ(resources, (Json{{"requests", {{"cpu", "50m"}, {"memory", "1Gi"}}}, {"limits", {{"cpu", "50m"}}}}));
}

TEST(ModelDeploymentChildren, addresses_follow_the_option) {
  World world;
  world.options.cluster_ip_urls = true;
  world.settle();
  EXPECT_EQ(world.seen.object.status.url, "http://10.0.0.7:8080");
  EXPECT_EQ(world.seen.object.status.grpc_url, "grpc://10.0.0.7:8080");
}

}  // namespace
}  // namespace clops::controllers::model_deployment
