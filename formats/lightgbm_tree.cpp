#include "formats/lightgbm_tree.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>

namespace clops::formats::lightgbm {
namespace {

constexpr double kZero = 1e-35F, kInfinity = std::numeric_limits<double>::infinity();

// Read, then those that predictions don't depend on.
enum Name : uint8_t {
  NumLeaves,
  NumCat,
  SplitFeature,
  Threshold,
  DecisionType,
  LeftChild,
  RightChild,
  LeafValue,
  LeafCount,
  InternalCount,
  CatBoundaries,
  CatThreshold,
  IsLinear,
  LeafConst,
  NumFeatures,
  LeafFeatures,
  LeafCoeff,
  SplitGain,
  LeafWeight,
  InternalValue,
  InternalWeight,
  Shrinkage,  // leaf values have it in them already
  kNames
};
constexpr std::array<std::string_view, kNames> kKeys = {
    "num_leaves",  "num_cat",        "split_feature",   "threshold",      "decision_type",  "left_child",
    "right_child", "leaf_value",     "leaf_count",      "internal_count", "cat_boundaries", "cat_threshold",
    "is_linear",   "leaf_const",     "num_features",    "leaf_features",  "leaf_coeff",     "split_gain",
    "leaf_weight", "internal_value", "internal_weight", "shrinkage"};

std::unexpected<Error> damaged(std::string message) {
  return fail(Code::InvalidArgument, std::move(message));
}
std::unexpected<Error> damaged(Name name, size_t index, std::string_view what) {
  return damaged(std::string(kKeys[name]) + ": value " + std::to_string(index) + " " + std::string(what));
}

using Fields = FieldTable<kNames>;

Result<Fields> read_fields(Lines& lines) {
  Fields fields;
  std::string_view line;
  while (lines.next(line) && !line.empty()) {
    CLOPS_TRY(fields.put(line, kKeys, "it", ": appears twice"));
  }
  return fields;
}

template <class Number>
Result<std::vector<Number>> list(const Fields& fields, Name name, size_t count) {
  if (!fields.present[name] && count != 0) return damaged(std::string(kKeys[name]) + ": is missing");
  auto numbers = read_list<Number>(fields.values[name], count);
  if (!numbers) return fail_in(kKeys[name], numbers.error());
  return numbers;
}

Result<size_t> one(const Fields& fields, Name name, size_t min) {
  CLOPS_ASSIGN(const auto values, list<int32_t>(fields, name, 1));
  if (values[0] < static_cast<int32_t>(min)) return damaged(name, 0, "is too small");
  return static_cast<size_t>(values[0]);
}

// `x <= threshold` as `x < this`. Before it walks a tree, LightGBM makes every number within 1e-35 of zero a zero, so
// all of those go where zero goes.
double first_to_the_right(double threshold) {
  if (threshold >= 0) return std::nextafter(std::max(threshold, kZero), kInfinity);
  return std::min(std::nextafter(threshold, kInfinity), -kZero);
}

constexpr int kCategorical = 1, kDefaultLeft = 2;
enum Missing { None, Zero, NaN };  // decision_type bits 2 and 3

// Where a number goes that is missing, and which is: bits of decision_type.
Status read_decision(TreeNode& node, size_t index, int type, double threshold, const Tree& tree) {
  if (type < 0 || type >> 2 > NaN) return damaged(DecisionType, index, "is no kind of decision that is known");
  if ((type & kCategorical) != 0) {
    node.split = Split::InSet;  // default_left is false: NaN is in no set
    if (!(threshold >= 0 && threshold < static_cast<double>(tree.sets.size())) || threshold != std::floor(threshold))
      return damaged(Threshold, index, "is no index of a set of categories");
    node.side = static_cast<uint32_t>(threshold);
    return {};
  }
  if (std::isnan(threshold)) return damaged(Threshold, index, "is not a number");
  node.value = first_to_the_right(threshold);
  const int missing = type >> 2;
  node.zero_is_missing = missing == Zero;
  node.default_left = missing == None ? threshold >= 0  // NaN is taken for 0
                                      : (type & kDefaultLeft) != 0;
  if (threshold == kInfinity) {  // missing or not: every number goes left, so nothing may be less than `value`
    std::swap(node.left, node.right);
    node.value = -kInfinity;
    node.default_left = !node.default_left;
  }
  return {};
}

Status read_sets(const Fields& fields, Tree& tree) {
  CLOPS_ASSIGN(const size_t count, one(fields, NumCat, 0));
  if (count == 0) return {};
  CLOPS_ASSIGN(const auto begins, list<int32_t>(fields, CatBoundaries, count + 1));
  constexpr int32_t kWordsMax = 1 << 26;  // categories are int32 there
  for (size_t i = 0; i < count; ++i)
    if ((i == 0 && begins[0] != 0) || begins[i + 1] < begins[i] || begins[i + 1] - begins[i] > kWordsMax)
      return damaged(CatBoundaries, i + 1, "does not follow the one before it");
  CLOPS_ASSIGN(const auto words, list<uint32_t>(fields, CatThreshold, static_cast<size_t>(begins[count])));
  tree.sets.resize(count);
  for (size_t i = 0; i < count; ++i)
    tree.sets[i].words.assign(words.begin() + begins[i], words.begin() + begins[i + 1]);
  return {};
}

// Children are ~leaf or a later inner node; all but the root are some node's child, once.
Status read_splits(const Fields& fields, uint32_t features, Tree& tree) {
  const size_t inner = tree.nodes.size() / 2;
  CLOPS_ASSIGN(const auto lefts, list<int32_t>(fields, LeftChild, inner));
  CLOPS_ASSIGN(const auto rights, list<int32_t>(fields, RightChild, inner));
  CLOPS_ASSIGN(const auto split_features, list<int32_t>(fields, SplitFeature, inner));
  CLOPS_ASSIGN(const auto thresholds, list<double>(fields, Threshold, inner));
  CLOPS_ASSIGN(const auto types, list<int32_t>(fields, DecisionType, inner));
  std::vector<uint32_t> depth(tree.nodes.size());
  std::vector<bool> reached(tree.nodes.size());
  const auto to_child = [&](Name name, size_t parent, int32_t child, int32_t& into) -> Status {
    const size_t at = child < 0 ? inner + static_cast<size_t>(~child) : static_cast<size_t>(child);
    if (at >= tree.nodes.size() || (child >= 0 && (at <= parent || at >= inner)))
      return damaged(name, parent, "is no node that can come after it");
    if (reached[at]) return damaged(name, parent, "is another node's child already");
    reached[at] = true;
    depth[at] = depth[parent] + 1;
    tree.depth = std::max(tree.depth, depth[at]);
    into = static_cast<int32_t>(at);
    return {};
  };
  for (size_t i = 0; i < inner; ++i) {
    TreeNode& node = tree.nodes[i];
    CLOPS_TRY(to_child(LeftChild, i, lefts[i], node.left));
    CLOPS_TRY(to_child(RightChild, i, rights[i], node.right));
    if (split_features[i] < 0 || static_cast<uint32_t>(split_features[i]) >= features)
      return damaged(SplitFeature, i, "is a feature that the model does not have");
    node.feature = static_cast<uint32_t>(split_features[i]);
    CLOPS_TRY(read_decision(node, i, types[i], thresholds[i], tree));
  }
  return {};
}

Status read_leaves(const Fields& fields, Tree& tree) {
  CLOPS_ASSIGN(const size_t leaves, one(fields, NumLeaves, 1));
  CLOPS_ASSIGN(const auto values, list<double>(fields, LeafValue, leaves));
  tree.nodes.resize(2 * leaves - 1);
  for (size_t i = 0; i < leaves; ++i) {
    if (!std::isfinite(values[i])) return damaged(LeafValue, i, "is not a finite number");
    tree.nodes[leaves - 1 + i].value = values[i];
  }
  return {};
}

Status read_linear(const Fields& fields, uint32_t features, Tree& tree) {
  if (!fields.present[IsLinear]) return {};
  CLOPS_ASSIGN(const size_t linear, one(fields, IsLinear, 0));
  if (linear == 0) return {};
  const size_t leaves = tree.nodes.size() / 2 + 1;
  CLOPS_ASSIGN(const auto constants, list<double>(fields, LeafConst, leaves));
  CLOPS_ASSIGN(const auto counts, list<uint32_t>(fields, NumFeatures, leaves));
  size_t total = 0;
  for (const uint32_t count : counts) total += count;
  CLOPS_ASSIGN(const auto leaf_features, list<uint32_t>(fields, LeafFeatures, total));
  CLOPS_ASSIGN(const auto coefficients, list<double>(fields, LeafCoeff, total));
  for (size_t i = 0; i < total; ++i) {
    if (leaf_features[i] >= features) return damaged(LeafFeatures, i, "is a feature that the model does not have");
    if (!std::isfinite(coefficients[i])) return damaged(LeafCoeff, i, "is not a finite number");
  }
  tree.linear.resize(leaves);
  size_t at = 0;
  for (size_t i = 0; i < leaves; ++i) {
    if (!std::isfinite(constants[i])) return damaged(LeafConst, i, "is not a finite number");
    const auto begin = static_cast<std::ptrdiff_t>(at), end = static_cast<std::ptrdiff_t>(at += counts[i]);
    tree.linear[i] = {.constant = constants[i],
                      .features = {leaf_features.begin() + begin, leaf_features.begin() + end},
                      .coefficients = {coefficients.begin() + begin, coefficients.begin() + end}};
    tree.nodes[leaves - 1 + i].side = static_cast<uint32_t>(i);
  }
  return {};
}

// Old files and those of other tools may lack the counts: predictions don't need them. Before 4.0 a tree without a
// split has the name and nothing behind it.
Status read_covers(const Fields& fields, Tree& tree) {
  const size_t inner = tree.nodes.size() / 2;
  if (!fields.present[LeafCount] || (inner != 0 && !fields.present[InternalCount])) return {};
  if (inner == 0 && fields.values[LeafCount].empty()) {
    tree.covers = {1};  // all rows, however many
    return {};
  }
  CLOPS_ASSIGN(const auto inner_counts, list<int32_t>(fields, InternalCount, inner));
  CLOPS_ASSIGN(const auto leaf_counts, list<int32_t>(fields, LeafCount, inner + 1));
  tree.covers.assign(inner_counts.begin(), inner_counts.end());
  tree.covers.insert(tree.covers.end(), leaf_counts.begin(), leaf_counts.end());
  return {};
}

}  // namespace

Result<Tree> read_tree(Lines& lines, uint32_t features) {
  CLOPS_ASSIGN(const Fields fields, read_fields(lines));
  Tree tree;
  CLOPS_TRY(read_leaves(fields, tree));
  CLOPS_TRY(read_sets(fields, tree));
  CLOPS_TRY(read_splits(fields, features, tree));
  CLOPS_TRY(read_linear(fields, features, tree));
  CLOPS_TRY(read_covers(fields, tree));
  return tree;
}

}  // namespace clops::formats::lightgbm
