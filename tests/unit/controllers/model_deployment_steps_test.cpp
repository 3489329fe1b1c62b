// Declared steps in the plan of a ModelDeployment: they go to the pods, or are named before any pod hears of them.
#include <gtest/gtest.h>

#include "crds/conditions.h"
#include "tests/unit/controllers/model_deployment_world.h"

namespace clops::controllers::model_deployment {
namespace {

World converged() {
  World world;
  EXPECT_GE(world.settle(), 0);
  return world;
}

crds::Steps clip_of(const std::string& column) {
  return {.columns = {}, .pre = {std::vector<crds::ClipItem>{{.of = column, .min = 0, .max = {}}}}, .post = {}};
}

TEST(StepsOfADeployment, steps_go_to_the_pods_with_their_variant) {
  World world = converged();
  for (auto& [name, version] : world.seen.versions)
    version.status.schema = {{{"x", "FP32", {-1, 2}}}, {{"p", "FP32", {-1}}}, {"age", "income"}};
  auto& spec = world.seen.object.spec;
  spec.steps = clip_of("age");
  world.edit();
  EXPECT_GE(world.settle(), 0);
  const auto& variants = world.pushed->models.at(0).variants;
  EXPECT_EQ(variants[0].model.steps, clip_of("age"));
  EXPECT_EQ(variants[1].model.steps, clip_of("age"));
  spec.variants[1].steps = crds::Steps{};
  world.edit();
  EXPECT_GE(world.settle(), 0);
  EXPECT_EQ(world.pushed->models.at(0).variants[0].model.steps, clip_of("age"));
  EXPECT_TRUE(world.pushed->models.at(0).variants[1].model.steps.empty());
  EXPECT_NE(world.summary().find("Ready=True/EndpointReady"), std::string::npos);
}

// What is in force stays so, and the condition names step, field and column.
TEST(StepsOfADeployment, steps_that_do_not_fit_a_model_are_found_before_any_pod_hears_of_them) {
  World world = converged();
  const auto before = world.pushed;
  for (auto& [name, version] : world.seen.versions)
    version.status.schema = {{{"x", "FP32", {-1, 2}}}, {{"p", "FP32", {-1}}}, {"age", "income"}};
  world.seen.object.spec.variants[1].steps = clip_of("agee");
  world.edit();
  EXPECT_GE(world.settle(), 0);
  EXPECT_EQ(world.summary(),
            "VariantsResolved=False/InvalidSpec ConfigInForce=True/ConfigInForce Ready=True/EndpointReady "
            "Stalled=True/InvalidSpec champion=90,challenger=10");
  const crds::Condition* stalled = crds::find_condition(world.seen.object.status.conditions, crds::kStalled);
  ASSERT_NE(stalled, nullptr);
  EXPECT_EQ(stalled->message,
            "spec.variants[1].steps.pre[0].clip[0].column: there is no column \"agee\" here; there are \"age\", "
            "\"income\" (variant challenger, ModelVersion fraud-7)");
  EXPECT_EQ(world.pushed, before);
  world.seen.object.spec.variants[1].steps.reset();
  world.seen.object.spec.steps = clip_of("agee");
  const Resolution resolution = resolve(world.seen.object, world.seen.versions);
  ASSERT_EQ(resolution.problems.size(), 2U);
  EXPECT_TRUE(resolution.problems[0].message.starts_with("spec.steps.pre[0].clip[0].column: "))
      << resolution.problems[0].message;
}

}  // namespace
}  // namespace clops::controllers::model_deployment
