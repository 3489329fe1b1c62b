// Path-dependent TreeSHAP of an Ensemble with covers, so plain that it can be held beside the frameworks' own: what
// each column adds to each output, and last what is expected of no row. Every operation is in LightGBM's order, in
// `Sum`.
#pragma once

#include <vector>

#include "tests/support/reference_forest.h"

namespace clops::test {

template <class Sum>
struct PathStep {
  int64_t feature;
  Sum zero, one, weight;  // the share of rows that come by without the feature, and with it; the weight of its subsets
};

template <class Sum>
void extend_path(std::vector<PathStep<Sum>>& path, Sum zero, Sum one, int64_t feature) {
  const size_t depth = path.size();
  path.push_back({feature, zero, one, static_cast<Sum>(depth == 0 ? 1 : 0)});
  for (size_t i = depth; i-- > 0;) {
    path[i + 1].weight += one * path[i].weight * static_cast<Sum>(i + 1) / static_cast<Sum>(depth + 1);
    path[i].weight = zero * path[i].weight * static_cast<Sum>(depth - i) / static_cast<Sum>(depth + 1);
  }
}

template <class Sum>
void unwind_path(std::vector<PathStep<Sum>>& path, size_t at) {
  const size_t depth = path.size() - 1;
  const Sum one = path[at].one, zero = path[at].zero;
  Sum next = path[depth].weight;
  for (size_t i = depth; i-- > 0;) {
    if (one != 0) {
      const Sum before = path[i].weight;
      path[i].weight = next * static_cast<Sum>(depth + 1) / (static_cast<Sum>(i + 1) * one);
      next = before - path[i].weight * zero * static_cast<Sum>(depth - i) / static_cast<Sum>(depth + 1);
    } else {
      path[i].weight = path[i].weight * static_cast<Sum>(depth + 1) / (zero * static_cast<Sum>(depth - i));
    }
  }
  for (size_t i = at; i < depth; ++i) {
    path[i].feature = path[i + 1].feature;
    path[i].zero = path[i + 1].zero;
    path[i].one = path[i + 1].one;
  }
  path.pop_back();
}

// The path's total weight without the step at `at`.
template <class Sum>
Sum unwound_weight(const std::vector<PathStep<Sum>>& path, size_t at) {
  const size_t depth = path.size() - 1;
  const Sum one = path[at].one, zero = path[at].zero;
  Sum next = path[depth].weight, total = 0;
  for (size_t i = depth; i-- > 0;) {
    if (one != 0) {
      const Sum part = next * static_cast<Sum>(depth + 1) / (static_cast<Sum>(i + 1) * one);
      total += part;
      next = path[i].weight - part * zero * (static_cast<Sum>(depth - i) / static_cast<Sum>(depth + 1));
    } else {
      total += (path[i].weight / zero) / (static_cast<Sum>(depth - i) / static_cast<Sum>(depth + 1));
    }
  }
  return total;
}

template <class Real, class Sum>
struct Contributions {
  const formats::Ensemble& model;
  const formats::Tree& tree;
  const Real* row;
  Sum* out;  // of the tree's output: a column each, then the expectation

  // `path` is the way here without the last step, which is `zero`, `one` and `feature`.
  void walk(size_t at, std::vector<PathStep<Sum>> path, Sum zero, Sum one, int64_t feature) {
    extend_path(path, zero, one, feature);
    const formats::TreeNode& node = tree.nodes[at];
    if (node.leaf()) {
      for (size_t i = 1; i < path.size(); ++i)
        out[path[i].feature] += unwound_weight(path, i) * (path[i].one - path[i].zero) * static_cast<Sum>(node.value);
      return;
    }
    const bool left = goes_left(model, tree, node, row[node.feature]);
    const auto hot = static_cast<size_t>(left ? node.left : node.right);
    const auto cold = static_cast<size_t>(left ? node.right : node.left);
    const auto cover = static_cast<Sum>(tree.covers[at]);
    const Sum hot_share = static_cast<Sum>(tree.covers[hot]) / cover;
    const Sum cold_share = static_cast<Sum>(tree.covers[cold]) / cover;
    Sum zero_before = 1, one_before = 1;
    for (size_t i = 0; i < path.size(); ++i)
      if (path[i].feature ==
          static_cast<int64_t>(node.feature)) {  // split on before: that is undone, and done anew here
        zero_before = path[i].zero;
        one_before = path[i].one;
        unwind_path(path, i);
        break;
      }
    walk(hot, path, hot_share * zero_before, one_before, node.feature);
    walk(cold, path, cold_share * zero_before, Sum{0}, node.feature);
  }

  // Leaves in the order of their nodes, as LightGBM's reader lays them out.
  Sum expected() const {
    if (tree.nodes[0].leaf()) return static_cast<Sum>(tree.nodes[0].value);
    Sum sum = 0;
    for (size_t i = 0; i < tree.nodes.size(); ++i)
      if (tree.nodes[i].leaf())
        sum +=
            static_cast<Sum>(tree.covers[i]) / static_cast<Sum>(tree.covers[0]) * static_cast<Sum>(tree.nodes[i].value);
    return sum;
  }
};

// Of the sums before the transform; a forest's are not divided (LightGBM does not either).
template <class Real, class Sum>
std::vector<Sum> reference_contributions(const formats::Ensemble& model, const Real* row) {
  std::vector<Sum> out(size_t{model.outputs} * (model.features + 1));
  for (const formats::Tree& tree : model.trees) {
    Contributions<Real, Sum> one{model, tree, row, out.data() + size_t{tree.output} * (model.features + 1)};
    one.out[model.features] += one.expected();
    if (!tree.nodes[0].leaf()) one.walk(0, {}, Sum{1}, Sum{1}, -1);
  }
  return out;
}

}  // namespace clops::test
