#include "formats/xgboost_tree.h"

#include <algorithm>
#include <cmath>

namespace clops::formats {
namespace {

std::unexpected<Error> damaged(size_t node, std::string_view what) {
  return fail(Code::InvalidArgument, "node " + std::to_string(node) + ": " + std::string(what));
}

Result<size_t> count_array(DocumentReader& reader) {
  size_t count = 0;
  CLOPS_TRY(reader.begin_array());
  while (true) {
    CLOPS_ASSIGN(const bool more, reader.next_item());
    if (!more) return count;
    ++count;
    CLOPS_TRY(reader.skip());
  }
}

Status read_tree_param(DocumentReader& reader, XgboostTree& tree) {
  std::string key;
  CLOPS_TRY(reader.begin_object());
  while (true) {
    CLOPS_ASSIGN(const bool more, reader.next_key(key));
    if (!more) return {};
    std::string* target = key == "num_nodes"          ? &tree.num_nodes
                          : key == "num_feature"      ? &tree.num_feature
                          : key == "size_leaf_vector" ? &tree.leaf_size
                                                      : nullptr;
    if (target == nullptr) {
      CLOPS_TRY(reader.skip());
    } else {
      CLOPS_ASSIGN(*target, reader.string());
    }
  }
}

// Every array is as long as the tree has nodes (split_type may be absent: XGBoost before 1.3 had only numeric splits).
Status check_lengths(const XgboostTree& raw) {
  const size_t nodes = raw.left.size();
  if (nodes == 0) return fail(Code::InvalidArgument, "the tree has no nodes (left_children is empty or absent)");
  const std::pair<std::string_view, size_t> arrays[] = {{"right_children", raw.right.size()},
                                                        {"split_indices", raw.feature.size()},
                                                        {"split_conditions", raw.condition.size()},
                                                        {"default_left", raw.default_left.size()}};
  for (const auto& [name, size] : arrays)
    if (size != nodes)
      return fail(Code::InvalidArgument, std::string(name) + " has " + std::to_string(size) +
                                             " entries, left_children " + std::to_string(nodes));
  if (!raw.split_type.empty() && raw.split_type.size() != nodes)
    return fail(Code::InvalidArgument, "split_type has " + std::to_string(raw.split_type.size()) +
                                           " entries, left_children " + std::to_string(nodes));
  if (!raw.num_nodes.empty() && raw.num_nodes != std::to_string(nodes))
    return fail(Code::InvalidArgument,
                "tree_param.num_nodes says " + raw.num_nodes + ", left_children has " + std::to_string(nodes));
  return {};
}

Status check_supported(const XgboostTree& raw) {
  if (raw.categories != 0 || std::ranges::any_of(raw.split_type, [](int32_t type) { return type != 0; }))
    return fail(Code::Unsupported,
                "categorical splits are not supported yet; one-hot or ordinal encode the categories and train with "
                "numeric columns");
  if (raw.vector_weights != 0 || (!raw.leaf_size.empty() && raw.leaf_size != "0" && raw.leaf_size != "1"))
    return fail(Code::Unsupported,
                "vector leaves (multi_strategy=multi_output_tree) are not supported; train with "
                "multi_strategy=one_output_per_tree and one target");
  return {};
}

}  // namespace

std::unexpected<Error> unknown_field(std::string_view place, std::string_view key) {
  return fail(Code::Unsupported, std::string(place) + " has the field '" + std::string(key) +
                                     "', which may change predictions and is not known here; save the model with an "
                                     "XGBoost release this version of clops knows (up to 3.2)");
}

Result<XgboostTree> read_xgboost_tree(DocumentReader& reader) {
  XgboostTree tree;
  std::string key;
  CLOPS_TRY(reader.begin_object());
  while (true) {
    CLOPS_ASSIGN(const bool more, reader.next_key(key));
    if (!more) break;
    if (key == "left_children") {
      CLOPS_ASSIGN(tree.left, reader.integers());
    } else if (key == "right_children") {
      CLOPS_ASSIGN(tree.right, reader.integers());
    } else if (key == "split_indices") {
      CLOPS_ASSIGN(tree.feature, reader.integers());
    } else if (key == "split_conditions") {
      CLOPS_ASSIGN(tree.condition, reader.reals());
    } else if (key == "default_left") {
      CLOPS_ASSIGN(tree.default_left, reader.integers());
    } else if (key == "split_type") {
      CLOPS_ASSIGN(tree.split_type, reader.integers());
    } else if (key == "categories") {
      CLOPS_ASSIGN(tree.categories, count_array(reader));
    } else if (key == "leaf_weights") {
      CLOPS_ASSIGN(tree.vector_weights, count_array(reader));
    } else if (key == "tree_param") {
      CLOPS_TRY(read_tree_param(reader, tree));
    } else if (key == "base_weights" || key == "sum_hessian" || key == "loss_changes" || key == "parents" ||
               key == "id" || key == "categories_nodes" || key == "categories_segments" || key == "categories_sizes" ||
               key == "leaf_child_counts") {
      CLOPS_TRY(reader.skip());
    } else {
      return unknown_field("a tree", key);
    }
  }
  return tree;
}

Result<Tree> convert(const XgboostTree& raw) {
  CLOPS_TRY(check_supported(raw));
  CLOPS_TRY(check_lengths(raw));
  const size_t count = raw.left.size();
  struct Pending {
    uint32_t from, parent, depth;
    bool is_left;
  };
  Tree tree;
  std::vector<bool> seen(count, false);
  std::vector<Pending> pending{{0, 0, 0, false}};
  while (!pending.empty()) {
    const Pending at = pending.back();
    pending.pop_back();
    const size_t i = at.from;
    if (seen[i]) return damaged(i, "is reached twice: this is no tree");
    seen[i] = true;
    const auto index = static_cast<int32_t>(tree.nodes.size());
    if (i != 0 || index != 0) {
      TreeNode& parent = tree.nodes[at.parent];
      (at.is_left ? parent.left : parent.right) = index;
    }
    tree.depth = std::max(tree.depth, at.depth);
    if (!std::isfinite(raw.condition[i])) return damaged(i, "its split condition is not a finite number");
    TreeNode& node = tree.nodes.emplace_back();
    node.value = raw.condition[i];
    if (raw.left[i] == -1) {
      if (raw.right[i] != -1) return damaged(i, "has a right child but no left one");
      continue;
    }
    for (const int32_t child : {raw.left[i], raw.right[i]})
      if (child <= 0 || static_cast<size_t>(child) >= count)
        return damaged(i, "its child " + std::to_string(child) + " is no node of the tree");
    if (raw.feature[i] < 0) return damaged(i, "its feature index is negative");
    node.feature = static_cast<uint32_t>(raw.feature[i]);
    node.default_left = raw.default_left[i] != 0;
    const auto self = static_cast<uint32_t>(index);
    pending.push_back({static_cast<uint32_t>(raw.right[i]), self, at.depth + 1, false});
    pending.push_back({static_cast<uint32_t>(raw.left[i]), self, at.depth + 1, true});
  }
  return tree;
}

}  // namespace clops::formats
