// Exact SHAP contributions: what LightGBM, XGBoost and shap say of the golden models, the plain recursion, all subsets
// of features one by one, and what has to hold of every model.
#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <random>

#include "formats/model_file.h"
#include "serving/engines/tree_shap.h"
#include "tests/support/reference_contributions.h"
#include "tests/unit/formats/golden.h"

namespace clops::serving {
namespace {

using formats::Ensemble;
using formats::Tree;
using formats::TreeNode;

std::vector<double> explain(const TreeShap& shap, const std::vector<double>& rows, size_t batch = 1000) {
  const size_t columns = shap.features(), count = rows.size() / columns, wide = shap.outputs() * (columns + 1);
  const auto work = shap.make_work();
  std::vector<double> out(count * wide);
  for (size_t first = 0; first < count; first += batch)
    shap.explain(rows.data() + first * columns, std::min(batch, count - first), *work, out.data() + first * wide);
  return out;
}

// The greatest difference within `width` numbers of one output, as a share of their magnitudes.
double distance(const double* got, const double* wanted, size_t width) {
  double size = 0, difference = 0;
  for (size_t i = 0; i < width; ++i) {
    size += std::fabs(wanted[i]);
    difference = std::max(difference, std::fabs(got[i] - wanted[i]));
  }
  return difference == 0 ? 0 : difference / size;
}

double worst(const std::vector<double>& got, const std::vector<double>& wanted, size_t width) {
  EXPECT_EQ(got.size(), wanted.size());
  double worst = 0;
  for (size_t i = 0; i < wanted.size(); i += width) worst = std::max(worst, distance(&got[i], &wanted[i], width));
  return worst;
}

std::vector<double> wide(const std::vector<float>& numbers) {
  return {numbers.begin(), numbers.end()};
}
std::vector<double> rows_of(const golden::Golden& golden) {
  return golden.bits == 64 ? golden.input64 : wide(golden.input);
}

// Trees of random shape: features come back on a path, missing values go either way, some splits are by category.
struct Drawn {
  explicit Drawn(uint64_t seed) : random(seed) {}
  std::mt19937_64 random;
  uint32_t deepest = 6;
  double number(double from, double to) { return std::uniform_real_distribution(from, to)(random); }
  uint32_t below(uint32_t end) { return static_cast<uint32_t>(random() % end); }

  void grow(Ensemble& model, Tree& tree, size_t at, uint32_t depth, double cover, bool vectors) {
    tree.covers[at] = cover;
    tree.depth = std::max(tree.depth, depth);
    // Of deep trees, only right children go on beyond the third level.
    if (depth == deepest || (deepest > 6 ? depth > 3 && at % 2 == 1 : cover < 1 || (depth > 1 && below(4) == 0))) {
      tree.nodes[at].value = number(-1, 1);
      if (!vectors) return;
      tree.nodes[at].side = static_cast<uint32_t>(tree.vectors.size() / model.outputs);
      for (uint32_t o = 0; o < model.outputs; ++o) tree.vectors.push_back(number(-1, 1));
      return;
    }
    TreeNode node{.feature = below(model.features), .value = number(-1, 1), .default_left = below(2) == 0};
    if (node.feature == 0) {
      node.split = formats::Split::InSet;
      node.value = 0;
      node.side = static_cast<uint32_t>(tree.sets.size());
      tree.sets.push_back({{below(256)}});
    } else {
      node.zero_is_missing = below(5) == 0;
    }
    node.left = static_cast<int32_t>(tree.nodes.size());
    node.right = node.left + 1;
    tree.nodes[at] = node;
    tree.nodes.resize(tree.nodes.size() + 2);
    tree.covers.resize(tree.nodes.size());
    const double share = below(12) == 0 ? 0 : number(0.1, 0.9);  // a side that no training data took
    grow(model, tree, static_cast<size_t>(node.left), depth + 1, cover * share, vectors);
    grow(model, tree, static_cast<size_t>(node.right), depth + 1, cover * (1 - share), vectors);
  }

