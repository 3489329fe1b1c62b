// Random forests against a walker so plain that it can be seen to be right: both kernels, both node forms, bit for bit.
#include "serving/engines/forest.h"

#include <gtest/gtest.h>

#include <bit>
#include <random>

#include "serving/engines/forest_kernels.h"
#include "tests/support/reference_forest.h"
#include "tests/support/tabular.h"
#include "tests/unit/formats/golden.h"

namespace clops::serving {
namespace {

using formats::Ensemble;
using formats::Transform;
using formats::Tree;
using formats::TreeNode;

struct Shape {
  uint32_t features = 5, outputs = 1, trees = 10, leaves_max = 20;
  bool thin = false;  // one long path: as deep as it has leaves
};

class Maker {
 public:
  explicit Maker(uint32_t seed) : random_(seed) {}

  float value() {
    static constexpr float kSpecial[] = {0.0F, -0.0F, 1e-45F, -1e-45F, 1.0F, -1.0F, 3.4028235e38F, -3.4028235e38F};
    if (random_() % 4 == 0) return kSpecial[random_() % std::size(kSpecial)];
    return static_cast<float>(static_cast<int>(random_() % 64) - 32) / 4;
  }

  float cell() {
    switch (random_() % 12) {
      case 0:
        return std::numeric_limits<float>::quiet_NaN();
      case 1:
        return std::numeric_limits<float>::infinity();
      case 2:
        return -std::numeric_limits<float>::infinity();
      default:
        return value();
    }
  }

  Tree tree(const Shape& shape, uint32_t output) {
    Tree tree{.nodes = {{.value = value()}}, .output = output, .depth = 0};
    std::vector<std::pair<uint32_t, uint32_t>> open{{0, 0}};  // leaf, its depth
    for (uint32_t leaves = 1 + random_() % shape.leaves_max; leaves > 1; --leaves) {
      const size_t pick = shape.thin ? open.size() - 1 : random_() % open.size();
      const auto [at, depth] = open[pick];
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(pick));
      const auto next = static_cast<int32_t>(tree.nodes.size());
      tree.nodes[at] = {.left = next,
                        .right = next + 1,
                        .feature = static_cast<uint32_t>(random_() % shape.features),
                        .value = value(),
                        .default_left = random_() % 2 == 0};
      for (int child = 0; child < 2; ++child) {
        tree.nodes.push_back({.value = static_cast<float>(random_() % 1000) / 977 - 0.5F});
        open.emplace_back(static_cast<uint32_t>(next + child), depth + 1);
      }
      tree.depth = std::max(tree.depth, depth + 1);
    }
    return tree;
  }

  Ensemble model(const Shape& shape, Transform transform) {
    Ensemble model{.format = "xgboost-json",
                   .framework = "test",
                   .objective = "test",
                   .features = shape.features,
                   .outputs = shape.outputs,
                   .transform = transform};
    for (uint32_t i = 0; i < shape.outputs; ++i) model.margins.push_back(value() / 8);
    for (uint32_t i = 0; i < shape.trees; ++i)
      model.trees.push_back(tree(shape, static_cast<uint32_t>(random_() % shape.outputs)));
    return model;
  }

  std::vector<float> rows(size_t count, uint32_t features) {
    std::vector<float> rows(count * features);
    for (float& each : rows) each = cell();
    return rows;
  }

 private:
  std::mt19937 random_;
};

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return std::ranges::equal(a, b,
                            [](float x, float y) { return std::bit_cast<uint32_t>(x) == std::bit_cast<uint32_t>(y); });
}

std::vector<float> naive(const Ensemble& model, const std::vector<float>& rows, size_t count, size_t columns_out) {
  std::vector<float> out(count * columns_out);
  for (size_t row = 0; row < count; ++row) {
    const auto predicted = test::reference_predict<float, float>(model, rows.data() + row * model.features);
    std::ranges::copy(predicted, out.data() + row * columns_out);
  }
  return out;
}

void expect_equal_to_naive(const Ensemble& model, const std::vector<float>& rows, size_t count) {
  const auto engine = make_forest_engine(model);
  ASSERT_TRUE(engine) << engine.error().message;
  const size_t columns = test::input_columns(**engine), columns_out = test::output_columns(**engine);
  const std::vector<float> wanted = naive(model, rows, count, columns_out);
  const auto scratch = (*engine)->make_scratch();
  std::vector<float> batch(count * columns_out), single(count * columns_out);
  test::infer_rows(**engine, std::span(rows), count, *scratch, std::span(batch));
  for (size_t row = 0; row < count; ++row)
    test::infer_rows(**engine, std::span(rows).subspan(row * columns, columns), 1, *scratch,
                     std::span(single).subspan(row * columns_out, columns_out));
  EXPECT_TRUE(same_bits(batch, wanted)) << "batch of " << count;
  EXPECT_TRUE(same_bits(single, wanted)) << "one by one";
}

