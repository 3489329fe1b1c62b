#include "formats/xgboost_tree.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

namespace clops::formats {
namespace {

constexpr int32_t kCategoryEnd = 1 << 24;  // XGBoost takes no greater one for a category, nor this one
constexpr uint32_t kLeafSizeMax = 10'000;

std::unexpected<Error> damaged(std::string what) {
  return fail(Code::InvalidArgument, std::move(what));
}
std::unexpected<Error> damaged(size_t node, std::string_view what) {
  return damaged("node " + std::to_string(node) + ": " + std::string(what));
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

void clear(XgboostTree& tree) {
  for (std::vector<int32_t>* each :
       {&tree.left, &tree.right, &tree.feature, &tree.default_left, &tree.split_type, &tree.categories,
        &tree.category_nodes, &tree.category_segments, &tree.category_sizes})
    each->clear();
  for (std::vector<float>* each : {&tree.condition, &tree.hessian, &tree.base_weights, &tree.leaf_weights})
    each->clear();
  for (std::string* each : {&tree.num_nodes, &tree.num_feature, &tree.leaf_size}) each->clear();
  tree.numbered_leaves = false;
}

// Every array is as long as the tree has nodes (split_type may be absent: XGBoost before 1.3 had only numeric splits).
Status check_lengths(const XgboostTree& raw) {
  const size_t nodes = raw.left.size();
  if (nodes == 0) return damaged("the tree has no nodes (left_children is empty or absent)");
  struct Array {
    std::string_view name;
    size_t size;
    bool may_be_absent;
  };
  const Array arrays[] = {
      {"right_children", raw.right.size(), false},       {"split_indices", raw.feature.size(), false},
      {"split_conditions", raw.condition.size(), false}, {"default_left", raw.default_left.size(), false},
      {"split_type", raw.split_type.size(), true},       {"sum_hessian", raw.hessian.size(), true}};
  for (const Array& array : arrays)
    if (array.size != nodes && (array.size != 0 || !array.may_be_absent))
      return damaged(std::string(array.name) + " has " + std::to_string(array.size) + " entries, left_children " +
                     std::to_string(nodes));
  if (!raw.num_nodes.empty() && raw.num_nodes != std::to_string(nodes))
    return damaged("tree_param.num_nodes says " + raw.num_nodes + ", left_children has " + std::to_string(nodes));
  const size_t categorical = raw.category_nodes.size();
  if (raw.category_segments.size() != categorical || raw.category_sizes.size() != categorical)
    return damaged("categories_nodes has " + std::to_string(categorical) + " entries, categories_segments " +
                   std::to_string(raw.category_segments.size()) + ", categories_sizes " +
                   std::to_string(raw.category_sizes.size()));
  return {};
}

class Converter {
 public:
  Converter(const XgboostTree& raw, CategoryBudget& budget) : raw_(raw), budget_(budget) {}

  Result<Tree> convert() {
    CLOPS_TRY(check_lengths(raw_));
    CLOPS_TRY(read_leaf_size());
    CLOPS_TRY(find_categories());
    const size_t count = raw_.left.size();
    std::vector<bool> seen(count, false);
    tree_.nodes.reserve(count);
    if (!raw_.hessian.empty()) tree_.covers.reserve(count);
    pending_.reserve(64);
    pending_.push_back({0, 0, 0, false});
    while (!pending_.empty()) {
      const Pending at = pending_.back();
      pending_.pop_back();
      if (seen[at.from]) return damaged(at.from, "is reached twice: this is no tree");
      seen[at.from] = true;
      const auto index = static_cast<int32_t>(tree_.nodes.size());
      if (index != 0) {
        TreeNode& parent = tree_.nodes[at.parent];
        (at.is_left ? parent.left : parent.right) = index;
      }
      tree_.depth = std::max(tree_.depth, at.depth);
      tree_.nodes.emplace_back();
      if (!raw_.hessian.empty()) tree_.covers.push_back(static_cast<double>(raw_.hessian[at.from]));
      CLOPS_TRY(raw_.left[at.from] == -1 ? leaf(at.from) : split(at.from, static_cast<uint32_t>(index), at.depth));
    }
    return std::move(tree_);
  }

 private:
  struct Pending {
    uint32_t from, parent, depth;
    bool is_left;
  };

  Status read_leaf_size() {
    if (raw_.leaf_size.empty()) return {};
    const char* end = raw_.leaf_size.data() + raw_.leaf_size.size();
    const auto [stop, error] = std::from_chars(raw_.leaf_size.data(), end, leaf_size_);
    if (error != std::errc{} || stop != end || leaf_size_ > kLeafSizeMax)
      return damaged("tree_param.size_leaf_vector: '" + raw_.leaf_size + "' is not a number up to 10000");
    if (leaf_size_ <= 1) return {};
    if (raw_.numbered_leaves) {
      if (raw_.leaf_weights.size() % leaf_size_ != 0)
        return damaged("leaf_weights has " + std::to_string(raw_.leaf_weights.size()) + " entries for leaves of " +
                       raw_.leaf_size);
    } else if (raw_.base_weights.size() != raw_.left.size() * leaf_size_) {
      return damaged("base_weights has " + std::to_string(raw_.base_weights.size()) + " entries for " +
                     std::to_string(raw_.left.size()) + " nodes of " + raw_.leaf_size);
    }
    return {};
  }

  Status find_categories() {
    if (raw_.category_nodes.empty()) return {};
    segment_.assign(raw_.left.size(), -1);
    int32_t last = -1;
    for (size_t i = 0; i < raw_.category_nodes.size(); ++i) {
      const int32_t node = raw_.category_nodes[i];
      if (node <= last || static_cast<size_t>(node) >= segment_.size())
        return damaged("categories_nodes: node " + std::to_string(node) + " is none of the tree, or out of order");
      last = node;
      segment_[static_cast<size_t>(node)] = static_cast<int32_t>(i);
      const int64_t first = raw_.category_segments[i], size = raw_.category_sizes[i];
      if (first < 0 || size <= 0 || first + size > static_cast<int64_t>(raw_.categories.size()))
        return damaged(static_cast<size_t>(node), "its categories lie outside of the tree's");
    }
    return {};
  }

  Status leaf(size_t i) {
    TreeNode& node = tree_.nodes.back();
    if (leaf_size_ <= 1) {
      if (raw_.right[i] != -1) return damaged(i, "has a right child but no left one");
      if (!std::isfinite(raw_.condition[i])) return damaged(i, "its leaf value is not a finite number");
      node.value = static_cast<double>(raw_.condition[i]);
      return {};
    }
    const auto& weights = raw_.numbered_leaves ? raw_.leaf_weights : raw_.base_weights;
    const auto number = raw_.numbered_leaves ? static_cast<int64_t>(raw_.right[i]) : static_cast<int64_t>(i);
    if (number < 0 || static_cast<size_t>(number) >= weights.size() / leaf_size_)
      return damaged(i, "its leaf " + std::to_string(number) + " is none of leaf_weights");
    if (raw_.numbered_leaves) {
      if (leaf_seen_.empty()) leaf_seen_.resize(weights.size() / leaf_size_);
      if (leaf_seen_[static_cast<size_t>(number)])
        return damaged(i, "its leaf " + std::to_string(number) + " is another node's, too");
      leaf_seen_[static_cast<size_t>(number)] = true;
    }
    node.side = static_cast<uint32_t>(tree_.vectors.size() / leaf_size_);
    for (uint32_t k = 0; k < leaf_size_; ++k) {
      const float weight = weights[static_cast<size_t>(number) * leaf_size_ + k];
      if (!std::isfinite(weight)) return damaged(i, "a weight of its leaf is not a finite number");
      tree_.vectors.push_back(static_cast<double>(weight));
    }
    return {};
  }

  Status split(size_t i, uint32_t self, uint32_t depth) {
    const int32_t left = raw_.left[i], right = raw_.right[i];
    for (const int32_t child : {left, right})
      if (child <= 0 || static_cast<size_t>(child) >= raw_.left.size())
        return damaged(i, "its child " + std::to_string(child) + " is no node of the tree");
    if (right != left + 1)
      return damaged(i, "its right child " + std::to_string(right) + " does not follow its left one, " +
                            std::to_string(left) + ", which is where XGBoost looks for it");
    if (raw_.feature[i] < 0) return damaged(i, "its feature index is negative");
    TreeNode& node = tree_.nodes.back();
    node.feature = static_cast<uint32_t>(raw_.feature[i]);
    node.default_left = raw_.default_left[i] != 0;
    const int32_t type = raw_.split_type.empty() ? 0 : raw_.split_type[i];
    if (type == 1) {
      CLOPS_TRY(categories(i, node));
    } else if (type != 0) {
      return fail(Code::Unsupported,
                  "node " + std::to_string(i) + ": its split is of a type that is not known, " + std::to_string(type));
    } else {
      // 3.4 writes -inf where constraints leave nothing but to split the missing from the rest: no number is below it.
      if (!std::isfinite(raw_.condition[i]) && raw_.condition[i] != -std::numeric_limits<float>::infinity())
        return damaged(i, "its split condition is not a finite number");
      node.value = static_cast<double>(raw_.condition[i]);
    }
    // XGBoost sends the members of a set right, all else left; here members go left: the children change places.
    pending_.push_back({static_cast<uint32_t>(type == 1 ? left : right), self, depth + 1, false});
    pending_.push_back({static_cast<uint32_t>(type == 1 ? right : left), self, depth + 1, true});
    return {};
  }

  Status categories(size_t i, TreeNode& node) {
    if (segment_.empty() || segment_[i] < 0) return damaged(i, "its split is categorical, but it has no categories");
    const auto at = static_cast<size_t>(segment_[i]);
    const int32_t* first = raw_.categories.data() + raw_.category_segments[at];
    const int32_t* last = first + raw_.category_sizes[at];
    int32_t greatest = -1;
    for (const int32_t* category = first; category != last; ++category) {
      if (*category < 0) return damaged(i, "a category is negative");
      if (*category < kCategoryEnd) greatest = std::max(greatest, *category);
    }
    CategorySet set;
    const size_t words = static_cast<size_t>(greatest + 32) / 32;
    if (words > budget_.words_left)
      return fail(Code::Unsupported, "node " + std::to_string(i) + ": categories up to " + std::to_string(greatest) +
                                         " take more memory than a file of this size may ask for; number the "
                                         "categories from 0 without gaps and train again");
    budget_.words_left -= words;
    set.words.resize(words);
    for (const int32_t* category = first; category != last; ++category)
      if (*category < kCategoryEnd) set.words[static_cast<size_t>(*category) / 32] |= 1U << (*category % 32);
    node.split = Split::InSet;
    node.side = static_cast<uint32_t>(tree_.sets.size());
    node.default_left = !node.default_left;
    tree_.sets.push_back(std::move(set));
    return {};
  }

  const XgboostTree& raw_;
  CategoryBudget& budget_;
  uint32_t leaf_size_ = 1;
  std::vector<int32_t> segment_;  // of each node: its place in category_nodes, or -1; empty where there are none
  std::vector<bool> leaf_seen_;
  std::vector<Pending> pending_;
  Tree tree_;
};

}  // namespace

std::unexpected<Error> unknown_field(std::string_view place, std::string_view key) {
  return fail(Code::Unsupported, std::string(place) + " has the field '" + std::string(key) +
                                     "', which may change predictions and is not known here; save the model with an "
                                     "XGBoost release this version of clops knows (1.0 to 3.4)");
}

Status read_xgboost_tree(DocumentReader& reader, XgboostTree& tree) {
  clear(tree);
  std::string key;
  const std::pair<std::string_view, std::vector<int32_t>*> integers[] = {
      {"left_children", &tree.left},
      {"right_children", &tree.right},
      {"split_indices", &tree.feature},
      {"default_left", &tree.default_left},
      {"split_type", &tree.split_type},
      {"categories", &tree.categories},
      {"categories_nodes", &tree.category_nodes},
      {"categories_segments", &tree.category_segments},
      {"categories_sizes", &tree.category_sizes}};
  const std::pair<std::string_view, std::vector<float>*> reals[] = {
      {"split_conditions", &tree.condition}, {"sum_hessian", &tree.hessian}, {"leaf_weights", &tree.leaf_weights}};
  const auto find = [&key](const auto& table) {
    return std::ranges::find(table, key, [](auto& pair) { return pair.first; });
  };
  std::optional<size_t> base_weights;  // of plain trees they are not needed, and only the end of a tree tells
  CLOPS_TRY(reader.begin_object());
  while (true) {
    CLOPS_ASSIGN(const bool more, reader.next_key(key));
    if (!more) break;
    if (const auto* row = find(integers); row != std::end(integers)) {
      CLOPS_TRY(reader.integers(*row->second));
    } else if (const auto* row = find(reals); row != std::end(reals)) {
      CLOPS_TRY(reader.reals(*row->second));
      if (key == "leaf_weights") tree.numbered_leaves = true;
    } else if (key == "tree_param") {
      CLOPS_TRY(read_tree_param(reader, tree));
    } else if (key == "base_weights") {
      base_weights = reader.position();
      CLOPS_TRY(reader.skip());
    } else if (key == "loss_changes" || key == "parents" || key == "id" || key == "leaf_child_counts") {
      CLOPS_TRY(reader.skip());
    } else {
      return unknown_field("a tree", key);
    }
  }
  const bool vectors = !tree.leaf_size.empty() && tree.leaf_size != "0" && tree.leaf_size != "1";
  if (vectors && !tree.numbered_leaves && base_weights) return reader.reals_at(*base_weights, tree.base_weights);
  return {};
}

Result<Tree> convert(const XgboostTree& raw, CategoryBudget& budget) {
  return Converter(raw, budget).convert();
}

}  // namespace clops::formats