  Ensemble model(uint32_t features, uint32_t outputs, size_t trees, bool vectors = false) {
    Ensemble model{.format = "drawn",
                   .rows = formats::Number::Float64,
                   .sums = formats::Number::Float64,
                   .features = features,
                   .outputs = outputs,
                   .category_of = below(2) == 0 ? formats::CategoryOf::Chop : formats::CategoryOf::Listed};
    model.category_values.resize(features);
    model.category_values[0] = {-1, 0, 0.5, 2, 3, 5, 7};  // of the feature with sets
    for (uint32_t o = 0; o < outputs; ++o) model.margins.push_back(number(-1, 1));
    for (size_t t = 0; t < trees; ++t) {
      Tree tree{.nodes = {{}}, .output = static_cast<uint32_t>(t % outputs), .covers = {0}};
      grow(model, tree, 0, 0, 100, vectors);
      model.trees.push_back(std::move(tree));
    }
    EXPECT_TRUE(check_ensemble(model));
    return model;
  }

  std::vector<double> rows(const Ensemble& model, size_t count) {
    std::vector<double> rows;
    for (size_t i = 0; i < count * model.features; ++i) {
      const uint32_t kind = below(8);
      rows.push_back(kind == 0                 ? std::numeric_limits<double>::quiet_NaN()
                     : kind == 1               ? 0
                     : i % model.features == 0 ? static_cast<double>(below(9)) - 1
                                               : number(-1.5, 1.5));
    }
    return rows;
  }
};

// What a model says of a row of which only some features are known.
using Game = std::function<std::vector<double>(uint32_t known)>;

// Shapley's values by their definition: every feature, every subset of the others. Last: nothing known.
std::vector<double> by_subsets(const Game& game, uint32_t features, uint32_t outputs) {
  std::vector<std::vector<double>> values;
  for (uint32_t known = 0; known < 1U << features; ++known) values.push_back(game(known));
  std::vector<double> factorial{1};
  for (uint32_t n = 1; n <= features; ++n) factorial.push_back(factorial.back() * n);
  std::vector<double> out(outputs * (features + 1));
  for (uint32_t o = 0; o < outputs; ++o) {
    for (uint32_t f = 0; f < features; ++f) {
      for (uint32_t known = 0; known < 1U << features; ++known) {
        if ((known >> f & 1) != 0) continue;
        const auto size = static_cast<uint32_t>(std::popcount(known));
        out[o * (features + 1) + f] += factorial[size] * factorial[features - size - 1] / factorial[features] *
                                       (values[known | 1U << f][o] - values[known][o]);
      }
    }
    out[o * (features + 1) + features] = values[0][o];
  }
  return out;
}

double leaf_value(const Ensemble& model, const Tree& tree, const TreeNode& leaf, uint32_t output) {
  if (!tree.vectors.empty()) return tree.vectors[size_t{leaf.side} * model.outputs + output];
  return tree.output == output ? leaf.value : 0;
}

// Splits by a feature that is not known pass both ways, by cover.
double by_cover(const Ensemble& model, const Tree& tree, size_t at, const double* row, uint32_t known,
                uint32_t output) {
  const TreeNode& node = tree.nodes[at];
  if (node.leaf()) return leaf_value(model, tree, node, output);
  const auto left = static_cast<size_t>(node.left), right = static_cast<size_t>(node.right);
  if ((known >> node.feature & 1) != 0)
    return by_cover(model, tree, test::goes_left(model, tree, node, row[node.feature]) ? left : right, row, known,
                    output);
  const double cover = tree.covers[at];
  const double share = cover == 0 ? 0.5 : tree.covers[left] / cover,
               other = cover == 0 ? 0.5 : tree.covers[right] / cover;
  return share * by_cover(model, tree, left, row, known, output) +
         other * by_cover(model, tree, right, row, known, output);
}

TEST(TreeShap, equals_LightGBMs_pred_contrib) {
  size_t models = 0;
  for (const golden::Golden& golden : golden::all(64, "contributions")) {
    SCOPED_TRACE(golden.name);
    const auto model = formats::load_model(golden::root() / golden.models[0]);
    ASSERT_TRUE(model) << model.error().message;
    const auto shap = TreeShap::make(std::get<Ensemble>(*model));
    ASSERT_TRUE(shap) << shap.error().message;
    EXPECT_LT(worst(explain(*shap, golden.input64), golden.predicted64, golden.columns + 1), 1e-14);
    ++models;
  }
  EXPECT_GE(models, 10U);
}

TEST(TreeShap, equals_XGBoosts_pred_contribs_but_for_its_float32) {
  size_t models = 0;
  for (const char* folder : {"contributions", "vector-contributions"}) {
    for (const golden::Golden& golden : golden::all(32, folder)) {
      SCOPED_TRACE(golden.name);
      const auto model = formats::load_model(golden::root() / golden.models[0]);
      ASSERT_TRUE(model) << model.error().message;
      const auto shap = TreeShap::make(std::get<Ensemble>(*model));
      ASSERT_TRUE(shap) << shap.error().message;
      EXPECT_LT(worst(explain(*shap, wide(golden.input)), wide(golden.predicted), golden.columns + 1), 2e-6);
      ++models;
    }
  }
  EXPECT_GE(models, 14U);
}

TEST(TreeShap, equals_the_plain_recursion_and_adds_up_to_the_raw_score_for_every_golden_model) {
  size_t models = 0;
  for (const size_t bits : {32, 64}) {
    for (const golden::Golden& golden : golden::all(bits)) {
      SCOPED_TRACE(golden.name);
      const auto model = formats::load_model(golden::root() / golden.models[0]);
      ASSERT_TRUE(model) << model.error().message;
      const auto* ensemble = std::get_if<Ensemble>(&*model);
      if (ensemble == nullptr || !check_explainable(*ensemble)) continue;
      const auto shap = TreeShap::make(*ensemble);
      ASSERT_TRUE(shap) << shap.error().message;
      const std::vector<double> rows = rows_of(golden), got = explain(*shap, rows);
      const size_t width = golden.columns + 1;
      for (size_t row = 0; row < golden.rows; ++row) {
        auto sums = test::reference_sums<double, double>(*ensemble, &rows[row * golden.columns]);
        for (double& sum : sums) sum /= explained_divisor(*ensemble);
        const bool zero_cover = golden.name == "all-zero-counts";  // of which the recursion makes NaN
        const bool plain =
            !zero_cover && std::ranges::all_of(ensemble->trees, [](auto& tree) { return tree.vectors.empty(); });
        auto wanted = test::reference_contributions<double, double>(*ensemble, &rows[row * golden.columns]);
        for (uint32_t o = 0; o < ensemble->outputs; ++o) {
          const double* of = &got[(row * ensemble->outputs + o) * width];
          double total = 0, size = 0;
          for (size_t f = 0; f < width; ++f) total += of[f], size += std::fabs(of[f]);
          if (std::isinf(sums[o])) {  // from a base_score of 0 or 1
            ASSERT_EQ(total, sums[o]);
            continue;
          }
          ASSERT_NEAR(total, sums[o], 1e-13 * size) << "row " << row << ", output " << o;
          if (!plain) continue;
          for (size_t f = 0; f < width; ++f) wanted[o * width + f] /= explained_divisor(*ensemble);
          wanted[o * width + width - 1] += ensemble->margins[o] / explained_divisor(*ensemble);
          ASSERT_LT(distance(of, &wanted[o * width], width), 1e-12) << "row " << row << ", output " << o;
        }
      }
      ++models;
    }
  }
  EXPECT_GE(models, 120U);
}

TEST(TreeShap, equals_all_subsets_of_features) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    Drawn drawn(seed);
    const bool vectors = seed % 3 == 0;
    const uint32_t features = 1 + drawn.below(9), outputs = 1 + drawn.below(3);
    const Ensemble model = drawn.model(features, outputs, 3, vectors);
    const std::vector<double> rows = drawn.rows(model, 5);
    const auto shap = TreeShap::make(model);
    ASSERT_TRUE(shap) << shap.error().message;
    const std::vector<double> got = explain(*shap, rows);
    for (size_t row = 0; row < 5; ++row) {
      const Game game = [&](uint32_t known) {
        std::vector<double> sums = model.margins;
        for (uint32_t o = 0; o < outputs; ++o)
          for (const Tree& tree : model.trees) sums[o] += by_cover(model, tree, 0, &rows[row * features], known, o);
        return sums;
      };
      const std::vector<double> wanted = by_subsets(game, features, outputs);
      for (size_t i = 0; i < wanted.size(); ++i)
        ASSERT_NEAR(got[row * wanted.size() + i], wanted[i], 1e-13) << "row " << row << ", number " << i;
    }
  }
}