TEST(ForestEngine, walks_any_forest_as_a_plain_walker_does) {
  for (uint32_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(seed);
    Maker maker(seed);
    std::mt19937 random(seed);
    Shape shape{.features = static_cast<uint32_t>(1 + random() % 40),
                .outputs = 1,
                .trees = static_cast<uint32_t>(1 + random() % 30),
                .leaves_max = static_cast<uint32_t>(1 + random() % 60),
                .thin = random() % 5 == 0};
    Transform transform = static_cast<Transform>(random() % 4);
    if (random() % 3 == 0) {
      shape.outputs = static_cast<uint32_t>(2 + random() % 5);
      transform = random() % 2 == 0 ? Transform::Softmax : Transform::Argmax;
    }
    const Ensemble model = maker.model(shape, transform);
    const size_t count = 1 + random() % 140;
    expect_equal_to_naive(model, maker.rows(count, shape.features), count);
  }
}

TEST(ForestEngine, both_node_forms_give_the_same_bits) {
  Maker maker(99);
  const Ensemble model =
      maker.model({.features = 20, .outputs = 3, .trees = 33, .leaves_max = 40}, Transform::Identity);
  const auto compact = lay_out<CompactNode>(model);
  const auto wide = lay_out<WideNode>(model);
  ASSERT_TRUE(compact && wide);
  const std::vector<float> rows = maker.rows(64, 20);
  std::vector<float> slots(compact->slots.size() * 64), one(compact->slots.size()), a(64 * 3), b(64 * 3), c(3);
  for (size_t row = 0; row < 64; ++row) gather(compact->slots, rows.data() + row * 20, slots.data() + row, 64);
  sum_block<64>(*compact, slots.data(), 64, a.data());
  sum_block<64>(*wide, slots.data(), 64, b.data());
  EXPECT_TRUE(same_bits(a, b));
  gather(compact->slots, rows.data(), one.data(), 1);
  sum_row(*wide, one.data(), c.data());
  EXPECT_TRUE(same_bits(c, std::span(a).first(3)));
}

TEST(ForestEngine, a_tree_beyond_16_bits_takes_wide_nodes) {
  Maker maker(5);
  Ensemble model = maker.model({.features = 3, .outputs = 1, .trees = 2, .leaves_max = 5}, Transform::Identity);
  Tree deep{.nodes = {}, .output = 0, .depth = 40'000};  // one long chain
  for (int32_t i = 0; i < 40'000; ++i) {
    deep.nodes.push_back(
        {.left = 2 * i + 1, .right = 2 * i + 2, .feature = 0, .value = static_cast<float>(40'000 - i)});
    deep.nodes.push_back({.value = 0});  // left: the next link, or the last leaf
  }
  // Node 2i is a link, its right child 2i+2 the next one, its left child 2i+1 a leaf.
  for (size_t i = 0; i < 40'000; ++i) deep.nodes[2 * i + 1].value = static_cast<float>(i);
  deep.nodes.push_back({.value = -7});
  model.trees.push_back(deep);
  EXPECT_FALSE(fits_compact(model));
  const std::vector<float> rows = {0.5F, 0, 0, 39'999.5F, 0, 0, 1e9F, 0, 0, NAN, 0, 0, 20'000, 0, 0};
  expect_equal_to_naive(model, rows, 5);
}

TEST(ForestEngine, more_slots_than_16_bits_number) {
  Ensemble model{.format = "xgboost-json",
                 .framework = "test",
                 .objective = "test",
                 .features = 70'000,
                 .outputs = 1,
                 .transform = Transform::Identity,
                 .margins = {0.25F}};
  for (uint32_t feature = 0; feature < 70'000; feature += 1)
    model.trees.push_back(
        {.nodes = {{.left = 1, .right = 2, .feature = feature, .value = 0.5F}, {.value = 0.125F}, {.value = -0.25F}},
         .output = 0,
         .depth = 1});
  EXPECT_FALSE(fits_compact(model));
  Maker maker(3);
  expect_equal_to_naive(model, maker.rows(9, 70'000), 9);
}

TEST(ForestEngine, a_forest_of_stumps_needs_no_feature) {
  Ensemble model{.format = "xgboost-json",
                 .framework = "test",
                 .objective = "test",
                 .features = 1,
                 .outputs = 1,
                 .transform = Transform::Identity,
                 .margins = {0.25F}};
  model.trees.push_back({.nodes = {{.value = 1.5F}}, .output = 0, .depth = 0});
  expect_equal_to_naive(model, {NAN, 1, 2, 3, 4}, 5);
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
  ASSERT_EQ(info.inputs.size(), 1U);
  EXPECT_EQ(info.inputs[0].name, "input-0");
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
