#include "serving/engines/forest_layout.h"

#include <algorithm>
#include <limits>

namespace clops::serving::forest {
namespace {

constexpr uint32_t kHeapDepthMax = 8, kBitsLeavesMax = 64;
constexpr size_t kHeapBytesMax = 64u << 20;

uint32_t four_times(uint32_t byte) {
  return (byte & 0xff) * 0x01010101U;
}

// Nodes of a tree level by level: place → node. Left child first.
void breadth_first(const RankedNode* nodes, std::vector<int32_t>& order) {
  order.assign(1, 0);
  for (size_t at = 0; at < order.size(); ++at) {
    const RankedNode& node = nodes[order[at]];
    if (node.is_leaf()) continue;
    order.push_back(node.left);
    order.push_back(node.right);
  }
}

template <class Node>
void lay_out_walk_nodes(const Ranked& ranked, Aligned<Node>& out, std::vector<uint32_t>& leaf_of) {
  out.resize(ranked.nodes.size());
  leaf_of.resize(ranked.nodes.size());
  std::vector<int32_t> order;
  for (const TreeView& tree : ranked.trees) {
    const RankedNode* nodes = ranked.nodes.data() + tree.first;
    breadth_first(nodes, order);
    size_t next = 1;
    for (size_t at = 0; at < order.size(); ++at) {
      const RankedNode& from = nodes[order[at]];
      Node& to = out[tree.first + at];
      if (from.is_leaf()) {
        leaf_of[tree.first + at] = from.leaf;
        continue;
      }
      to.slot = static_cast<decltype(to.slot)>(from.slot);
      to.rank = from.rank;
      to.skip = static_cast<decltype(to.skip)>(next - at);
      next += 2;
    }
  }
}

bool fits_small(const Ranked& ranked) {
  if (ranked.slot_count > std::numeric_limits<uint16_t>::max()) return false;
  std::vector<int32_t> order;
  return std::ranges::all_of(ranked.trees, [&](const TreeView& tree) {
    breadth_first(ranked.nodes.data() + tree.first, order);
    size_t next = 1;
    for (size_t at = 0; at < order.size(); ++at) {
      if (ranked.nodes[tree.first + static_cast<size_t>(order[at])].is_leaf()) continue;
      if (next - at > std::numeric_limits<uint8_t>::max()) return false;
      next += 2;
    }
    return true;
  });
}

// One tree's lane of a heap group. What is not there goes left for ever, so a leaf need only stand leftmost.
template <class Leaf, class Value>
void fill_heap(const Ranked& ranked, const TreeView& tree, const HeapGroup& group, uint32_t lane, uint32_t lanes,
               int8_t* nodes, Leaf* leaves, const Value& value) {
  struct Place {
    int32_t node;
    uint32_t level, at;
  };
  std::vector<Place> open{{0, 0, 0}};
  while (!open.empty()) {
    const Place place = open.back();
    open.pop_back();
    const RankedNode& node = ranked.nodes[tree.first + static_cast<size_t>(place.node)];
    if (node.is_leaf()) {
      leaves[place.at << (group.depth - place.level)] = value(node.leaf);
      continue;
    }
    const size_t level = size_t{2 * lanes} * ((1U << place.level) - 1);
    const size_t slot = level + size_t{place.at} * lanes + lane;
    nodes[slot] = static_cast<int8_t>(node.slot);
    nodes[slot + (size_t{lanes} << place.level)] = node.rank;
    open.push_back({node.right, place.level + 1, 2 * place.at + 1});
    open.push_back({node.left, place.level + 1, 2 * place.at});
  }
}

template <class Word>
void fill_bits(const RankedNode* nodes, uint32_t count, uint32_t lane, uint32_t lanes, int8_t* out) {
  for (uint32_t i = 0; i < count; ++i) {
    const RankedNode& node = nodes[i];
    if (node.is_leaf()) continue;
    out[lane] = static_cast<int8_t>(node.slot);
    out[lanes + lane] = node.rank;
    uint64_t clear = 0;
    for (uint32_t leaf = node.first_leaf; leaf < node.leaf; ++leaf)
      clear |= uint64_t{1} << (sizeof(Word) * 8 - 1 - leaf);
    reinterpret_cast<Word*>(out + size_t{2} * lanes)[lane] = static_cast<Word>(clear);
    out += (2 + sizeof(Word)) * lanes;
  }
}

}  // namespace

WalkLayout lay_out_walk(const Ranked& ranked, bool large) {
  WalkLayout out{.trees = ranked.trees};
  if (!large && fits_small(ranked))
    lay_out_walk_nodes(ranked, out.small, out.leaf_of);
  else
    lay_out_walk_nodes(ranked, out.large, out.leaf_of);
  return out;
}

WalkView WalkLayout::view(const Ranked& ranked, uint32_t outputs) const {
  return {.trees = trees.data(),
          .nodes = small.empty() ? static_cast<const void*>(large.data()) : small.data(),
          .leaf_of = leaf_of.data(),
          .values = ranked.values(),
          .tree_count = static_cast<uint32_t>(trees.size()),
          .outputs = outputs,
          .slots = ranked.slot_count};
}

size_t WalkLayout::bytes() const {
  return trees.size() * sizeof(TreeView) + small.size() * sizeof(SmallNode) + large.size() * sizeof(LargeNode) +
         leaf_of.size() * sizeof(uint32_t);
}

bool fits_masks(const Ranked& ranked) {
  return ranked.sets_fit &&
         std::ranges::all_of(ranked.trees, [](const TreeView& tree) { return tree.leaves <= kMaskLeaves; });
}

MaskLayout lay_out_masks(const Ranked& ranked) {
  MaskLayout out{.trees = ranked.trees};
  std::vector<int32_t> order;
  std::vector<uint16_t> number;  // of an inner node, by node
  for (TreeView& tree : out.trees) {
    const RankedNode* nodes = ranked.nodes.data() + tree.first;
    breadth_first(nodes, order);
    number.assign(tree.count, static_cast<uint16_t>(kMaskLeaves));  // leaves: nobody hears
    uint32_t count = 0;
    for (const int32_t node : order)
      if (!nodes[node].is_leaf()) number[static_cast<size_t>(node)] = static_cast<uint16_t>(count++);
    tree.first = static_cast<uint32_t>(out.nodes.size());
    tree.count = count;
    for (const int32_t at : order) {
      const RankedNode& node = nodes[at];
      if (node.is_leaf()) continue;
      out.nodes.push_back({.rank4 = four_times(static_cast<uint8_t>(node.rank)),
                           .leaf4 = four_times(node.leaf),
                           .column = node.column,
                           .set = node.set,
                           .left = number[static_cast<size_t>(node.left)],
                           .right = number[static_cast<size_t>(node.right)]});
    }
  }
  return out;
}

MaskView MaskLayout::view(const Ranked& ranked, uint32_t outputs) const {
  return {.trees = trees.data(),
          .nodes = nodes.data(),
          .sets = ranked.sets.data(),
          .values = ranked.values(),
          .tree_count = static_cast<uint32_t>(trees.size()),
          .outputs = outputs};
}

size_t MaskLayout::bytes() const {
  return trees.size() * sizeof(TreeView) + nodes.size() * sizeof(MaskNode);
}

bool fits_heap(const Ranked& ranked, uint32_t lookup_slots) {
  if (ranked.trees.empty() || ranked.slot_count > lookup_slots) return false;
  uint32_t depth = 1;
  for (const TreeView& tree : ranked.trees) depth = std::max(depth, tree.depth);
  return depth <= kHeapDepthMax && (ranked.trees.size() << depth) * (2 + sizeof(double)) <= kHeapBytesMax;
}

HeapLayout lay_out_heap(const Ranked& ranked, uint32_t lanes, bool numbers) {
  HeapLayout out;
  const auto count = static_cast<uint32_t>(ranked.trees.size());
  uint32_t leaves = 0;
  for (uint32_t first = 0; first < count; first += lanes) {
    HeapGroup group{.nodes_at = static_cast<uint32_t>(out.nodes.size() / 64),
                    .leaves_at = leaves,
                    .depth = 1,
                    .trees = std::min(lanes, count - first),
                    .tree_first = first};
    for (uint32_t i = 0; i < group.trees; ++i) group.depth = std::max(group.depth, ranked.trees[first + i].depth);
    leaves += group.trees << group.depth;
    for (uint32_t level = 0; level < group.depth; ++level) {
      out.nodes.insert(out.nodes.end(), size_t{lanes} << level, int8_t{0});
      out.nodes.insert(out.nodes.end(), size_t{lanes} << level, kNever);
    }
    out.groups.push_back(group);
  }
  const bool narrow = !ranked.float_values.empty();
  if (numbers)
    out.numbers.resize(leaves);
  else
    narrow ? out.float_leaves.resize(leaves) : out.double_leaves.resize(leaves);
  for (const HeapGroup& group : out.groups) {
    for (uint32_t i = 0; i < group.trees; ++i) {
      const TreeView& tree = ranked.trees[group.tree_first + i];
      const size_t at = size_t{group.leaves_at} + (size_t{i} << group.depth);
      const auto fill = [&](auto* to, const auto& value) {
        fill_heap(ranked, tree, group, i, lanes, out.nodes.data() + size_t{group.nodes_at} * 64, to + at, value);
      };
      if (numbers)
        fill(out.numbers.data(), [](uint32_t leaf) { return leaf; });
      else if (narrow)
        fill(out.float_leaves.data(), [&](uint32_t leaf) { return ranked.float_values[tree.leaf_first + leaf]; });
      else
        fill(out.double_leaves.data(), [&](uint32_t leaf) { return ranked.double_values[tree.leaf_first + leaf]; });
    }
  }
  return out;
}

HeapView HeapLayout::view(const Ranked& ranked, uint32_t outputs) const {
  const void* leaves = !numbers.empty()        ? static_cast<const void*>(numbers.data())
                       : !float_leaves.empty() ? static_cast<const void*>(float_leaves.data())
                                               : double_leaves.data();
  return {.groups = groups.data(),
          .nodes = nodes.data(),
          .leaves = leaves,
          .trees = ranked.trees.data(),
          .group_count = static_cast<uint32_t>(groups.size()),
          .outputs = outputs,
          .slots = ranked.slot_count};
}

size_t HeapLayout::bytes() const {
  return groups.size() * sizeof(HeapGroup) + nodes.size() + float_leaves.size() * sizeof(float) +
         double_leaves.size() * sizeof(double) + numbers.size() * sizeof(uint32_t);
}

bool fits_bits(const Ranked& ranked, uint32_t lookup_slots) {
  return !ranked.trees.empty() && ranked.slot_count <= lookup_slots &&
         std::ranges::all_of(ranked.trees, [](const TreeView& tree) { return tree.leaves <= kBitsLeavesMax; });
}

BitsLayout lay_out_bits(const Ranked& ranked, uint32_t lanes) {
  BitsLayout out;
  const auto count = static_cast<uint32_t>(ranked.trees.size());
  for (uint32_t first = 0; first < count; first += lanes) {
    BitsGroup group{.nodes_at = out.nodes.size(), .trees = std::min(lanes, count - first), .tree_first = first};
    for (uint32_t i = 0; i < group.trees; ++i) {
      const uint32_t leaves = ranked.trees[first + i].leaves;
      group.nodes = std::max(group.nodes, leaves - 1);
      while (group.bits < leaves) group.bits *= 2;
    }
    for (uint32_t n = 0; n < group.nodes; ++n) {
      out.nodes.insert(out.nodes.end(), lanes, int8_t{0});
      out.nodes.insert(out.nodes.end(), lanes, kNever);
      out.nodes.insert(out.nodes.end(), size_t{lanes} * group.bits / 8, int8_t{0});
    }
    for (uint32_t i = 0; i < group.trees; ++i) {
      const TreeView& tree = ranked.trees[first + i];
      const RankedNode* nodes = ranked.nodes.data() + tree.first;
      int8_t* to = out.nodes.data() + group.nodes_at;
      if (group.bits == 8)
        fill_bits<uint8_t>(nodes, tree.count, i, lanes, to);
      else if (group.bits == 16)
        fill_bits<uint16_t>(nodes, tree.count, i, lanes, to);
      else if (group.bits == 32)
        fill_bits<uint32_t>(nodes, tree.count, i, lanes, to);
      else
        fill_bits<uint64_t>(nodes, tree.count, i, lanes, to);
    }
    out.groups.push_back(group);
  }
  return out;
}

BitsView BitsLayout::view(const Ranked& ranked, uint32_t outputs) const {
  return {.groups = groups.data(),
          .nodes = nodes.data(),
          .values = ranked.values(),
          .trees = ranked.trees.data(),
          .group_count = static_cast<uint32_t>(groups.size()),
          .outputs = outputs,
          .slots = ranked.slot_count};
}

size_t BitsLayout::bytes() const {
  return groups.size() * sizeof(BitsGroup) + nodes.size();
}

}  // namespace clops::serving::forest
