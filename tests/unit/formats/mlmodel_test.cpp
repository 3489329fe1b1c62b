// MLflow's model folders: the right file, the signature held to it, and what is refused.
#include "formats/mlmodel.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <fstream>

#include "formats/model_file.h"
#include "tests/unit/formats/golden.h"

namespace clops::formats {
namespace {

std::filesystem::path folder(const std::string& name) {
  return golden::data("mlflow") / name;
}

TEST(MlModel, every_flavour_that_is_served) {
  struct Case {
    const char *folder, *file, *format;
  };
  for (const Case& c : {Case{"xgboost", "model.ubj", "xgboost-ubj"}, Case{"lightgbm", "model.lgb", "lightgbm"},
                        Case{"lightgbm-skops", "model.skops", "skops"}, Case{"onnx", "model.onnx", "onnx"},
                        Case{"sklearn-skops", "model.skops", "skops"}}) {
    SCOPED_TRACE(c.folder);
    const auto file = find_model_file(folder(c.folder));
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->filename(), c.file);
    for (const char* wanted : {"auto", "mlflow"}) {
      const auto model = load_model(folder(c.folder), wanted);
      ASSERT_TRUE(model) << model.error().message;
      EXPECT_EQ(summarize(*model).format, c.format);
    }
  }
  EXPECT_FALSE(load_model(golden::data("golden-sklearn") / "linear.skops", "mlflow"));
}

TEST(MlModel, what_it_says) {
  const auto read = read_mlmodel(*read_file(folder("xgboost") / "MLmodel", 1u << 20));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->flavor, "xgboost");
  EXPECT_EQ(read->file, "model.ubj");
  EXPECT_EQ(read->flavor_version, "3.2.0");
  EXPECT_EQ(read->mlflow_version, "3.17.2");
  EXPECT_EQ(read->model_class, "xgboost.sklearn.XGBClassifier");
  EXPECT_TRUE(read->has_signature);
  EXPECT_EQ(read->columns, (std::vector<std::string>{"a", "b", "c"}));
}

TEST(MlModel, columns_are_named_by_the_signature_where_the_model_has_no_names) {
  const auto model = load_model(folder("sklearn-skops"));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(summarize(*model).feature_names, (std::vector<std::string>{"a", "b", "c"}));
  const auto boosted = load_model(folder("xgboost"));
  ASSERT_TRUE(boosted);
  ASSERT_FALSE(summarize(*boosted).notes.empty());
  EXPECT_NE(summarize(*boosted).notes.back().find("gives classes"), std::string::npos);
}

TEST(MlModel, refuses_with_the_reason) {
  const auto pickle = load_model(folder("sklearn-pickle"));
  ASSERT_FALSE(pickle);
  EXPECT_EQ(pickle.error().code, Code::Unsupported);
  for (const char* part : {"is a pickle (model.pkl)", "tools/convert", "serialization_format='skops'"})
    EXPECT_NE(pickle.error().message.find(part), std::string::npos) << pickle.error().message;
  struct Case {
    std::string yaml, says;
  };
  for (const Case& c :
       {Case{"flavors: {python_function: {loader_module: mlflow.pyfunc.model}}", "is a Python function"},
        Case{"flavors: {pytorch: {model_data: data}, python_function: {}}", "flavour pytorch"},
        Case{"a: 1", "no flavors"}, Case{"flavors: {}", "no flavors"}, Case{"flavors: {xgboost: {}}", "names no file"},
        Case{"flavors: {xgboost: {data: ../model.ubj}}", "names no file"},
        Case{"flavors: {xgboost: {data: /model.ubj}}", "names no file"},
        Case{"flavors: {xgboost: {data: model.pkl}}", "is a pickle"},
        Case{"flavors: {sklearn: {pickled_model: model.bin, serialization_format: pickle}}", "is a pickle"},
        Case{"flavors: {onnx: {data: m.onnx}}\nsignature: {inputs: '{'}", "not a list in JSON"}, Case{"[", "MLmodel"},
        Case{"", "not one document"}}) {
    const auto read = read_mlmodel(c.yaml);
    ASSERT_FALSE(read) << c.yaml;
    EXPECT_NE(read.error().message.find(c.says), std::string::npos) << read.error().message;
  }
}

TEST(MlModel, a_signature_must_fit_the_model) {
  const auto temporary = std::filesystem::temp_directory_path() / ("clops-mlflow-" + std::to_string(::getpid()));
  std::filesystem::create_directories(temporary);
  std::filesystem::copy_file(folder("lightgbm") / "model.lgb", temporary / "model.lgb",
                             std::filesystem::copy_options::overwrite_existing);
  const auto with = [&](const std::string& signature) {
    std::ofstream(temporary / "MLmodel") << "flavors: {lightgbm: {data: model.lgb}}\nsignature: {inputs: '" << signature
                                         << "'}\n";
    return load_model(temporary);
  };
  const auto few = with(R"([{"type":"double","name":"a"}])");
  const auto tensors = with(R"([{"type":"tensor","tensor-spec":{"dtype":"float32","shape":[-1,3]}}])");
  const auto others = with(R"([{"name":"x"},{"name":"y"},{"name":"z"}])");
  std::ofstream(temporary / "MLmodel") << "flavors: {lightgbm: {data: other.lgb}}\n";
  const auto absent = load_model(temporary);
  std::filesystem::remove_all(temporary);
  ASSERT_FALSE(few);
  EXPECT_NE(few.error().message.find("the signature has 1 columns, the model takes 3"), std::string::npos);
  EXPECT_TRUE(tensors);
  ASSERT_TRUE(others);
  EXPECT_NE(summarize(*others).notes.back().find("differ from the model's own"), std::string::npos);
  ASSERT_FALSE(absent);
  EXPECT_NE(absent.error().message.find("other.lgb, which is not there"), std::string::npos);
}

}  // namespace
}  // namespace clops::formats
