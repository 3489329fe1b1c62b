#include "serving/engines/forest_plain.h"

namespace clops::serving::forest {

PlainForest::PlainForest(const formats::Ensemble& model)
    : category_of_(model.category_of), category_values_(model.category_values), outputs_(model.outputs) {
  for (const formats::Tree& tree : model.trees) {
    const auto first = static_cast<uint32_t>(nodes_.size());
    const auto set_first = static_cast<uint32_t>(words_.size());
    const auto side_first = static_cast<uint32_t>(tree.vectors.empty() ? lines_.size() : vectors_.size());
    std::vector<uint32_t> set_at;
    for (const formats::CategorySet& set : tree.sets) {
      set_at.push_back(static_cast<uint32_t>(words_.size()) - set_first);
      words_.insert(words_.end(), set.words.begin(), set.words.end());
    }
    trees_.push_back({first, tree.output, !tree.vectors.empty(), !tree.linear.empty()});
    for (const formats::TreeNode& from : tree.nodes) {
      Node node{.value = from.value,
                .feature = from.feature,
                .default_left = from.default_left,
                .zero_is_missing = from.zero_is_missing};
      if (from.leaf()) {
        node.side = side_first + (tree.vectors.empty() ? from.side : from.side * outputs_);
      } else {
        node.left = first + static_cast<uint32_t>(from.left);
        node.right = first + static_cast<uint32_t>(from.right);
        node.set = from.split == formats::Split::InSet;
        if (node.set) {
          node.side = set_first + set_at[from.side];
          node.words = static_cast<uint32_t>(tree.sets[from.side].words.size());
        }
      }
      nodes_.push_back(node);
    }
    lines_.insert(lines_.end(), tree.linear.begin(), tree.linear.end());
    vectors_.insert(vectors_.end(), tree.vectors.begin(), tree.vectors.end());
  }
}

size_t PlainForest::bytes() const {
  size_t bytes = nodes_.size() * sizeof(Node) + trees_.size() * sizeof(Tree) + words_.size() * sizeof(uint32_t) +
                 vectors_.size() * sizeof(double);
  for (const std::vector<double>& values : category_values_) bytes += values.size() * sizeof(double);
  for (const formats::LinearLeaf& line : lines_) bytes += line.features.size() * (sizeof(uint32_t) + sizeof(double));
  return bytes;
}

}  // namespace clops::serving::forest
