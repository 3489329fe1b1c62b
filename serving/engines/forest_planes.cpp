#include <algorithm>
#include <cstring>
#include <utility>

#include "serving/engines/forest_layout.h"

namespace clops::serving::forest {
namespace {

// Of one node and one vector of rows, about: of a full tree, of any.
constexpr uint32_t kFullCost = 2, kAnyCost = 7;
constexpr uint32_t kFullDepthMax = 8;
constexpr uint32_t kStraightMax = 20;    // thresholds of a slot that cost less than ranks and planes of those
constexpr uint32_t kPlanesMax = 12'000;  // at 64 bytes each they fit a second cache of 1 MiB
constexpr size_t kTreesMax = 1U << 20;   // 2 KiB of values each, numbered by 32 bits
constexpr uint32_t kSetBytes = 64;

// Planes that each slot needs: as many as its highest threshold that a node asks.
std::vector<uint32_t> slot_planes(const Ranked& ranked) {
  std::vector<uint32_t> count(ranked.slots.size());
  for (const RankedNode& node : ranked.nodes)
    if (!node.is_leaf() && node.set == kNoSet)
      count[node.slot] = std::max(count[node.slot], static_cast<uint32_t>(int32_t{node.rank} + 129));
  return count;
}

class PlaneMaker {
 public:
  PlaneMaker(const Ranked& ranked, Values values) : ranked_(ranked), values_(values) {}

  PlaneLayout run() {
    number_planes();
    const uint32_t few = values_ == Values::Wide && ranked_.float_values.empty() ? kFewWideDoubles : kFew;
    out_.few = values_ != Values::Whole && std::ranges::all_of(ranked_.trees, [few](const TreeView& tree) {
                 return (is_full(tree) ? 1U << tree.depth : tree.leaves) <= few;
               });
    for (const TreeView& tree : ranked_.trees) {
      PlaneTree to{.leaves = tree.leaves, .output = tree.output, .full = is_full(tree)};
      to.full ? add_full(tree, to) : add_any(tree, to);
      ranked_.float_values.empty() ? set_values(tree, to, ranked_.double_values.data())
                                   : set_values(tree, to, ranked_.float_values.data());
      out_.trees.push_back(to);
    }
    return std::move(out_);
  }

 private:
  [[nodiscard]] const RankedNode* nodes_of(const TreeView& tree) const { return ranked_.nodes.data() + tree.first; }

  void number_planes() {
    for (const uint32_t count : slot_planes(ranked_)) {
      out_.slots.push_back(
          {.column = static_cast<uint32_t>(out_.slots.size()) * kBlock, .first = out_.plane_count, .count = count});
      out_.plane_count += count;
    }
    for (const ShortSearch& search : ranked_.shorts)
      out_.slots[search.slot].straight = out_.slots[search.slot].count <= kStraightMax;
    set_first_ = out_.plane_count;
    out_.plane_sets.resize(ranked_.sets.size() / kSetBytes);
    out_.plane_count += static_cast<uint32_t>(out_.plane_sets.size());
    for (const RankedNode& node : ranked_.nodes)
      if (node.set != kNoSet) out_.plane_sets[node.set / kSetBytes] = {.column = node.column, .set = node.set};
  }

  [[nodiscard]] uint32_t plane16(const RankedNode& node) const {
    const uint32_t plane = node.set != kNoSet
                               ? set_first_ + node.set / kSetBytes
                               : out_.slots[node.slot].first + static_cast<uint32_t>(int32_t{node.rank} + 128);
    return 16 * plane;
  }

  static bool is_full(const TreeView& tree) {
    return tree.depth <= kFullDepthMax && kFullCost * ((1U << tree.depth) - 1) <= kAnyCost * (tree.leaves - 1);
  }

  // Where the tree has no node, any test will do: both ways lead to the same value.
  void add_full(const TreeView& tree, PlaneTree& to) {
    struct Place {
      int32_t node;
      uint32_t level, at;
    };
    const RankedNode* nodes = nodes_of(tree);
    const size_t first = out_.full.size();
    out_.full.resize(first + (size_t{1} << tree.depth) - 1);
    to.first = static_cast<uint32_t>(first);
    to.count = tree.depth;
    to.leaves = 1U << tree.depth;
    leaf_of_.resize(to.leaves);
    std::vector<Place> open{{0, 0, 0}};
    while (!open.empty()) {
      const Place place = open.back();
      open.pop_back();
      const RankedNode& node = nodes[place.node];
      if (node.is_leaf()) {
        const uint32_t below = tree.depth - place.level;
        std::fill_n(leaf_of_.begin() + (place.at << below), 1U << below, node.leaf);
        continue;
      }
      out_.full[first + (1U << place.level) - 1 + place.at] = plane16(node);
      open.push_back({node.right, place.level + 1, 2 * place.at + 1});
      open.push_back({node.left, place.level + 1, 2 * place.at});
    }
  }

