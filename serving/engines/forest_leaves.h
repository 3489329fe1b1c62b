// Leaves that are more than one number: vectors over all outputs, LightGBM's linear leaves. Inner to serving/engines.
// Kernels name the leaf a row reaches in each tree; this adds them up, in tree order.
// Thread rule: immutable once made.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "formats/ensemble.h"
#include "serving/engines/forest_layout.h"

namespace clops::serving::forest {

inline constexpr double kLinearZero = 1e-35F;  // what LightGBM's rows hold as 0

class LeafTable {
 public:
  // Nothing to do (and nothing kept) for a model whose leaves are all one number, or that is not ranked.
  LeafTable(const formats::Ensemble& model, const Ranked& ranked) : outputs_(model.outputs) {
    if (ranked.trees.size() != model.trees.size()) return;
    for (const formats::Tree& tree : model.trees) plain_ = plain_ && tree.linear.empty() && tree.vectors.empty();
    if (plain_) return;
    for (size_t t = 0; t < model.trees.size(); ++t) add_tree(model.trees[t], ranked, t);
  }
  [[nodiscard]] bool plain() const { return plain_; }
  [[nodiscard]] size_t bytes() const {
    return vectors_.size() * sizeof(double) + coefficients_.size() * sizeof(double) + lines_.size() * sizeof(Line);
  }

  // leaf: by number, of trees[t]; row: as the model compares it.
  template <class Sum, class Row>
  void add(size_t t, uint32_t leaf, const Row& row, Sum* sums, size_t stride) const {
    const Entry& tree = trees_[t];
    if (tree.vectors) {
      const double* values = vectors_.data() + tree.first + size_t{leaf} * outputs_;
      for (uint32_t o = 0; o < outputs_; ++o) sums[o * stride] += static_cast<Sum>(values[o]);
      return;
    }
    const Line& line = lines_[tree.first + leaf];
    double value = line.constant;
    for (uint32_t i = line.first; i < line.first + line.count; ++i) {
      const auto x = static_cast<double>(row(features_[i]));
      if (std::isnan(x)) {  // any of them, and the leaf's own value counts
        value = line.value;
        break;
      }
      value += coefficients_[i] * (std::fabs(x) <= kLinearZero ? 0.0 : x);
    }
    sums[tree.output * stride] += static_cast<Sum>(value);
  }

 private:
  struct Entry {
    size_t first = 0;  // of vectors_ or of lines_
    uint32_t output = 0;
    bool vectors = false;
  };
  struct Line {
    double constant = 0, value = 0;
    uint32_t first = 0, count = 0;
  };

  void add_tree(const formats::Tree& tree, const Ranked& ranked, size_t t) {
    const TreeView& view = ranked.trees[t];
    Entry entry{.first = lines_.size(), .output = tree.output, .vectors = !tree.vectors.empty()};
    if (entry.vectors) {
      entry.first = vectors_.size();
      vectors_.resize(vectors_.size() + size_t{view.leaves} * outputs_);
    } else {
      lines_.resize(lines_.size() + view.leaves);
    }
    for (size_t n = 0; n < tree.nodes.size(); ++n) {
      const formats::TreeNode& node = tree.nodes[n];
      if (!node.leaf()) continue;
      const size_t leaf = ranked.nodes[view.first + n].leaf;
      if (entry.vectors) {
        for (uint32_t o = 0; o < outputs_; ++o)
          vectors_[entry.first + leaf * outputs_ + o] = tree.vectors[size_t{node.side} * outputs_ + o];
        continue;
      }
      Line& line = lines_[entry.first + leaf];
      line = {
          .constant = node.value, .value = node.value, .first = static_cast<uint32_t>(features_.size()), .count = 0};
      if (tree.linear.empty()) continue;
      const formats::LinearLeaf& from = tree.linear[node.side];
      line.constant = from.constant;
      line.count = static_cast<uint32_t>(from.features.size());
      features_.insert(features_.end(), from.features.begin(), from.features.end());
      coefficients_.insert(coefficients_.end(), from.coefficients.begin(), from.coefficients.end());
    }
    trees_.push_back(entry);
  }

  uint32_t outputs_;
  bool plain_ = true;
  std::vector<Entry> trees_;
  std::vector<double> vectors_, coefficients_;
  std::vector<uint32_t> features_;
  std::vector<Line> lines_;
};

}  // namespace clops::serving::forest
