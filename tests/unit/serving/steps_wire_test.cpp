// Steps as clients meet them: the columns of requests and the outputs of answers on every wire, and a configuration
// whose steps do not fit their model.
#include "serving/grpc/wire.h"
#include "tests/support/grpc_call.h"
#include "tests/unit/serving/rest_fixture.h"
#include "tests/unit/serving/steps_models.h"

namespace clops::serving {
namespace {

constexpr const char* kPerson =
    "{pre: [{impute: [{column: city, text: Rome}]}, {mapLabels: [{column: city, labels: {Rome: 1, Paris: 2}}]}, "
    "{rename: [{from: years, to: age}, {from: city, to: größe}]}, {scale: [{column: age, standard: {mean: 40, std: "
    "10}}]}]}";

struct StepsWire : ServerTest {
  crds::ServingConfig config(const std::string& person, int64_t generation = 1) {
    crds::ServingConfig out = two(generation);
    out.models[0].variants[0].model.steps =
        steps_of("{post: [{threshold: [{output: predict, at: 0.5, above: benign, below: malignant, as: diagnosis}]}]}");
    EXPECT_TRUE(write_file_atomic(folder / "person", "person"));
    const crds::ModelRef ref{.model_version = "mv-person",
                             .version = "1",
                             .uri = "file://" + (folder / "person").string(),
                             .digest = sha256("person"),
                             .format = "echo-person",
                             .steps = steps_of(person)};
    out.models.push_back(model_of("person", {{{.name = "only", .weight = 100, .model = ref}, crds::kBuckets}}));
    return out;
  }
  void serve() {
    more_factories.push_back(
        std::make_unique<EchoFactory>("echo-person", std::vector<TensorSpec>{{"row", Datatype::Fp64, {-1, 3}}}));
    start_ready(config(kPerson));
  }
  RawAnswer infer(const std::string& body) const { return post(infer_path("person"), body); }
};

TEST_F(StepsWire, metadata_has_the_columns_of_requests) {
  serve();
  const auto answer = parse_json(send("GET", "/v2/models/person").body);
  ASSERT_TRUE(answer);
  EXPECT_EQ(
      answer->at("inputs").dump(),
      R"([{"datatype":"FP64","name":"years","shape":[-1,1]},{"datatype":"FP64","name":"income, yearly","shape":[-1,1]},)"
      R"({"datatype":"BYTES","name":"city","shape":[-1,1]}])");
  const auto cancer = parse_json(send("GET", "/v2/models/breast-cancer").body);
  ASSERT_TRUE(cancer);
  EXPECT_EQ(cancer->at("outputs")[1].at("name"), "diagnosis");
  EXPECT_EQ(cancer->at("outputs")[1].at("datatype"), "BYTES");
}

TEST_F(StepsWire, every_door_takes_them) {
  serve();
  const std::string v2 = R"({"inputs":[{"name":"years","datatype":"FP64","shape":[2,1],"data":[50,20]},)"
                         R"({"name":"income, yearly","datatype":"FP32","shape":[2,1],"data":[7,null]},)"
                         R"({"name":"city","datatype":"BYTES","shape":[2,1],"data":["Paris",""]}]})";
  const RawAnswer plain = infer(v2);
  ASSERT_EQ(plain.status, 200) << plain.body;
  EXPECT_EQ(plain.json().at("outputs")[0].at("data").dump(), "[1,7,2,-2,null,1]");
  const RawAnswer v1 =
      post("/v1/models/person:predict", R"({"instances":[{"city":"Paris","years":50,"income, yearly":7}]})");
  ASSERT_EQ(v1.status, 200) << v1.body;
  EXPECT_EQ(v1.json().at("predictions").dump(), "[[1,7,2]]");
  const RawAnswer unknown =
      post("/v1/models/person:predict", R"({"instances":[{"city":"X","years":1,"income, yearly":7}]})");
  EXPECT_SAYS(unknown, 400, "row 0, column \"city\": \"X\" has no number");
  EXPECT_SAYS(infer(R"({"inputs":[{"name":"years","datatype":"FP64","shape":[1,1],"data":[5]}]})"), 400, "is missing");
  EXPECT_SAYS(infer(R"({"inputs":[{"name":"years","datatype":"FP64","shape":[1,1],"data":[5]},)"
                    R"({"name":"income, yearly","datatype":"FP32","shape":[2,1],"data":[7,8]},)"
                    R"({"name":"city","datatype":"BYTES","shape":[1,1],"data":["Paris"]}]})"),
              400, "differ in rows: 1 and 2");
}

TEST_F(StepsWire, grpc_takes_them) {
  serve();
  using namespace grpc;
  std::string message;
  append_string(message, 1, "person");
  const auto add = [&](const std::string& name, const std::string& type, uint32_t field, const std::string& value) {
    append_message(message, 5, [&] {
      append_string(message, 1, name);
      append_string(message, 2, type);
      append_bytes_field(message, 3, "\x01\x01");
      append_message(message, 5, [&] { append_bytes_field(message, field, value); });
    });
  };
  const auto bytes = [](double value) { return std::string(reinterpret_cast<const char*>(&value), sizeof value); };
  add("years", "FP64", 7, bytes(50));
  add("income, yearly", "FP64", 7, bytes(7));
  add("city", "BYTES", 8, "Paris");
  const auto answer = test::call_grpc(server->port(), "/inference.GRPCInferenceService/ModelInfer", message);
  EXPECT_EQ(answer.status, "0");
  EXPECT_NE(answer.body.find(bytes(1) + bytes(7) + bytes(2)), std::string::npos);
}

TEST_F(StepsWire, outputs_are_those_after_the_steps) {
  serve();
  const auto rows = read_file(golden::root() / "samples/rows/breast-cancer.json");
  ASSERT_TRUE(rows);
  auto answer = parse_json(send("POST", "/v2/models/breast-cancer/versions/1/infer", *rows).body);
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->at("outputs").size(), 2U) << answer->dump();
  const double p = answer->at("outputs")[0].at("data")[0].get<double>();
  EXPECT_EQ(answer->at("outputs")[1].at("data")[0], p >= 0.5 ? "benign" : "malignant");
  answer = parse_json(send("POST", "/v2/models/breast-cancer/versions/2/infer", *rows).body);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->at("outputs").size(), 1U) << "the other variant has no steps";
}

