#include "formats/xgboost.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "formats/model_file.h"
#include "tests/unit/formats/golden.h"

namespace clops::formats {
namespace {

// A model of one split on the second of two features.
Json small() {
  return *parse_json(R"({"learner":{"attributes":{},"feature_names":["a","b"],"feature_types":["float","int"],
    "gradient_booster":{"model":{"gbtree_model_param":{"num_parallel_tree":"1","num_trees":"1"},"iteration_indptr":[0,1],
      "tree_info":[0],"trees":[{"base_weights":[0,0,0],"categories":[],"categories_nodes":[],"categories_segments":[],
        "categories_sizes":[],"default_left":[1,0,0],"id":0,"left_children":[1,-1,-1],"loss_changes":[1,0,0],
        "parents":[2147483647,0,0],"right_children":[2,-1,-1],"split_conditions":[0.5,-1.5,2.5],"split_indices":[1,0,0],
        "split_type":[0,0,0],"sum_hessian":[3,1,2],
        "tree_param":{"num_deleted":"0","num_feature":"2","num_nodes":"3","size_leaf_vector":"1"}}]},"name":"gbtree"},
    "learner_model_param":{"base_score":"5E-1","boost_from_average":"1","num_class":"0","num_feature":"2","num_target":"1"},
    "objective":{"name":"reg:squarederror","reg_loss_param":{"scale_pos_weight":"1"}}},"version":[2,1,4]})");
}

Result<Ensemble> read(const Json& model) {
  CLOPS_ASSIGN(Model read, read_model(dump_json(model)));
  return std::get<Ensemble>(std::move(read));
}

TEST(Xgboost, reads_into_plain_trees) {
  const auto model = read(small());
  ASSERT_TRUE(model) << model.error().message;
  const Ensemble expected{
      .format = "xgboost-json",
      .framework = "xgboost 2.1.4",
      .objective = "reg:squarederror",
      .features = 2,
      .outputs = 1,
      .transform = Transform::Identity,
      .margins = {0.5F},
      .trees = {{.nodes = {{.left = 1, .right = 2, .feature = 1, .value = 0.5F, .default_left = true},
                           {.value = -1.5F},
                           {.value = 2.5F}},
                 .output = 0,
                 .depth = 1,
                 .covers = {3, 1, 2}}},
      .feature_names = {"a", "b"},
      .feature_types = {"float", "int"},
      .unknown_category = UnknownCategory::Refused,
  };
  EXPECT_EQ(*model, expected);
}

void clear_format(Model& model) {
  if (auto* const trees = std::get_if<Ensemble>(&model)) trees->format.clear();
  if (auto* const line = std::get_if<LinearModel>(&model)) line->format.clear();
}

TEST(Xgboost, both_encodings_of_a_model_are_one_model) {
  size_t pairs = 0;
  for (const golden::Golden& golden : golden::all()) {
    if (golden.models.size() != 2) continue;  // releases before 1.6 write no UBJSON
    SCOPED_TRACE(golden.name);
    auto first = load_model(golden::root() / golden.models[0]), second = load_model(golden::root() / golden.models[1]);
    ASSERT_TRUE(first) << first.error().message;
    ASSERT_TRUE(second) << second.error().message;
    clear_format(*first);
    clear_format(*second);
    EXPECT_EQ(*first, *second);
    ++pairs;
  }
  EXPECT_GE(pairs, 75U);
}

TEST(Xgboost, base_score_in_every_spelling) {
  struct Case {
    std::string objective, base_score;
    std::vector<double> margins;
  };
  const Case cases[] = {
      {"reg:squarederror", "5E-1", {0.5F}},     {"reg:squarederror", "[5E-1]", {0.5F}},
      {"reg:squarederror", "[-1.5]", {-1.5F}},  {"binary:logistic", "5E-1", {-0.0F}},
      {"binary:logistic", "[5E-1]", {-0.0F}},   {"binary:logitraw", "3", {3.0F}},
      {"count:poisson", "1E0", {0.0F}},         {"multi:softprob", "5E-1", {0.5F, 0.5F, 0.5F}},
      {"multi:softprob", "[1,2,3]", {1, 2, 3}}, {"multi:softmax", "[1E0, 2E0, 3E0]", {1, 2, 3}},
  };
  for (const Case& c : cases) {
    Json model = small();
    model["learner"]["objective"]["name"] = c.objective;
    model["learner"]["learner_model_param"]["base_score"] = c.base_score;
    if (c.margins.size() > 1) model["learner"]["learner_model_param"]["num_class"] = "3";
    const auto read_model = read(model);
    ASSERT_TRUE(read_model) << c.base_score << ": " << read_model.error().message;
    EXPECT_EQ(read_model->margins, c.margins) << c.objective << " " << c.base_score;
  }
}

