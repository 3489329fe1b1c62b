#include "serving/engines/forest_layout.h"

#include <algorithm>
#include <limits>

namespace clops::serving::forest {
namespace {

constexpr uint32_t kHeapDepthMax = 8, kBitsLeavesMax = 64;
constexpr size_t kHeapBytesMax = 64u << 20;

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
    if (tree.count <= std::numeric_limits<uint8_t>::max()) return true;  // no way in it is longer
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
void fill_heap(const Ranked& ranked, const TreeView& tree, const HeapGroup& group, uint32_t lane, uint32_t lanes,
               HeapLayout& out) {
  struct Place {
    int32_t node;
    uint32_t level, at;
  };
  int8_t* nodes = out.nodes.data() + size_t{group.nodes_at} * 64;
  const size_t leaves = size_t{group.leaves_at} + (size_t{lane} << group.depth);
  std::vector<Place> open{{0, 0, 0}};
  while (!open.empty()) {
    const Place place = open.back();
    open.pop_back();
    const RankedNode& node = ranked.nodes[tree.first + static_cast<size_t>(place.node)];
    if (node.is_leaf()) {
      out.leaves.put(ranked, tree, node.leaf, leaves + (place.at << (group.depth - place.level)));
      continue;
    }
    const size_t level = size_t{2} * lanes * ((1U << place.level) - 1);
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

void breadth_first(const RankedNode* nodes, std::vector<int32_t>& order) {
  order.assign(1, 0);
  for (size_t at = 0; at < order.size(); ++at) {
    const RankedNode& node = nodes[order[at]];
    if (node.is_leaf()) continue;
    order.push_back(node.left);
    order.push_back(node.right);
  }
}

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

void LeafValues::resize(const Ranked& ranked, bool as_numbers, size_t count) {
  if (as_numbers)
    numbers.resize(count);
  else
    ranked.float_values.empty() ? doubles.resize(count) : floats.resize(count);
}

void LeafValues::put(const Ranked& ranked, const TreeView& tree, uint32_t leaf, size_t at) {
  const size_t from = size_t{tree.leaf_first} + leaf;
  if (!numbers.empty())
    numbers[at] = leaf;
  else if (!floats.empty())
    floats[at] = ranked.float_values[from];
  else
    doubles[at] = ranked.double_values[from];
}

const void* LeafValues::data() const {
  if (!numbers.empty()) return numbers.data();
  return floats.empty() ? static_cast<const void*>(doubles.data()) : floats.data();
}

size_t LeafValues::bytes() const {
  return floats.size() * sizeof(float) + doubles.size() * sizeof(double) + numbers.size() * sizeof(uint32_t);
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
  out.leaves.resize(ranked, numbers, leaves);
  for (const HeapGroup& group : out.groups)
    for (uint32_t i = 0; i < group.trees; ++i)
      fill_heap(ranked, ranked.trees[group.tree_first + i], group, i, lanes, out);
  return out;
}

HeapView HeapLayout::view(const Ranked& ranked, uint32_t outputs) const {
  return {.groups = groups.data(),
          .nodes = nodes.data(),
          .leaves = leaves.data(),
          .trees = ranked.trees.data(),
          .group_count = static_cast<uint32_t>(groups.size()),
          .outputs = outputs,
          .slots = ranked.slot_count};
}

size_t HeapLayout::bytes() const {
  return groups.size() * sizeof(HeapGroup) + nodes.size() + leaves.bytes();
}

bool fits_bits(const Ranked& ranked, uint32_t lookup_slots) {
  return !ranked.trees.empty() && ranked.slot_count <= lookup_slots &&
         std::ranges::all_of(ranked.trees, [](const TreeView& tree) { return tree.leaves <= kBitsLeavesMax; });
}

BitsLayout lay_out_bits(const Ranked& ranked, uint32_t lanes, bool numbers) {
  BitsLayout out;
  const auto count = static_cast<uint32_t>(ranked.trees.size());
  uint32_t leaves = 0;
  for (uint32_t first = 0; first < count; first += lanes) {
    BitsGroup group{.nodes_at = out.nodes.size(),
                    .leaves_at = leaves,
                    .trees = std::min(lanes, count - first),
                    .tree_first = first};
    for (uint32_t i = 0; i < group.trees; ++i) {
      const uint32_t needed = ranked.trees[first + i].leaves;
      group.nodes = std::max(group.nodes, needed - 1);
      while (group.bits < needed) group.bits *= 2;
    }
    leaves += group.trees * group.bits;
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
  out.leaves.resize(ranked, numbers, leaves);
  for (const BitsGroup& group : out.groups)
    for (uint32_t i = 0; i < group.trees; ++i) {
      const TreeView& tree = ranked.trees[group.tree_first + i];
      for (uint32_t leaf = 0; leaf < tree.leaves; ++leaf)
        out.leaves.put(ranked, tree, leaf, size_t{group.leaves_at} + size_t{i} * group.bits + leaf);
    }
  return out;
}

BitsView BitsLayout::view(const Ranked& ranked, uint32_t outputs) const {
  return {.groups = groups.data(),
          .nodes = nodes.data(),
          .leaves = leaves.data(),
          .trees = ranked.trees.data(),
          .group_count = static_cast<uint32_t>(groups.size()),
          .outputs = outputs,
          .slots = ranked.slot_count};
}

size_t BitsLayout::bytes() const {
  return groups.size() * sizeof(BitsGroup) + nodes.size() + leaves.bytes();
}

}  // namespace clops::serving::forest
