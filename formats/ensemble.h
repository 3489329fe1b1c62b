// A tree ensemble as a value: what every tree format is read into and every tree engine is made from.
//
// Invariants, checked by the readers: children lie in the same tree after their parent, every node is reached exactly
// once from node 0, features are below `features`, thresholds and leaf values are finite, every tree has a class.
// Thread rule: values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace clops::formats {

enum class Transform : uint8_t {
  Identity,  // the sum
  Sigmoid,   // 1 / (1 + exp(-sum)), in float32
  Exp,       // exp(sum)
  Step,      // 1 if the sum is above 0, else 0 (hinge)
  Softmax,   // over the classes
  Argmax,    // index of the greatest, the first on a tie
};

struct TreeNode {
  int32_t left = -1, right = -1;  // -1 = leaf
  uint32_t feature = 0;
  float value = 0;            // threshold: row[feature] < value goes left; or the leaf's value
  bool default_left = false;  // where a missing (NaN) value goes
  [[nodiscard]] bool leaf() const { return left < 0; }
  bool operator==(const TreeNode&) const = default;
};

struct Tree {
  std::vector<TreeNode> nodes;  // root first
  uint32_t output = 0;          // the class it adds to
  uint32_t depth = 0;           // edges on the longest path
  bool operator==(const Tree&) const = default;
};

struct Ensemble {
  std::string format;     // "xgboost-json" | "xgboost-ubj"
  std::string framework;  // "xgboost 3.2.0"
  std::string objective;  // as the framework names it
  uint32_t features = 0;  // columns of a row
  uint32_t outputs = 1;   // sums: classes, else 1
  Transform transform = Transform::Identity;
  std::vector<float> margins;                             // per output, what its sum starts from
  std::vector<Tree> trees;                                // in the order they are summed
  std::vector<std::string> feature_names, feature_types;  // empty, or one per feature
  bool operator==(const Ensemble&) const = default;
};

}  // namespace clops::formats
