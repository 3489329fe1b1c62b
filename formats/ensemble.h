// A tree ensemble as a value: the one form that every tree format is read into and every tree engine is made from.
//
// Readers bring each framework's way of deciding into one: `row[feature] < value` goes left for numbers (a framework's
// `<=` becomes `<` the next number up), members of a set go left for categories (a framework that sends them right has
// its children exchanged), and a missing value goes the node's default way. What a leaf adds is ready to be added:
// learning rates, drop-out weights and the like are multiplied in, in the framework's own arithmetic.
//
// Invariants, checked by check_ensemble() and kept by the readers: children lie in the same tree after their parent,
// every node is reached exactly once from node 0, features are below `features`, a threshold is not NaN, leaf values
// are finite, indices into side tables are in range, every tree has an output; with CategoryOf::Listed there is a list
// for each feature, ascending.
// Thread rule: values. Errors: check_ensemble gives InvalidArgument that names tree and node.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/unknown_category.h"

namespace clops::formats {

enum class Number : uint8_t { Float32, Float64 };

enum class Split : uint8_t {
  Less,   // row[feature] < value
  InSet,  // the category is a member of sets[side]
};

// Which category a number that is not missing stands for. Beyond a set's bits is "not a member" in all.
enum class CategoryOf : uint8_t {
  Floor,   // XGBoost: any negative number is no category; else the whole part
  Chop,    // LightGBM: the whole part, towards zero (-0.5 is category 0); negative is no category
  Listed,  // scikit-learn: the place of this very number in category_values; any other is no category
};

enum class Transform : uint8_t {
  Identity,         // the sum
  Sigmoid,          // of each output: 1 / (1 + exp(-scale * sum))
  Exp,              // of each output
  Step,             // of each output: 1 if the sum is above 0, else 0 (hinge)
  Softmax,          // over the outputs
  SoftmaxPairwise,  // the same, added up in NumPy's order
  Argmax,           // index of the greatest, the first on a tie
  SignSquare,       // of each output: sign(sum) * sum^2 (LightGBM reg_sqrt)
  Log1pExp,         // of each output: log(1 + exp(sum)) (LightGBM cross_entropy_lambda)
  // Of each output its sigmoid, divided by their total (scikit-learn's one-vs-rest). Where all are 0:
  OneVsRest,         // NaN
  OneVsRestUniform,  // as much of each
  OneVsRestZero,     // 0
  PathLength,        // of each output: -2^-sum (scikit-learn's IsolationForest.score_samples)
  Pair,        // of one output: [1 - p, p] with p = sigmoid(sum) (scikit-learn's predict_proba of a boosted classifier)
  Ascending,   // over the outputs: put in ascending order (XGBoost reg:quantileerror)
  Expectiles,  // over the outputs: the first, then each softplus(sum) + 1e-6 above the one before (reg:expectileerror)
  Normalize,   // over the outputs: divided by their total; 0 stays 0 (probabilities of a scikit-learn forest)
};

struct TreeNode {
  int32_t left = -1, right = -1;  // -1 = leaf
  uint32_t feature = 0;
  double value = 0;  // Less: the threshold, exact in the rows' number; a leaf: what it adds, exact in the sums' number
  bool default_left = false;     // where a missing value goes
  bool zero_is_missing = false;  // |x| <= 1e-35 counts as missing, as NaN always does (LightGBM zero_as_missing)
  Split split = Split::Less;
  uint32_t side = 0;  // InSet: of Tree::sets; a leaf: of Tree::linear or Tree::vectors, where those are used
  [[nodiscard]] bool leaf() const { return left < 0; }
  bool operator==(const TreeNode&) const = default;
};

// Categories that go left: bit c % 32 of words[c / 32]. A NaN goes the node's default way.
struct CategorySet {
  std::vector<uint32_t> words;
  bool operator==(const CategorySet&) const = default;
};

// A leaf of LightGBM's linear_tree: constant + coefficients in order, in float64, each product rounded; a feature
// within 1e-35 of zero (the float, widened) counts as +0, as LightGBM reads its rows; the leaf's `value` instead if any
// of the leaf's features is NaN.
struct LinearLeaf {
  double constant = 0;
  std::vector<uint32_t> features;
  std::vector<double> coefficients;
  bool operator==(const LinearLeaf&) const = default;
};

struct Tree {
  std::vector<TreeNode> nodes;  // root first
  uint32_t output = 0;          // which sum it adds to (not used with `vectors`)
  uint32_t depth = 0;           // edges on the longest path
  std::vector<CategorySet> sets;
  std::vector<LinearLeaf> linear;  // empty, or one per leaf, numbered by `side`
  std::vector<double> vectors;     // empty, or `outputs` values per leaf at side * outputs: a leaf adds to every sum
  // Empty, or one per node: how much of the training data came by (XGBoost: the sum of hessians; LightGBM: the number
  // of rows). Predictions don't use it; contributions do (TreeSHAP, path-dependent).
  std::vector<double> covers;
  bool operator==(const Tree&) const = default;
};

struct Ensemble {
  std::string format;             // "xgboost-json" | "xgboost-ubj" | "lightgbm" | "skops" ...
  std::string framework;          // "xgboost 3.2.0"
  std::string objective;          // as the framework names it
  Number rows = Number::Float32;  // what a row's values are compared in
  Number sums = Number::Float32;  // what leaves are added in, and what comes out
  uint32_t features = 0;          // columns of a row
  uint32_t outputs = 1;           // sums: classes or targets, else 1
  CategoryOf category_of = CategoryOf::Floor;
  Transform transform = Transform::Identity;
  double scale = 1;             // Sigmoid's
  double divisor = 1;           // sums are divided by it before the transform (averages of forests); 1 = not at all
  std::vector<double> margins;  // per output, what its sum starts from
  std::vector<Tree> trees;      // in the order they are summed
  std::vector<std::string> feature_names, feature_types;  // empty, or one per feature
  // Empty, or one per feature: the names of its categories by code (XGBoost `cats`, LightGBM pandas_categorical); empty
  // for a feature that has none.
  std::vector<std::vector<std::string>> category_names;
  UnknownCategory unknown_category = UnknownCategory::Missing;  // where there are names
  std::vector<std::vector<double>> category_values;  // Listed: one per feature; empty for one that has no categories
  std::vector<std::string> notes;                    // what who reads a summary of the model should know
  bool operator==(const Ensemble&) const = default;
};

[[nodiscard]] Status check_ensemble(const Ensemble& model);

}  // namespace clops::formats
