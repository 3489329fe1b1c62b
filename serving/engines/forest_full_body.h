// Kernel "masks" where a tree fills its depth, or nearly (see forest_masks_body.h, whose sets of instructions these
// take).
#pragma once

#include "serving/engines/forest_kernels_body.h"

namespace clops::serving::forest {
namespace {

// Which way each row goes at the node it reaches on this level. Every node is compared, whoever comes by, so that
// nothing waits; then earlier decisions choose first, so that the latest, which is waited for, has only one choice
// left. `low` is what the J latest decisions are taken to be.
template <class Set, uint32_t level, uint32_t J>
CLOPS_INLINE typename Set::Side side_on(const FullNode* nodes, const typename Set::Columns& columns,
                                        const typename Set::Side* sides, uint32_t low) {
  if constexpr (J == level) {
    return Set::side(columns, nodes[low].column, nodes[low].rank4);
  } else {
    return Set::either(sides[level - 1 - J], side_on<Set, level, J + 1>(nodes, columns, sides, low),
                       side_on<Set, level, J + 1>(nodes, columns, sides, low + (1U << J)));
  }
}

// `sides`: a decision for each level; `leaf` gathers their bits.
template <class Set, uint32_t depth, uint32_t level>
CLOPS_INLINE void full_level(const FullNode* nodes, const typename Set::Columns& columns, typename Set::Side* sides,
                             typename Set::Leaf& leaf) {
  if constexpr (level < depth) {
    sides[level] = side_on<Set, level, 0>(nodes + (1U << level) - 1, columns, sides, 0);
    leaf = Set::template add_side<depth - 1 - level>(leaf, sides[level]);
    full_level<Set, depth, level + 1>(nodes, columns, sides, leaf);
  }
}

template <class Set, uint32_t depth>
__attribute__((noinline)) typename Set::Leaf full_leaves(const FullNode* nodes, typename Set::Columns columns) {
  typename Set::Side sides[depth];
  typename Set::Leaf leaf = Set::no_leaf();
  full_level<Set, depth, 0>(nodes, columns, sides, leaf);
  return leaf;
}

template <class Set>
CLOPS_INLINE typename Set::Leaf full_leaves(const MaskView& view, const MaskTreeView& tree,
                                            const typename Set::Columns& columns) {
  const FullNode* nodes = view.full + tree.first;
  switch (tree.count) {
    case 1:
      return full_leaves<Set, 1>(nodes, columns);
    case 2:
      return full_leaves<Set, 2>(nodes, columns);
    case 3:
      return full_leaves<Set, 3>(nodes, columns);
    case 4:
      return full_leaves<Set, 4>(nodes, columns);
    case 5:
      return full_leaves<Set, 5>(nodes, columns);
    case 6:
      return full_leaves<Set, 6>(nodes, columns);
    case 7:
      return full_leaves<Set, 7>(nodes, columns);
    default:
      return full_leaves<Set, 8>(nodes, columns);
  }
}

// Two blocks side by side: what is loaded of a node serves both.
template <class Set>
struct Twice {
  struct Columns {
    const int8_t *a, *b;
  };
  struct Side {
    typename Set::Side a, b;
  };
  struct Leaf {
    typename Set::Bytes a, b;
  };
  static CLOPS_INLINE Leaf no_leaf() { return {Set::zero(), Set::zero()}; }
  static CLOPS_INLINE Side side(const Columns& columns, uint32_t column, uint32_t rank4) {
    return {Set::side(columns.a, column, rank4), Set::side(columns.b, column, rank4)};
  }
  static CLOPS_INLINE Side either(const Side& by, const Side& left, const Side& right) {
    return {Set::either(by.a, left.a, right.a), Set::either(by.b, left.b, right.b)};
  }
  template <uint32_t bit>
  static CLOPS_INLINE Leaf add_side(const Leaf& leaf, const Side& side) {
    return {Set::template add_side<bit>(leaf.a, side.a), Set::template add_side<bit>(leaf.b, side.b)};
  }
};

}  // namespace
}  // namespace clops::serving::forest