  void add_any(const TreeView& tree, PlaneTree& to) {
    const RankedNode* nodes = nodes_of(tree);
    breadth_first(nodes, order_);
    from_.assign(tree.count, 0);
    to.first = static_cast<uint32_t>(out_.nodes.size());
    for (auto& turns : turns_) turns.clear();
    for (const int32_t at : order_) {
      const RankedNode& node = nodes[at];
      if (node.is_leaf()) continue;
      out_.nodes.push_back({.plane16 = plane16(node), .from = from_[static_cast<size_t>(at)]});
      from_[static_cast<size_t>(node.left)] = 2 * to.count + 1;
      from_[static_cast<size_t>(node.right)] = 2 * to.count + 2;
      for (uint32_t bit = 0; bit < std::size(turns_); ++bit)
        if ((node.first_leaf ^ node.leaf) >> bit & 1) turns_[bit].push_back(static_cast<uint16_t>(2 * to.count + 2));
      ++to.count;
    }
    to.turns_at = static_cast<uint32_t>(out_.turns.size());
    for (auto& turns : turns_) {
      while (turns.size() % kTurns != 0) turns.push_back(kNoPart);
      out_.turns.push_back(static_cast<uint16_t>(turns.size() / kTurns));
      out_.turns.insert(out_.turns.end(), turns.begin(), turns.end());
    }
    leaf_of_.resize(tree.leaves);
    for (uint32_t leaf = 0; leaf < tree.leaves; ++leaf) leaf_of_[leaf] = leaf;
  }

  template <class Value>
  void set_values(const TreeView& tree, PlaneTree& to, const Value* values) {
    values += tree.leaf_first;
    const auto [room, part] = room_and_part(to.leaves, sizeof(Value));
    to.values_at = static_cast<uint32_t>(out_.values.size());
    out_.values.resize(out_.values.size() + room * sizeof(Value));
    uint8_t* bytes = out_.values.data() + to.values_at;
    for (uint32_t leaf = 0; leaf < to.leaves; ++leaf) {
      uint8_t value[sizeof(Value)];
      std::memcpy(value, values + leaf_of_[leaf], sizeof value);
      for (size_t at = 0; at < sizeof value; at += part) std::memcpy(bytes + at * room + leaf * part, value + at, part);
    }
  }

  // Of a tree's values: for how many there is room, and bytes of the parts they come in.
  [[nodiscard]] std::pair<size_t, size_t> room_and_part(uint32_t leaves, size_t value) const {
    const size_t few = leaves <= 16 ? 16 : leaves <= 32 ? 32 : 64;
    if (values_ == Values::Whole || (values_ == Values::Bytes && !out_.few)) return {(leaves + 7) / 8 * 8, value};
    if (values_ == Values::Bytes) return {few, 1};
    if (!out_.few) return {leaves <= 64 ? 64 : leaves <= 128 ? 128 : 256, 1};
    return {few, few == 64 ? 2 : 4};
  }

  const Ranked& ranked_;
  Values values_;
  PlaneLayout out_;
  uint32_t set_first_ = 0;
  std::vector<uint32_t> leaf_of_;  // of the tree at hand: what each number or way stands for
  std::vector<int32_t> order_;
  std::vector<uint32_t> from_;      // by node
  std::vector<uint16_t> turns_[8];  // by bit
};

}  // namespace

bool fits_planes(const Ranked& ranked) {
  if (!ranked.sets_fit || ranked.trees.size() > kTreesMax) return false;
  if (std::ranges::any_of(ranked.trees, [](const TreeView& tree) { return tree.leaves > kMaskLeaves; })) return false;
  size_t planes = ranked.sets.size() / kSetBytes;
  for (const uint32_t count : slot_planes(ranked)) planes += count;
  return planes <= kPlanesMax;
}

PlaneLayout lay_out_planes(const Ranked& ranked, Values values) {
  return PlaneMaker(ranked, values).run();
}

PlaneView PlaneLayout::view(const Ranked& ranked, uint32_t outputs) const {
  return {.slots = slots.data(),
          .plane_sets = plane_sets.data(),
          .sets = ranked.sets.data(),
          .trees = trees.data(),
          .full = full.data(),
          .nodes = nodes.data(),
          .turns = turns.data(),
          .values = values.data(),
          .few = few,
          .slot_count = static_cast<uint32_t>(slots.size()),
          .set_count = static_cast<uint32_t>(plane_sets.size()),
          .set_first = plane_count - static_cast<uint32_t>(plane_sets.size()),
          .tree_count = static_cast<uint32_t>(trees.size()),
          .outputs = outputs,
          .column_bytes = ranked.column_bytes};
}

size_t PlaneLayout::bytes() const {
  return slots.size() * sizeof(PlaneSlot) + plane_sets.size() * sizeof(PlaneSet) + trees.size() * sizeof(PlaneTree) +
         full.size() * sizeof(uint32_t) + nodes.size() * sizeof(PlaneNode) + turns.size() * sizeof(uint16_t) +
         values.size();
}

}  // namespace clops::serving::forest
