// One tree as XGBoost stores it (parallel arrays), and its conversion. Inner to formats/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/document.h"
#include "formats/ensemble.h"

namespace clops::formats {

struct XgboostTree {
  std::vector<int32_t> left, right, feature, default_left, split_type;
  std::vector<float> condition;  // threshold; of a leaf its value
  size_t categories = 0, vector_weights = 0;
  std::string num_nodes, num_feature, leaf_size;  // tree_param, as text
};

[[nodiscard]] Result<XgboostTree> read_xgboost_tree(DocumentReader& reader);
// Only what node 0 reaches: pruned nodes stay in the arrays.
[[nodiscard]] Result<Tree> convert(const XgboostTree& raw);

[[nodiscard]] std::unexpected<Error> unknown_field(std::string_view place, std::string_view key);

}  // namespace clops::formats
