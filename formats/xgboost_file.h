// What an XGBoost model file says, read but not yet judged as a whole. Inner to formats/.
//
// Three shapes of one document: trees under gradient_booster.model (gbtree), under gradient_booster.gbtree.model with
// drop-out weights beside it (dart to 3.2), and weights of a linear model (gblinear). Drop-out weights of 3.3 lie
// beside the model, later ones inside.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/document.h"
#include "formats/ensemble.h"
#include "formats/xgboost_tree.h"

namespace clops::formats {

// The categories of one feature, as `cats` (3.1 and later) lists them: strings, or whole numbers.
struct XgboostCategories {
  std::vector<int32_t> offsets;  // of strings: where each begins in the bytes, and the end
  std::vector<int64_t> values;   // the bytes, or the numbers
  int64_t type = -1;             // of numbers: XGBoost's number for the C type
};

struct XgboostFile {
  bool has_learner = false, has_model = false, has_param = false;
  std::string booster, objective, base_score, num_class, num_feature, num_target, num_trees, num_parallel_tree;
  std::array<int32_t, 3> version = {0, 0, 0};
  std::vector<int32_t> tree_info;
  std::optional<std::vector<int32_t>> iteration_indptr;
  std::vector<std::string> feature_names, feature_types;
  std::vector<Tree> trees;
  std::optional<std::vector<float>> weight_drop, linear_weights;
  std::vector<XgboostCategories> categories;  // empty, or one per feature
  std::string best_iteration, scikit_learn;   // attributes
};

[[nodiscard]] Result<XgboostFile> read_xgboost_file(DocumentReader& reader, size_t file_bytes);

}  // namespace clops::formats
