// Models that know their categories by name, asked by name: the bits that the framework predicts of a frame of pandas
// (tests/data/names, by scripts/golden_names.py), through every door; what metadata tells, and whose codes count where
// variants differ.
#include <bit>
#include <charconv>
#include <cmath>

#include "serving/grpc/wire.h"
#include "serving/load/mirror_route.h"
#include "serving/protocol/oip_json.h"
#include "serving/protocol/rows.h"
#include "tests/support/grpc_call.h"
#include "tests/unit/serving/rest_fixture.h"
#include "tests/unit/serving/steps_models.h"

namespace clops::serving {
namespace {

using formats::UnknownCategory;

struct NamedGolden {
  std::string name;
  Json document;
  std::unique_ptr<Engine> engine;
};

std::vector<NamedGolden> goldens() {
  std::vector<NamedGolden> out;
  const auto factory = make_forest_engine_factory();
  for (const auto& entry : fs::directory_iterator(golden::data("names"))) {
    auto document = parse_json(*read_file(entry.path()));
    EXPECT_TRUE(document) << entry.path();
    auto engine = factory->load((golden::root() / document->at("model").get<std::string>()).string());
    EXPECT_TRUE(engine) << entry.path();
    out.push_back({entry.path().stem().string(), std::move(*document), std::move(*engine)});
  }
  return out;
}

// A row of the golden as a line of CSV: digits are codes there, and an empty text may be a name.
std::string csv_line(const Json& row, const CategoryNames& names) {
  std::string out;
  for (size_t i = 0; i < row.size(); ++i) {
    out += i > 0 ? "," : "";
    if (!row[i].is_string()) {
      out += row[i].is_null() ? "NaN" : row[i].dump();
      continue;
    }
    const auto text = row[i].get<std::string>();
    if (!text.empty() && (text[0] == '-' || (text[0] >= '0' && text[0] <= '9'))) {
      const auto code = names.find(i, text);
      out += code ? std::to_string(*code) : "NaN";
      continue;
    }
    out += '"';
    for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
    out += '"';
  }
  return out + "\n";
}

std::vector<std::pair<std::string, std::string>> bodies_of(const NamedGolden& golden) {
  const Json& rows = golden.document.at("rows");
  const Json& columns = golden.document.at("columns");
  Json objects = Json::array(), by_column = Json::object();
  std::string csv;
  for (const Json& column : columns) csv += (csv.empty() ? "" : ",") + column.get<std::string>();
  csv += '\n';
  for (const Json& row : rows) {
    Json object = Json::object();
    for (size_t i = 0; i < row.size(); ++i) {
      object[columns[i].get<std::string>()] = row[i];
      by_column[columns[i].get<std::string>()].push_back(row[i]);
    }
    objects.push_back(object);
    csv += csv_line(row, *golden.engine->info().inputs[0].categories);
  }
  const Json v2 = {
      {"inputs",
       {{{"name", "input-0"}, {"shape", {rows.size(), columns.size()}}, {"datatype", "FP64"}, {"data", rows}}}}};
  const bool ascii = true;
  return {{"v2", v2.dump()},
          {"v2, escaped", v2.dump(-1, ' ', ascii)},
          {"v1 arrays", Json{{"instances", rows}}.dump()},
          {"v1 objects", Json{{"instances", objects}}.dump(-1, ' ', ascii)},
          {"v1 columns", Json{{"inputs", by_column}}.dump()},
          {"mlflow split", Json{{"dataframe_split", {{"columns", columns}, {"data", rows}}}}.dump()},
          {"mlflow records", Json{{"dataframe_records", objects}}.dump()},
          {"csv", csv}};
}

template <class Real, class Bits>
void expect_bits(const TensorView& got, const Json& wanted, const std::string& what) {
  const size_t width = wanted.at(0).size();
  ASSERT_EQ(got.count, wanted.size() * width) << what;
  for (size_t i = 0; i < got.count; ++i) {
    const auto text = wanted[i / width].at(i % width).get<std::string>();
    Bits bits = 0;
    std::from_chars(text.data(), text.data() + text.size(), bits, 16);
    EXPECT_EQ(std::bit_cast<Bits>(got.as<Real>()[i]), bits) << what << ", row " << i / width;
  }
}

TEST(NamedRows, predictions_equal_the_framework) {
  RowReader reader;
  InferRequest request;
  size_t models = 0;
  for (const NamedGolden& golden : goldens()) {
    ++models;
    const EngineInfo& info = golden.engine->info();
    ASSERT_NE(info.inputs[0].categories, nullptr) << golden.name;
    const auto scratch = golden.engine->make_scratch();
    for (const auto& [dialect, body] : bodies_of(golden)) {
      const std::string what = golden.name + ", " + dialect;
      const Status read = dialect == "csv"            ? reader.read_csv(body, info, {}, request)
                          : dialect.starts_with("v2") ? decode_infer(body, info, {}, request)
                          : dialect.starts_with("v1") ? reader.read_v1(body, info, {}, false, request)
                                                      : reader.read_mlflow(body, info, {}, request);
      ASSERT_TRUE(read) << what << ": " << read.error().message;
      TensorBuffer out;
      ASSERT_TRUE(golden.engine->infer(std::span(request.views).first(1), *scratch, {&out, 1}));
      if (golden.document.at("bits") == 64) {
        expect_bits<double, uint64_t>(out.view(), golden.document.at("predicted"), what);
      } else {
        expect_bits<float, uint32_t>(out.view(), golden.document.at("predicted"), what);
      }
    }
  }
  EXPECT_EQ(models, 5U);
}

// What LightGBM and XGBoost make of a name that they do not know, and of text where the file does not say what the
// names are.
TEST(NamedRows, names_that_are_not_known_are_what_the_framework_makes_of_them) {
  const auto factory = make_forest_engine_factory();
  const auto ask = [&](const std::string& model, const std::string& row) -> Status {
    auto engine = factory->load(golden::data("golden/" + model).string());
    EXPECT_TRUE(engine) << model;
    InferRequest request;
    RowReader reader;
    return reader.read_v1("{\"instances\":[" + row + "]}", (*engine)->info(), {}, false, request);
  };
  EXPECT_TRUE(ask("lightgbm-pandas.txt", R"(["LOW","e",105,1,2,3])"));
  for (const char* model : {"named-categories.json", "v3.1-named-categories.ubj"}) {
    const Status status = ask(model, R"(["purple",1,3,1])");
    ASSERT_FALSE(status);
    EXPECT_TRUE(
        status.error().message.starts_with("row 0, column 0: \"purple\" is none of the 3 categories") ||
        status.error().message.find("row 0, column 0: \"purple\" is none of the 3 categories that this model was "
                                    "trained with: \"blue\", \"green\", \"red\"") != std::string::npos)
        << status.error().message;
    EXPECT_FALSE(ask(model, R"(["red",1,"4",1])"));
    EXPECT_TRUE(ask(model, R"(["red",1,"900","1"])"));
  }
  for (const char* model : {"lightgbm-pandas-ordered.txt", "lightgbm-categorical.txt"}) {
    const Status status = ask(model, R"(["low","e",105,1,2,3])");
    ASSERT_FALSE(status);
    EXPECT_NE(status.error().message.find("row 0, column 0: a number is missing"), std::string::npos)
        << status.error().message;
  }
}

TensorSpec named_spec(Datatype type, std::vector<std::string> names, UnknownCategory unknown) {
  TensorSpec spec{"row", type, {-1, 3}};
  const std::vector<std::string> columns = {"age", "income, yearly", "größe"};
  spec.categories =
      CategoryNames::make(std::vector<std::vector<std::string>>{{}, {}, std::move(names)}, columns, unknown);
  return spec;
}

std::vector<double> decoded(const Engine& engine, const std::string& instances) {
  InferRequest request;
  RowReader reader;
  const std::string body = "{\"instances\":" + instances + "}";  // texts view it
  const Status read = reader.read_v1(body, engine.info(), {}, false, request);
  EXPECT_TRUE(read) << (read ? "" : read.error().message);
  if (!read) return {};
  const auto scratch = engine.make_scratch();
  TensorBuffer out;
  const Status done = engine.infer(request.views, *scratch, {&out, 1});
  EXPECT_TRUE(done) << (done ? "" : done.error().message);
  const auto values = out.as<double>();
  return {values.begin(), values.end()};
}

// Columns keep the names of the model's through what picks, renames and works in place; text columns are text.
TEST(NamedRows, steps_see_codes) {
  const auto inner = std::make_shared<const ColumnsEcho>(
      std::vector<TensorSpec>{named_spec(Datatype::Fp64, {"small", "large"}, UnknownCategory::Missing)},
      std::vector<std::string>{"age", "income, yearly", "größe"});
  const auto with = [&](const std::string& yaml) {
    auto made = with_steps(inner, steps_of(yaml));
    EXPECT_TRUE(made) << yaml << (made ? "" : made.error().message);
    return *made;
  };
  const auto renamed = with(
      "{columns: [{name: size}, {name: id}, {name: age}, {name: 'income, yearly'}], "
      "pre: [{select: [age, size, 'income, yearly']}, {rename: [{from: size, to: größe}]}]}");
  EXPECT_EQ(decoded(*renamed, R"([["large",9,1,2]])"), (std::vector<double>{1, 2, 1}));
  ASSERT_NE(renamed->info().inputs[0].categories, nullptr);
  EXPECT_EQ(renamed->info().inputs[0].categories->told(), R"([{"column":"size","count":2,"names":["small","large"]}])");
  const auto filled = with("{pre: [{impute: [{column: größe, value: 1}]}]}");
  EXPECT_EQ(decoded(*filled, R"([[1,2,"small"],[1,2,"huge"],[1,2,null]])"),
            (std::vector<double>{1, 2, 0, 1, 2, 1, 1, 2, 1}));
  const auto mapped = with("{pre: [{mapLabels: [{column: größe, labels: {S: 0, L: 1}}]}]}");
  EXPECT_EQ(decoded(*mapped, R"([{"age":1,"income, yearly":2,"größe":"L"}])"), (std::vector<double>{1, 2, 1}));
  for (const TensorSpec& input : mapped->info().inputs) EXPECT_EQ(input.categories, nullptr) << input.name;
  const auto text = with("{pre: [{mapLabels: [{column: age, labels: {young: 1, old: 2}}]}]}");
  EXPECT_EQ(decoded(*text, R"([{"age":"old","income, yearly":2,"größe":"large"}])"), (std::vector<double>{2, 2, 1}));
}

TEST(NamedRows, a_mirror_whose_names_have_other_codes_is_not_asked) {
  const auto info = [](std::vector<std::string> names, UnknownCategory unknown = UnknownCategory::Missing) {
    return EngineInfo{.inputs = {named_spec(Datatype::Fp64, std::move(names), unknown)}};
  };
  EXPECT_TRUE(inputs_for(info({"a", "b"}), info({"a", "b"}, UnknownCategory::Refused)));
  EXPECT_FALSE(inputs_for(info({"a", "b"}), info({"b", "a"})));
  EXPECT_FALSE(inputs_for(info({"a", "b"}), info({"a", "b", "c"})));
  EXPECT_TRUE(inputs_for(info({"a", "b"}), EngineInfo{.inputs = {{"row", Datatype::Fp32, {-1, 3}}}}));
}

struct NamedServer : ServerTest {
  static crds::ServingModel one(const std::string& name, const crds::ModelRef& ref) {
    return model_of(name, {{{.name = "only", .weight = 100, .model = ref}, crds::kBuckets}});
  }
};

TEST_F(NamedServer, takes_names_and_tells_them) {
  const fs::path xgboost = golden::data("golden/v3.4-named-categories.ubj");
  const fs::path lightgbm = golden::data("golden/lightgbm-pandas.txt");
  crds::ServingConfig config{.generation = 1,
                             .models = {one("shop", ref_of("1", xgboost)), one("table", ref_of("1", lightgbm))}};
  start_ready(config);
  for (const NamedGolden& golden : goldens()) {
    if (golden.name != "v3.4-named-categories") continue;
    for (const auto& [dialect, body] : bodies_of(golden)) {
      if (!dialect.starts_with("v2") && !dialect.starts_with("v1")) continue;
      const bool v2 = dialect.starts_with("v2");
      const RawAnswer answer = post(v2 ? infer_path("shop") : "/v1/models/shop:predict", body);
      ASSERT_EQ(answer.status, 200) << dialect << ": " << answer.body;
      const Json got = v2 ? answer.json().at("outputs").at(0).at("data") : answer.json().at("predictions");
      std::vector<float> values;
      for (const Json& value : got) values.push_back(value.get<float>());
      const std::vector<int64_t> shape = {static_cast<int64_t>(values.size())};
      expect_bits<float, uint32_t>({Datatype::Fp32, shape, values.data(), values.size()},
                                   golden.document.at("predicted"), dialect);
    }
  }
  EXPECT_SAYS(
      post("/v1/models/shop:predict", R"({"instances":[["grün",1,3,1],["lila",1,3,1]]})"), 400,
      R"(row 1, column 0: "lila" is none of the 4 categories that this model was trained with: "b", "grün", "red", "青")");
  const Json input = parse_json(send("GET", "/v2/models/shop").body)->at("inputs").at(0);
  EXPECT_EQ(input.at("parameters").at("unknown_category"), "refused");
  EXPECT_EQ(input.at("parameters").at("categories"),
            R"([{"column":"colour","count":4,"names":["b","grün","red","青"]},)"
            R"({"column":"code","count":3,"names":["-7","3","900"]},{"column":"tiny","count":2,"names":["2","1"]}])");
  const Json inputs = parse_json(send("GET", "/v2/models/table").body)->at("inputs");
  EXPECT_EQ(inputs.at(0).at("parameters").at("unknown_category"), "missing");
  EXPECT_EQ(inputs.at(1).at("parameters").dump(), R"({"optional":true})");
}

TEST_F(NamedServer, grpc_tells_them_too) {
  start_ready(
      {.generation = 1, .models = {one("shop", ref_of("1", golden::data("golden/v3.4-named-categories.ubj")))}});
  std::string message;
  grpc::append_string(message, 1, "shop");
  const auto answer = test::call_grpc(server->port(), "/inference.GRPCInferenceService/ModelMetadata", message);
  EXPECT_EQ(answer.status, "0");
  std::string entry;
  grpc::append_message(entry, 4, [&] {
    grpc::append_string(entry, 1, "unknown_category");
    grpc::append_message(entry, 2, [&] { grpc::append_string(entry, 3, "refused"); });
  });
  EXPECT_NE(answer.body.find(entry), std::string::npos);
  EXPECT_NE(answer.body.find(R"([{"column":"colour","count":4,"names":["b","grün","red","青"]})"), std::string::npos);
}

// Where a column keeps a user on a side, a request is decoded before it is known who answers: with whose codes?
TEST_F(NamedServer, each_variant_reads_names_by_its_own_codes) {
  more_factories.push_back(std::make_unique<EchoFactory>(
      "echo-a", std::vector<TensorSpec>{named_spec(Datatype::Fp64, {"small", "large"}, UnknownCategory::Missing)}));
  more_factories.push_back(std::make_unique<EchoFactory>(
      "echo-b", std::vector<TensorSpec>{named_spec(Datatype::Fp64, {"large", "small"}, UnknownCategory::Missing)}));
  const auto ref = [&](const std::string& name) {
    EXPECT_TRUE(write_file_atomic(folder / name, name));
    return crds::ModelRef{.model_version = "mv-" + name,
                          .version = name,
                          .uri = "file://" + (folder / name).string(),
                          .digest = sha256(name),
                          .format = "echo-" + name};
  };
  crds::ServingModel model = model_of("person", {{{.name = "a", .weight = 50, .model = ref("a")}, 5000},
                                                 {{.name = "b", .weight = 50, .model = ref("b")}, 5000}});
  model.sticky_column = "age";
  start_ready({.generation = 1, .models = {model}});
  std::map<std::string, int> seen;
  for (int user = 0; user < 40; ++user) {
    const RawAnswer answer =
        post("/v1/models/person:predict", "{\"instances\":[[" + std::to_string(user) + R"(,1,"large"]]})");
    ASSERT_EQ(answer.status, 200) << answer.body;
    const std::string variant = *answer.header("x-clops-variant");
    ++seen[variant];
    EXPECT_EQ(answer.json().at("predictions").at(0).at(2), variant == "a" ? 1.0 : 0.0) << variant;
  }
  EXPECT_EQ(seen.size(), 2U);
}

}  // namespace
}  // namespace clops::serving
