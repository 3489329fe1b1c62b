// Trees of an XGBoost file that are more than splits of numbers: categories and vector leaves, as they should be and as
// a liar would write them.
#include <gtest/gtest.h>

#include "base/json.h"
#include "formats/model_file.h"
#include "tests/unit/formats/golden.h"

namespace clops::formats {
namespace {

// A split by category: 1 and 33 go right. Of each list of a tree, three entries.
Json by_category() {
  return *parse_json(
      R"({"learner":{"attributes":{},"feature_names":[],"feature_types":["c"],"gradient_booster":{"model":{
      "gbtree_model_param":{"num_parallel_tree":"1","num_trees":"1"},"iteration_indptr":[0,1],"tree_info":[0],"trees":[{
        "categories":[1,33],"categories_nodes":[0],"categories_segments":[0],"categories_sizes":[2],
        "default_left":[1,0,0],"id":0,"left_children":[1,-1,-1],"parents":[2147483647,0,0],"right_children":[2,-1,-1],
        "split_conditions":[null,-1.5,2.5],"split_indices":[0,0,0],"split_type":[1,0,0],
        "tree_param":{"num_deleted":"0","num_feature":"1","num_nodes":"3","size_leaf_vector":"1"}}]},"name":"gbtree"},
    "learner_model_param":{"base_score":"[5E-1]","boost_from_average":"1","num_class":"0","num_feature":"1","num_target":"1"},
    "objective":{"name":"reg:squarederror"}},"version":[3,2,0]})");
}

// Two targets; the leaves are numbered 1 and 0.
Json by_vector() {
  Json model = by_category();
  Json& tree = model["learner"]["gradient_booster"]["model"]["trees"][0];
  for (const char* field : {"categories", "categories_nodes", "categories_segments", "categories_sizes"})
    tree[field] = Json::array();
  tree["split_type"] = {0, 0, 0};
  tree["split_conditions"] = {0.5, 1e-45, 1e-45};
  tree["right_children"] = {2, 1, 0};
  tree["leaf_weights"] = {1, 2, 3, 4};
  tree["tree_param"]["size_leaf_vector"] = "2";
  model["learner"]["learner_model_param"]["num_target"] = "2";
  return model;
}

Result<Ensemble> read(const Json& model) {
  CLOPS_ASSIGN(Model read, read_model(dump_json(model)));
  return std::get<Ensemble>(std::move(read));
}

TEST(XgboostTrees, members_of_a_set_go_left_here) {
  const auto model = read(by_category());
  ASSERT_TRUE(model) << model.error().message;
  const Tree expected{.nodes = {{.left = 1, .right = 2, .default_left = false, .split = Split::InSet},
                                {.value = 2.5F},
                                {.value = -1.5F}},
                      .depth = 1,
                      .sets = {{{1U << 1, 1U << 1}}}};
  EXPECT_EQ(model->trees[0], expected);
  EXPECT_EQ(model->category_of, CategoryOf::Floor);
}

TEST(XgboostTrees, leaves_of_vectors_are_found_by_their_numbers) {
  auto model = read(by_vector());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->outputs, 2U);
  EXPECT_EQ(model->margins, (std::vector<double>{0.5, 0.5}));
  EXPECT_EQ(model->trees[0].vectors, (std::vector<double>{3, 4, 1, 2}));
  EXPECT_EQ(model->trees[0].nodes[1].side, 0U);
  EXPECT_EQ(model->trees[0].nodes[2].side, 1U);

  Json older = by_vector();  // to 3.1: by node
  Json& tree = older["learner"]["gradient_booster"]["model"]["trees"][0];
  tree.erase("leaf_weights");
  tree["base_weights"] = {9, 9, 5, 6, 7, 8};
  tree["right_children"] = {2, -1, -1};
  model = read(older);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->trees[0].vectors, (std::vector<double>{5, 6, 7, 8}));
}

struct Edit {
  std::string what;
  std::function<void(Json& tree)> change;
  std::string says;
  Code code = Code::InvalidArgument;
};

void expect_refused(Json (*whole)(), const std::vector<Edit>& edits) {
  for (const Edit& edit : edits) {
    Json model = whole();
    edit.change(model["learner"]["gradient_booster"]["model"]["trees"][0]);
    const auto result = read(model);
    ASSERT_FALSE(result) << edit.what;
    EXPECT_EQ(result.error().code, edit.code) << edit.what << ": " << result.error().message;
    EXPECT_NE(result.error().message.find("tree 0: " + edit.says), std::string::npos)
        << edit.what << ": " << result.error().message;
  }
}

