// Objects survive their JSON; what is wrong is named by its path; conditions move as the conventions say.
#include "crds/codec.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "base/yaml.h"
#include "crds/conditions.h"
#include "crds/reasons.h"
#include "tests/support/paths.h"

namespace clops::crds {
namespace {

ModelVersion full_version() {
  ModelVersion mv;
  mv.meta = {.name = "fraud-7",
             .ns = "risk",
             .uid = "u",
             .resource_version = "12",
             .generation = 1,
             .creation_timestamp = "2026-11-21T10:00:00Z",
             .deletion_timestamp = "",
             .labels = {{"a", "b"}},
             .annotations = {{"c", "d"}},
             .owners = {}};
  mv.spec = {.model = "fraud",
             .version = "7",
             .model_format = {"xgboost", "3.2"},
             .storage_uri = "pvc://m/7",
             .digest = "sha256:x",
             .service_account_name = "reader",
             .metrics = {{"auc", "0.99"}},
             .lineage = {{"s3://d", "e"}, {"repo", "c", "p"}, "run", "2026-11-21T10:00:00Z", {{"depth", "6"}}}};
  mv.status = {.observed_generation = 1,
               .conditions = {{kReady, ConditionStatus::True, "Verified", "ok", "2026-11-21T10:00:01Z", 1}},
               .resolved_digest = "sha256:x",
               .files = {{"model.json", "sha256:y", 10}},
               .bytes = 10,
               .format = "xgboost-json",
               .framework = "xgboost 3.2.0",
               .schema = {{{"input", "FP32", {-1, 30}}}, {{"output", "FP32", {-1}}}, {"radius", "texture"}}};
  return mv;
}

ModelDeployment full_deployment() {
  ModelDeployment md;
  md.meta = {.name = "fraud",
             .ns = "risk",
             .uid = "u",
             .resource_version = "3",
             .generation = 4,
             .creation_timestamp = "",
             .deletion_timestamp = "",
             .labels = {},
             .annotations = {},
             .owners = {}};
  md.spec = {.variants = {{"champion", "fraud-6", 90}, {"challenger", "fraud-7", 10}},
             .routing = {"x-user-id", {{"x-clops-variant", "challenger", "challenger"}}, "", "", {{"batch", "tests"}}},
             .replicas = 0,
             .resources = {{{"cpu", "1"}}, {{"memory", "1Gi"}}},
             .service_account_name = "sa",
             .node_selector = {{"disk", "ssd"}},
             .tolerations = {{"gpu", "Exists", "", "NoExecute", 30}},
             .image_pull_secrets = {"registry"},
             .tls = TlsSpec{"fraud-tls", "Require", "clients"},
             .auth = AuthSpec{"callers", JwtSpec{"keys", "", "https://i", {"a"}, {{"role", "scorer"}}}}};
  md.spec.validation = Validation{ValidationMode::Warn,
                                  {{.name = "age", .min = 0, .max = 1.5, .categories = {}, .forbid_nulls = true},
                                   {.name = "", .index = 2, .min = {}, .max = {}, .categories = {"a", "7"}}}};
  const std::vector<TrafficStatus> traffic{{"champion", "fraud-6", "sha256:x", 90, "Loaded"},
                                           {"challenger", "fraud-7", "sha256:y", 10, "Loaded"}};
  md.status = {.observed_generation = 4,
               .url = "https://fraud.risk.svc:8080",
               .grpc_url = "grpcs://fraud.risk.svc:8080",
               .conditions = {{kReady, ConditionStatus::False, "ScaledToZero", "m", "2026-11-21T10:00:01Z", 4}},
               .replicas = 2,
               .ready_replicas = 1,
               .selector = "a=b",
               .variants = "champion=90,challenger=10",
               .traffic = traffic,
               .scaling = {3, "load"},
               .history = {{7, "2026-11-21T10:00:01Z", traffic}}};
  return md;
}

TEST(Codec, objects_survive_their_json) {
  const auto mv = decode_model_version(encode(full_version()));
  ASSERT_TRUE(mv) << mv.error().message;
  EXPECT_EQ(*mv, full_version());
  const auto md = decode_model_deployment(encode(full_deployment()));
  ASSERT_TRUE(md) << md.error().message;
  EXPECT_EQ(*md, full_deployment());
}

TEST(Codec, every_good_document_of_the_corpus_decodes) {
  int seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(clops::test::source_dir() + "/tests/data/corpus/good")) {
    const Json object = parse_yaml(*read_file(entry.path()))->at(0);
    const bool version = string_at(object, {"kind"}) == "ModelVersion";
    const auto mv = decode_model_version(object);
    const auto md = decode_model_deployment(object);
    EXPECT_TRUE(version ? mv.has_value() : md.has_value()) << entry.path();
    ++seen;
  }
  EXPECT_GT(seen, 10);
}

struct Row {
  const char* pointer;
  Json value;
  const char* says;
};

TEST(Codec, errors_name_the_field) {
  const std::vector<Row> table{
      {"/spec/variants/1/weight", "10", "spec.variants[1].weight: must be an integer, not a string"},
      {"/spec/variants/1/weight", nullptr, "spec.variants[1].weight: is required"},
      {"/spec/variants/1/wieght", 3, "spec.variants[1].wieght: is not a field here"},
      {"/spec/variants/0", "x", "spec.variants[0]: must be an object, not a string"},
      {"/spec/variants", Json::array(), "spec.variants: must not be empty"},
      {"/spec/replicas", 1001, "spec.replicas: must be from 0 to 1000"},
      {"/spec/routing/stickyKey/cookie", "x", "spec.routing.stickyKey.cookie: is not a field here"},
      {"/spec/routing/stickyKey/column", "x", "spec.routing.stickyKey: must have exactly one of header, parameter"},
      {"/spec/validation", {{"mode", "Refuse"}}, "spec.validation.mode: must be Reject, Warn or Off"},
      {"/spec/validation", {{"mode", "Warn"}, {"rows", 1}}, "spec.validation.rows: is not a field here"},
      {"/spec/validation",
       {{"mode", "Warn"}, {"columns", {{{"min", 1}}}}},
       "spec.validation.columns[0].name: must be given, or index, and not both"},
      {"/spec/validation",
       {{"mode", "Warn"}, {"columns", {{{"name", "a"}, {"min", 2}, {"max", 1}}}}},
       "spec.validation.columns[0].min: is above max"},
      {"/spec/validation",
       {{"mode", "Warn"}, {"columns", {{{"name", "a"}, {"categories", {"x", 1.5}}}}}},
       "spec.validation.columns[0].categories[1]: must be a string or an integer"},
      {"/spec/routing/rules/0/variant", "", "spec.routing.rules[0].variant: must not be empty"},
      {"/spec/resources/limits/memory", true, "spec.resources.limits: has a quantity"},
      {"/spec/canary", 1, "spec.canary: is not a field here"},
      {"/spec/nodeSelector/disk", 1, "spec.nodeSelector.disk: must be a string"},
      {"/metadata/name", nullptr, "metadata.name: is required"},
      {"/spec", 1, "spec: must be an object, not an integer"},
  };
  for (const auto& row : table) {
    Json json = encode(full_deployment());
    json[Json::json_pointer(row.pointer)] = row.value;
    const auto got = decode_model_deployment(json);
    ASSERT_FALSE(got) << row.pointer;
    EXPECT_NE(got.error().message.find(row.says), std::string::npos) << row.pointer << ": " << got.error().message;
  }
}

TEST(Codec, quantities_may_be_numbers) {
  Json json = encode(full_deployment());
  json["spec"]["resources"]["requests"]["cpu"] = 2;
  EXPECT_EQ(decode_model_deployment(json)->spec.resources.requests.at("cpu"), "2");
}

TEST(Codec, a_damaged_status_does_not_hide_the_spec) {
  Json json = encode(full_deployment());
  json["status"] = Json{{"conditions", 7}, {"replicas", "x"}};
  const auto got = decode_model_deployment(json);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->spec, full_deployment().spec);
}

