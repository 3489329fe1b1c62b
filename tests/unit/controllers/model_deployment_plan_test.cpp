// One change per row on a converged world; and properties over random histories of edits.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "tests/unit/controllers/model_deployment_world.h"

namespace clops::controllers::model_deployment {
namespace {

using crds::ConditionStatus;

const char* const kConverged =
    "VariantsResolved=True/VariantsResolved ConfigInForce=True/ConfigInForce Ready=True/EndpointReady "
    "champion=90,challenger=10";

World converged() {
  World world;
  EXPECT_GE(world.settle(), 0);
  EXPECT_EQ(world.summary(), kConverged);
  return world;
}

TEST(ModelDeploymentPlan, first_status_is_unknown_and_reconciling) {
  World world;
  world.reconcile();
  EXPECT_EQ(world.summary(),
            "VariantsResolved=True/VariantsResolved ConfigInForce=Unknown/WaitingForPods Ready=Unknown/WaitingForPods "
            "Reconciling=True/Progressing ");
  EXPECT_EQ(world.seen.object.status.observed_generation, 1);
  for (const auto& c : world.seen.object.status.conditions) EXPECT_EQ(c.observed_generation, 1);
  EXPECT_TRUE(world.seen.object.status.traffic.empty());
}

TEST(ModelDeploymentPlan, becomes_all_its_children) {
  World world = converged();
  std::set<std::string> kinds;
  for (const auto& c : world.seen.children) kinds.insert(c.type.kind + "/" + c.meta.name);
  EXPECT_EQ(kinds,
            (std::set<std::string>{"ServiceAccount/fraud-serving", "Secret/fraud-push", "ConfigMap/fraud-serving",
                                   "Service/fraud", "PodDisruptionBudget/fraud", "Deployment/fraud"}));
  EXPECT_EQ(world.seen.object.status.url, "http://fraud.risk.svc:8080");
  EXPECT_TRUE(has_event(world, crds::Reason::ConfigPushed));
  EXPECT_TRUE(has_event(world, crds::Reason::EndpointReady));
}

TEST(ModelDeploymentPlan, status_says_what_keeps_a_user_on_one_variant) {
  const auto said = [](void (*change)(crds::ModelDeploymentSpec&)) {
    World world;
    change(world.seen.object.spec);
    EXPECT_GE(world.settle(), 0);
    const auto& conditions = world.seen.object.status.conditions;
    const auto ready = std::ranges::find(conditions, crds::kReady, &crds::Condition::type);
    return ready == conditions.end() ? "" : ready->message;
  };
  using Spec = crds::ModelDeploymentSpec;
  EXPECT_TRUE(
      said([](Spec&) {}).ends_with("; split per request: set spec.routing.stickyKey to keep a user on one variant"));
  EXPECT_TRUE(said([](Spec& spec) { spec.routing.sticky_header = "x-u"; }).ends_with("; split by header x-u"));
  EXPECT_TRUE(
      said([](Spec& spec) { spec.routing.sticky_parameter = "u"; }).ends_with("; split by request parameter u"));
  EXPECT_TRUE(said([](Spec& spec) { spec.routing.sticky_column = "u"; }).ends_with("; split by input column u"));
}

TEST(ModelDeploymentPlan, no_write_when_converged) {
  World world = converged();
  for (int i = 0; i < 5; ++i) {
    world.now += std::chrono::hours{1};
    const Plan next = plan(world.seen, world.options, world.now);
    EXPECT_TRUE(next.apply.empty() && next.remove.empty() && !next.create_push_key && next.events.empty() &&
                !next.again);
    EXPECT_EQ(next.status, world.seen.object.status);
  }
}

struct Row {
  const char* why;
  void (*change)(World&);
  const char* want;  // once settled
};

const Row kChangesOfVariants[] = {
    {"weights",
     [](World& w) {
       w.seen.object.spec.variants[0].weight = 50;
       w.seen.object.spec.variants[1].weight = 50;
       w.edit();
     },
     "VariantsResolved=True/VariantsResolved ConfigInForce=True/ConfigInForce Ready=True/EndpointReady "
     "champion=50,challenger=50"},
    {"a missing ModelVersion",
     [](World& w) {
       w.seen.object.spec.variants[1].model_version = "ghost";
       w.edit();
     },
     "VariantsResolved=False/ModelVersionMissing ConfigInForce=True/ConfigInForce Ready=True/EndpointReady "
     "Reconciling=True/ModelVersionMissing champion=90,challenger=10"},
    {"a ModelVersion not verified yet",
     [](World& w) {
       w.seen.versions.emplace("fraud-8", crds::ModelVersion{});
       w.seen.object.spec.variants[1].model_version = "fraud-8";
       w.edit();
     },
     "VariantsResolved=Unknown/ModelVersionNotReady ConfigInForce=True/ConfigInForce Ready=True/EndpointReady "
     "Reconciling=True/ModelVersionNotReady champion=90,challenger=10"},
    {"a ModelVersion that cannot be used",
     [](World& w) {
       w.seen.versions["fraud-8"] =
           with_ready(verified("fraud-8", "8"), ConditionStatus::False, "DigestMismatch", true);
       w.seen.object.spec.variants[1].model_version = "fraud-8";
       w.edit();
     },
     "VariantsResolved=False/ModelVersionFailed ConfigInForce=True/ConfigInForce Ready=True/EndpointReady "
     "Stalled=True/ModelVersionFailed champion=90,challenger=10"},
    {"a ModelVersion in force is deleted", [](World& w) { w.seen.versions.erase("fraud-7"); },
     "VariantsResolved=False/ModelVersionMissing ConfigInForce=True/ConfigInForce Ready=True/EndpointReady "
     "Reconciling=True/ModelVersionMissing champion=90,challenger=10"},
    {"a version that does not load",
     [](World& w) {
       w.seen.versions["fraud-8"] = verified("fraud-8", "8");
       w.failing = {digest_of("fraud-8")};
       w.seen.object.spec.variants[1].model_version = "fraud-8";
       w.edit();
     },
     "VariantsResolved=True/VariantsResolved ConfigInForce=False/VariantFailedToLoad Ready=True/EndpointReady "
     "Stalled=True/VariantFailedToLoad champion=90,challenger=10"},
};

const Row kChangesAround[] = {
    {"scaled to nothing",
     [](World& w) {
       w.seen.object.spec.replicas = 0;
       w.edit();
     },
     "VariantsResolved=True/VariantsResolved ConfigInForce=Unknown/ScaledToZero Ready=False/ScaledToZero "
     "champion=90,challenger=10"},
    {"scaled out",
     [](World& w) {
       w.seen.object.spec.replicas = 3;
       w.edit();
     },
     kConverged},
    {"a child is edited", [](World& w) { w.child(kDeployments)->body["spec"]["replicas"] = 9; }, kConverged},
    {"a child is gone",
     [](World& w) { std::erase_if(w.seen.children, [](const auto& c) { return c.type == kServices; }); }, kConverged},
    {"the ConfigMap is gone",
     [](World& w) { std::erase_if(w.seen.children, [](const auto& c) { return c.type == kConfigMaps; }); }, kConverged},
    {"the push key is gone",
     [](World& w) { std::erase_if(w.seen.children, [](const auto& c) { return c.type == kSecrets; }); }, kConverged},
    {"the push key is empty", [](World& w) { w.child(kSecrets)->body["data"] = Json::object(); }, kConverged},
    {"every pod is replaced", [](World& w) { w.seen.pods.clear(); }, kConverged},
    {"a container restarted with an old configuration", [](World& w) { w.seen.pods[0].state->generation = 0; },
     kConverged},
    {"two artifacts of one version",
     [](World& w) {
       w.seen.versions["fraud-7"].spec.version = "6";
       w.edit();
     },
     "VariantsResolved=False/InvalidSpec ConfigInForce=True/ConfigInForce Ready=True/EndpointReady "
     "Stalled=True/InvalidSpec champion=90,challenger=10"},
    {"both variants of one ModelVersion",
     [](World& w) {
       w.seen.object.spec.variants[1].model_version = "fraud-6";
       w.edit();
     },
     kConverged},
    {"its own ServiceAccount",
     [](World& w) {
       w.seen.object.spec.service_account_name = "mine";
       w.edit();
     },
     kConverged},
    {"somebody else's Service", [](World& w) { w.child(kServices)->meta.owners.clear(); },
     "VariantsResolved=True/VariantsResolved ConfigInForce=True/ConfigInForce Ready=True/EndpointReady "
     "Stalled=True/ChildConflict champion=90,challenger=10"},
};

void settles_as(const Row& row) {
  World world = converged();
  row.change(world);
  EXPECT_GE(world.settle(), 0) << row.why;
  EXPECT_EQ(world.summary(), row.want) << row.why;
}

TEST(ModelDeploymentPlan, one_change_on_a_converged_world) {
  for (const auto& row : kChangesOfVariants) settles_as(row);
  for (const auto& row : kChangesAround) settles_as(row);
}

TEST(ModelDeploymentPlan, problems_name_the_field) {
  World world;
  world.seen.object.spec.variants[1].model_version = "ghost";
  world.settle();
  EXPECT_EQ(world.condition_of(crds::kVariantsResolved)->message,
            "spec.variants[1].modelVersion: there is no ModelVersion ghost in namespace risk");
  EXPECT_EQ(world.condition_of(crds::kReady)->reason, "ModelVersionMissing");
  EXPECT_TRUE(has_event(world, crds::Reason::ModelVersionMissing));
  EXPECT_TRUE(world.seen.children.empty());
}

TEST(ModelDeploymentPlan, unverified_model_never_serves) {
  for (const auto status : {ConditionStatus::Unknown, ConditionStatus::False}) {
    World world;
    world.seen.versions["fraud-7"] = with_ready(verified("fraud-7", "7"), status, "Verifying", false);
    world.settle();
    EXPECT_FALSE(world.pushed);
    EXPECT_TRUE(world.seen.object.status.traffic.empty());
  }
}

World waiting() {
  World world;
  world.seen.versions["fraud-7"] = with_ready(verified("fraud-7", "7"), ConditionStatus::Unknown, "Verifying", false);
  EXPECT_GE(world.settle(), 0);
  EXPECT_EQ(world.summary(),
            "VariantsResolved=Unknown/ModelVersionNotReady ConfigInForce=Unknown/Progressing "
            "Ready=Unknown/ModelVersionNotReady Reconciling=True/ModelVersionNotReady ");
  return world;
}

std::string serving_json(World& world) {
  return string_at(world.child(kConfigMaps)->body, {"data", kConfigKey});
}

TEST(ModelDeploymentPlan, pods_start_while_their_models_are_verified_and_go_on_without_a_restart) {
  World world = waiting();
  ASSERT_TRUE(world.child(kDeployments));
  ASSERT_EQ(world.seen.pods.size(), 1U);
  const auto config = crds::decode_serving_config(serving_json(world));
  ASSERT_TRUE(config);
  EXPECT_TRUE(is_waiting(*config));
  EXPECT_FALSE(world.pushed) << "there is nothing to push";
  const auto deployment = *world.child(kDeployments);
  const auto pod = world.seen.pods[0].instance;
  world.seen.versions["fraud-7"] = verified("fraud-7", "7");
  EXPECT_GE(world.settle(), 0);
  EXPECT_EQ(world.summary(), kConverged);
  EXPECT_EQ(world.child(kDeployments)->meta.generation, deployment.meta.generation);
  EXPECT_EQ(world.seen.pods[0].instance, pod);
  EXPECT_GT(world.pushed->generation, config->generation) << "else the pods would not take it";
}

TEST(ModelDeploymentPlan, ready_is_not_said_before_the_service_leads_to_the_pods) {
  World world;
  world.seen.endpoint = Endpoint::Asking;
  EXPECT_GE(world.settle(), 0);
  EXPECT_EQ(world.summary(),
            "VariantsResolved=True/VariantsResolved ConfigInForce=True/ConfigInForce Ready=Unknown/WaitingForEndpoint "
            "Reconciling=True/WaitingForEndpoint champion=90,challenger=10");
  world.seen.endpoint = Endpoint::Unreachable;
  EXPECT_GE(world.settle(), 0);
  EXPECT_EQ(world.summary(), kConverged);
  EXPECT_TRUE(has_event(world, crds::Reason::WaitingForEndpoint));
  // Once said it stays said: a rollout behind the Service asks nobody.
  world.seen.endpoint = Endpoint::Asking;
  world.settle();
  EXPECT_EQ(world.summary(), kConverged);
}

TEST(ModelDeploymentPlan, pods_that_waited_for_a_model_that_cannot_be_used_go) {
  World world = waiting();
  world.seen.versions["fraud-7"] = with_ready(verified("fraud-7", "7"), ConditionStatus::False, "DigestMismatch", true);
  EXPECT_GE(world.settle(), 0);
  EXPECT_FALSE(world.child(kDeployments));
  EXPECT_TRUE(world.seen.pods.empty());
  EXPECT_EQ(world.condition_of(crds::kReady)->reason, "ModelVersionFailed");
  world.seen.versions["fraud-7"] = verified("fraud-7", "7");
  EXPECT_GE(world.settle(), 0);
  EXPECT_EQ(world.summary(), kConverged);
}

TEST(ModelDeploymentPlan, pods_that_serve_are_never_told_to_wait) {
  World world = converged();
  world.seen.versions["fraud-7"] = with_ready(verified("fraud-7", "7"), ConditionStatus::Unknown, "Verifying", false);
  std::erase_if(world.seen.children, [](const auto& c) { return c.type == kConfigMaps; });
  const Plan next = plan(world.seen, world.options, world.now);
  EXPECT_TRUE(next.apply.empty() && next.remove.empty());
  EXPECT_FALSE(next.config);
}

TEST(ModelDeploymentPlan, failed_load_keeps_old_version) {
  World world = converged();
  world.seen.versions["fraud-8"] = verified("fraud-8", "8");
  world.failing = {digest_of("fraud-8")};
  world.seen.object.spec.variants[1].model_version = "fraud-8";
  world.edit();
  world.settle();
  const auto& variant = world.pushed->models[0].variants[1];
  EXPECT_EQ(variant.model.model_version, "fraud-8");
  ASSERT_TRUE(variant.fallback);
  EXPECT_EQ(variant.fallback->model_version, "fraud-7");
  const auto& traffic = world.seen.object.status.traffic[1];
  EXPECT_EQ(traffic.state, "FailedToLoad");
  EXPECT_EQ(traffic.model_version, "fraud-7");
  EXPECT_NE(world.condition_of(crds::kConfigInForce)->message.find("model.json: truncated"), std::string::npos);
  // And from a version that never loaded, the next one falls back on the last that did.
  world.seen.versions["fraud-9"] = verified("fraud-9", "9");
  world.seen.object.spec.variants[1].model_version = "fraud-9";
  world.edit();
  world.settle();
  EXPECT_EQ(world.pushed->models[0].variants[1].fallback->model_version, "fraud-7");
  EXPECT_EQ(world.summary(), kConverged);
}

// An operator that has just begun knows what was written down, and has not asked any pod yet.
void restart(World& world) {
  for (auto& pod : world.seen.pods) {
    pod.state.reset();
    pod.hint.reset();
    pod.unheard = true;
  }
}

TEST(ModelDeploymentPlan, a_restart_of_the_operator_changes_no_status) {
  for (const bool failing : {false, true}) {
    World world = converged();
    if (failing) {
      world.seen.versions["fraud-8"] = verified("fraud-8", "8");
      world.failing = {digest_of("fraud-8")};
      world.seen.object.spec.variants[1].model_version = "fraud-8";
      world.edit();
      world.settle();
    }
    const auto before = world.seen.object.status;
    restart(world);
    EXPECT_FALSE(world.reconcile()) << failing;
    EXPECT_EQ(plan(world.seen, world.options, world.now).status, before) << failing;
    for (auto& pod : world.seen.pods) pod.unheard = false;  // asked, in vain
    if (!failing) {
      EXPECT_TRUE(world.reconcile());
      EXPECT_EQ(world.condition_of(crds::kConfigInForce)->status, ConditionStatus::Unknown);
    }
  }
}

TEST(ModelDeploymentPlan, an_edit_during_a_restart_falls_back_on_what_was_last_loaded) {
  World world = converged();
  world.seen.versions["fraud-8"] = verified("fraud-8", "8");
  world.seen.object.spec.variants[1].model_version = "fraud-8";
  world.edit();
  world.settle();
  ASSERT_EQ(world.summary(), kConverged);
  restart(world);
  world.seen.versions["fraud-9"] = verified("fraud-9", "9");
  world.failing = {digest_of("fraud-9")};
  world.seen.object.spec.variants[1].model_version = "fraud-9";
  world.edit();
  world.reconcile();
  ASSERT_TRUE(world.pushed->models[0].variants[1].fallback);
  EXPECT_EQ(world.pushed->models[0].variants[1].fallback->model_version, "fraud-8");
}

TEST(ModelDeploymentPlan, status_never_claims_what_is_not) {
  World world = converged();
  const auto before = world.seen.object.status.traffic;
  world.seen.object.spec.replicas = 2;
  world.settle();
  world.seen.object.spec.variants[0].weight = 60;
  world.seen.object.spec.variants[1].weight = 40;
  world.edit();
  world.reconcile();  // pushed, and nobody has acknowledged
  EXPECT_EQ(world.seen.object.status.traffic, before);
  EXPECT_EQ(world.condition_of(crds::kReady)->status, ConditionStatus::True);
  world.take_up(world.seen.pods[0]);  // one of two
  world.reconcile();
  EXPECT_EQ(world.seen.object.status.variants, "champion=90,challenger=10");
  world.take_up(world.seen.pods[1]);
  world.reconcile();
  EXPECT_EQ(world.seen.object.status.variants, "champion=60,challenger=40");
  EXPECT_EQ(world.seen.object.status.history.size(), 2u);
}

TEST(ModelDeploymentPlan, generations_grow_even_when_the_config_map_was_lost) {
  World world = converged();
  const int64_t before = world.pushed->generation;
  std::erase_if(world.seen.children, [](const auto& c) { return c.type == kConfigMaps; });
  world.settle();
  EXPECT_GT(world.pushed->generation, before);
}

// Two leaders, or an edited ConfigMap: the same number on two texts is not the same configuration.
TEST(ModelDeploymentPlan, another_content_of_the_same_number_is_not_in_force_and_gets_a_higher_one) {
  for (const bool resolves : {true, false}) {
    World world = converged();
    if (!resolves) world.seen.versions.erase("fraud-7");
    world.settle();
    const int64_t before = world.pushed->generation;
    world.seen.pods[0].state->content = "sha256:another";
    EXPECT_FALSE(acknowledged(world.seen.pods, id_of(*world.pushed)));
    world.reconcile();
    EXPECT_GT(world.pushed->generation, before);
    EXPECT_EQ(world.condition_of(crds::kConfigInForce)->status, ConditionStatus::Unknown);
    EXPECT_GE(world.settle(), 0);
    EXPECT_TRUE(acknowledged(world.seen.pods, id_of(*world.pushed)));
    EXPECT_EQ(world.condition_of(crds::kConfigInForce)->status, ConditionStatus::True);
  }
}

TEST(ModelDeploymentPlan, a_server_of_an_older_version_that_names_no_content_is_believed) {
  World world = converged();
  world.seen.pods[0].state->content.clear();
  EXPECT_TRUE(acknowledged(world.seen.pods, id_of(*world.pushed)));
  EXPECT_EQ(world.settle(), 2);
}

TEST(ModelDeploymentPlan, a_change_of_traffic_does_not_restart_pods) {
  World world = converged();
  const Json before = world.child(kDeployments)->body["spec"]["template"];
  world.seen.object.spec.variants[0].weight = 10;
  world.seen.object.spec.variants[1].weight = 90;
  world.seen.object.spec.routing = {"x-user-id", {{"x-v", "a", "champion"}}, "", "", {{"batch"}}};
  world.edit();
  world.settle();
  EXPECT_EQ(world.child(kDeployments)->body["spec"]["template"], before);
  EXPECT_NE(serving_json(world).find(R"("override":{"callers":["batch"]})"), std::string::npos) << serving_json(world);
}

TEST(ModelDeploymentPlan, history_keeps_the_last_ten) {
  World world = converged();
  for (int i = 0; i < 15; ++i) {
    world.seen.object.spec.variants[0].weight = 40 + i;
    world.seen.object.spec.variants[1].weight = 60 - i;
    world.edit();
    world.settle();
  }
  EXPECT_EQ(world.seen.object.status.history.size(), 10u);
  EXPECT_EQ(world.seen.object.status.history[0].traffic[0].weight, 54);
}

TEST(ModelDeploymentPlan, input_order_is_irrelevant) {
  World world = converged();
  world.seen.object.spec.replicas = 4;
  world.settle();
  World other = world;
  std::reverse(other.seen.pods.begin(), other.seen.pods.end());
  std::reverse(other.seen.children.begin(), other.seen.children.end());
  EXPECT_EQ(plan(world.seen, world.options, world.now), plan(other.seen, other.options, other.now));
  other.seen.object.spec.variants[0].weight = world.seen.object.spec.variants[0].weight = 30;
  other.seen.object.spec.variants[1].weight = world.seen.object.spec.variants[1].weight = 70;
  EXPECT_EQ(plan(world.seen, world.options, world.now), plan(other.seen, other.options, other.now));
}

// Random edits, losses and failures; the properties hold at every step and each history ends in what spec says.
TEST(ModelDeploymentPlan, random_histories_end_in_the_declared_state) {
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    std::mt19937 rng(seed);
    auto pick = [&](int n) { return static_cast<int>(rng() % static_cast<uint32_t>(n)); };
    World world;
    for (const char* name : {"m-1", "m-2", "m-3"}) world.seen.versions[name] = verified(name, std::string(1, name[2]));
    for (int step = 0; step < 40; ++step) {
      switch (pick(7)) {
        case 0: {
          const int a = pick(101), b = pick(101 - a);
          world.seen.object.spec.variants = {{"a", "m-" + std::to_string(1 + pick(3)), a},
                                             {"b", "m-" + std::to_string(1 + pick(3)), b},
                                             {"c", "m-1", 100 - a - b}};
          world.edit();
          break;
        }
        case 1:
          world.seen.object.spec.replicas = pick(4);
          world.edit();
          break;
        case 2:
          if (!world.seen.children.empty())
            world.seen.children.erase(world.seen.children.begin() + pick(static_cast<int>(world.seen.children.size())));
          break;
        case 3:
          if (!world.seen.pods.empty()) world.seen.pods.erase(world.seen.pods.begin());
          break;
        case 4:
          world.run_pods();
          break;
        default:
          world.reconcile();
          break;
      }
      if (!world.pushed) continue;
      const auto& model = world.pushed->models[0];
      int total = 0;
      for (const auto& v : model.variants) total += v.weight;
      ASSERT_EQ(total, 100) << seed;  // weights_total_100
      ASSERT_TRUE(crds::decode_serving_config(crds::encode(*world.pushed))) << seed;
      for (const auto& v : model.variants) ASSERT_EQ(v.model.digest, digest_of(v.model.model_version)) << seed;
      const auto& conditions = world.seen.object.status.conditions;
      ASSERT_FALSE(crds::find_condition(conditions, crds::kReconciling) &&
                   crds::find_condition(conditions, crds::kStalled))
          << seed;
    }
    if (world.seen.object.spec.replicas == 0) world.seen.object.spec.replicas = 1;
    world.edit();
    ASSERT_GE(world.settle(), 0) << seed << " " << world.summary();
    std::string want;
    for (const auto& v : world.seen.object.spec.variants)
      want += (want.empty() ? "" : ",") + v.name + "=" + std::to_string(v.weight);
    ASSERT_EQ(
        world.summary(),
        "VariantsResolved=True/VariantsResolved ConfigInForce=True/ConfigInForce Ready=True/EndpointReady " + want)
        << seed;
  }
}

TEST(ScalingDecision, moves_up_at_once_and_down_with_room_to_spare) {
  struct Case {
    int before;
    std::vector<double> hints;
    int want;
  };
  for (const auto& c : std::vector<Case>{{0, {0.3}, 1},
                                         {1, {1.2}, 2},
                                         {2, {1.9}, 2},
                                         {3, {1.9}, 3},
                                         {3, {1.5}, 2},
                                         {4, {0.1, 0.1}, 1},
                                         {2, {0.9, 0.9, 0.9}, 3},
                                         {5, {2e9}, 1000}}) {
    std::vector<ServingPod> pods;
    for (const double hint : c.hints) {
      ServingPod pod{.name = "p",
                     .instance = "i",
                     .ip = "",
                     .ready = true,
                     .deleting = false,
                     .trouble = "",
                     .state = {},
                     .hint = crds::ScalingHint{}};
      pod.hint->wanted_replicas = hint;
      pods.push_back(pod);
    }
    const crds::ScalingStatus before{c.before, "x"};
    EXPECT_EQ(scaling_decision(before, pods).wanted_replicas, c.want) << c.before;
    pods.push_back(pods[0]);
    pods.back().hint.reset();
    EXPECT_EQ(scaling_decision(before, pods), before) << "no_data_is_inconclusive";
  }
}

}  // namespace
}  // namespace clops::controllers::model_deployment
