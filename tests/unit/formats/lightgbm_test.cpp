#include "formats/lightgbm.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "formats/lightgbm_text.h"
#include "formats/model_file.h"
#include "tests/support/reference_contributions.h"
#include "tests/support/reference_forest.h"
#include "tests/unit/formats/golden.h"

namespace clops::formats {
namespace {

constexpr double kZero = 1e-35F, kInfinity = std::numeric_limits<double>::infinity();

// A number split, a split of categories under it, three leaves.
const std::string kSmall = R"(tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=1
objective=binary sigmoid:1
feature_names=a b
feature_infos=[-1:2.5] -1:0:3:34
tree_sizes=404

Tree=0
num_leaves=3
num_cat=1
split_feature=0 1
split_gain=20 10
threshold=0.5 0
decision_type=10 1
left_child=1 -1
right_child=-2 -3
leaf_value=0.25 -1.5 2
leaf_weight=1 2 3
leaf_count=4 5 6
internal_value=0 0
internal_weight=0 0
internal_count=15 10
cat_boundaries=0 2
cat_threshold=9 4
is_linear=0
shrinkage=1


end of trees

feature_importances:
a=1
b=1

parameters:
[objective: binary]
[categorical_feature: 1]

end of parameters

pandas_categorical:[["x", "y", 3, "\u00fc"]]
)";

std::string changed(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Lightgbm, reads_into_plain_trees) {
  const auto model = read_lightgbm(kSmall);
  ASSERT_TRUE(model) << model.error().message;
  const Ensemble expected{
      .format = "lightgbm",
      .framework = "lightgbm 4",
      .objective = "binary",
      .rows = Number::Float64,
      .sums = Number::Float64,
      .features = 2,
      .outputs = 1,
      .category_of = CategoryOf::Chop,
      .transform = Transform::Sigmoid,
      .margins = {0},
      .trees =
          {{.nodes = {{.left = 1, .right = 3, .feature = 0, .value = std::nextafter(0.5, 1.0), .default_left = true},
                      {.left = 2, .right = 4, .feature = 1, .split = Split::InSet},
                      {.value = 0.25},
                      {.value = -1.5},
                      {.value = 2}},
            .depth = 2,
            .sets = {{{9, 4}}},
            .covers = {15, 10, 4, 5, 6}}},
      .feature_names = {"a", "b"},
      .feature_types = {"float", "c"},
  };
  EXPECT_EQ(*model, expected) << "34 is a code beyond the names: they are not this column's";
}

// The invariant predictions_equal_the_framework, for the plain evaluator that the engines are held to.
TEST(Lightgbm, predictions_equal_the_framework) {
  size_t models = 0, numbers = 0;
  for (const golden::Golden& golden : golden::all(64)) {
    if (!golden.models[0].ends_with(".txt")) continue;
    SCOPED_TRACE(golden.name);
    const auto model = load_model(golden::root() / golden.models[0], "lightgbm");
    ASSERT_TRUE(model) << model.error().message;
    const auto& ensemble = std::get<Ensemble>(*model);
    ASSERT_EQ(ensemble.features, golden.columns);
    ASSERT_EQ(output_columns(ensemble.transform, ensemble.outputs), golden.outputs);
    ASSERT_EQ(golden.input64.size(), golden.rows * golden.columns);
    ASSERT_EQ(golden.predicted64.size(), golden.rows * golden.outputs);
    for (size_t row = 0; row < golden.rows; ++row) {
      const auto out = test::reference_predict<double, double>(ensemble, &golden.input64[row * golden.columns]);
      for (size_t o = 0; o < golden.outputs; ++o, ++numbers) {
        const double want = golden.predicted64[row * golden.outputs + o];
        if (std::isnan(want) && std::isnan(out[o])) continue;  // whose payload is the processor's choice
        ASSERT_EQ(std::bit_cast<uint64_t>(out[o]), std::bit_cast<uint64_t>(want))
            << "row " << row << ", output " << o << ": " << out[o] << " instead of " << want;
      }
    }
    ++models;
  }
  EXPECT_GE(models, 75U);
  EXPECT_GE(numbers, 4500U);
}

TEST(Lightgbm, contributions_equal_the_framework) {
  size_t models = 0;
  for (const golden::Golden& golden : golden::all(64, "contributions")) {
    if (!golden.models[0].ends_with(".txt")) continue;
    SCOPED_TRACE(golden.name);
    const auto model = load_model(golden::root() / golden.models[0]);
    ASSERT_TRUE(model) << model.error().message;
    const auto& ensemble = std::get<Ensemble>(*model);
    ASSERT_EQ(ensemble.outputs * (ensemble.features + 1), golden.outputs);
    for (size_t row = 0; row < golden.rows; ++row) {
      const auto out = test::reference_contributions<double, double>(ensemble, &golden.input64[row * golden.columns]);
      for (size_t o = 0; o < golden.outputs; ++o)
        ASSERT_EQ(std::bit_cast<uint64_t>(out[o]),
                  std::bit_cast<uint64_t>(golden.predicted64[row * golden.outputs + o]))
            << "row " << row << ", number " << o << ": " << out[o];
    }
    ++models;
  }
  EXPECT_GE(models, 10U);
}

TEST(Lightgbm, a_threshold_is_the_first_number_to_the_right) {
  struct Case {
    std::string threshold;
    double value;
  };
  const double most = std::numeric_limits<double>::max();
  const Case cases[] = {
      {"0.5", std::nextafter(0.5, 1.0)},
      {"-0.5", std::nextafter(-0.5, 1.0)},
      {"0", std::nextafter(kZero, 1.0)},  // up to 1e-35 is zero, and zero goes left
      {"-0", std::nextafter(kZero, 1.0)},
      {"1.0000000180025095e-35", std::nextafter(kZero, 1.0)},
      {"5e-324", std::nextafter(kZero, 1.0)},
      {"-5e-324", -kZero},  // down to -1e-35 is zero, and zero goes right
      {"-1.0000000180025095e-35", -kZero},
      {"1e300", std::nextafter(1e300, kInfinity)},
      {"1.7976931348623157e308", kInfinity},  // an infinity is not below itself: right, as there
      {"-inf", -most},                        // of all numbers that one alone goes left
      {"-1.7976931348623157e308", -std::nextafter(most, 0.0)},
      {"2.2250738585072014e-308", std::nextafter(kZero, 1.0)},
  };
  for (const Case& c : cases) {
    const auto model = read_lightgbm(changed(kSmall, "threshold=0.5", "threshold=" + c.threshold));
    ASSERT_TRUE(model) << c.threshold << ": " << model.error().message;
    EXPECT_EQ(model->trees[0].nodes[0].value, c.value) << c.threshold;
  }
}

// LightGBM writes it where a split is between what is missing and what is not.
TEST(Lightgbm, an_infinite_threshold_sends_every_number_left) {
  for (const auto& [type, missing_goes_left] : {std::pair{0, true}, {6, true}, {4, false}, {8, false}, {10, true}}) {
    std::string text = changed(kSmall, "threshold=0.5", "threshold=inf");
    text = changed(text, "decision_type=10", "decision_type=" + std::to_string(type));
    const auto model = read_lightgbm(text);
    ASSERT_TRUE(model) << model.error().message;
    const Tree& tree = model->trees[0];
    const auto goes_left = [&](double x) {
      return (test::goes_left(*model, tree, tree.nodes[0], x) ? tree.nodes[0].left : tree.nodes[0].right) == 1;
    };
    for (const double x : {-kInfinity, -1.0, 1.0, std::numeric_limits<double>::max(), kInfinity})
      EXPECT_TRUE(goes_left(x)) << x << " of type " << type;
    EXPECT_EQ(goes_left(NAN), missing_goes_left) << type;
    EXPECT_EQ(goes_left(0.0), type >> 2 != 1 || missing_goes_left) << type;
  }
}

TEST(Lightgbm, decision_types) {
  struct Case {
    int type;
    std::string threshold;
    bool default_left, zero_is_missing;
  };
  const Case cases[] = {
      {0, "0.5", true, false},  // no missing values: NaN is taken for 0, and 0 <= 0.5
      {0, "-0.5", false, false}, {2, "-0.5", false, false}, {2, "-0", true, false},    {4, "0.5", false, true},
      {6, "-0.5", true, true},   {8, "0.5", false, false},  {10, "-0.5", true, false},
  };
  for (const Case& c : cases) {
    std::string text = changed(kSmall, "threshold=0.5", "threshold=" + c.threshold);
    text = changed(text, "decision_type=10", "decision_type=" + std::to_string(c.type));
    const auto model = read_lightgbm(text);
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_EQ(model->trees[0].nodes[0].default_left, c.default_left) << c.type << " " << c.threshold;
    EXPECT_EQ(model->trees[0].nodes[0].zero_is_missing, c.zero_is_missing) << c.type;
  }
  const auto set = read_lightgbm(changed(kSmall, "decision_type=10 1", "decision_type=10 11"));
  ASSERT_TRUE(set);
  EXPECT_FALSE(set->trees[0].nodes[1].default_left) << "NaN is in no set, whatever the bits say";
}

TEST(Lightgbm, objectives) {
  struct Case {
    std::string line;
    Transform transform;
    double scale = 1;
  };
  const Case cases[] = {
      {"objective=regression\n", Transform::Identity},
      {"objective=regression sqrt\n", Transform::SignSquare},
      {"objective=regression_l1 sqrt\n", Transform::SignSquare},
      {"objective=huber sqrt\n", Transform::Identity},
      {"objective=poisson\n", Transform::Exp},
      {"objective=binary sigmoid:0.3\n", Transform::Sigmoid, 0.3},
      {"objective=binary sigmoid:2.7\n", Transform::Sigmoid, 2 + 7.0 / 10},
      {"objective=binary sigmoid:1e-05\n", Transform::Sigmoid, 1 / 1e5},
      {"objective=multiclassova num_class:1 sigmoid:2\n", Transform::Sigmoid, 2},
      {"objective=xentropy\n", Transform::Sigmoid},
      {"objective=cross_entropy_lambda\n", Transform::Log1pExp},
      {"objective=none\n", Transform::Identity},
      {"", Transform::Identity},
  };
  for (const Case& c : cases) {
    const auto model = read_lightgbm(changed(kSmall, "objective=binary sigmoid:1\n", c.line));
    ASSERT_TRUE(model) << c.line << model.error().message;
    EXPECT_EQ(model->transform, c.transform) << c.line;
    EXPECT_EQ(model->scale, c.scale) << c.line;
  }
}

TEST(Lightgbm, category_names_only_where_they_are_sure) {
  const auto names = [](const std::string& text) {
    const auto model = read_lightgbm(text);
    EXPECT_TRUE(model) << model.error().message;
    return model ? model->category_names : std::vector<std::vector<std::string>>{{"?"}};
  };
  using Names = std::vector<std::vector<std::string>>;
  const std::string known = changed(kSmall, "-1:0:3:34", "-1:0:3");
  EXPECT_EQ(names(known), (Names{{}, {"x", "y", "3", "ü"}}));
  EXPECT_EQ(names(changed(known, "[categorical_feature: 1]", "[x: 1]")), (Names{{}, {"x", "y", "3", "ü"}}));
  EXPECT_EQ(names(changed(known, "-1:0:3", "none")), (Names{{}, {"x", "y", "3", "ü"}})) << "declared, though constant";
  EXPECT_EQ(names(changed(known, "[categorical_feature: 1]", "[categorical_feature: 0,1]")), Names{});
  EXPECT_EQ(names(changed(known, "[[\"x\"", "[[], [\"x\"")), Names{});
  EXPECT_EQ(names(changed(known, R"([["x", "y", 3, "\u00fc"]])", "null")), Names{});
  const auto load = [](std::string_view name) { return load_model(golden::data("golden") / name); };
  const auto plain = load("lightgbm-pandas.txt"), ordered = load("lightgbm-pandas-ordered.txt");
  ASSERT_TRUE(plain && ordered);
  const Names& all = std::get<Ensemble>(*plain).category_names;
  ASSERT_EQ(all.size(), 6U);
  EXPECT_EQ(all[1], (std::vector<std::string>{"α", "with \"quotes\"", "c", "", "e"}));
  EXPECT_EQ(all[2].front(), "100");
  EXPECT_TRUE(all[5].empty());
  EXPECT_TRUE(std::get<Ensemble>(*ordered).category_names.empty());
}

TEST(Lightgbm, line_ends_of_windows_and_a_byte_order_mark) {
  std::string text = "\xEF\xBB\xBF";
  for (const char c : kSmall) text += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_EQ(*detect(text), Format::LightgbmText);
  const auto model = read_lightgbm(text);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(*model, *read_lightgbm(kSmall));
}

struct Edit {
  std::string from, to, says;
  Code code = Code::InvalidArgument;
};

void expect_refused(std::initializer_list<Edit> edits) {
  for (const Edit& edit : edits) {
    const auto model = read_lightgbm(changed(kSmall, edit.from, edit.to));
    ASSERT_FALSE(model) << edit.to;
    EXPECT_EQ(model.error().code, edit.code) << edit.to << ": " << model.error().message;
    EXPECT_NE(model.error().message.find(edit.says), std::string::npos) << edit.to << ": " << model.error().message;
  }
}

TEST(Lightgbm, damage_is_named_by_tree_and_field) {
  expect_refused({
      {"tree\n", "tre\n", "the first line is not 'tree'"},
      {"num_class=1", "num_class=x", "num_class is 'x'"},
      {"num_class=1", "num_class=0", "num_class is '0'"},
      {"num_class=1", "num_class=2", "num_tree_per_iteration is 1, num_class 2"},
      {"max_feature_idx=1", "max_feature_idx=2", "feature_names: has 2 names"},
      {"feature_infos=[-1:2.5] ", "feature_infos=", "feature_infos: has not one for each feature"},
      {"tree_sizes=404", "label=1", "a field 'label'", Code::Unsupported},
      {"tree_sizes=404\n", "", "tree_sizes is missing"},
      {"tree_sizes=404", "tree_sizes=", "the model has no trees"},
      {"tree_sizes=404", "tree_sizes=404 404", "tree 1: does not begin where it should, there is 'end of trees'"},
      {"label_index=0", "num_class=1", "num_class appears twice"},
      {"Tree=0", "Tree=1", "tree 0: does not begin where it should, there is 'Tree=1'"},
      {"num_leaves=3", "num_leaves=0", "tree 0: num_leaves: value 0 is too small"},
      {"num_leaves=3", "num_leaves=2147483647", "tree 0: leaf_value: has 3 values instead of 2147483647"},
      {"num_leaves=3\n", "", "tree 0: num_leaves: is missing"},
      {"num_cat=1", "num_leaves=1", "tree 0: num_leaves: appears twice"},
      {"num_cat=1", "num_cat=0", "tree 0: threshold: value 1 is no index of a set of categories"},
      {"num_cat=1", "num_cat=3", "tree 0: cat_boundaries: has 2 values instead of 4"},
      {"split_feature=0 1", "split_feature=0 2", "tree 0: split_feature: value 1 is a feature that the model does not"},
      {"split_feature=0 1", "split_feature=0 -1", "tree 0: split_feature: value 1 is a feature"},
      {"threshold=0.5 0", "threshold=0.5", "tree 0: threshold: has 1 values instead of 2"},
      {"threshold=0.5 0", "threshold=0.5 0 1", "tree 0: threshold: has more than its 2 values"},
      {"threshold=0.5", "threshold=0,5", "tree 0: threshold: value 0, '0,5', is no number"},
      {"threshold=0.5", "threshold=nan", "tree 0: threshold: value 0 is not a number"},
      {"threshold=0.5 0", "threshold=0.5 1", "tree 0: threshold: value 1 is no index of a set"},
      {"threshold=0.5 0", "threshold=0.5 0.5", "tree 0: threshold: value 1 is no index of a set"},
      {"decision_type=10", "decision_type=14", "tree 0: decision_type: value 0 is no kind of decision"},
      {"decision_type=10", "decision_type=16", "tree 0: decision_type: value 0 is no kind of decision"},
      {"decision_type=10", "decision_type=-1", "tree 0: decision_type: value 0 is no kind of decision"},
      {"left_child=1", "left_child=0", "tree 0: left_child: value 0 is no node that can come after it"},
      {"left_child=1", "left_child=2", "tree 0: left_child: value 0 is no node"},
      {"left_child=1", "left_child=-4", "tree 0: left_child: value 0 is no node"},
      {"left_child=1", "left_child=-2147483648", "tree 0: left_child: value 0 is no node"},
      {"right_child=-2", "right_child=-1", "tree 0: left_child: value 1 is another node's child already"},
      {"leaf_value=0.25", "leaf_value=nan", "tree 0: leaf_value: value 0 is not a finite number"},
      {"leaf_value=0.25", "leaf_value=1e999", "tree 0: leaf_value: value 0, '1e999', is no number"},
      {"leaf_count=4 5 6", "leaf_count=4 5", "tree 0: leaf_count: has 2 values"},
      {"cat_boundaries=0 2", "cat_boundaries=1 2", "tree 0: cat_boundaries: value 1 does not follow"},
      {"cat_boundaries=0 2", "cat_boundaries=0 -2", "tree 0: cat_boundaries: value 1 does not follow"},
      {"cat_boundaries=0 2", "cat_boundaries=0 2000000000", "tree 0: cat_boundaries: value 1 does not follow"},
      {"cat_boundaries=0 2", "cat_boundaries=0 3", "tree 0: cat_threshold: has 2 values instead of 3"},
      {"cat_threshold=9 4", "cat_threshold=9 4294967296", "tree 0: cat_threshold: value 1"},
      {"is_linear=0", "is_linear=1", "tree 0: leaf_const: is missing"},
      {"end of trees", "end of tree", "does not go on after tree 0"},
      {"end of parameters", "", "the file ends in its parameters"},
      {"\"y\", 3", "\"y\" 3", "pandas_categorical: at byte"},
  });
}

TEST(Lightgbm, what_would_predict_otherwise_is_refused_with_a_way_out) {
  expect_refused({
      {"version=v4", "version=v5", "this is version 'v5' of LightGBM's text: only v2, v3 and v4", Code::Unsupported},
      {"version=v4\n", "", "this text has no version", Code::Unsupported},
      {"shrinkage=1", "leaf_curve=1", "tree 0: it has a field 'leaf_curve'", Code::Unsupported},
      {"label_index=0", "scale=1", "the header has a field 'scale'", Code::Unsupported},
      {"objective=binary sigmoid:1", "objective=hyper", "take the line 'objective='", Code::Unsupported},
      {"sigmoid:1", "sigmoid:1 clip:3", "has a parameter 'clip:3'", Code::Unsupported},
      {"objective=binary sigmoid:1", "objective=binary sqrt", "has a parameter 'sqrt'", Code::Unsupported},
      {"sigmoid:1", "sigmoid:0", "sigmoid is not above 0"},
      {"sigmoid:1", "sigmoid:-1", "sigmoid is not above 0"},
      {"sigmoid:1", "sigmoid:x", "sigmoid is not above 0"},
      {" sigmoid:1", "", "the objective has no sigmoid"},
      {"binary sigmoid:1", "multiclass num_class:3", "num_class is not that of the objective"},
      {"binary sigmoid:1", "multiclass", "the objective has no num_class"},
      {"objective=binary sigmoid:1", "objective=", "the objective is empty"},
      {"version=v4\n", "version=v2\naverage_output\n", "random forest of LightGBM 2.0 to 2.2", Code::Unsupported},
  });
  const std::string two =
      changed(kSmall, "num_class=1\nnum_tree_per_iteration=1", "num_class=2\nnum_tree_per_iteration=2");
  EXPECT_NE(read_lightgbm(two).error().message.find("binary cannot have 2 outputs"), std::string::npos);
  const auto lacking = read_lightgbm(changed(two, "binary sigmoid:1", "multiclass num_class:2"));
  EXPECT_NE(lacking.error().message.find("the last iteration lacks a tree"), std::string::npos);
  const auto forest = load_model(golden::data("refused") / "lightgbm-old-forest.txt");
  ASSERT_FALSE(forest);
  EXPECT_NE(forest.error().message.find("train it again with LightGBM 2.3 or later"), std::string::npos);
}

TEST(Lightgbm, linear_leaves) {
  const std::string text = changed(kSmall, "is_linear=0\n",
                                   "is_linear=1\nleaf_const=1 2 3\nnum_features=1 0 2\nleaf_features=0   0 1  \n"
                                   "leaf_coeff=0.5   -1 4  \n");
  const auto model = read_lightgbm(text);
  ASSERT_TRUE(model) << model.error().message;
  const std::vector<LinearLeaf> expected{{1, {0}, {0.5}}, {2, {}, {}}, {3, {0, 1}, {-1, 4}}};
  EXPECT_EQ(model->trees[0].linear, expected);
  EXPECT_EQ(model->trees[0].nodes[4].side, 2U);
  for (const auto& [from, to, says] : std::initializer_list<std::array<std::string, 3>>{
           {"num_features=1 0 2", "num_features=1 0 1", "tree 0: leaf_features: has more than its 2 values"},
           {"num_features=1 0 2", "num_features=1 0 4294967295", "tree 0: leaf_features: has 3 values instead of"},
           {"leaf_features=0", "leaf_features=2",
            "tree 0: leaf_features: value 0 is a feature that the model does not"},
           {"leaf_coeff=0.5", "leaf_coeff=inf", "tree 0: leaf_coeff: value 0 is not a finite number"},
           {"leaf_const=1", "leaf_const=nan", "tree 0: leaf_const: value 0 is not a finite number"}}) {
    const auto refused = read_lightgbm(changed(text, from, to));
    ASSERT_FALSE(refused) << to;
    EXPECT_NE(refused.error().message.find(says), std::string::npos) << refused.error().message;
  }
}

// LightGBM reads parameters of objectives digit by digit: the results below were computed by its Common::Atof.
TEST(Lightgbm, rough_numbers) {
  EXPECT_EQ(lightgbm::rough_number("1"), 1.0);
  EXPECT_EQ(lightgbm::rough_number("0.123457"), 0.123457);
  EXPECT_EQ(lightgbm::rough_number("12.5e+02"), 1250.0);
  EXPECT_EQ(lightgbm::rough_number("1e308"), 1e50 * 1e50 * 1e50 * 1e50 * 1e50 * 1e50 * 1e8);
  EXPECT_EQ(lightgbm::rough_number("1e-08"), 1 / 1e8);
  for (const char* text : {"", "-1", "x", "1x", "1 ", "nan", "inf"})
    EXPECT_TRUE(std::isnan(lightgbm::rough_number(text)));
}

}  // namespace
}  // namespace clops::formats
