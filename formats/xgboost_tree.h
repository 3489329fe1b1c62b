// One tree as XGBoost stores it (parallel arrays), and its conversion. Inner to formats/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/document.h"
#include "formats/ensemble.h"

namespace clops::formats {

// What a reader may spend on sets of categories: a set is as long as its greatest category, which a short file can
// claim to be great. Counted in 32-bit words.
struct CategoryBudget {
  size_t words_left = 0;
};

struct XgboostTree {
  std::vector<int32_t> left, right, feature, default_left, split_type;
  std::vector<float> condition;  // threshold; of a leaf its value
  std::vector<float> hessian;
  // Of the nodes whose split is categorical, in order: where their categories begin, and how many they are.
  std::vector<int32_t> categories, category_nodes, category_segments, category_sizes;
  // Vector leaves: `leaf_weights` numbered by right_children since 3.2, before that `base_weights` numbered by node.
  std::vector<float> base_weights, leaf_weights;
  bool numbered_leaves = false;
  std::string num_nodes, num_feature, leaf_size;  // tree_param, as text
};

// Into `tree`, whose memory is used again.
[[nodiscard]] Status read_xgboost_tree(DocumentReader& reader, XgboostTree& tree);
// Only what node 0 reaches: pruned nodes stay in the arrays.
[[nodiscard]] Result<Tree> convert(const XgboostTree& raw, CategoryBudget& budget);

[[nodiscard]] std::unexpected<Error> unknown_field(std::string_view place, std::string_view key);

}  // namespace clops::formats
