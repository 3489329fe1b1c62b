// The evaluator for what no kernel numbers (a feature of millions of categories) and for few trees over very wide rows,
// where ranking every number costs more than looking at a few: one row, one node at a time, on the numbers themselves.
// Inner to serving/engines. Thread rule: immutable once made.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "formats/ensemble.h"
#include "serving/engines/category_place.h"

namespace clops::serving::forest {

class PlainForest {
 public:
  explicit PlainForest(const formats::Ensemble& model);
  [[nodiscard]] size_t bytes() const;

  // `sums` begins with the margins; row(feature) gives a number as the model compares it.
  template <class Real, class Sum, class Row>
  void add(const Row& row, Sum* sums) const {
    for (const Tree& tree : trees_) add_leaf(tree, walk<Real>(tree, row), row, sums);
  }

 private:
  static constexpr double kZero = 1e-35F;  // LightGBM's kZeroThreshold: the float, widened
  struct Node {
    double value = 0;
    uint32_t left = 0, right = 0;  // of nodes_; both itself: a leaf
    uint32_t feature = 0;
    uint32_t side = 0;   // first word of a set; a leaf: of vectors_ or lines_
    uint32_t words = 0;  // of a set
    bool default_left = false, zero_is_missing = false, set = false;
  };
  struct Tree {
    uint32_t first = 0, output = 0;
    bool vectors = false, lines = false;
  };

  template <class Real, class Row>
  const Node& walk(const Tree& tree, const Row& row) const {
    const Node* node = &nodes_[tree.first];
    while (node->left != node->right)
      node = &nodes_[goes_left<Real>(*node, row(node->feature)) ? node->left : node->right];
    return *node;
  }

  template <class Real>
  bool goes_left(const Node& node, Real x) const {
    if (std::isnan(x) || (node.zero_is_missing && std::fabs(static_cast<double>(x)) <= kZero)) return node.default_left;
    if (!node.set) return x < static_cast<Real>(node.value);
    size_t category = 0;
    if (category_of_ == formats::CategoryOf::Listed) {
      const std::vector<double>& values = category_values_[node.feature];
      const auto count = static_cast<uint32_t>(values.size());
      category = category_place(values.data(), count, static_cast<double>(x));
      if (category >= count || category >= uint64_t{node.words} * 32) return false;
    } else {
      if (category_of_ == formats::CategoryOf::Chop ? x <= -1 : x < 0) return false;
      if (node.words == 0 || !(x < static_cast<Real>(uint64_t{node.words} * 32))) return false;
      category = static_cast<size_t>(x < 0 ? 0 : x);
    }
    return (words_[node.side + category / 32] >> (category % 32) & 1) != 0;
  }

  template <class Sum, class Row>
  void add_leaf(const Tree& tree, const Node& leaf, const Row& row, Sum* sums) const {
    if (tree.vectors) {
      for (uint32_t o = 0; o < outputs_; ++o) sums[o] += static_cast<Sum>(vectors_[leaf.side + o]);
      return;
    }
    double value = leaf.value;
    if (tree.lines) {
      const formats::LinearLeaf& line = lines_[leaf.side];
      double sum = line.constant;
      bool missing = false;
      for (size_t i = 0; i < line.features.size(); ++i) {
        const auto x = static_cast<double>(row(line.features[i]));
        missing = missing || std::isnan(x);
        sum += line.coefficients[i] * (std::fabs(x) <= kZero ? 0.0 : x);
      }
      if (!missing) value = sum;
    }
    sums[tree.output] += static_cast<Sum>(value);
  }

  formats::CategoryOf category_of_;
  std::vector<std::vector<double>> category_values_;
  uint32_t outputs_;
  std::vector<Node> nodes_;
  std::vector<Tree> trees_;
  std::vector<uint32_t> words_;
  std::vector<double> vectors_;
  std::vector<formats::LinearLeaf> lines_;
};

}  // namespace clops::serving::forest
