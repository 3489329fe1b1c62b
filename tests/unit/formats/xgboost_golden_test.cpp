// Every XGBoost golden, both encodings, through the plain evaluator: what the loader makes of a file predicts what the
// release that wrote it predicted, bit for bit. The engines are held to the same rows in tests/unit/serving/engines.
#include <gtest/gtest.h>

#include <bit>
#include <set>

#include "formats/model_file.h"
#include "tests/support/reference_forest.h"
#include "tests/support/reference_linear.h"
#include "tests/unit/formats/golden.h"

namespace clops::formats {
namespace {

// XGBoost's own rows: NaN is missing, and there is no infinity among those of a linear model.
std::vector<float> predict(const Model& model, const float* row) {
  if (const auto* linear = std::get_if<LinearModel>(&model)) return test::reference_linear(*linear, row);
  return test::reference_predict<float, float>(std::get<Ensemble>(model), row);
}

std::string first_difference(const Model& model, const golden::Golden& golden) {
  for (size_t r = 0; r < golden.rows; ++r) {
    const std::vector<float> got = predict(model, golden.input.data() + r * golden.columns);
    if (got.size() != golden.outputs)
      return "row " + std::to_string(r) + ": " + std::to_string(got.size()) + " outputs";
    for (size_t o = 0; o < got.size(); ++o) {
      const float wanted = golden.predicted[r * golden.outputs + o];
      if (std::bit_cast<uint32_t>(got[o]) == std::bit_cast<uint32_t>(wanted)) continue;
      char text[120];
      std::snprintf(text, sizeof text, "row %zu output %zu: %.9g instead of %.9g", r, o, static_cast<double>(got[o]),
                    static_cast<double>(wanted));
      return text;
    }
  }
  return "";
}

bool is_xgboost(const golden::Golden& golden) {
  return std::ranges::all_of(golden.models,
                             [](const std::string& path) { return path.ends_with(".json") || path.ends_with(".ubj"); });
}

TEST(XgboostGolden, predictions_equal_the_framework) {
  size_t rows = 0, goldens = 0;
  std::set<std::string> releases, objectives;
  for (const golden::Golden& golden : golden::all()) {
    if (!is_xgboost(golden)) continue;
    ++goldens;
    rows += golden.rows;
    for (const std::string& path : golden.models) {
      SCOPED_TRACE(path);
      const auto model = load_model(golden::root() / path);
      ASSERT_TRUE(model) << model.error().message;
      if (const auto* ensemble = std::get_if<Ensemble>(&*model)) {
        const Status status = check_ensemble(*ensemble);
        EXPECT_TRUE(status) << status.error().message;
      }
      EXPECT_EQ(first_difference(*model, golden), "");
      const Summary summary = summarize(*model);
      releases.insert(summary.framework);
      objectives.insert(summary.objective);
    }
  }
  EXPECT_GE(goldens, 80U);
  EXPECT_GE(rows, 4000U);
  EXPECT_GE(releases.size(), 7U) << "the releases whose files or predictions differ";
  EXPECT_EQ(objectives.size(), 20U) << "every objective but reg:linear, which is the old name of another";
}

// One loop over the trees of a golden finds what it is there for.
TEST(XgboostGolden, what_the_files_are_there_for_is_in_them) {
  struct Case {
    std::string file;
    bool sets, vectors;
  };
  const Case cases[] = {{"categorical", true, false},      {"v1.7-categorical-wide", true, false},
                        {"vector-leaf", false, true},      {"v2.0-vector-leaf", false, true},
                        {"v3.1-vector-leaf", false, true}, {"v3.4-dart-vector-leaf", false, true},
                        {"named-categories", true, false}, {"v3.4-vector-leaf-softprob", false, true}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.file);
    const auto model = load_model(golden::data("golden") / (c.file + ".ubj"));
    ASSERT_TRUE(model) << model.error().message;
    const auto& trees = std::get<Ensemble>(*model).trees;
    EXPECT_EQ(std::ranges::any_of(trees, [](const Tree& tree) { return !tree.sets.empty(); }), c.sets);
    EXPECT_EQ(std::ranges::any_of(trees, [](const Tree& tree) { return !tree.vectors.empty(); }), c.vectors);
  }
}

}  // namespace
}  // namespace clops::formats
