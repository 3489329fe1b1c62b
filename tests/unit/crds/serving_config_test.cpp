#include "crds/serving_config.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/json.h"
#include "crds/inspection.h"
#include "crds/scaling_hint.h"
#include "tests/support/paths.h"

namespace clops::crds {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');

ServingConfig sample() {
  const ModelRef six{"fraud-6", "6", "pvc://m/6", kDigest, "xgboost-json"};
  const ModelRef seven{"fraud-7", "7", "pvc://m/7", "sha256:" + std::string(64, 'b'), "xgboost-ubj"};
  return {.version = 1,
          .generation = 12,
          .models = {{.name = "fraud",
                      .salt = "uid",
                      .sticky_header = "x-user-id",
                      .rules = {{"x-clops-variant", "challenger", "challenger"}},
                      .variants = {{"champion", 90, six, {}}, {"challenger", 10, seven, six}},
                      .stable = "champion",
                      .buckets = {{0, 1'000, "challenger"}, {1'000, 10'000, "champion"}},
                      .logger = Logger{.url = "http://broker/x",
                                       .mode = LogMode::Response,
                                       .percent = 5,
                                       .redact_columns = {"age"},
                                       .bytes_max = 4096,
                                       .ns = "risk"}}}};
}

// tests/data/serving-config: what programs of before wrote.
std::string older(const std::string& file) {
  const auto text = read_file(test::source_dir() + "/tests/data/serving-config/" + file);
  EXPECT_TRUE(text) << file;
  return text ? *text : "";
}

TEST(ServingConfig, what_older_programs_wrote_is_read_and_written_alike) {
  ServingConfig before = sample();  // without what is newer
  before.models[0].logger.reset();
  EXPECT_EQ(decode_serving_config(older("serving.json")), before);
  EXPECT_EQ(encode(before), older("serving.json"));
  const ServingConfig waiting{.version = 1, .generation = 3, .models = {}};
  EXPECT_EQ(decode_serving_config(older("waiting.json")), waiting);
  EXPECT_EQ(encode(waiting), older("waiting.json"));
  const auto state = decode_pod_state(older("state.json"));
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->content, content_digest(older("serving.json")));
  EXPECT_EQ(state->variants.at(1).message, "digest: is another's");
  EXPECT_EQ(encode(*state), older("state.json"));
}

TEST(ServingConfig, survives_its_text) {
  const auto back = decode_serving_config(encode(sample()));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, sample());
  EXPECT_EQ(encode(*back), encode(sample()));
}

TEST(ServingConfig, survives_with_what_is_optional) {
  ServingConfig config = sample();
  EXPECT_EQ(encode(config).find("validation"), std::string::npos);
  EXPECT_EQ(encode(config).find("stickyColumn"), std::string::npos);
  ServingModel& model = config.models[0];
  model.sticky_header = "";
  model.sticky_column = "account";
  model.validation = Validation{ValidationMode::Reject,
                                {{.name = "age", .min = -0.1, .max = {}, .categories = {"1"}, .forbid_nulls = true}}};
  EXPECT_EQ(decode_serving_config(encode(config)), config);
  model.sticky_column = "";
  model.sticky_parameter = "user";
  model.validation->mode = ValidationMode::Off;
  EXPECT_EQ(decode_serving_config(encode(config)), config);
}

TEST(ServingConfig, who_may_choose_is_said_only_where_somebody_may) {
  EXPECT_EQ(encode(sample()).find("override"), std::string::npos);
  ServingConfig config = sample();
  config.models[0].chosen_by.callers = {"batch", "tests"};
  EXPECT_EQ(decode_serving_config(encode(config)), config);
}

TEST(ServingConfig, limits_mirror_and_batcher_are_said_only_where_there_are_any) {
  EXPECT_EQ(encode(sample()).find("limits"), std::string::npos);
  EXPECT_EQ(encode(sample()).find("mirror"), std::string::npos);
  EXPECT_EQ(encode(sample()).find("batcher"), std::string::npos);
  ServingConfig config = sample();
  config.models[0].variants[1].limits = {
      .max_concurrent = 2, .max_requests_per_second = 500, .max_queue_delay_ms = 250};
  config.models[0].mirror = Mirror{"challenger", 20};
  config.models[0].batcher = Batcher{64, 20};
  const auto back = decode_serving_config(encode(config));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, config);
}

TEST(ServingConfig, steps_go_with_the_reference) {
  ServingConfig config = sample();
  ModelRef& wanted = config.models[0].variants[1].model;
  wanted.steps.pre = {std::vector<ImputeItem>{{.column = "age", .value = 38.5, .text = ""}}};
  const auto back = decode_serving_config(encode(config));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, config);
  EXPECT_TRUE(back->models[0].variants[1].fallback->steps.empty());
  EXPECT_EQ(encode(sample()).find("steps"), std::string::npos);
}

TEST(ServingConfig, a_step_that_is_not_known_is_refused) {
  Json json = Json::parse(encode(sample()));
  json["models"][0]["variants"][0]["model"]["steps"]["pre"] = Json::array({{{"embed", Json::array()}}});
  const auto got = decode_serving_config(dump_json(json));
  ASSERT_FALSE(got);
  EXPECT_NE(got.error().message.find("models[0].variants[0].model.steps.pre[0].embed: is not a field here"),
            std::string::npos)
      << got.error().message;
}

TEST(ServingConfig, unknown_fields_are_for_later_programs) {
  Json json = Json::parse(encode(sample()));
  json["later"] = true;
  json["models"][0]["variants"][0]["later"] = 1;
  EXPECT_EQ(decode_serving_config(dump_json(json)), sample());
}

