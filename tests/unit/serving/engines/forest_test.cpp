// Random forests of every kind against an evaluator so plain that it can be seen to be right: every kernel of every
// instruction set this processor has, bit for bit.
#include "serving/engines/forest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "formats/model.h"
#include "tests/support/reference_forest.h"
#include "tests/support/sanitized.h"
#include "tests/unit/formats/golden.h"
#include "tests/unit/serving/engines/forest_kinds.h"
#include "tests/unit/serving/engines/forest_maker.h"

namespace clops::serving {
namespace {

using formats::Ensemble;
using formats::Number;
using formats::Transform;
using formats::Tree;
using test::ForestMaker;
using test::ForestShape;

// What the reference says, brought to Out. Rows are first brought to what the model compares.
template <class Real, class Sum, class In, class Out>
void refer(const Ensemble& model, const In* row, std::vector<Out>& out) {
  std::vector<Real> as_model;
  for (uint32_t f = 0; f < model.features; ++f) as_model.push_back(static_cast<Real>(row[f]));
  for (const Sum each : test::reference_predict<Real, Sum>(model, as_model.data()))
    out.push_back(static_cast<Out>(each));
}

template <class In, class Out>
std::vector<Out> refer_all(const Ensemble& model, const std::vector<In>& rows) {
  std::vector<Out> out;
  for (size_t at = 0; at < rows.size(); at += model.features) {
    const In* row = rows.data() + at;
    if (model.rows == Number::Float32)
      model.sums == Number::Float32 ? refer<float, float>(model, row, out) : refer<float, double>(model, row, out);
    else
      model.sums == Number::Float32 ? refer<double, float>(model, row, out) : refer<double, double>(model, row, out);
  }
  return out;
}

// In one batch, one by one, and in pieces.
template <class In, class Out>
void expect_equal(const Forest& forest, const Ensemble& model, const std::vector<In>& rows) {
  const std::vector<Out> wanted = refer_all<In, Out>(model, rows);
  const size_t count = rows.size() / model.features, columns = forest.out_columns();
  ASSERT_EQ(columns, formats::output_columns(model.transform, model.outputs));
  ForestWork work = forest.make_work();
  for (const size_t piece : {count, size_t{1}, size_t{2} + count % 5, size_t{17}}) {
    std::vector<Out> out(count * columns, Out{-1});
    for (size_t first = 0; first < count; first += piece)
      forest.predict(rows.data() + first * model.features, std::min(piece, count - first), work,
                     out.data() + first * columns);
    ASSERT_EQ(test::first_difference(std::span<const Out>(out), std::span<const Out>(wanted)), "") << "by " << piece;
  }
}

// How many of the kinds could serve the model.
size_t expect_all_kinds(const Ensemble& model, ForestMaker& maker, size_t count) {
  const Status valid = formats::check_ensemble(model);
  EXPECT_TRUE(valid) << valid.error().message;
  const auto narrow = maker.rows<float>(count, model);
  const auto wide = maker.rows<double>(count, model);
  const std::vector<double> widened(narrow.begin(), narrow.end());
  std::vector<double> all_but_one = widened;  // is a float32
  all_but_one[all_but_one.size() * 2 / 3] = 0.1;
  size_t served = 0;
  for (const ForestOptions& options : test::kinds()) {
    SCOPED_TRACE(test::name(options));
    const auto forest = Forest::make(model, options);
    if (!forest) {
      EXPECT_EQ(forest.error().code, Code::Unsupported) << forest.error().message;
      continue;
    }
    ++served;
    expect_equal<float, float>(*forest, model, narrow);
    expect_equal<float, double>(*forest, model, narrow);
    expect_equal<double, float>(*forest, model, wide);
    expect_equal<double, double>(*forest, model, wide);
    expect_equal<double, double>(*forest, model, widened);
    expect_equal<double, double>(*forest, model, all_but_one);
    if (testing::Test::HasFatalFailure()) break;
  }
  return served;
}

ForestShape any_shape(std::mt19937& random) {
  static constexpr uint32_t kLeaves[] = {1, 4, 8, 14, 31, 60, 64, 120, 256, 300};
  ForestShape shape{.features = static_cast<uint32_t>(1 + random() % 40),
                    .trees = static_cast<uint32_t>(1 + random() % 100),
                    .leaves_max = kLeaves[random() % std::size(kLeaves)],
                    .depth_max = random() % 2 == 0 ? 1 + static_cast<uint32_t>(random() % 8) : 1000,
                    .thin = random() % 8 == 0};
  shape.rows = random() % 2 == 0 ? Number::Float32 : Number::Float64;
  shape.sums = random() % 2 == 0 ? Number::Float32 : Number::Float64;
  shape.category_of = static_cast<formats::CategoryOf>(random() % 3);
  shape.values = random() % 2 == 0 ? 40 : 4000;
  if (random() % 3 == 0) shape.sets_in_ten = 1 + random() % 9;
  if (random() % 3 == 0) shape.zeros_in_ten = 1 + random() % 9;
  if (random() % 4 == 0) shape.lines_in_ten = 5;
  if (random() % 4 == 0) shape.vectors_in_ten = 5;
  if (random() % 4 == 0) shape.divisor = 7;
  if (random() % 4 == 0) shape.scale = 0.7;
  shape.categories = random() % 3 == 0 ? 700 : 70;
  if (random() % 2 == 0) shape.outputs = static_cast<uint32_t>(2 + random() % 5);
  shape.transform = static_cast<Transform>(random() % (static_cast<uint32_t>(Transform::Expectiles) + 1));
  if (shape.transform == Transform::Pair) shape.outputs = 1;
  return shape;
}

TEST(Forest, every_kernel_gives_the_bits_of_the_reference) {
  size_t served = 0;
  constexpr uint32_t kSeeds = test::kSanitized ? 12 : 150;
  for (uint32_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    ForestMaker maker(seed, any_shape(random));
    served += expect_all_kinds(maker.model(), maker, 1 + random() % 140);
    if (HasFatalFailure()) return;
  }
  EXPECT_GE(served, size_t{kSeeds} * 4);
}

TEST(Forest, a_large_batch_is_its_rows) {
  ForestMaker maker(7, {.features = 30, .outputs = 3, .trees = 70, .leaves_max = 40, .sets_in_ten = 2});
  expect_all_kinds(maker.model(), maker, 3000);
}

// Words and bytes of leaves, trees with one lane and with two, one group and several, missing values both ways.
TEST(Forest, small_models_are_summed_directly) {
  using Options = ForestOptions;
  using Single = Options::Single;
  for (uint32_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    ForestShape shape{.features = static_cast<uint32_t>(1 + random() % 32),
                      .trees = static_cast<uint32_t>(1 + random() % 150),
                      .leaves_max = random() % 3 == 0 ? 8U : 16U,
                      .rows = Number::Float32,
                      .sums = Number::Float32};
    if (seed % 4 == 0) shape.outputs = 3;
    ForestMaker maker(seed, shape);
    Ensemble model = maker.model();
    if (seed % 3 == 0) {  // large trees first, as boosting makes them
      const auto leaves = [](const Tree& tree) { return tree.nodes.size(); };
      std::ranges::sort(model.trees, std::ranges::greater{}, leaves);
    }
    for (const Single single : {Single::Direct, Single::DirectApart}) {
      const auto forest = Forest::make(model, {Options::Instructions::Avx512, single, Options::Batch::Walk});
      ASSERT_EQ(forest.has_value(), kernels_for(Options::Instructions::Avx512).has_value());
      if (!forest) return;
      expect_equal<float, float>(*forest, model, maker.rows<float>(150, model));
      expect_equal<double, float>(*forest, model, maker.rows<double>(150, model));
      if (HasFatalFailure()) return;
    }
  }
}

// Planes of 512, 256 and 128 rows; leaves that are looked up as words, as halves of words, as bytes; slots of so few
// thresholds that rows are compared with them, and others, with missing values of both sides.
TEST(Forest, planes_hold_for_every_width_and_every_way_to_look_up) {
  for (const uint32_t leaves : {4U, 16U, 32U, 64U, 200U})
    for (const Number sums : {Number::Float32, Number::Float64})
      for (const uint32_t values : {6U, 60U, 4000U}) {
        SCOPED_TRACE(std::to_string(leaves) + " leaves, " + std::to_string(values) + " values");
        ForestShape shape{.features = 20, .trees = 12, .leaves_max = leaves};
        shape.sums = sums;
        shape.values = values;
        shape.zeros_in_ten = leaves == 16 ? 5 : 0;
        ForestMaker maker(leaves + values, shape);
        const Ensemble model = maker.model();
        const auto rows = maker.rows<float>(512 + 256 + 100, model);
        for (const ForestOptions& options : test::kinds()) {
          if (options.batch != ForestOptions::Batch::Planes) continue;
          SCOPED_TRACE(test::name(options));
          const auto forest = Forest::make(model, options);
          ASSERT_TRUE(forest) << forest.error().message;
          expect_equal<float, float>(*forest, model, rows);
          const std::vector<float> some(rows.begin(), rows.begin() + ptrdiff_t{700} * 20);
          expect_equal<float, double>(*forest, model, some);
        }
      }
}

// Where each kernel's numbers run out: leaves of a byte and of a word of bits, thresholds of a slot, slots of a
// look-up.
TEST(Forest, kernels_hold_at_their_limits) {
  for (const uint32_t leaves : {8U, 9U, 16U, 17U, 32U, 33U, 64U, 65U, 255U, 256U, 257U, 258U}) {
    SCOPED_TRACE(leaves);
    ForestShape shape{.features = 3, .trees = 3, .leaves_max = 1};
    ForestMaker maker(leaves, shape);
    Ensemble model = maker.model();
    Tree tree{.nodes = {}, .depth = leaves - 1};  // one chain to the right, exactly `leaves` leaves
    for (uint32_t i = 0; i + 1 < leaves; ++i) {
      const auto at = static_cast<int32_t>(tree.nodes.size());
      tree.nodes.push_back({.left = at + 1, .right = at + 2, .feature = i % 3, .value = static_cast<float>(i)});
      tree.nodes.push_back({.value = static_cast<float>(i) / 8});
    }
    tree.nodes.push_back({.value = -1});
    model.trees.push_back(tree);
    expect_all_kinds(model, maker, 70);
  }
  for (const uint32_t values : {254U, 255U, 256U, 257U, 511U, 4096U}) {
    SCOPED_TRACE(values);
    ForestMaker maker(values, {.features = 1, .trees = 3, .leaves_max = 1, .rows = Number::Float64});
    Ensemble model = maker.model();
    for (uint32_t i = 0; i < values; ++i)
      model.trees.push_back({.nodes = {{.left = 1, .right = 2, .value = i * 0.1, .default_left = i % 3 == 0},
                                       {.value = static_cast<float>(i)},
                                       {.value = -1}},
                             .depth = 1});
    expect_all_kinds(model, maker, 66);
  }
  for (const uint32_t features : {16U, 17U, 32U, 33U, 63U, 64U, 65U, 128U, 129U, 256U, 257U}) {
    SCOPED_TRACE(features);
    ForestMaker maker(features, {.features = features, .trees = 3, .leaves_max = 1});
    Ensemble model = maker.model();
    for (uint32_t f = 0; f < features; ++f)
      model.trees.push_back({.nodes = {{.left = 1, .right = 2, .feature = f, .value = 3, .default_left = f % 2 == 0},
                                       {.value = static_cast<float>(f) / 8},
                                       {.value = -1}},
                             .depth = 1});
    expect_all_kinds(model, maker, 66);
  }
}

TEST(Forest, a_tree_beyond_all_numbers_is_still_walked) {
  ForestMaker maker(5, {.features = 3, .trees = 2, .leaves_max = 5});
  Ensemble model = maker.model();
  Tree deep{.nodes = {}, .output = 0, .depth = 40'000};  // one long chain
  for (int32_t i = 0; i < 40'000; ++i) {
    deep.nodes.push_back({.left = 2 * i + 1, .right = 2 * i + 2, .value = static_cast<float>(40'000 - i)});
    deep.nodes.push_back({.value = static_cast<float>(i)});
  }
  deep.nodes.push_back({.value = -7});
  model.trees.push_back(deep);
  expect_all_kinds(model, maker, 20);
}

TEST(Forest, categories_beyond_all_tables_are_still_told_apart) {
  ForestMaker maker(6, {.features = 2, .trees = 2, .leaves_max = 5});
  Ensemble model = maker.model();
  Tree tree{.nodes = {{.left = 1, .right = 2, .split = formats::Split::InSet}, {.value = 1}, {.value = 2}}, .depth = 1};
  tree.sets.push_back({std::vector<uint32_t>((1U << 24) / 32 + 1, 0x55555555)});
  model.trees.push_back(tree);
  EXPECT_EQ(Forest::make(model, {.single = ForestOptions::Single::Walk}).error().code, Code::Unsupported);
  const auto forest = Forest::make(model);
  ASSERT_TRUE(forest) << forest.error().message;
  EXPECT_EQ(forest->chosen().single, ForestOptions::Single::Plain);
  expect_equal<float, float>(*forest, model, {0, 0, 1, 0, 2, 0, 16777216, 0, 16777218, 0, 33554432, 0, -1, 0, NAN, 0});
}

TEST(Forest, more_features_than_16_bits_number) {
  ForestMaker maker(3, {.features = 70'000, .trees = 0});
  Ensemble model = maker.model();
  for (uint32_t feature = 0; feature < 70'000; ++feature)
    model.trees.push_back(
        {.nodes = {{.left = 1, .right = 2, .feature = feature, .value = 0.5F}, {.value = 0.125F}, {.value = -0.25F}},
         .output = 0,
         .depth = 1});
  const auto forest = Forest::make(model);
  ASSERT_TRUE(forest) << forest.error().message;
  expect_equal<float, float>(*forest, model, maker.rows<float>(9, model));
}

TEST(Forest, trees_without_a_test_and_no_trees_at_all) {
  for (const uint32_t trees : {0U, 1U, 200U}) {
    ForestMaker maker(1, {.features = 1, .outputs = 2, .trees = trees, .leaves_max = 1});
    EXPECT_GE(expect_all_kinds(maker.model(), maker, 67), 4U);
  }
}

TEST(Forest, says_what_it_chose_and_why) {
  ForestMaker maker(8, {.features = 20, .trees = 100, .leaves_max = 30});
  const auto forest = Forest::make(maker.model());
  ASSERT_TRUE(forest);
  EXPECT_NE(forest->chosen().single, ForestOptions::Single::Measured);
  EXPECT_NE(forest->chosen().batch, ForestOptions::Batch::Measured);
  EXPECT_NE(forest->explanation().find("measured at load"), std::string::npos) << forest->explanation();
  EXPECT_GT(forest->bytes(), 1000U);
}

TEST(Forest, refuses_a_kernel_that_a_model_cannot_have) {
  ForestMaker maker(8, {.features = 20, .trees = 1, .leaves_max = 3000, .thin = true});
  const Ensemble model = maker.model();
  const auto refused = Forest::make(
      model, {.instructions = ForestOptions::Instructions::Portable, .single = ForestOptions::Single::Heap});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::Unsupported);
  EXPECT_NE(refused.error().message.find("heap"), std::string::npos);
}

TEST(ForestEngine, says_what_it_is) {
  const auto engine = make_forest_engine_factory()->load((golden::root() / "samples/models/breast-cancer/2").string());
  ASSERT_TRUE(engine) << engine.error().message;
  const EngineInfo& info = (*engine)->info();
  EXPECT_EQ(info.platform, "xgboost_json");
  EXPECT_EQ(info.framework, "xgboost 3.2.0");
  EXPECT_EQ(info.trees, 90U);
  EXPECT_GE(info.depth_max, 3U);
  EXPECT_EQ(info.feature_names.size(), 30U);
  ASSERT_EQ(info.inputs.size(), 2U);
  EXPECT_EQ(info.inputs[0].name, "input-0");
  EXPECT_FALSE(info.inputs[0].optional);
  EXPECT_EQ(info.inputs[1].name, "contributions_background");
  EXPECT_TRUE(info.inputs[1].optional);
  EXPECT_EQ(info.inputs[0].shape, (std::vector<int64_t>{-1, 30}));
  EXPECT_EQ(info.outputs[0].name, "predict");
  EXPECT_GT(info.bytes, 1000U);
}

TEST(ForestEngineFactory, takes_its_formats_and_passes_on_why_a_model_is_refused) {
  const auto factory = make_forest_engine_factory();
  EXPECT_TRUE(factory->accepts("xgboost-json"));
  EXPECT_TRUE(factory->accepts("xgboost-ubj"));
  EXPECT_FALSE(factory->accepts("onnx"));
  const auto refused = factory->load((golden::data("refused") / "unknown-objective.json").string());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::Unsupported);
  EXPECT_EQ(factory->load("/nonexistent/model.json").error().code, Code::NotFound);
}

}  // namespace
}  // namespace clops::serving
