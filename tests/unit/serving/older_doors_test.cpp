// KServe V1 and MLflow scoring over real sockets: rows in every form, answers as their clients read them, routing as in
// v2.
#include <cmath>

#include "tests/unit/serving/rest_fixture.h"

namespace clops::serving {
namespace {

struct OlderDoors : RestTest {
  RawAnswer predict(const std::string& model, const std::string& body, const std::string& headers = "") const {
    return post("/v1/models/" + model + ":predict", body, headers);
  }
  RawAnswer get(const std::string& path) const {
    return split_answer(raw("GET " + path + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  }
  // The predictions of a model that answers with its three columns.
  std::string person(const std::string& body) const {
    const RawAnswer answer = predict("person", body);
    EXPECT_EQ(answer.status, 200) << body << "\n" << answer.body;
    return answer.status == 200 ? answer.json().at("predictions").dump() : "";
  }
};

TEST_F(OlderDoors, v1_takes_rows_in_every_form) {
  EXPECT_EQ(person(R"({"instances":[[1,2,3],[4,5.5,null]]})"), "[[1,2,3],[4,5.5,null]]");
  EXPECT_EQ(person(R"({"inputs":[[1,2,3]],"signature_name":"x"})"), "[[1,2,3]]");
  EXPECT_EQ(person(R"({"instances":[[true,false,-Infinity],[NaN,1e999,0.1]]})"), "[[1,0,null],[null,null,0.1]]");
  const std::string row = R"({"gr\u00f6\u00dfe":3,"age":1,"income, yearly":2,"unknown":{"x":[1]}})";
  EXPECT_EQ(person("{\"instances\":[" + row + R"(,{"age":[4],"income, yearly":null,"größe":false}]})"),
            "[[1,2,3],[4,null,0]]");
  EXPECT_EQ(person(R"({"instances":[{"row":[1,2,3]},{"row":[4,5,6]}]})"), "[[1,2,3],[4,5,6]]");
  EXPECT_EQ(person(R"({"inputs":{"größe":[3,6],"income, yearly":[2,5],"age":[1,4],"more":[1]}})"), "[[1,2,3],[4,5,6]]");
  EXPECT_EQ(person(R"({"inputs":{"row":[[1,2,3]]}})"), "[[1,2,3]]");
}

TEST_F(OlderDoors, v1_takes_models_of_several_inputs) {
  const RawAnswer rows = predict("pair", R"({"instances":[{"a":7,"b":"x"},{"b":["y\n"],"a":[-8]}]})");
  EXPECT_EQ(rows.json().at("predictions").dump(), R"([{"out-a":[7],"out-b":"x"},{"out-a":[-8],"out-b":"y\n"}])");
  const RawAnswer columns = predict("pair", R"({"inputs":{"a":[[7],[8]],"b":["x","y"]}})");
  EXPECT_EQ(columns.json().at("predictions").dump(), R"([{"out-a":[7],"out-b":"x"},{"out-a":[8],"out-b":"y"}])");
  EXPECT_EQ(predict("BYTES", R"({"instances":[["a","b"]]})").json().at("predictions").dump(), R"([["a","b"]])");
  EXPECT_EQ(predict("BOOL", R"({"instances":[[true],[false]]})").json().at("predictions").dump(), "[[true],[false]]");
}

TEST_F(OlderDoors, v1_says_what_is_wrong) {
  EXPECT_SAYS(predict("person", "{}"), 400, "not exactly one of");
  EXPECT_SAYS(predict("person", R"({"instances":[[1,2,3]],"inputs":[[1,2,3]]})"), 400, "not exactly one of");
  EXPECT_SAYS(predict("person", R"({"instances":[]})"), 400, "there are no rows");
  EXPECT_SAYS(predict("person", R"({"instances":7})"), 400, "neither an array nor an object");
  EXPECT_SAYS(predict("person", R"({"instances":[[1,2]]})"), 400, "shape [1,2] does not fit [-1,3]");
  EXPECT_SAYS(predict("person", R"({"instances":[[1,2,3],[4,5]]})"), 400, "row 1 has 2 values, not 3");
  EXPECT_SAYS(predict("person", R"({"instances":[[1,2,"3"]]})"), 400, "row 0, column 2: a number is missing");
  EXPECT_SAYS(predict("person", R"({"instances":[{"age":1,"größe":3}]})"), 400,
              R"(row 0: column "income, yearly" is missing)");
  EXPECT_SAYS(predict("person", R"({"instances":[{"age":1,"größe":"tall","income, yearly":1}]})"), 400,
              "row 0, column \"größe\": a number is missing");
  EXPECT_SAYS(predict("person", R"({"instances":[{"age":1,"age":2,"größe":3,"income, yearly":1}]})"), 400,
              "given twice");
  EXPECT_SAYS(predict("person", R"({"instances":[{"age":1,"größe":3,"income, yearly":1},[1,2,3]]})"), 400,
              "row 1 is not an object");
  EXPECT_SAYS(predict("person", R"({"inputs":{"age":[1,2],"größe":[1],"income, yearly":[1,2]}})"), 400,
              "has 1 values, not 2");
  EXPECT_SAYS(predict("person", R"({"inputs":{"nothing":[1]}})"), 400, "no column that this model knows");
  EXPECT_SAYS(predict("pair", R"({"instances":[[1,2]]})"), 400, "2 inputs: send objects by name");
  EXPECT_SAYS(predict("pair", R"({"instances":[{"a":1.5,"b":"x"}]})"), 400, "a fraction");
  EXPECT_SAYS(predict("FP32", R"({"instances":[{"a":1}]})"), 400, "have no names: send rows as arrays");
  EXPECT_SAYS(predict("nobody", R"({"instances":[[1]]})"), 404, "is not known here");
  EXPECT_SAYS(predict("person", "x", "Content-Type: text/plain\r\n"), 415, "application/json");
  EXPECT_SAYS(post("/v1/models/person:classify", "{}"), 404, ":predict and :explain");
  EXPECT_SAYS(get("/v1/models/person:predict"), 405, "use POST");
  // Memory is not asked for that the body does not fill.
  std::string many = R"({"instances":[{})";
  for (int i = 0; i < 50'000; ++i) many += ",{}";
  EXPECT_SAYS(predict("person", many + "]}"), 400, "too few values");
}

TEST_F(OlderDoors, v1_lists_models_and_routes_as_v2_does) {
  EXPECT_EQ(get("/v1/models").json().at("models").size(), 17U);
  EXPECT_EQ(get("/v1/models/person").json().dump(), R"({"name":"person","ready":true})");
  EXPECT_SAYS(get("/v1/models/nobody"), 404, "is not known here");
  EXPECT_EQ(get("/").body, R"({"status":"alive"})");
  const std::string body = *read_file(golden::root() / "samples/rows/breast-cancer.json");
  const std::string row =
      body.substr(body.find("\"data\":") + 7, body.find(']', body.find("\"data\":")) - body.find("\"data\":") - 6);
  const RawAnswer v1 = predict("breast-cancer", "{\"instances\":[" + row + "]}");
  ASSERT_EQ(v1.status, 200) << v1.body;
  const std::string version = v1.header("x-clops-version").value();
  const RawAnswer v2 = post("/v2/models/breast-cancer/versions/" + version + "/infer", body);
  EXPECT_EQ(v1.json().at("predictions"), v2.json().at("outputs").at(0).at("data"));
  EXPECT_TRUE(v1.header("x-clops-prediction-id")->starts_with(*v1.header("x-clops-variant") + ".pod-1."));
  const RawAnswer explained = post("/v1/models/breast-cancer:explain", "{\"instances\":[" + row + "," + row + "]}");
  ASSERT_EQ(explained.status, 200) << explained.body;
  EXPECT_EQ(explained.json().at("predictions").size(), 2U);
  EXPECT_EQ(explained.json().at("explanations").at(1).size(), 31U);
  EXPECT_SAYS(post("/v1/models/person:explain", R"({"instances":[[1,2,3]]})"), 501, "explains nothing");
  // What a model may be given besides its rows is no column of theirs.
  EXPECT_SAYS(predict("breast-cancer", R"({"instances":[{"contributions_background":)" + row + "}]}"), 400,
              "is missing");
}

TEST_F(OlderDoors, invocations_are_for_a_server_of_one) {
  EXPECT_SAYS(post("/invocations", "{}"), 404, R"(this one has 17: "BF16", "BOOL")");
}

// One model of named columns.
struct MlflowDoor : ServerTest {
  void SetUp() override {
    ServerTest::SetUp();
    more_factories.push_back(
        std::make_unique<EchoFactory>("echo", std::vector<TensorSpec>{{"row", Datatype::Fp64, {-1, 3}}}));
    EXPECT_TRUE(write_file_atomic(folder / "model", "m"));
    const crds::ModelRef ref{.model_version = "mv-1",
                             .version = "1",
                             .uri = "file://" + (folder / "model").string(),
                             .digest = sha256("m"),
                             .format = "echo"};
    crds::ServingModel model = model_of("person", {{{.name = "a", .weight = 50, .model = ref}, 5000},
                                                   {{.name = "b", .weight = 50, .model = ref}, 5000}});
    model.sticky_header = "x-user-id";
    model.rules = {{.header = "x-clops-variant", .value = "b", .variant = "b"}};
    start_ready({.generation = 1, .models = {model}});
  }
  RawAnswer ask(const std::string& body, const std::string& type = "application/json",
                const std::string& more = "") const {
    return post("/invocations", body, "Content-Type: " + type + "\r\n" + more);
  }
  std::string predictions(const std::string& body, const std::string& type = "application/json") const {
    const RawAnswer answer = ask(body, type);
    EXPECT_EQ(answer.status, 200) << body << "\n" << answer.body;
    return answer.status == 200 ? answer.json().at("predictions").dump() : "";
  }
};

TEST_F(MlflowDoor, takes_json_in_every_form) {
  const std::string want = "[[1,2,3],[4,null,6]]";
  EXPECT_EQ(predictions(R"({"dataframe_split":{"columns":["größe","age","more","income, yearly"],"index":[0,1],
                            "data":[[3,1,"x",2],[6,4,null,NaN]]}})"),
            want);
  EXPECT_EQ(predictions(R"({"dataframe_split":{"data":[[1,2,3],[4,null,6]]}})"), want);
  EXPECT_EQ(predictions(R"({"dataframe_split":{"data":[[1,2,3],[4,null,6]],"columns":[0,1,2]}})"), want);
  EXPECT_EQ(predictions(R"({"dataframe_records":[{"age":1,"income, yearly":2,"größe":3},
                            {"income, yearly":null,"age":4,"größe":6}]})"),
            want);
  EXPECT_EQ(predictions(R"({"instances":[[1,2,3],[4,null,6]]})"), want);
  EXPECT_EQ(predictions(R"({"inputs":[[1,2,3],[4,null,6]],"params":{}})"), want);
  EXPECT_EQ(predictions(R"({"inputs":{"age":[1,4],"income, yearly":[2,NaN],"größe":[3,6]},"params":null})"), want);
}

TEST_F(MlflowDoor, takes_csv) {
  const std::string head = "größe,age,\"income, yearly\",note\n";
  EXPECT_EQ(predictions(head + "3,1,2,\"a \"\"b\"\"\nc\"\r\n\r\n6.0, +4 ,NaN,\n", "text/csv"), "[[1,2,3],[4,null,6]]");
  EXPECT_EQ(predictions("\xef\xbb\xbf" + head + "\"3\",,1e3,x", "text/csv; charset=utf-8"), "[[null,1000,3]]");
  EXPECT_EQ(predictions("age,\"income, yearly\",größe\r\ntrue,-inf,-1e-400\r\n", "text/csv"), "[[1,null,0]]");
  EXPECT_SAYS(ask("age,größe\n1,2\n", "text/csv"), 400, "column \"income, yearly\" is missing");
  EXPECT_SAYS(ask(head, "text/csv"), 400, "there are no rows");
  EXPECT_SAYS(ask("", "text/csv"), 400, "is missing");
  EXPECT_SAYS(ask(head + "1,2,3\n", "text/csv"), 400, "row 0 has not the 4 cells");
  EXPECT_SAYS(ask(head + "1,2,3,4,5\n", "text/csv"), 400, "row 0 has not the 4 cells");
  EXPECT_SAYS(ask(head + "1,2,tall,4\n", "text/csv"), 400,
              "row 0, column \"income, yearly\": \"tall\" is not a number");
  EXPECT_SAYS(ask(head + "1,2,\"3,4\n", "text/csv"), 400, "a quote does not end");
  EXPECT_SAYS(ask("age,age,\"income, yearly\",größe\n1,2,3,4\n", "text/csv"), 400, "given twice");
}

TEST_F(MlflowDoor, says_what_is_wrong) {
  EXPECT_SAYS(ask("{}"), 400, "not exactly one of dataframe_split");
  EXPECT_SAYS(ask(R"({"dataframe_split":{"columns":["age"],"data":[[1]]}})"), 400,
              "dataframe_split: column \"income, yearly\"");
  EXPECT_SAYS(ask(R"({"dataframe_split":{"columns":["age"]}})"), 400, "\"data\" is missing");
  EXPECT_SAYS(ask(R"({"dataframe_split":{"columns":[0,1],"data":[[1,2]]}})"), 400, "2 columns, and this model takes 3");
  EXPECT_SAYS(ask(R"({"dataframe_split":{"columns":[0,1,2],"data":[[1,2,3],[1,2]]}})"), 400,
              "row 1 has 2 values, not 3");
  EXPECT_SAYS(ask(R"({"dataframe_split":{"columns":[0,1,2],"data":[[1,2,3,4]]}})"), 400, "more values than");
  EXPECT_SAYS(ask(R"({"dataframe_records":[{"age":1}]})"), 400, "dataframe_records: row 0: column");
  EXPECT_SAYS(ask(R"({"instances":[[1,2,3]],"params":{"a":1}})"), 400, "takes no params");
  EXPECT_SAYS(ask("x", "application/x-parquet"), 415, "application/json or text/csv");
}

TEST_F(MlflowDoor, health_version_and_routing) {
  EXPECT_EQ(send("GET", "/ping").status, 200);
  EXPECT_EQ(send("GET", "/health").body, "\n");
  EXPECT_EQ(send("GET", "/version").status, 200);
  const std::string body = R"({"instances":[[1,2,3]]})";
  EXPECT_EQ(ask(body, "application/json", "x-clops-variant: b\r\n").header("x-clops-variant"), "b");
  std::string of_user;
  for (int i = 0; i < 20; ++i) {
    const std::string variant = *ask(body, "application/json", "x-user-id: u7\r\n").header("x-clops-variant");
    EXPECT_TRUE(i == 0 || variant == of_user);
    of_user = variant;
  }
}

}  // namespace
}  // namespace clops::serving