TEST(ServingConfig, a_newer_schema_is_refused_by_name) {
  Json json = Json::parse(encode(sample()));
  json["version"] = 2;
  const auto got = decode_serving_config(dump_json(json));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::Unsupported);
}

struct Row {
  const char* pointer;
  Json value;  // null: removed
  const char* says;
};

TEST(ServingConfig, errors_name_the_path) {
  const std::vector<Row> table{
      {"/generation", "x", "generation: must be an integer, not a string"},
      {"/generation", -1, "generation: must be from 0"},
      {"/models/0/name", nullptr, "models[0].name: is required"},
      {"/models/0/logger/url", nullptr, "models[0].logger.url: is required"},
      {"/models/0/logger/url", "http://a:b@host/", "models[0].logger.url: write http://host"},
      {"/models/0/logger/mode", "every", "models[0].logger.mode: must be all, request or response"},
      {"/models/0/logger/percent", 0, "models[0].logger.percent: must be from 1"},
      {"/models/0/mirror", Json{{"variant", "ghost"}, {"percent", 5}}, "models[0].mirror: no variant is named ghost"},
      {"/models/0/mirror", Json{{"variant", "champion"}, {"percent", 101}}, "models[0].mirror.percent: must be from 1"},
      {"/models/0/variants/0/limits", Json{{"maxConcurrent", 0}},
       "models[0].variants[0].limits.maxConcurrent: must be"},
      {"/models/0/variants/0/weight", 80, "models[0].variants: weights total 90"},
      {"/models/0/variants/0/weight", 101, "models[0].variants[0].weight: must be from 0 to 100"},
      {"/models/0/variants/1/name", "champion", "names champion twice"},
      {"/models/0/variants/1/model/digest", "", "models[0].variants[1].model.digest: must not be empty"},
      {"/models/0/variants/1/model/digest", "md5:1", "models[0].variants[1].model.digest: must be sha256"},
      {"/models/0/variants/1/fallback", 7, "models[0].variants[1].fallback: must be an object"},
      {"/models/0/stable", "nobody", "models[0].stable: no variant is named nobody"},
      {"/models/0/rules/0/variant", "nobody", "models[0].rules: no variant is named nobody"},
      {"/models/0/buckets/0/begin", 5, "models[0].buckets: buckets[0]: begins at 5"},
      {"/models/0/buckets/0/variant", "ghost", "models[0].buckets: no variant is named ghost"},
      {"/models/0/variants", Json::array(), "must not be empty"},
      {"/models/0", 3, "models[0]: must be an object"},
  };
  for (const auto& row : table) {
    Json json = Json::parse(encode(sample()));
    json[Json::json_pointer(row.pointer)] = row.value;
    const auto got = decode_serving_config(dump_json(json));
    ASSERT_FALSE(got) << row.pointer;
    EXPECT_NE(got.error().message.find(row.says), std::string::npos) << row.pointer << ": " << got.error().message;
  }
}

TEST(PodState, survives_its_text) {
  const PodState state{
      .generation = 3,
      .content = content_digest("{}"),
      .ready = true,
      .variants = {{"fraud", "champion", "Loaded", "fraud-6", kDigest, ""},
                   {"fraud", "challenger", "FailedToLoad", "fraud-5", kDigest, "model.json: truncated"}}};
  EXPECT_EQ(decode_pod_state(encode(state)), state);
  EXPECT_FALSE(decode_pod_state("{}"));
  EXPECT_FALSE(decode_pod_state("not json"));
}

TEST(ScalingHint, survives_its_text) {
  const ScalingHint hint{.version = 1,
                         .window_seconds = 10,
                         .utilisation = 0.25,
                         .loop_lag_seconds = 0.001,
                         .requests_per_second = 1000,
                         .errors_per_second = 0.5,
                         .in_flight = 3,
                         .threads = 2,
                         .wanted_replicas = 0.36,
                         .variants = {{"fraud", "champion", 900, 1e-5}}};
  EXPECT_EQ(decode_scaling_hint(encode(hint)), hint);
  EXPECT_FALSE(decode_scaling_hint("[]"));
}

TEST(Inspection, reads_what_the_header_shows) {
  const auto good = decode_inspection(
      R"({"inspection":1,"ok":true,"digest":")" + kDigest + R"(","bytes":10,"files":[{"path":"model.json","digest":")" +
      kDigest +
      R"(","bytes":10}],"format":"xgboost-json","framework":"xgboost 3.2.0","schema":{"inputs":[{"name":"input","datatype":"FP32","shape":[-1,30]}],"outputs":[],"featureNames":["a"]}})");
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(good->format, "xgboost-json");
  EXPECT_EQ(good->schema.inputs.at(0).shape, (std::vector<int64_t>{-1, 30}));
  EXPECT_EQ(good->files.at(0), (ModelFile{"model.json", kDigest, 10}));
  const auto bad =
      decode_inspection(R"({"inspection":1,"ok":false,"reason":"DigestMismatch","message":"model.json: ..."})");
  ASSERT_TRUE(bad);
  EXPECT_EQ(bad->reason, "DigestMismatch");
}

TEST(Inspection, refuses_what_is_no_such_document) {
  for (const std::string text :
       {"", "{}", "null", "[1]", R"({"inspection":2,"ok":true})", R"({"inspection":1,"ok":true})",
        R"({"inspection":1,"ok":true,"digest":"md5:1","bytes":1,"format":"x"})", R"({"inspection":1,"ok":false})"}) {
    EXPECT_FALSE(decode_inspection(text)) << text;
  }
  EXPECT_EQ(decode_inspection(std::string(65'537, ' ')).error().code, Code::TooLarge);
}

}  // namespace
}  // namespace clops::crds