// Every feature once, all the way down: as many points as it takes, over more than one pass.
TEST(TreeShap, is_exact_for_a_path_of_many_features) {
  constexpr uint32_t kFeatures = 40;
  Ensemble model{.format = "drawn", .features = kFeatures, .margins = {0}};
  Tree chain{.nodes = {{}}, .depth = kFeatures, .covers = {1}};
  for (uint32_t f = 0; f < kFeatures; ++f) {
    const size_t at = chain.nodes.size() - 1;
    chain.nodes[at] = {
        .left = static_cast<int32_t>(at + 1), .right = static_cast<int32_t>(at + 2), .feature = f, .value = 0.5};
    chain.nodes.resize(at + 3);
    chain.covers.push_back(chain.covers[at] / 2);
    chain.covers.push_back(chain.covers[at] / 2);
  }
  chain.nodes.back().value = 1;  // all features on the right: 1, else 0
  model.trees.push_back(chain);
  ASSERT_TRUE(check_ensemble(model));
  const auto shap = TreeShap::make(model);
  ASSERT_TRUE(shap) << shap.error().message;
  std::vector<double> row(kFeatures, 1);
  const std::vector<double> all = explain(*shap, row);
  for (uint32_t f = 0; f < kFeatures; ++f)
    EXPECT_NEAR(all[f], (1 - std::ldexp(1.0, -40)) / kFeatures, 1e-15) << f;  // by symmetry
  // One feature against the others: -z times the integral of ((1 + t) / 2)^39, z = 1/2.
  row[7] = 0;
  const double against = explain(*shap, row)[7];
  EXPECT_NEAR(against, -(1 - std::ldexp(1.0, -40)) / 40, 1e-15);
}

