#include "formats/ensemble.h"

#include <algorithm>
#include <cmath>

namespace clops::formats {
namespace {

std::unexpected<Error> bad(size_t tree, size_t node, std::string_view what) {
  return fail(Code::InvalidArgument,
              "tree " + std::to_string(tree) + ", node " + std::to_string(node) + ": " + std::string(what));
}

bool exact(double value, Number number) {
  return number == Number::Float64 || static_cast<double>(static_cast<float>(value)) == value;
}

Status check_leaf(const Ensemble& model, size_t t, size_t n) {
  const Tree& tree = model.trees[t];
  const TreeNode& node = tree.nodes[n];
  if (!std::isfinite(node.value)) return bad(t, n, "its leaf value is not a finite number");
  if (!exact(node.value, model.sums)) return bad(t, n, "its leaf value has more digits than float32");
  if (!tree.linear.empty() && node.side >= tree.linear.size()) return bad(t, n, "it has no linear part");
  if (!tree.vectors.empty() && (uint64_t{node.side} + 1) * model.outputs > tree.vectors.size())
    return bad(t, n, "it has no vector of values");
  return {};
}

Status check_tree(const Ensemble& model, size_t t) {
  const Tree& tree = model.trees[t];
  if (tree.nodes.empty()) return bad(t, 0, "is absent");
  if (!tree.covers.empty() && tree.covers.size() != tree.nodes.size())
    return bad(t, 0, "has not one cover for each node");
  if (tree.output >= model.outputs) return bad(t, 0, "adds to an output that the model does not have");
  std::vector<bool> reached(tree.nodes.size());
  reached[0] = true;
  for (size_t n = 0; n < tree.nodes.size(); ++n) {
    const TreeNode& node = tree.nodes[n];
    if (!reached[n]) return bad(t, n, "is not reached");
    if (node.leaf()) {
      CLOPS_TRY(check_leaf(model, t, n));
      continue;
    }
    for (const int32_t child : {node.left, node.right}) {
      if (child <= static_cast<int64_t>(n) || static_cast<size_t>(child) >= tree.nodes.size())
        return bad(t, n, "its child does not come after it");
      if (reached[static_cast<size_t>(child)]) return bad(t, static_cast<size_t>(child), "is reached twice");
      reached[static_cast<size_t>(child)] = true;
    }
    if (node.feature >= model.features) return bad(t, n, "tests a feature that the model does not have");
    if (node.split == Split::InSet) {
      if (node.side >= tree.sets.size()) return bad(t, n, "it has no set of categories");
    } else if (std::isnan(node.value) || !exact(node.value, model.rows)) {
      return bad(t, n, "its threshold is not a number that rows can have");
    }
  }
  return {};
}

Status check_category_values(const Ensemble& model) {
  if (model.category_of != CategoryOf::Listed) return {};
  if (model.category_values.size() != model.features)
    return fail(Code::InvalidArgument, "there is not one list of categories for each feature");
  for (const auto& values : model.category_values)
    if (!std::ranges::all_of(values, [](double value) { return std::isfinite(value); }) ||
        std::ranges::adjacent_find(values, std::ranges::greater_equal{}) != values.end())
      return fail(Code::InvalidArgument, "a feature's categories are not finite numbers in ascending order");
  return {};
}

}  // namespace

Status check_ensemble(const Ensemble& model) {
  if (model.margins.size() != model.outputs)
    return fail(Code::InvalidArgument, "there is not one margin for each output");
  CLOPS_TRY(check_category_values(model));
  for (size_t t = 0; t < model.trees.size(); ++t) {
    CLOPS_TRY(check_tree(model, t));
    for (const LinearLeaf& leaf : model.trees[t].linear) {
      if (leaf.features.size() != leaf.coefficients.size()) return bad(t, 0, "a linear leaf misses a coefficient");
      for (const uint32_t feature : leaf.features)
        if (feature >= model.features) return bad(t, 0, "a linear leaf uses a feature that the model does not have");
    }
  }
  return {};
}

}  // namespace clops::formats
