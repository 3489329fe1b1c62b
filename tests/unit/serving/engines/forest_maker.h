// Random ensembles of every kind that formats::Ensemble can express, and rows that try them: thresholds themselves and
// their neighbours, signed zeros, denormals, infinities, NaN, categories there are and are not.
#pragma once

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "formats/ensemble.h"

namespace clops::test {

struct ForestShape {
  uint32_t features = 5, outputs = 1, trees = 10, leaves_max = 20, depth_max = 1000;
  bool thin = false;  // one long path: as deep as it has leaves
  formats::Number rows = formats::Number::Float32, sums = formats::Number::Float32;
  formats::Transform transform = formats::Transform::Identity;
  formats::CategoryOf category_of = formats::CategoryOf::Floor;
  double divisor = 1, scale = 1;
  uint32_t values = 64;  // different thresholds, about
  uint32_t sets_in_ten = 0, zeros_in_ten = 0, lines_in_ten = 0, vectors_in_ten = 0;
  uint32_t categories = 70;
};

class ForestMaker {
 public:
  ForestMaker(uint32_t seed, const ForestShape& shape) : random_(seed), shape_(shape) {}

  formats::Ensemble model() {
    formats::Ensemble model{.format = "xgboost-json",
                            .framework = "test",
                            .objective = "test",
                            .rows = shape_.rows,
                            .sums = shape_.sums,
                            .features = shape_.features,
                            .outputs = shape_.outputs,
                            .category_of = shape_.category_of,
                            .transform = shape_.transform,
                            .scale = shape_.scale,
                            .divisor = shape_.divisor};
    for (uint32_t i = 0; i < shape_.outputs; ++i) model.margins.push_back(small());
    if (shape_.category_of == formats::CategoryOf::Listed) model.category_values = lists();
    for (uint32_t i = 0; i < shape_.trees; ++i) model.trees.push_back(tree());
    return model;
  }

  // Numbers that the model compares: `thresholds` are its own.
  template <class Real>
  std::vector<Real> rows(size_t count, const formats::Ensemble& model) {
    std::vector<double> thresholds{0};
    for (const formats::Tree& tree : model.trees)
      for (const formats::TreeNode& node : tree.nodes)
        if (!node.leaf()) thresholds.push_back(node.value);
    std::vector<Real> rows(count * model.features);
    for (Real& each : rows) each = cell(static_cast<Real>(thresholds[random_() % thresholds.size()]));
    return rows;
  }

  double threshold() {
    static constexpr double kSpecial[] = {0.0,          -0.0,          1e-45,  -1e-45,
                                          1e-35F,       -1e-35F,       1e-300, 1e300,
                                          3.4028235e38, -3.4028235e38, 0.1,    std::numeric_limits<double>::infinity()};
    const double value = random_() % 6 == 0
                             ? kSpecial[random_() % std::size(kSpecial)]
                             : (static_cast<double>(random_() % shape_.values) - shape_.values / 2.0) / 3;
    return rounded(value, shape_.rows);
  }

 private:
  // Some are longer than sets, some shorter; numbers that no code is, and some that rows do not have.
  std::vector<std::vector<double>> lists() {
    std::vector<std::vector<double>> lists(shape_.features);
    for (std::vector<double>& list : lists) {
      double value = -static_cast<double>(random_() % 5);
      for (uint32_t count = random_() % (shape_.categories + 40); count > 0; --count)
        list.push_back(value += 0.25 * static_cast<double>(1 + random_() % 6));
      if (random_() % 4 == 0) list.push_back(1e12);
    }
    return lists;
  }

  static double rounded(double value, formats::Number number) {
    return number == formats::Number::Float32 ? static_cast<double>(static_cast<float>(value)) : value;
  }
  double small() { return rounded(static_cast<double>(random_() % 1000) / 977 - 0.5, shape_.sums); }
  bool in_ten(uint32_t times) { return random_() % 10 < times; }