TEST(Xgboost, pruned_nodes_are_left_behind) {
  Json model = small();
  Json& tree = model["learner"]["gradient_booster"]["model"]["trees"][0];
  tree["left_children"] = {-1, -1, -1};
  tree["right_children"] = {-1, -1, -1};
  tree["split_indices"] = {0, 2147483647, 2147483647};
  tree["split_conditions"][1] = nullptr;
  const auto pruned = read(model);
  ASSERT_TRUE(pruned) << pruned.error().message;
  EXPECT_EQ(pruned->trees[0].nodes.size(), 1U);
}

struct Edit {
  std::string what;
  std::function<void(Json& learner, Json& tree)> change;
  std::string says;
  Code code;
};

void expect_refused(const std::vector<Edit>& edits) {
  for (const Edit& edit : edits) {
    Json model = small();
    edit.change(model["learner"], model["learner"]["gradient_booster"]["model"]["trees"][0]);
    const auto result = read(model);
    ASSERT_FALSE(result) << edit.what;
    EXPECT_EQ(result.error().code, edit.code) << edit.what << ": " << result.error().message;
    EXPECT_NE(result.error().message.find(edit.says), std::string::npos) << edit.what << ": " << result.error().message;
  }
}

TEST(Xgboost, damage_is_named_by_tree_and_node) {
  const Code damaged = Code::InvalidArgument;
  expect_refused({
      {"child beyond", [](Json&, Json& t) { t["left_children"][0] = 3; }, "tree 0: node 0: its child 3", damaged},
      {"child is root", [](Json&, Json& t) { t["left_children"][0] = 0; }, "node 0: its child 0", damaged},
      {"child negative", [](Json&, Json& t) { t["right_children"][0] = -5; }, "node 0: its child -5", damaged},
      {"both children one", [](Json&, Json& t) { t["right_children"][0] = 1; },
       "right child 1 does not follow its left one, 1", damaged},
      {"children apart", [](Json&, Json& t) { t["left_children"][0] = 2, t["right_children"][0] = 1; },
       "right child 1 does not follow its left one, 2", damaged},
      {"half a leaf", [](Json&, Json& t) { t["left_children"][0] = -1; }, "node 0: has a right child", damaged},
      {"feature beyond", [](Json&, Json& t) { t["split_indices"][0] = 2; }, "tree 0: feature 2 of 2", damaged},
      {"feature negative", [](Json&, Json& t) { t["split_indices"][0] = -1; }, "feature index is negative", damaged},
      {"infinite threshold", [](Json&, Json& t) { t["split_conditions"][0] = 1e300; }, "node 0: its split condition",
       damaged},
      {"missing threshold", [](Json&, Json& t) { t["split_conditions"][0] = nullptr; }, "node 0: its split condition",
       damaged},
      {"infinite leaf", [](Json&, Json& t) { t["split_conditions"][2] = -1e300; }, "node 2: its leaf value", damaged},
      {"short array", [](Json&, Json& t) { t["split_conditions"].erase(2); },
       "split_conditions has 2 entries, left_children 3", damaged},
      {"no nodes", [](Json&, Json& t) { t["left_children"] = Json::array(); }, "tree 0: the tree has no nodes",
       damaged},
      {"node count", [](Json&, Json& t) { t["tree_param"]["num_nodes"] = "4"; }, "num_nodes says 4", damaged},
      {"no trees", [](Json& l, Json&) { l["gradient_booster"]["model"]["trees"] = Json::array(); }, "no trees",
       damaged},
      {"tree count", [](Json& l, Json&) { l["gradient_booster"]["model"]["gbtree_model_param"]["num_trees"] = "2"; },
       "num_trees says 2", damaged},
      {"class of tree", [](Json& l, Json&) { l["gradient_booster"]["model"]["tree_info"] = {1}; },
       "tree 0 belongs to class 1", damaged},
      {"classes of trees", [](Json& l, Json&) { l["gradient_booster"]["model"]["tree_info"] = {0, 0}; },
       "tree_info has 2", damaged},
      {"names", [](Json& l, Json&) { l["feature_names"] = {"a"}; }, "feature_names has 1 entries for 2 features",
       damaged},
      {"base_score text", [](Json& l, Json&) { l["learner_model_param"]["base_score"] = "half"; }, "base_score: 'half'",
       damaged},
      {"base_score vector", [](Json& l, Json&) { l["learner_model_param"]["base_score"] = "[1,2]"; },
       "base_score has 2 values", damaged},
      {"base_score open", [](Json& l, Json&) { l["learner_model_param"]["base_score"] = "[1"; }, "base_score: '[1'",
       damaged},
      {"base_score nan", [](Json& l, Json&) { l["learner_model_param"]["base_score"] = "nan"; }, "base_score: 'nan'",
       damaged},
      {"base_score absent", [](Json& l, Json&) { l["learner_model_param"].erase("base_score"); },
       "base_score is absent", damaged},
      {"num_feature", [](Json& l, Json&) { l["learner_model_param"]["num_feature"] = "0"; }, "num_feature: '0'",
       damaged},
      {"num_class text", [](Json& l, Json&) { l["learner_model_param"]["num_class"] = "x"; }, "num_class: 'x'",
       damaged},
      {"classes and targets",
       [](Json& l, Json&) {
         l["learner_model_param"]["num_class"] = "3";
         l["learner_model_param"]["num_target"] = "2";
       },
       "3 classes and 2 targets", damaged},
      {"classes of a classifier", [](Json& l, Json&) { l["objective"]["name"] = "multi:softprob"; }, "num_class is 0",
       damaged},
      {"iterations", [](Json& l, Json&) { l["gradient_booster"]["model"]["iteration_indptr"] = {0, 2}; },
       "iteration_indptr does not go from 0 to the 1 trees", damaged},
      {"drop-out weights", [](Json& l, Json&) { l["gradient_booster"]["weight_drop"] = {0.5, 0.5}; },
       "weight_drop has 2 entries for 1 trees", damaged},
      {"drop-out weights twice",
       [](Json& l, Json&) {
         l["gradient_booster"]["weight_drop"] = {0.5};
         l["gradient_booster"]["model"]["weight_drop"] = {0.5};
       },
       "weight_drop is given twice", damaged},
      {"no drop-out weights", [](Json& l, Json&) { l["gradient_booster"]["name"] = "dart"; },
       "booster 'dart' without weight_drop", damaged},
      {"weight too great", [](Json& l, Json&) { l["gradient_booster"]["weight_drop"] = {3e38}; },
       "tree 0: a weighted leaf is not a finite number", damaged},
      {"no linear weights", [](Json& l, Json&) { l["gradient_booster"]["name"] = "gblinear"; },
       "model.weights is absent", damaged},
      {"linear weights",
       [](Json& l, Json&) { l["gradient_booster"] = {{"name", "gblinear"}, {"model", {{"weights", {1, 2}}}}}; },
       "weights has 2 entries for 2 features and 1 outputs", damaged},
      {"category without a list", [](Json&, Json& t) { t["split_type"][0] = 1; }, "node 0: its split is categorical",
       damaged},
      {"probability",
       [](Json& l, Json&) {
         l["objective"]["name"] = "binary:logistic";
         l["learner_model_param"]["base_score"] = "2";
       },
       "between 0 and 1", damaged},
  });
}