TEST(Conditions, transition_time_moves_only_with_status) {
  std::vector<Condition> list;
  set_condition(list, {kReady, ConditionStatus::Unknown, "Progressing", "a", "t1", 1});
  set_condition(list, {kReady, ConditionStatus::Unknown, "Progressing", "b", "t2", 2});
  EXPECT_EQ(list, (std::vector<Condition>{{kReady, ConditionStatus::Unknown, "Progressing", "b", "t1", 2}}));
  set_condition(list, {kReady, ConditionStatus::True, "EndpointReady", "c", "t3", 2});
  EXPECT_EQ(find_condition(list, kReady)->last_transition_time, "t3");
  EXPECT_TRUE(is_true(list, kReady));
  remove_condition(list, kReady);
  EXPECT_EQ(find_condition(list, kReady), nullptr);
}

TEST(Reasons, inspection_reasons_are_known_by_their_text) {
  EXPECT_EQ(inspection_reason("DigestMismatch"), Reason::DigestMismatch);
  EXPECT_EQ(inspection_reason("Verified"), Reason::Internal);
  EXPECT_TRUE(worth_retrying(Reason::SourceUnavailable));
  EXPECT_FALSE(worth_retrying(Reason::DigestMismatch));
}

}  // namespace
}  // namespace clops::crds