  template <class Real>
  Real cell(Real threshold) {
    constexpr Real kInfinity = std::numeric_limits<Real>::infinity();
    switch (random_() % 16) {
      case 0:
        return std::numeric_limits<Real>::quiet_NaN();
      case 1:
        return kInfinity;
      case 2:
        return -kInfinity;
      case 3:
        return random_() % 2 == 0 ? Real{0} : -Real{0};
      case 4:
        return std::numeric_limits<Real>::denorm_min() * static_cast<Real>(static_cast<int>(random_() % 5) - 2);
      case 5:
        return static_cast<Real>(1e-35F) * static_cast<Real>(static_cast<int>(random_() % 5) - 2);
      case 6:
        return std::nextafter(threshold, kInfinity);
      case 7:
        return std::nextafter(threshold, -kInfinity);
      case 8:
      case 9:
      case 10:
        return static_cast<Real>(static_cast<int>(random_() % (shape_.categories + 40)) - 3) +
               (random_() % 4 == 0 ? Real{0.5} : Real{0});
      case 11:
        return static_cast<Real>(1e9) * static_cast<Real>(random_() % 100);
      default:
        return threshold;
    }
  }

  formats::TreeNode inner(formats::Tree& tree, int32_t left) {
    formats::TreeNode node{.left = left,
                           .right = left + 1,
                           .feature = static_cast<uint32_t>(random_() % shape_.features),
                           .value = threshold(),
                           .default_left = random_() % 2 == 0,
                           .zero_is_missing = in_ten(shape_.zeros_in_ten)};
    if (in_ten(shape_.sets_in_ten)) {
      node.split = formats::Split::InSet;
      node.side = static_cast<uint32_t>(tree.sets.size());
      formats::CategorySet set;
      for (uint32_t words = random_() % (shape_.categories / 32 + 2); words > 0; --words)
        set.words.push_back(random_());
      tree.sets.push_back(std::move(set));
    }
    return node;
  }

  formats::Tree tree() {
    formats::Tree tree{.nodes = {{.value = small()}}, .output = static_cast<uint32_t>(random_() % shape_.outputs)};
    std::vector<std::pair<uint32_t, uint32_t>> open{{0, 0}};  // leaf, its depth
    for (uint32_t leaves = 1 + random_() % shape_.leaves_max; leaves > 1 && !open.empty(); --leaves) {
      const size_t pick = shape_.thin ? open.size() - 1 : random_() % open.size();
      const auto [at, depth] = open[pick];
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(pick));
      if (depth >= shape_.depth_max) continue;
      const auto next = static_cast<uint32_t>(tree.nodes.size());
      tree.nodes[at] = inner(tree, static_cast<int32_t>(next));
      for (uint32_t child = next; child < next + 2; ++child) {
        tree.nodes.push_back({.value = small()});
        open.emplace_back(child, depth + 1);
      }
      tree.depth = std::max(tree.depth, depth + 1);
    }
    if (in_ten(shape_.vectors_in_ten))
      add_vectors(tree);
    else if (in_ten(shape_.lines_in_ten))
      add_lines(tree);
    return tree;
  }

  void add_vectors(formats::Tree& tree) {
    uint32_t leaves = 0;
    for (formats::TreeNode& node : tree.nodes)
      if (node.leaf()) node.side = leaves++;
    for (uint32_t i = 0; i < leaves * shape_.outputs; ++i) tree.vectors.push_back(small());
  }

  void add_lines(formats::Tree& tree) {
    for (formats::TreeNode& node : tree.nodes) {
      if (!node.leaf()) continue;
      node.side = static_cast<uint32_t>(tree.linear.size());
      formats::LinearLeaf line{.constant = small()};
      for (uint32_t terms = random_() % 4; terms > 0; --terms) {
        line.features.push_back(static_cast<uint32_t>(random_() % shape_.features));
        line.coefficients.push_back(small());
      }
      tree.linear.push_back(std::move(line));
    }
  }

  std::mt19937 random_;
  ForestShape shape_;
};

}  // namespace clops::test
