#include <algorithm>

#include "serving/engines/forest_layout.h"

namespace clops::serving::forest {
namespace {

// Instructions of one node and one vector of rows, about; of an eight of leaves besides its nodes.
constexpr uint32_t kFullCost = 4, kAnyCost = 19, kClearCost = 8, kEightCost = 14;
constexpr uint32_t kFullDepthMax = 8;

uint32_t four_times(uint32_t byte) {
  return (byte & 0xff) * 0x01010101U;
}

class MaskMaker {
 public:
  MaskMaker(const Ranked& ranked, bool numbers) : ranked_(ranked), numbers_(numbers) {}

  MaskLayout run() {
    for (const TreeView& tree : ranked_.trees) {
      MaskTreeView to{.leaf_first = tree.leaf_first, .leaves = tree.leaves, .output = tree.output};
      to.kind = cheapest(tree);
      if (to.kind == MaskTree::Full)
        add_full(tree, to);
      else if (to.kind == MaskTree::Cleared)
        add_cleared(tree, to);
      else
        add_any(tree, to);
      out_.trees.push_back(to);
    }
    // A kernel may load the values of 64 leaves at once.
    if (!out_.float_values.empty()) out_.float_values.resize(out_.float_values.size() + 64);
    if (!out_.double_values.empty()) out_.double_values.resize(out_.double_values.size() + 64);
    return std::move(out_);
  }

 private:
  [[nodiscard]] const RankedNode* nodes_of(const TreeView& tree) const { return ranked_.nodes.data() + tree.first; }

  // Eights of leaves that a node's left side has a part in.
  static uint32_t eights(const RankedNode& node) { return (node.leaf - 1) / 8 - node.first_leaf / 8 + 1; }

  [[nodiscard]] MaskTree cheapest(const TreeView& tree) const {
    const RankedNode* nodes = nodes_of(tree);
    uint32_t clears = 0;
    for (const RankedNode* node = nodes; node != nodes + tree.count; ++node) {
      if (node->set != kNoSet) return MaskTree::Any;
      if (!node->is_leaf()) clears += eights(*node);
    }
    const uint32_t any = kAnyCost * (tree.leaves - 1);
    const uint32_t cleared = kClearCost * clears + kEightCost * ((tree.leaves + 7) / 8);
    const bool shallow = !numbers_ && tree.depth > 0 && tree.depth <= kFullDepthMax;
    const uint32_t full = shallow ? kFullCost * ((1U << tree.depth) - 1) : UINT32_MAX;
    if (full <= std::min(any, cleared)) return MaskTree::Full;
    return cleared <= any ? MaskTree::Cleared : MaskTree::Any;
  }

  // Where a tree's values begin; they are zeros to be filled.
  template <class Values>
  static size_t grow(Values& values, size_t count) {
    values.resize(values.size() + count);
    return values.size() - count;
  }

  void set_values(MaskTreeView& tree, uint32_t leaves, const std::vector<uint32_t>& places) {
    if (numbers_) return;
    const uint32_t from = tree.leaf_first;
    tree.leaves = leaves;
    if (!ranked_.float_values.empty()) {
      tree.leaf_first = static_cast<uint32_t>(grow(out_.float_values, leaves));
      for (size_t leaf = 0; leaf < places.size(); ++leaf)
        out_.float_values[tree.leaf_first + places[leaf]] = ranked_.float_values[from + leaf];
    } else {
      tree.leaf_first = static_cast<uint32_t>(grow(out_.double_values, leaves));
      for (size_t leaf = 0; leaf < places.size(); ++leaf)
        out_.double_values[tree.leaf_first + places[leaf]] = ranked_.double_values[from + leaf];
    }
  }

  void add_full(const TreeView& tree, MaskTreeView& to) {
    struct Place {
      int32_t node;
      uint32_t level, at;
    };
    const RankedNode* nodes = nodes_of(tree);
    const size_t first = out_.full.size();
    out_.full.resize(first + (size_t{1} << tree.depth) - 1,
                     {.rank4 = four_times(static_cast<uint8_t>(kNever)), .column = 0});
    std::vector<uint32_t> places(tree.leaves);
    std::vector<Place> open{{0, 0, 0}};
    while (!open.empty()) {
      const Place place = open.back();
      open.pop_back();
      const RankedNode& node = nodes[place.node];
      if (node.is_leaf()) {
        places[node.leaf] = place.at << (tree.depth - place.level);
        continue;
      }
      out_.full[first + (1U << place.level) - 1 + place.at] = {four_times(static_cast<uint8_t>(node.rank)),
                                                               node.column};
      open.push_back({node.right, place.level + 1, 2 * place.at + 1});
      open.push_back({node.left, place.level + 1, 2 * place.at});
    }
    to.first = static_cast<uint32_t>(first);
    to.count = tree.depth;
    set_values(to, 1U << tree.depth, places);
  }

