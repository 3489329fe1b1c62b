// scikit-learn's models from skops files: evaluated plainly, they give what scikit-learn gives.
#include "formats/skops.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "formats/model_file.h"
#include "tests/fuzz/skops_check.h"
#include "tests/support/reference_forest.h"
#include "tests/support/ulps.h"
#include "tests/unit/formats/golden.h"

namespace clops::formats {
namespace {

std::vector<double> predict(const Ensemble& model, const std::vector<double>& row) {
  if (model.rows == Number::Float64) return test::reference_predict<double, double>(model, row.data());
  const std::vector<float> narrow(row.begin(), row.end());
  return test::reference_predict<float, double>(model, narrow.data());
}

std::vector<double> predict(const LinearModel& model, const std::vector<double>& row) {
  std::vector<double> out(model.outputs, 0.0);
  for (uint32_t o = 0; o < model.outputs; ++o) {
    for (uint32_t f = 0; f < model.features; ++f) out[o] += row[f] * model.weights[size_t{f} * model.outputs + o];
    out[o] += model.intercepts[o];
  }
  Ensemble transform{.outputs = model.outputs, .transform = model.transform};
  return test::transformed(transform, out);
}

struct Kinds {
  size_t trees = 0, linear = 0;
};

TEST(Skops, predictions_equal_the_framework) {
  Kinds seen;
  for (const golden::Golden& golden : golden::all(64, "golden-sklearn")) {
    SCOPED_TRACE(golden.name);
    const auto model = load_model(golden::root() / golden.models.at(0), "skops");
    ASSERT_TRUE(model) << model.error().message;
    (std::holds_alternative<Ensemble>(*model) ? seen.trees : seen.linear) += 1;
    ASSERT_EQ(golden.input64.size(), golden.rows * golden.columns);
    size_t wrong = 0;
    for (size_t row = 0; row < golden.rows; ++row) {
      const auto begin = golden.input64.begin() + static_cast<ptrdiff_t>(row * golden.columns);
      const std::vector<double> values(begin, begin + static_cast<ptrdiff_t>(golden.columns));
      const auto* const forest = std::get_if<Ensemble>(&*model);
      const std::vector<double> got =
          forest != nullptr ? predict(*forest, values) : predict(std::get<LinearModel>(*model), values);
      ASSERT_EQ(got.size(), golden.outputs);
      for (size_t o = 0; o < got.size(); ++o) {
        const double want = golden.predicted64[row * golden.outputs + o];
        if (test::ulps_between(got[o], want) > golden.ulps && wrong++ < 3)
          ADD_FAILURE() << "row " << row << " output " << o << ": " << got[o] << " instead of " << want << ", "
                        << test::ulps_between(got[o], want) << " ulps apart";
      }
    }
    EXPECT_EQ(wrong, 0U);
  }
  EXPECT_GE(seen.trees, 41U);
  EXPECT_GE(seen.linear, 30U);
}

std::string path_of(const std::string& name) {
  return (golden::data("golden-sklearn") / (name + ".skops")).string();
}

TEST(Skops, names_and_classes_are_kept) {
  const auto model = load_model(path_of("forest-binary"));
  ASSERT_TRUE(model) << model.error().message;
  const Summary summary = summarize(*model);
  EXPECT_EQ(summary.format, "skops");
  EXPECT_EQ(summary.framework, "scikit-learn 1.9.1");
  EXPECT_EQ(summary.objective, "RandomForestClassifier.predict_proba");
  EXPECT_EQ(summary.trees, 11U);
  EXPECT_EQ(summary.feature_names, (std::vector<std::string>{"age", "income", "größe", "visits", "e"}));
  ASSERT_EQ(summary.notes.size(), 1U);
  EXPECT_EQ(summary.notes[0], "columns of predict are the probabilities of the classes no, yes");
  EXPECT_EQ(summary.inputs[0].datatype, "FP32");
  EXPECT_EQ(summary.outputs[0].datatype, "FP64");
  EXPECT_EQ(summary.outputs[0].shape, (std::vector<int64_t>{-1, 2}));
  const auto numbers = load_model(path_of("forest-classes"));
  ASSERT_TRUE(numbers);
  EXPECT_NE(summarize(*numbers).notes[0].find("classes -5, 5, 15, 25"), std::string::npos)
      << summarize(*numbers).notes[0];
}

TEST(Skops, categories_are_numbers_or_codes_of_names) {
  const auto model = load_model(path_of("histogram-category-names"));
  ASSERT_TRUE(model) << model.error().message;
  const auto& named = std::get<Ensemble>(*model);
  EXPECT_EQ(named.category_names,
            (std::vector<std::vector<std::string>>{{}, {"Aachen", "Bonn", "Köln", "Ulm"}, {}, {}}));
  EXPECT_EQ(named.category_values, (std::vector<std::vector<double>>{{}, {0, 1, 2, 3}, {}, {3, 7, 8}}));
  const auto numbers = load_model(path_of("histogram-categories"));
  ASSERT_TRUE(numbers) << numbers.error().message;
  EXPECT_TRUE(std::get<Ensemble>(*numbers).category_names.empty());
  EXPECT_EQ(std::get<Ensemble>(*numbers).category_values.at(1), (std::vector<double>{-1.5, 0, 2, 700, 1e9}));
}

TEST(Skops, an_isolation_forest_says_what_it_gives) {
  const auto model = load_model(path_of("isolation"));
  ASSERT_TRUE(model) << model.error().message;
  const Summary summary = summarize(*model);
  EXPECT_EQ(summary.objective, "IsolationForest.score_samples");
  EXPECT_EQ(summary.notes.at(0),
            "predict gives score_samples; scikit-learn's predict says -1 (an outlier) below -0.5, else 1");
}

TEST(Skops, classes_of_several_targets_are_named) {
  const auto model = load_model(path_of("forest-labels"));
  ASSERT_TRUE(model) << model.error().message;
  const Summary summary = summarize(*model);
  EXPECT_EQ(summary.outputs.at(0).shape, (std::vector<int64_t>{-1, 8}));
  EXPECT_EQ(
      summary.notes.at(0),
      "columns of predict are the probabilities of the classes 0, 1, 2, 3 of target 0; no, yes of target 1; 0, 1 of "
      "target 2");
}

TEST(Skops, what_is_not_exact_is_refused_with_the_way_out) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"pipeline", "a Pipeline"},
      {"other-start", "starts from another model"},
      {"random-start", "starts from another model"},
      {"category-none", "neither a text nor a number"},
      {"category-huge", "beyond what a float64 tells apart"},
      {"isolation-of-one", "trees of one sample"},
      {"neighbours", "a sklearn.neighbors._classification.KNeighborsClassifier"},
      {"one-vs-rest", "a OneVsRestClassifier of a DecisionTreeClassifier"},
      {"hinge", "has no probabilities"},
  };
  for (const auto& [name, says] : cases) {
    const auto model = load_model(golden::data("refused-skops") / (name + ".skops"));
    ASSERT_FALSE(model) << name;
    EXPECT_EQ(model.error().code, Code::Unsupported) << model.error().message;
    EXPECT_NE(model.error().message.find(says), std::string::npos) << model.error().message;
    EXPECT_NE(model.error().message.find("to_onnx(model, X[:1])"), std::string::npos) << model.error().message;
  }
}

TEST(Skops, truncated_and_changed_files_are_survived) {
  std::mt19937 random(5);
  for (const char* name : {"tree-regressor", "forest-binary", "linear-targets", "histogram-missing-only",
                           "histogram-category-names", "isolation-features"}) {
    const std::string good = *read_file(path_of(name), 16u << 20);
    fuzz::check_skops(good);
    for (int i = 0; i < 150; ++i) {
      fuzz::check_skops(std::string_view(good).substr(0, random() % good.size()));
      std::string bad = good;
      for (int change = 0; change < 3; ++change) bad[random() % bad.size()] = static_cast<char>(random());
      fuzz::check_skops(bad);
    }
  }
}

}  // namespace
}  // namespace clops::formats