TEST(TreeShap, one_row_a_batch_and_every_instruction_set_give_the_same_bits) {
  Drawn drawn(11);
  // To 6, 12 and 40 features a path: one pass over a tree of few points, of many, and more than one pass.
  for (const auto& [features, depth, vectors] :
       {std::tuple{12U, 6U, false}, {12U, 6U, true}, {20U, 12U, false}, {60U, 40U, false}}) {
    drawn.deepest = depth;
    const Ensemble model = drawn.model(features, 3, 20, vectors);
    const std::vector<double> rows = drawn.rows(model, 101);
    const auto portable = TreeShap::make(model, ShapInstructions::Portable);
    ASSERT_TRUE(portable) << portable.error().message;
    const std::vector<double> wanted = explain(*portable, rows);
    size_t sets = 0;
    for (const auto instructions :
         {ShapInstructions::Best, ShapInstructions::Portable, ShapInstructions::Avx2, ShapInstructions::Avx512}) {
      const auto shap = TreeShap::make(model, instructions);
      if (!shap) {
        EXPECT_EQ(shap.error().code, Code::Unsupported);
        continue;
      }
      ++sets;
      for (const size_t batch : {1UZ, 2UZ, 3UZ, 8UZ, 9UZ, 10UZ, 11UZ, 33UZ, 101UZ}) {
        const std::vector<double> got = explain(*shap, rows, batch);
        for (size_t i = 0; i < wanted.size(); ++i)
          ASSERT_EQ(std::bit_cast<uint64_t>(got[i]), std::bit_cast<uint64_t>(wanted[i]))
              << shap->evaluator() << ", batches of " << batch << ", number " << i;
      }
    }
    EXPECT_GE(sets, 2U);
  }
}

