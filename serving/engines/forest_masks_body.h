// Kernel "masks": every node of a tree against a vector of rows (see forest_kernels_body.h). `Set` is a set of
// instructions: vectors of kLanes bytes, and Reach: which of the rows come by a node.
#pragma once

#include "serving/engines/forest_kernels_body.h"

namespace clops::serving::forest {
namespace {

// The left side before the right one; `leaf` gathers the bits of the way.
template <class Set, uint32_t depth, uint32_t level, uint32_t at>
CLOPS_INLINE void full_below(const FullNode* nodes, const int8_t* columns, typename Set::Reach here,
                             typename Set::Bytes& leaf) {
  if constexpr (level < depth) {
    const FullNode& node = nodes[(1U << level) - 1 + at];
    const typename Set::Reach right = Set::right(here, columns + node.column, node.rank4);
    leaf = Set::add_where(leaf, right, 1U << (depth - 1 - level));
    full_below<Set, depth, level + 1, 2 * at>(nodes, columns, Set::without(here, right), leaf);
    full_below<Set, depth, level + 1, 2 * at + 1>(nodes, columns, right, leaf);
  }
}

template <class Set, uint32_t depth>
__attribute__((noinline)) typename Set::Bytes full_leaves(const FullNode* nodes, const int8_t* columns) {
  typename Set::Bytes leaf = Set::zero();
  full_below<Set, depth, 0, 0>(nodes, columns, Set::all(), leaf);
  return leaf;
}

template <class Set>
CLOPS_INLINE typename Set::Bytes full_leaves(const MaskView& view, const MaskTreeView& tree, const int8_t* columns) {
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

// Any tree: who reaches a node is noted where the node will look.
template <class Set, bool has_sets>
CLOPS_INLINE typename Set::Bytes any_leaves(const MaskView& view, const MaskTreeView& tree, const int8_t* columns,
                                            typename Set::Noted* reach) {
  typename Set::Bytes leaf = Set::zero();
  reach[0] = Set::all_noted();
  const MaskNode* nodes = view.nodes + tree.first;
  for (uint32_t i = 0; i < tree.count; ++i) {
    const MaskNode& node = nodes[i];
    const typename Set::Noted here = reach[i];
    const typename Set::Noted right =
        !has_sets || node.set == kNoSet
            ? Set::noted_right(here, columns + node.column, node.rank4)
            : Set::noted_outside(here, view.sets + node.set, columns + node.column, columns + node.column + kBlock);
    reach[node.left] = here & ~right;
    reach[node.right] = right;
    leaf = Set::put_where(leaf, right, node.leaf4);
  }
  return leaf;
}

// The place of the lowest bit of each byte; 0 where there is none.
template <class Set>
CLOPS_INLINE typename Set::Bytes lowest_bit(typename Set::Bytes bytes) {
  const typename Set::Bytes lowest = Set::lowest(bytes);
  typename Set::Bytes place = Set::zero();
  place = Set::add_where(place, Set::has_bits(lowest, 0xf0), 4);
  place = Set::add_where(place, Set::has_bits(lowest, 0xcc), 2);
  return Set::add_where(place, Set::has_bits(lowest, 0xaa), 1);
}

template <class Set>
CLOPS_INLINE typename Set::Bytes left_leaves(const MaskView& view, const MaskTreeView& tree, const int8_t* columns) {
  const ClearNode* node = view.cleared + tree.first;
  const uint32_t* counts = view.counts + tree.counts_at;
  typename Set::Bytes leaf = Set::zero();
  for (uint32_t eight = tree.count; eight-- > 0;) {
    typename Set::Bytes open = Set::ones();
    for (const ClearNode* end = node + *counts++; node != end; ++node)
      open = Set::clear_where(open, columns + node->column, node->rank4, node->clear4);
    leaf = Set::choose(leaf, Set::has_bits(open, 0xff), lowest_bit<Set>(open), 8 * eight);
  }
  return leaf;
}

template <class Set, class Value, bool has_sets>
CLOPS_INLINE typename Set::Bytes leaves_of(const MaskView& view, const MaskTreeView& tree, const int8_t* columns,
                                           typename Set::Noted* reach) {
  if (tree.kind == MaskTree::Cleared) return left_leaves<Set>(view, tree, columns);
  return tree.kind == MaskTree::Full ? full_leaves<Set>(view, tree, columns)
                                     : any_leaves<Set, has_sets>(view, tree, columns, reach);
}

template <class Set, class Value, bool has_sets>
CLOPS_INLINE void mask_trees(const MaskView& view, const int8_t* columns, uint32_t count, void* out) {
  typename Set::Noted reach[kMaskLeaves + 1];
  for (uint32_t t = 0; t < view.tree_count; ++t) {
    const MaskTreeView& tree = view.trees[t];
    for (uint32_t first = 0; first < count; first += Set::kLanes) {
      alignas(64) uint8_t leaves[Set::kLanes];
      Set::store(leaves, leaves_of<Set, Value, has_sets>(view, tree, columns + first, reach));
      if constexpr (Of<Value>::kNotes) {
        Value* to = static_cast<Value*>(out) + size_t{t} * kBlock + first;
        for (uint32_t i = 0; i < Set::kLanes; ++i) to[i] = leaves[i];
      } else {
        Set::add_values(static_cast<const Value*>(view.values) + tree.leaf_first, tree.leaves, leaves,
                        static_cast<Value*>(out) + size_t{tree.output} * kBlock + first);
      }
    }
  }
}

template <class Set, class Value>
void masks(const void* any, const int8_t* columns, uint32_t count, void* out) {
  const auto& view = *static_cast<const MaskView*>(any);
  if (view.sets == nullptr)
    mask_trees<Set, Value, false>(view, columns, count, out);
  else
    mask_trees<Set, Value, true>(view, columns, count, out);
}

template <class Set>
void fill_masks(Kernels& kernels) {
  kernels.masks[kFloatSums] = masks<Set, float>;
  kernels.masks[kDoubleSums] = masks<Set, double>;
  kernels.masks[kLeaves] = masks<Set, uint32_t>;
}

// ---- sets without mask registers: compiler vectors of N bytes, a row's byte all bits or none
template <uint32_t N>
struct VectorSet {
  static constexpr uint32_t kLanes = N;
  typedef int8_t Bytes __attribute__((vector_size(N)));
  typedef uint32_t Words __attribute__((vector_size(N)));
  using Reach = Bytes;
  using Noted = Bytes;

  static CLOPS_INLINE Bytes load(const void* from) {
    Bytes out;
    __builtin_memcpy(&out, from, sizeof out);
    return out;
  }
  static CLOPS_INLINE void store(uint8_t* to, Bytes bytes) { __builtin_memcpy(to, &bytes, sizeof bytes); }
  static CLOPS_INLINE Bytes four_times(uint32_t byte4) { return reinterpret_cast<Bytes>(Words{} + byte4); }
  static CLOPS_INLINE Bytes zero() { return Bytes{}; }
  static CLOPS_INLINE Reach all() { return ~Bytes{}; }
  static CLOPS_INLINE Noted all_noted() { return ~Bytes{}; }
  static CLOPS_INLINE Reach right(Reach here, const int8_t* column, uint32_t rank4) {
    return here & reinterpret_cast<Bytes>(load(column) > four_times(rank4));
  }
  static CLOPS_INLINE Reach without(Reach here, Reach right) { return here ^ right; }
  static CLOPS_INLINE Bytes add_where(Bytes leaf, Reach where, uint32_t bit) {
    return leaf | (where & (Bytes{} + static_cast<int8_t>(bit)));
  }
  static CLOPS_INLINE Noted noted_right(Noted here, const int8_t* column, uint32_t rank4) {
    return right(here, column, rank4);
  }
  static CLOPS_INLINE Bytes ones() { return ~Bytes{}; }
  static CLOPS_INLINE Bytes lowest(Bytes bytes) { return bytes & -bytes; }
  static CLOPS_INLINE Reach has_bits(Bytes bytes, uint32_t bits) {
    return reinterpret_cast<Bytes>((bytes & (Bytes{} + static_cast<int8_t>(bits))) != Bytes{});
  }
  static CLOPS_INLINE Bytes clear_where(Bytes open, const int8_t* column, uint32_t rank4, uint32_t clear4) {
    return open & ~right(four_times(clear4), column, rank4);
  }
  static CLOPS_INLINE Bytes choose(Bytes leaf, Reach where, Bytes place, uint32_t first) {
    return (leaf & ~where) | ((place + (Bytes{} + static_cast<int8_t>(first))) & where);
  }
  static CLOPS_INLINE Bytes put_where(Bytes leaf, Noted where, uint32_t leaf4) {
    return (leaf & ~where) | (four_times(leaf4) & where);
  }
  // Who is not in the set: byte class / 8 of it has not bit class % 8.
  static CLOPS_INLINE Noted noted_outside(Noted here, const uint8_t* set, const int8_t* high, const int8_t* bit) {
    int8_t outside[N];
    for (uint32_t i = 0; i < N; ++i)
      outside[i] = (set[static_cast<uint8_t>(high[i])] & static_cast<uint8_t>(bit[i])) != 0 ? 0 : -1;
    return here & load(outside);
  }
  template <class Value>
  static CLOPS_INLINE void add_values(const Value* values, uint32_t, const uint8_t* leaves, Value* sums) {
    Value found[N];
#pragma GCC unroll 8
    for (uint32_t i = 0; i < N; ++i) found[i] = values[leaves[i]];
    for (uint32_t i = 0; i < N; ++i) sums[i] += found[i];
  }
};

}  // namespace
}  // namespace clops::serving::forest
