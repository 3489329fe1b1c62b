#include "registry/inspection.h"

#include <gtest/gtest.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "tests/support/paths.h"
#include "tests/unit/registry/temp_folder.h"

namespace clops::registry {
namespace {

const std::filesystem::path kRoot = clops::test::source_dir();

class Inspection : public testing::Test {
 protected:
  Json inspect(const InspectRequest& request) {
    SourceOptions options{
        .allow_file_uris = true, .claims = {{"models", (kRoot / "samples/models").string()}}, .http = nullptr};
    auto store = open_store({.folder = temp_.path() / "cache"});
    EXPECT_TRUE(store) << (store ? "" : store.error().message);
    const std::string line = registry::inspect(make_sources(options, clock_), **store, clock_, request);
    EXPECT_LE(line.size(), kInspectionBytesMax);
    EXPECT_EQ(line.find('\n'), std::string::npos) << "one line: the last of the pod's log";
    auto document = parse_json(line);
    EXPECT_TRUE(document) << line;
    EXPECT_EQ(int_at(*document, {"inspection"}), 1) << line;
    return *document;
  }
  static std::string uri(const std::filesystem::path& path) { return "file://" + path.string(); }

  SystemClock clock_;
  TempFolder temp_;
};

TEST_F(Inspection, describes_a_single_file) {
  const auto path = kRoot / "samples/models/breast-cancer/1/model.ubj";
  const Json document = inspect({.uri = uri(path), .digest = "", .format = "xgboost"});
  ASSERT_TRUE(bool_at(document, {"ok"})) << dump_json(document);
  const std::string content = *read_file(path);
  EXPECT_EQ(document["digest"], sha256(content));
  EXPECT_EQ(document["bytes"], content.size());
  EXPECT_EQ(document["files"],
            Json::array({{{"path", "model.ubj"}, {"digest", sha256(content)}, {"bytes", content.size()}}}));
  EXPECT_EQ(document["format"], "xgboost-ubj");
  EXPECT_EQ(document["framework"], "xgboost 3.2.0");
  EXPECT_EQ(document["schema"]["inputs"], Json::parse(R"([{"name":"input-0","datatype":"FP32","shape":[-1,30]}])"));
  EXPECT_EQ(document["schema"]["outputs"], Json::parse(R"([{"name":"predict","datatype":"FP32","shape":[-1]}])"));
  EXPECT_EQ(document["schema"]["featureNames"].size(), 30U);
  EXPECT_EQ(document["schema"]["featureNames"][0], "mean_radius");
}

TEST_F(Inspection, a_folder_has_the_digest_of_its_listing) {
  const Json document = inspect({.uri = "pvc://models/breast-cancer/2/", .digest = "", .format = "auto"});
  ASSERT_TRUE(bool_at(document, {"ok"})) << dump_json(document);
  EXPECT_EQ(document["format"], "xgboost-json");
  const std::string file = sha256(*read_file(kRoot / "samples/models/breast-cancer/2/model.json"));
  EXPECT_EQ(document["digest"], sha256(file + "  model.json\n"));
  EXPECT_EQ(document["files"][0]["path"], "model.json");
}

TEST_F(Inspection, softmax_probabilities_have_a_column_per_class) {
  const Json document =
      inspect({.uri = uri(kRoot / "tests/data/golden/iris-softprob.json"), .digest = "", .format = "auto"});
  EXPECT_EQ(document["schema"]["outputs"][0]["shape"], Json::parse("[-1,3]"));
}

// The digest that is told of a folder here is the one that a fetch of it will have.
TEST_F(Inspection, a_folder_of_mlflow_is_told_alike_here_and_from_its_source) {
  const auto folder = kRoot / "tests/data/mlflow/xgboost";
  const Json fetched = inspect({.uri = uri(folder)});
  ASSERT_TRUE(bool_at(fetched, {"ok"})) << dump_json(fetched);
  EXPECT_EQ(fetched["format"], "xgboost-ubj");
  EXPECT_EQ(fetched["files"].size(), 2U);
  EXPECT_EQ(fetched, *parse_json(inspect_path(folder)));
  const Json pickle = inspect({.uri = uri(kRoot / "tests/data/mlflow/sklearn-pickle")});
  EXPECT_EQ(pickle["reason"], "UnsupportedFormat");
  EXPECT_NE(string_at(pickle, {"message"}).find("tools/convert"), std::string::npos);
}

TEST_F(Inspection, what_cannot_be_loaded_is_refused) {
  const auto path = kRoot / "samples/models/breast-cancer/1/model.ubj";
  std::string asked;
  InspectRequest request{.uri = uri(path)};
  request.try_load = [&](const std::filesystem::path& artifact, std::string_view format) -> Status {
    asked = format;
    EXPECT_TRUE(std::filesystem::exists(artifact));
    return fail(Code::Unsupported, "no engine is installed here");
  };
  const Json document = inspect(request);
  EXPECT_EQ(asked, "xgboost-ubj");
  EXPECT_FALSE(bool_at(document, {"ok"}));
  EXPECT_EQ(document["reason"], "UnsupportedFormat");
  EXPECT_NE(string_at(document, {"message"}).find("no engine is installed here"), std::string::npos);
  request.try_load = [](const std::filesystem::path&, std::string_view) { return Status(); };
  EXPECT_TRUE(bool_at(inspect(request), {"ok"}));
}

TEST_F(Inspection, says_why_a_model_is_refused) {
  const std::string model = *read_file(kRoot / "tests/data/golden/iris-softprob.ubj");
  temp_.write("truncated.ubj", std::string_view(model).substr(0, model.size() / 2));
  temp_.write("page.json", "<!DOCTYPE html><html></html>");
  temp_.write("other.json", R"({"a": 1})");
  temp_.write("empty.json", "");
  std::filesystem::create_directory(temp_.path() / "hollow");
  const auto refused = kRoot / "tests/data/refused";
  struct Case {
    InspectRequest request;
    std::string reason, says;
  };
  const std::string zero = "sha256:" + std::string(64, '0');
  const Case cases[] = {
      {{.uri = uri(temp_.path() / "absent.json")}, "NotFound", "absent.json: No such file"},
      {{.uri = uri(temp_.path() / "hollow")}, "NotFound", "has no files"},
      {{.uri = uri(temp_.path() / "truncated.ubj")}, "InvalidModel", "truncated"},
      {{.uri = uri(temp_.path() / "empty.json")}, "InvalidModel", "the file is empty"},
      {{.uri = uri(temp_.path() / "page.json")}, "UnsupportedFormat", "a web page"},
      {{.uri = uri(temp_.path() / "other.json")}, "UnsupportedFormat", "no field 'learner'"},
      {{.uri = uri(refused / "model.pkl")}, "UnsupportedFormat", "XGBoost with save_model('model.ubj')"},
      {{.uri = uri(refused / "unknown-objective.json")}, "UnsupportedFormat", "objective 'mylogistic'"},
      {{.uri = uri(refused / "newer-field.json")}, "UnsupportedFormat", "field 'calibration'"},
      {{.uri = uri(kRoot / "tests/data/golden/diabetes.json"), .digest = zero},
       "DigestMismatch",
       "its digest is sha256:"},
      {{.uri = uri(kRoot / "tests/data/golden/diabetes.json"), .digest = "", .format = "lightgbm"},
       "UnsupportedFormat",
       "modelFormat is 'lightgbm'"},
      {{.uri = "s3://bucket/model.json"}, "UnsupportedUri", "the scheme 's3' is not supported"},
      {{.uri = "model.json"}, "UnsupportedUri", "this is no URI"},
      {{.uri = "pvc://other/model.json"}, "NotFound", "PersistentVolumeClaim 'other' is not mounted"},
      {{.uri = "pvc://models/../secrets"}, "UnsupportedUri", "'..' has no place"},
  };
  for (const Case& c : cases) {
    const Json document = inspect(c.request);
    EXPECT_FALSE(bool_at(document, {"ok"}, true)) << c.request.uri;
    EXPECT_EQ(string_at(document, {"reason"}), c.reason) << dump_json(document);
    EXPECT_NE(string_at(document, {"message"}).find(c.says), std::string::npos) << dump_json(document);
    EXPECT_NE(string_at(document, {"message"}).find(c.request.uri), std::string::npos)
        << "names the URI: " << dump_json(document);
  }
}

TEST_F(Inspection, stays_within_its_bytes_whatever_the_model_holds) {
  std::string names, types;
  for (int i = 0; i < 20'000; ++i) names += (i == 0 ? "\"" : ",\"") + std::string(60, 'f') + std::to_string(i) + "\"";
  const std::string model =
      R"({"learner":{"attributes":{},"feature_names":[)" + names +
      R"(],"feature_types":[],"gradient_booster":{"model":{"gbtree_model_param":{"num_trees":"1"},"tree_info":[0],)"
      R"("trees":[{"left_children":[-1],"right_children":[-1],"split_indices":[0],"split_conditions":[1],"default_left":[0]}]},)"
      R"("name":"gbtree"},"learner_model_param":{"base_score":"5E-1","num_class":"0","num_feature":"20000"},)"
      R"("objective":{"name":"reg:squarederror"}},"version":[2,0,0]})";
  for (int i = 0; i < 900; ++i) temp_.write("wide/notes/" + std::string(150, 'n') + std::to_string(i) + ".txt", "x");
  temp_.write("wide/model.json", model);
  const Json document = inspect({.uri = uri(temp_.path() / "wide")});
  ASSERT_TRUE(bool_at(document, {"ok"})) << dump_json(document);
  EXPECT_FALSE(document["schema"].contains("featureNames")) << "half a list would be taken for the whole";
  EXPECT_EQ(document["files"].size() + document["filesLeftOut"].get<size_t>(), 901U);
}

TEST_F(Inspection, of_a_bare_path_needs_no_store) {
  const auto path = kRoot / "tests/data/golden/diabetes.json";
  const Json document = *parse_json(inspect_path(path));
  EXPECT_TRUE(bool_at(document, {"ok"})) << dump_json(document);
  EXPECT_EQ(document["digest"], sha256(*read_file(path)));
  const Json refused = *parse_json(inspect_path(kRoot / "tests/data/refused/model.pkl"));
  EXPECT_EQ(string_at(refused, {"reason"}), "UnsupportedFormat");
  EXPECT_NE(string_at(refused, {"message"}).find("model.pkl: this is a Python pickle"), std::string::npos)
      << dump_json(refused);
}

}  // namespace
}  // namespace clops::registry