TEST_F(StepsWire, steps_that_do_not_fit_leave_the_old_ones_in_force) {
  serve();
  ASSERT_EQ(push(config("{pre: [{clip: [{column: agee, min: 0}]}]}", 2)).status, 200);
  ASSERT_TRUE(eventually([&] { return server->state().generation == 2; }));
  const auto state = server->state();
  const auto& person = state.variants.back();
  EXPECT_EQ(person.state, "FailedToLoad");
  EXPECT_NE(person.message.find("ModelVersion mv-person: steps.pre[0].clip[0].column: there is no column \"agee\""),
            std::string::npos)
      << person.message;
  EXPECT_TRUE(state.ready);
  const std::string body = R"({"instances":[{"city":"Paris","years":50,"income, yearly":7}]})";
  EXPECT_EQ(post("/v1/models/person:predict", body).json().at("predictions").dump(), "[[1,7,2]]");

  ASSERT_EQ(push(config("{pre: [{rename: [{from: years, to: age}, {from: city, to: größe}]}]}", 3)).status, 200);
  ASSERT_TRUE(eventually([&] { return server->state().generation == 3; }));
  EXPECT_EQ(server->state().variants.back().state, "Loaded");
  EXPECT_EQ(post("/v1/models/person:predict", R"({"instances":[{"city":3,"years":50,"income, yearly":7}]})")
                .json()
                .at("predictions")
                .dump(),
            "[[50,7,3]]");
  Json wrong = Json::parse(crds::encode(config(kPerson, 4)));
  wrong["models"][1]["variants"][0]["model"]["steps"]["pre"][0]["shell"] = "ls";
  Headers headers;
  headers.set("Authorization", "Bearer sesame");
  const HttpResponse refused = send("PUT", "/clops/v1/config", wrong.dump(), headers, true);
  EXPECT_EQ(refused.status, 400) << refused.body;
  EXPECT_NE(refused.body.find("steps.pre[0].shell: is not a field here"), std::string::npos) << refused.body;
  EXPECT_EQ(server->state().generation, 3);
}

}  // namespace
}  // namespace clops::serving