TEST(Xgboost, what_would_predict_otherwise_is_refused_with_a_way_out) {
  const Code no = Code::Unsupported;
  expect_refused({
      {"objective", [](Json& l, Json&) { l["objective"]["name"] = "custom"; },
       "objective 'custom' is not known, so what it makes of the sums is not either; these are: binary:logistic", no},
      {"split type", [](Json&, Json& t) { t["split_type"][0] = 2; }, "node 0: its split is of a type that is not known",
       no},
      {"booster", [](Json& l, Json&) { l["gradient_booster"]["name"] = "future"; }, "booster 'future'", no},
      {"field of a tree", [](Json&, Json& t) { t["leaf_curves"] = Json::array(); },
       "a tree has the field 'leaf_curves'", no},
      {"field of the learner", [](Json& l, Json&) { l["calibration"] = 1; }, "learner has the field 'calibration'", no},
      {"no learner", [](Json& l, Json&) { l = Json::array(); }, "", Code::InvalidArgument},
  });
  EXPECT_EQ(read(Json{{"a", 1}}).error().code, no);
}

TEST(Xgboost, files_of_the_framework_that_are_refused) {
  struct Case {
    std::string file, says;
  };
  const Case cases[] = {
      {"categorical-1.6.ubj", "categorical splits before XGBoost 1.7 were an experiment"},
      {"gblinear-logistic-1.3.json", "a logistic gblinear of XGBoost before 1.6"},
      {"unknown-objective.json", "objective 'mylogistic' is not known"},
      {"newer-field.json", "learner has the field 'calibration'"},
      {"model.pkl", "a pickle runs code when it is opened"},
      {"old.deprecated", "an old XGBoost binary model"},
  };
  for (const Case& c : cases) {
    const auto model = load_model(golden::data("refused") / c.file);
    ASSERT_FALSE(model) << c.file;
    EXPECT_EQ(model.error().code, Code::Unsupported) << model.error().message;
    EXPECT_NE(model.error().message.find(c.file + ": "), std::string::npos) << model.error().message;
    EXPECT_NE(model.error().message.find(c.says), std::string::npos) << model.error().message;
  }
}

}  // namespace
}  // namespace clops::formats
