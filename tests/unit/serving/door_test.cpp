// Values at the door, users kept on a side by what they send, and how predictions are spread: over sockets, on every
// wire.
#include <bit>
#include <set>

#include "serving/grpc/wire.h"
#include "serving/routing/router.h"
#include "tests/support/grpc_call.h"
#include "tests/unit/serving/rest_fixture.h"

namespace clops::serving {
namespace {

struct GrpcAnswer : test::GrpcAnswer {  // body: the ModelInferResponse
  [[nodiscard]] std::string parameter(const std::string& name) const;
};

// Of map<string, InferParameter> parameters = 4: the string that `name` has.
std::string GrpcAnswer::parameter(const std::string& name) const {
  grpc::WireReader fields(body);
  while (fields.next()) {
    if (!fields.is(4, grpc::Wire::Bytes)) continue;
    std::string key, value;
    grpc::WireReader entry(fields.bytes());
    while (entry.next()) {
      if (entry.is(1, grpc::Wire::Bytes)) key = entry.bytes();
      grpc::WireReader choice(entry.bytes());
      while (entry.is(2, grpc::Wire::Bytes) && choice.next())
        if (choice.is(3, grpc::Wire::Bytes)) value = choice.bytes();
    }
    if (key == name) return value;
  }
  return "";
}

GrpcAnswer call_grpc(int port, const std::string& message) {
  return {test::call_grpc(port, "/inference.GRPCInferenceService/ModelInfer", message)};
}

// FP64 rows for the input "row" of three columns; `parameters`: whole fields of the message.
std::string infer_message(const std::vector<double>& values, const std::string& parameters = "") {
  std::string out = parameters;
  grpc::append_string(out, 1, "person");
  grpc::append_message(out, 5, [&] {
    grpc::append_string(out, 1, "row");
    grpc::append_string(out, 2, "FP64");
    grpc::append_message(out, 3, [&] {
      grpc::append_varint(out, values.size() / 3);
      grpc::append_varint(out, 3);
    });
  });
  grpc::append_bytes_field(out, 7, {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double)});
  return out;
}
std::string parameter_field(std::string_view name, uint32_t choice, const std::string& bytes, uint64_t number = 0) {
  std::string out;
  grpc::append_message(out, 4, [&] {
    grpc::append_string(out, 1, name);
    grpc::append_message(out, 2, [&] {
      if (choice == 3) {
        grpc::append_bytes_field(out, 3, bytes);
      } else if (choice == 4) {
        grpc::append_tag(out, 4, grpc::Wire::Fixed64);
        out.append(reinterpret_cast<const char*>(&number), sizeof number);
      } else {
        grpc::append_tag(out, choice, grpc::Wire::Varint);
        grpc::append_varint(out, number);
      }
    });
  });
  return out;
}
std::string json_rows(const std::string& data, int rows = 1, const std::string& parameters = "") {
  return "{" + (parameters.empty() ? "" : "\"parameters\":" + parameters + ",") +
         R"("inputs":[{"name":"row","datatype":"FP64","shape":[)" + std::to_string(rows) + ",3],\"data\":[" + data +
         "]}]}";
}

// Two variants of a model of three columns ("age", "income, yearly", "größe"); the second may take integers.
struct DoorTest : ServerTest {
  void SetUp() override {
    ServerTest::SetUp();
    const auto model = [&](const std::string& name, Datatype type) {
      more_factories.push_back(
          std::make_unique<EchoFactory>("echo-" + name, std::vector<TensorSpec>{{"row", type, {-1, 3}}}));
      EXPECT_TRUE(write_file_atomic(folder / name, name));
      return crds::ModelRef{.model_version = "mv-" + name,
                            .version = name == "a" ? "1" : "2",
                            .uri = "file://" + (folder / name).string(),
                            .digest = sha256(name),
                            .format = "echo-" + name};
    };
    person = model_of("person", {{{.name = "a", .weight = 50, .model = model("a", Datatype::Fp64)}, 5000},
                                 {{.name = "b", .weight = 50, .model = model("b", second)}, 5000}});
  }
  void serve() { start_ready({.generation = 1, .models = {person}}); }
  void validate(crds::ValidationMode mode) {
    person.validation = crds::Validation{mode,
                                         {{.name = "age", .min = 0, .max = 120, .categories = {}, .forbid_nulls = true},
                                          {.name = "größe", .min = {}, .max = {}, .categories = {"1", "2.5"}}}};
  }
  std::string metrics() { return send("GET", "/metrics", "", {}, true).body; }
  uint64_t counted(const std::string& name, const std::string& part) {
    uint64_t sum = 0;
    const std::string all = metrics();
    for (size_t at = 0, end = 0; at < all.size(); at = end + 1) {
      end = std::min(all.find('\n', at), all.size());
      const std::string line = all.substr(at, end - at);
      if (line.starts_with(name + "{") && line.find(part) != std::string::npos)
        sum += std::stoull(line.substr(line.rfind(' ') + 1));
    }
    return sum;
  }
  std::string variant_of(const RawAnswer& answer) {
    EXPECT_EQ(answer.status, 200) << answer.body;
    if (const auto header = answer.header("x-clops-variant")) return *header;
    return answer.json().at("parameters").at("variant").get<std::string>();
  }
  std::string infer() const { return infer_path("person"); }