  void add_cleared(const TreeView& tree, MaskTreeView& to) {
    to.first = static_cast<uint32_t>(out_.cleared.size());
    to.counts_at = static_cast<uint32_t>(out_.counts.size());
    to.count = (tree.leaves + 7) / 8;
    by_eight_.resize(std::max<size_t>(by_eight_.size(), to.count));
    const RankedNode* nodes = nodes_of(tree);
    for (const RankedNode* node = nodes; node != nodes + tree.count; ++node) {
      if (node->is_leaf()) continue;
      for (uint32_t eight = node->first_leaf / 8; eight <= (node->leaf - 1) / 8; ++eight) {
        uint32_t bits = 0;
        for (uint32_t bit = 0; bit < 8; ++bit)
          if (const uint32_t leaf = 8 * eight + bit; leaf >= node->first_leaf && leaf < node->leaf) bits |= 1U << bit;
        by_eight_[eight].push_back({four_times(static_cast<uint8_t>(node->rank)), four_times(bits), node->column});
      }
    }
    for (uint32_t eight = to.count; eight-- > 0;) {
      out_.counts.push_back(static_cast<uint32_t>(by_eight_[eight].size()));
      out_.cleared.insert(out_.cleared.end(), by_eight_[eight].begin(), by_eight_[eight].end());
      by_eight_[eight].clear();
    }
    keep_values(to);
  }

  void add_any(const TreeView& tree, MaskTreeView& to) {
    const RankedNode* nodes = nodes_of(tree);
    breadth_first(nodes, order_);
    number_.assign(tree.count, static_cast<uint16_t>(kMaskLeaves));  // leaves: nobody hears
    uint32_t count = 0;
    for (const int32_t node : order_)
      if (!nodes[node].is_leaf()) number_[static_cast<size_t>(node)] = static_cast<uint16_t>(count++);
    to.first = static_cast<uint32_t>(out_.nodes.size());
    to.count = count;
    for (const int32_t at : order_) {
      const RankedNode& node = nodes[at];
      if (node.is_leaf()) continue;
      out_.nodes.push_back({.rank4 = four_times(static_cast<uint8_t>(node.rank)),
                            .leaf4 = four_times(node.leaf),
                            .column = node.column,
                            .set = node.set,
                            .left = number_[static_cast<size_t>(node.left)],
                            .right = number_[static_cast<size_t>(node.right)]});
    }
    keep_values(to);
  }

  void keep_values(MaskTreeView& to) {
    std::vector<uint32_t> places(to.leaves);
    for (uint32_t leaf = 0; leaf < to.leaves; ++leaf) places[leaf] = leaf;
    set_values(to, to.leaves, places);
  }

  const Ranked& ranked_;
  bool numbers_;
  MaskLayout out_;
  std::vector<std::vector<ClearNode>> by_eight_;  // of the tree at hand
  std::vector<int32_t> order_;
  std::vector<uint16_t> number_;  // of an inner node, by node
};

}  // namespace

bool fits_masks(const Ranked& ranked) {
  return ranked.sets_fit &&
         std::ranges::all_of(ranked.trees, [](const TreeView& tree) { return tree.leaves <= kMaskLeaves; });
}

MaskLayout lay_out_masks(const Ranked& ranked, bool numbers) {
  return MaskMaker(ranked, numbers).run();
}

MaskView MaskLayout::view(const Ranked& ranked, uint32_t outputs) const {
  return {.trees = trees.data(),
          .cleared = cleared.data(),
          .counts = counts.data(),
          .nodes = nodes.data(),
          .full = full.data(),
          .sets = ranked.sets.empty() ? nullptr : ranked.sets.data(),
          .values = float_values.empty() ? static_cast<const void*>(double_values.data()) : float_values.data(),
          .tree_count = static_cast<uint32_t>(trees.size()),
          .outputs = outputs,
          .column_bytes = ranked.column_bytes};
}

size_t MaskLayout::bytes() const {
  return trees.size() * sizeof(MaskTreeView) + nodes.size() * sizeof(MaskNode) + cleared.size() * sizeof(ClearNode) +
         counts.size() * sizeof(uint32_t) + full.size() * sizeof(FullNode) + float_values.size() * sizeof(float) +
         double_values.size() * sizeof(double);
}

}  // namespace clops::serving::forest