TEST(XgboostTrees, categories_that_lie_are_named) {
  expect_refused(
      by_category,
      {{"node beyond", [](Json& t) { t["categories_nodes"] = {3}; }, "categories_nodes: node 3 is none"},
       {"segment beyond", [](Json& t) { t["categories_segments"] = {1}; }, "node 0: its categories lie outside"},
       {"segment negative", [](Json& t) { t["categories_segments"] = {-1}; }, "node 0: its categories lie"},
       {"none", [](Json& t) { t["categories_sizes"] = {0}; }, "node 0: its categories lie outside"},
       {"lists", [](Json& t) { t["categories_sizes"] = {1, 1}; }, "categories_nodes has 1 entries"},
       {"negative", [](Json& t) { t["categories"] = {-1, 2}; }, "node 0: a category is negative"},
       {"not listed",
        [](Json& t) {
          for (const char* field : {"categories_nodes", "categories_segments", "categories_sizes"})
            t[field] = Json::array();
        },
        "node 0: its split is categorical, but it has no categories"}});
}

TEST(XgboostTrees, categories_that_are_never_met_take_no_memory) {
  Json model = by_category();
  model["learner"]["gradient_booster"]["model"]["trees"][0]["categories"] = {1 << 24, 2147483647};
  const auto read_model = read(model);
  ASSERT_TRUE(read_model) << read_model.error().message;
  EXPECT_TRUE(read_model->trees[0].sets[0].words.empty()) << "XGBoost takes nothing from 2^24 on for a category";

  // 2 MiB a set is fine once, and not a thousand times in a file of some kilobytes.
  Json many = by_category();
  Json& trees = many["learner"]["gradient_booster"]["model"]["trees"];
  trees[0]["categories"] = {0, (1 << 24) - 1};
  EXPECT_TRUE(read(many));
  for (int i = 0; i < 20; ++i) trees.push_back(trees[0]);
  const auto refused = read(many);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::Unsupported);
  EXPECT_NE(refused.error().message.find("take more memory than a file of this size may ask for"), std::string::npos);
}

TEST(XgboostTrees, vectors_that_lie_are_named) {
  expect_refused(
      by_vector,
      {{"leaf beyond", [](Json& t) { t["right_children"][1] = 2; }, "node 1: its leaf 2 is none of leaf_weights"},
       {"leaf without a number", [](Json& t) { t["right_children"][1] = -1; }, "node 1: its leaf -1 is none"},
       {"leaf of two", [](Json& t) { t["right_children"][1] = 0; }, "node 2: its leaf 0 is another node's, too"},
       {"half a leaf", [](Json& t) { t["leaf_weights"] = {1, 2, 3}; }, "leaf_weights has 3 entries for leaves of 2"},
       {"no number", [](Json& t) { t["leaf_weights"][3] = nullptr; }, "node 1: a weight of its leaf is not a finite"},
       {"size", [](Json& t) { t["tree_param"]["size_leaf_vector"] = "two"; }, "tree_param.size_leaf_vector: 'two'"},
       {"absurd size", [](Json& t) { t["tree_param"]["size_leaf_vector"] = "4000000000"; }, "tree_param.size_leaf_vec"},
       {"other size",
        [](Json& t) {
          t["tree_param"]["size_leaf_vector"] = "4";
          t["leaf_weights"] = {1, 2, 3, 4, 5, 6, 7, 8};
        },
        "its leaves have 4 values for 2 outputs"},
       {"no weights", [](Json& t) { t.erase("leaf_weights"); }, "base_weights has 0 entries for 3 nodes of 2"}});
}

TEST(XgboostTrees, releases_predict_otherwise) {
  struct Case {
    std::vector<int> version;
    std::string objective;
    bool accepted;
    std::string says;
  };
  const Case cases[] = {
      {{1, 6, 2}, "reg:squarederror", false, "categorical splits before XGBoost 1.7"},
      {{1, 7, 0}, "reg:squarederror", true, ""},
      {{3, 9, 0}, "reg:squarederror", true, ""},
      {{4, 0, 0}, "reg:squarederror", false, "written by XGBoost 4"},
      {{}, "reg:squarederror", false, "version is absent"},
  };
  for (const Case& c : cases) {
    Json model = by_category();
    model["version"] = c.version;
    const auto result = read(model);
    ASSERT_EQ(result.has_value(), c.accepted) << c.says;
    if (c.accepted) {
      EXPECT_EQ(result->notes.empty(), (c.version < std::vector<int>{3, 5}))
          << "a newer release than was compared with";
    } else {
      EXPECT_NE(result.error().message.find(c.says), std::string::npos) << result.error().message;
    }
  }
}

// exp(-sum) is stopped at 88.7 since 1.6: before, a sum below -88 predicts something else.
TEST(XgboostTrees, a_sum_that_old_releases_would_let_overflow_is_not_served) {
  Json model = by_category();
  Json& learner = model["learner"];
  Json& tree = learner["gradient_booster"]["model"]["trees"][0];
  tree["split_type"] = {0, 0, 0};
  tree["split_conditions"] = {0.5, -100, 2.5};
  learner["objective"]["name"] = "binary:logistic";
  model["version"] = {1, 6, 0};
  EXPECT_TRUE(read(model));
  model["version"] = {1, 5, 2};
  const auto refused = read(model);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("load it with XGBoost 1.6 or newer and save it again"), std::string::npos);
  tree["split_conditions"][1] = -80;
  EXPECT_TRUE(read(model));
}

}  // namespace
}  // namespace clops::formats