  Datatype second = Datatype::Fp64;
  crds::ServingModel person;
};

TEST_F(DoorTest, what_is_wrong_is_refused_on_every_wire) {
  validate(crds::ValidationMode::Reject);
  serve();
  const std::string said = "validation: row 1, column \"age\": 130 is above 120";
  EXPECT_EQ(post(infer(), json_rows("1,2,2.5,120,3,1", 2)).status, 200);
  EXPECT_SAYS(post(infer(), json_rows("1,2,2.5,130,3,1", 2)), 400, said);
  EXPECT_SAYS(post("/v1/models/person:predict", R"({"instances":[[1,2,1],[130,2,1]]})"), 400, said);
  EXPECT_SAYS(post("/v1/models/person:predict", R"({"instances":[{"age":null,"income, yearly":1,"größe":3}]})"), 400,
              "row 0, column \"age\" is null; row 0, column \"größe\": 3 is none of its categories");
  EXPECT_SAYS(post("/invocations", "age,\"income, yearly\",größe\n1,2,1\n130,2,1\n", "Content-Type: text/csv\r\n"), 400,
              said);
  const GrpcAnswer grpc = call_grpc(server->port(), infer_message({1, 2, 1, 130, 2, 1}));
  EXPECT_EQ(grpc.status, "3");
  EXPECT_NE(grpc.message.find("130 is above 120"), std::string::npos) << grpc.message;
  EXPECT_EQ(call_grpc(server->port(), infer_message({1, 2, 1})).status, "0");
  EXPECT_EQ(counted("clops_validation_failures_total", "reason=\"range\",column=\"age\""), 4U);
  EXPECT_EQ(counted("clops_validation_failures_total", "reason=\"null\",column=\"age\""), 1U);
  EXPECT_EQ(counted("clops_validation_failures_total", "reason=\"category\",column=\"größe\""), 1U);
  EXPECT_EQ(counted("clops_validation_calls_total", "outcome=\"rejected\""), 5U);
  EXPECT_EQ(counted("clops_validation_failures_total", "reason=\"schema\""), 0U);
  EXPECT_EQ(post(infer(), json_rows("1,2")).status, 400);
  EXPECT_EQ(counted("clops_validation_failures_total", "reason=\"schema\""), 1U);
}

TEST_F(DoorTest, a_warning_is_answered_counted_and_told) {
  validate(crds::ValidationMode::Warn);
  serve();
  const std::string said = "validation: row 0, column \"größe\": 7 is none of its categories";
  const RawAnswer rest = post(infer(), json_rows("1,2,7"));
  ASSERT_EQ(rest.status, 200) << rest.body;
  EXPECT_EQ(rest.json().at("parameters").at("validation"), said);
  const RawAnswer v1 = post("/v1/models/person:predict", R"({"instances":[[1,2,7]]})");
  ASSERT_EQ(v1.status, 200) << v1.body;
  EXPECT_EQ(v1.header("x-clops-validation"), "validation: row 0, column \"gr????e\": 7 is none of its categories");
  const GrpcAnswer grpc = call_grpc(server->port(), infer_message({1, 2, 7}));
  EXPECT_EQ(grpc.status, "0");
  EXPECT_EQ(grpc.parameter("validation"), said);
  EXPECT_EQ(counted("clops_validation_calls_total", "outcome=\"warned\""), 3U);
  const RawAnswer right = post(infer(), json_rows("1,2,1"));
  EXPECT_FALSE(right.json().at("parameters").contains("validation")) << "a warning is of one call alone";
  EXPECT_EQ(call_grpc(server->port(), infer_message({1, 2, 1})).parameter("validation"), "");
}

TEST_F(DoorTest, off_looks_at_nothing) {
  validate(crds::ValidationMode::Off);
  person.validation->columns[0].name = "nobody";
  serve();
  EXPECT_EQ(post(infer(), json_rows("-1,2,7")).status, 200);
  EXPECT_EQ(metrics().find("clops_validation_failures_total{"), std::string::npos);
}

// A rule that does not suit a model keeps it from serving, and what served before goes on.
TEST_F(DoorTest, rules_that_do_not_suit_the_model_are_told_and_change_nothing) {
  serve();
  crds::ServingConfig next{.generation = 2, .models = {person}};
  next.models[0].validation = crds::Validation{crds::ValidationMode::Reject, {{.name = "agee", .min = 0}}};
  ASSERT_EQ(push(next).status, 200);
  const crds::PodState state = server->state();
  EXPECT_EQ(state.variants.at(0).state, "FailedToLoad");
  EXPECT_EQ(state.variants.at(0).message,
            "validation.columns[0]: the model has no column \"agee\": it has \"age\", \"income, yearly\", \"größe\"");
  EXPECT_TRUE(state.ready);
  EXPECT_EQ(post(infer(), json_rows("-1,2,7")).status, 200);
  next.generation = 3;
  next.models[0].validation->columns[0].name = "age";
  ASSERT_EQ(push(next).status, 200);
  EXPECT_EQ(server->state().variants.at(0).state, "Loaded");
  EXPECT_EQ(post(infer(), json_rows("-1,2,7")).status, 400);
  next.generation = 4;
  next.models[0].sticky_column = "user";
  ASSERT_EQ(push(next).status, 200);
  EXPECT_NE(server->state().variants.at(0).message.find("routing.stickyKey.column: the model has no column \"user\""),
            std::string::npos);
}

TEST_F(DoorTest, a_parameter_keeps_a_user_on_one_variant_on_every_wire) {
  person.sticky_parameter = "user";
  serve();
  std::set<std::string> seen;
  for (int user = 0; user < 40; ++user) {
    const std::string name = "u" + std::to_string(user);
    const std::string text = R"({"user":")" + name + R"("})", number = R"({"user":)" + std::to_string(user) + "}";
    const std::string rest = variant_of(post(infer(), json_rows("1,2,3", 1, text)));
    seen.insert(rest);
    EXPECT_EQ(rest, bucket_of("uid", name) < 5000 ? "a" : "b");
    EXPECT_EQ(variant_of(post(infer(), json_rows("9,9,9", 1, text))), rest);
    EXPECT_EQ(variant_of(post("/v1/models/person:predict", R"({"instances":[[1,2,3]],"parameters":)" + text + "}")),
              rest);
    EXPECT_EQ(variant_of(post("/invocations", R"({"params":)" + text + R"(,"inputs":[[1,2,3]]})")), rest);
    EXPECT_EQ(
        call_grpc(server->port(), infer_message({1, 2, 3}, parameter_field("user", 3, name))).parameter("variant"),
        rest);
    const std::string by_number = variant_of(post(infer(), json_rows("1,2,3", 1, number)));
    EXPECT_EQ(by_number, bucket_of("uid", std::to_string(user)) < 5000 ? "a" : "b");
    EXPECT_EQ(variant_of(post(infer(), json_rows("1,2,3", 1, R"({"user":)" + std::to_string(user) + ".0}"))),
              by_number);
    const auto value = static_cast<uint64_t>(user);
    const auto real = std::bit_cast<uint64_t>(static_cast<double>(user));
    EXPECT_EQ(
        call_grpc(server->port(), infer_message({1, 2, 3}, parameter_field("user", 2, "", value))).parameter("variant"),
        by_number);
    EXPECT_EQ(
        call_grpc(server->port(), infer_message({1, 2, 3}, parameter_field("user", 4, "", real))).parameter("variant"),
        by_number);
  }
  EXPECT_EQ(seen.size(), 2U);
  EXPECT_SAYS(post(infer(), json_rows("1,2,3", 1, R"({"user":"a","user":"b"})")), 400, "given twice");
  EXPECT_SAYS(post(infer(), json_rows("1,2,3", 1, R"({"user":[1]})")), 400, "is not a string");
  EXPECT_EQ(post(infer(), json_rows("1,2,3")).status, 200) << "without it, per request";
  EXPECT_SAYS(post("/invocations", R"({"params":{"other":1},"inputs":[[1,2,3]]})"), 400, "takes no params");
}

// The variants' schemas differ, so that half of the requests are decoded twice.
struct TwoSchemas : DoorTest {
  TwoSchemas() { second = Datatype::Int64; }
};

TEST_F(TwoSchemas, a_column_keeps_a_user_on_one_variant_on_every_wire) {
  person.sticky_column = "age";
  person.rules = {{.header = "x-clops-variant", .value = "b", .variant = "b"}};
  serve();
  std::set<std::string> seen;
  for (int user = 0; user < 40; ++user) {
    const std::string age = std::to_string(user);
    const std::string rest = variant_of(post(
        infer(), R"({"inputs":[{"name":"row","datatype":"INT64","shape":[2,3],"data":[)" + age + ",2,3,7,8,9]}]}"));
    seen.insert(rest);
    EXPECT_EQ(rest, bucket_of("uid", age) < 5000 ? "a" : "b");
    const std::string v1 = R"({"instances":[{"größe":5,"income, yearly":6,"age":)" + age + "}]}";
    EXPECT_EQ(variant_of(post("/v1/models/person:predict", v1)), rest);
    std::string message;
    grpc::append_string(message, 1, "person");
    grpc::append_message(message, 5, [&] {
      grpc::append_string(message, 1, "row");
      grpc::append_string(message, 2, "INT64");
      grpc::append_message(message, 3, [&] { message += "\x01\x03"; });
    });
    const std::vector<int64_t> values = {user, 1, 1};
    grpc::append_bytes_field(message, 7, {reinterpret_cast<const char*>(values.data()), 24});
    EXPECT_EQ(call_grpc(server->port(), message).parameter("variant"), rest);
    EXPECT_EQ(variant_of(post("/v1/models/person:predict", v1, "x-clops-variant: b\r\n")), "b") << "rules come first";
  }
  EXPECT_EQ(seen.size(), 2U);
  const RawAnswer one = post("/v2/models/person/versions/1/infer", json_rows("1,2,3"));
  EXPECT_EQ(variant_of(one), "a") << "a version comes first";
}

TEST_F(DoorTest, predictions_are_told_by_variant) {
  serve();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(post(infer(), json_rows("0.5,-2,0")).status, 200);
    EXPECT_EQ(call_grpc(server->port(), infer_message({0.5, -2, 0})).status, "0");
  }
  EXPECT_EQ(post(infer(), json_rows("1,2")).status, 400) << "not counted";
  const HttpResponse answer = send("GET", "/clops/v1/predictions", "", {}, true);
  ASSERT_EQ(answer.status, 200);
  uint64_t first = 0, second_column = 0, zeros = 0;
  const auto json = parse_json(answer.body);
  ASSERT_TRUE(json) << answer.body;
  for (const Json& variant : json->at("variants")) {
    EXPECT_EQ(variant.at("model"), "person");
    ASSERT_EQ(variant.at("columns").size(), 3U);
    for (const Json& bucket : variant.at("columns")[0].at("buckets")) {
      EXPECT_EQ(bucket, Json({0.46875, 0.5, bucket[2]}));
      first += bucket[2].get<uint64_t>();
    }
    for (const Json& bucket : variant.at("columns")[1].at("buckets")) second_column += bucket[2].get<uint64_t>();
    zeros += variant.at("columns")[2].at("zero").get<uint64_t>();
  }
  EXPECT_EQ(first, 40U);
  EXPECT_EQ(second_column, 40U);
  EXPECT_EQ(zeros, 40U);
  EXPECT_EQ(counted("clops_prediction_values_bucket", "column=\"0\",le=\"0.375\""), 0U);
  EXPECT_EQ(counted("clops_prediction_values_bucket", "column=\"0\",le=\"0.5\""), 40U);
  EXPECT_EQ(counted("clops_prediction_values_bucket", "column=\"1\",le=\"-1\""), 40U);
  EXPECT_EQ(counted("clops_prediction_values_count", "column=\"2\""), 40U);
}

}  // namespace
}  // namespace clops::serving