TEST(TreeShap, refuses_what_has_no_exact_contributions) {
  Drawn drawn(3);
  const Ensemble good = drawn.model(4, 1, 2);
  EXPECT_TRUE(check_explainable(good));
  const auto refused = [](const Ensemble& model, std::string_view why) {
    const auto made = TreeShap::make(model);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Code::Unsupported);
    EXPECT_NE(made.error().message.find(why), std::string::npos) << made.error().message;
  };
  Ensemble model = good;
  model.trees[1].covers.clear();
  refused(model, "tree 1 has no covers");
  model = good;
  model.trees[0].covers[1] = -1;
  refused(model, "tree 0 has a cover that is negative");
  model = good;
  model.trees[0].linear.emplace_back();
  refused(model, "linear leaves");
  model = good;
  Tree deep{.nodes = {{}}, .covers = {1}};
  for (uint32_t d = 0; d <= kShapDepthMax; ++d) {
    const size_t at = deep.nodes.size() - 1;
    deep.nodes[at] = {.left = static_cast<int32_t>(at + 1), .right = static_cast<int32_t>(at + 2)};
    deep.nodes.resize(at + 3);
  }
  deep.covers.assign(deep.nodes.size(), 1);
  model.trees[0] = deep;
  refused(model, "513 deep");
}

TEST(InterventionalShap, equals_shap) {
  constexpr size_t kBackground = 8;  // scripts/make_golden_contributions.py
  size_t models = 0;
  for (const golden::Golden& golden : golden::all(64, "interventional")) {
    SCOPED_TRACE(golden.name);
    const auto model = formats::load_model(golden::root() / golden.models[0]);
    ASSERT_TRUE(model) << model.error().message;
    const auto shap = InterventionalShap::make(std::get<Ensemble>(*model),
                                               std::span(golden.input64).first(kBackground * golden.columns));
    ASSERT_TRUE(shap) << shap.error().message;
    ASSERT_EQ(golden.outputs, std::get<Ensemble>(*model).outputs * (golden.columns + 1));
    std::vector<double> out(golden.predicted64.size());
    shap->explain(golden.input64.data(), golden.rows, out.data());
    EXPECT_LT(worst(out, golden.predicted64, golden.columns + 1), 1e-6) << golden.name;
    ++models;
  }
  EXPECT_GE(models, 5U);
}

TEST(InterventionalShap, equals_all_subsets_of_features) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Drawn drawn(seed);
    const uint32_t features = 1 + drawn.below(8), outputs = 1 + drawn.below(2);
    Ensemble model = drawn.model(features, outputs, 3, seed % 3 == 0);
    for (Tree& tree : model.trees) tree.covers.clear();
    const std::vector<double> background = drawn.rows(model, 6), rows = drawn.rows(model, 4);
    const auto shap = InterventionalShap::make(model, background);
    ASSERT_TRUE(shap) << shap.error().message;
    std::vector<double> got(4 * outputs * (features + 1));
    shap->explain(rows.data(), 4, got.data());
    for (size_t row = 0; row < 4; ++row) {
      const Game game = [&](uint32_t known) {
        std::vector<double> mean(outputs);
        for (size_t other = 0; other < 6; ++other) {
          std::vector<double> mixed(&background[other * features], &background[other * features] + features);
          for (uint32_t f = 0; f < features; ++f)
            if ((known >> f & 1) != 0) mixed[f] = rows[row * features + f];
          const auto sums = test::reference_sums<double, double>(model, mixed.data());
          for (uint32_t o = 0; o < outputs; ++o) mean[o] += sums[o] / 6;
        }
        return mean;
      };
      const std::vector<double> wanted = by_subsets(game, features, outputs);
      for (size_t i = 0; i < wanted.size(); ++i)
        ASSERT_NEAR(got[row * wanted.size() + i], wanted[i], 1e-13) << "row " << row << ", number " << i;
    }
  }
}

TEST(InterventionalShap, wants_whole_rows_as_background) {
  Drawn drawn(5);
  const Ensemble model = drawn.model(4, 1, 2);
  for (const size_t numbers : {0, 3, 5}) {
    const auto made = InterventionalShap::make(model, std::vector<double>(numbers));
    ASSERT_FALSE(made) << numbers;
    EXPECT_EQ(made.error().code, Code::InvalidArgument);
  }
}

}  // namespace
}  // namespace clops::serving
