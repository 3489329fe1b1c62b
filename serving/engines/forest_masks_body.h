// Kernel "masks": every node of a tree against a vector of rows (see forest_kernels_body.h). `Set` is a set of
// instructions: vectors of kLanes bytes; Reach: which of the rows come by a node; Side: the highest bit of a row's byte
// says that it goes right.
#pragma once

#include "serving/engines/forest_full_body.h"

namespace clops::serving::forest {
namespace {

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

template <class Set, class Value>
CLOPS_INLINE void add_leaves(const MaskView& view, const MaskTreeView& tree, typename Set::Bytes leaves, Value* block) {
  Set::add_values(static_cast<const Value*>(view.values) + tree.leaf_first, tree.leaves, leaves,
                  block + size_t{tree.output} * kBlock);
}

// As many rows as are whole pairs of blocks.
template <class Set, class Value>
CLOPS_INLINE uint32_t add_pairs(const MaskView& view, const MaskTreeView& tree, const int8_t* columns, uint32_t count,
                                Value* out) {
  uint32_t row = 0;
  const size_t block_out = size_t{view.outputs} * kBlock;
  for (; row + kBlock < count; row += 2 * kBlock) {
    const auto leaves = full_leaves<Twice<Set>>(view, tree, {columns, columns + view.column_bytes});
    add_leaves<Set>(view, tree, leaves.a, out);
    add_leaves<Set>(view, tree, leaves.b, out + block_out);
    columns += size_t{2} * view.column_bytes;
    out += 2 * block_out;
  }
  return row;
}

template <class Set, class Value, bool has_sets>
CLOPS_INLINE void mask_trees(const MaskView& view, const int8_t* columns, uint32_t count, void* out) {
  typename Set::Noted reach[kMaskLeaves + 1];
  const size_t block_out = size_t{Of<Value>::kNotes ? view.tree_count : view.outputs} * kBlock;
  for (uint32_t t = 0; t < view.tree_count; ++t) {
    const MaskTreeView& tree = view.trees[t];
    uint32_t row = 0;
    if constexpr (Set::kPairs && !Of<Value>::kNotes)
      if (tree.kind == MaskTree::Full) row = add_pairs<Set>(view, tree, columns, count, static_cast<Value*>(out));
    for (; row < count; row += Set::kLanes) {
      const uint32_t block = row / kBlock, first = row % kBlock;
      Value* to = static_cast<Value*>(out) + block * block_out + first;
      const typename Set::Bytes leaf =
          leaves_of<Set, Value, has_sets>(view, tree, columns + size_t{block} * view.column_bytes + first, reach);
      if constexpr (Of<Value>::kNotes) {
        uint8_t leaves[Set::kLanes];
        Set::store(leaves, leaf);
        to += size_t{t} * kBlock;
        for (uint32_t i = 0; i < Set::kLanes; ++i) to[i] = leaves[i];
      } else {
        add_leaves<Set>(view, tree, leaf, to);
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
  using Side = Bytes;
  using Leaf = Bytes;
  using Columns = const int8_t*;
  static constexpr bool kPairs = false;  // too few registers

  static CLOPS_INLINE Bytes load(const void* from) {
    Bytes out;
    __builtin_memcpy(&out, from, sizeof out);
    return out;
  }
  static CLOPS_INLINE void store(uint8_t* to, Bytes bytes) { __builtin_memcpy(to, &bytes, sizeof bytes); }
  static CLOPS_INLINE Bytes four_times(uint32_t byte4) { return reinterpret_cast<Bytes>(Words{} + byte4); }
  static CLOPS_INLINE Bytes zero() { return Bytes{}; }
  static CLOPS_INLINE Leaf no_leaf() { return Bytes{}; }
  static CLOPS_INLINE Side side(const int8_t* columns, uint32_t column, uint32_t rank4) {
    return reinterpret_cast<Bytes>(load(columns + column) > four_times(rank4));
  }
  static CLOPS_INLINE Side either(Side by, Side left, Side right) { return left ^ ((left ^ right) & by); }
  template <uint32_t bit>
  static CLOPS_INLINE Bytes add_side(Bytes leaf, Side side) {
    return leaf | (side & (Bytes{} + static_cast<int8_t>(1U << bit)));
  }
  static CLOPS_INLINE Noted all_noted() { return ~Bytes{}; }
  static CLOPS_INLINE Bytes add_where(Bytes leaf, Reach where, uint32_t bit) {
    return leaf | (where & (Bytes{} + static_cast<int8_t>(bit)));
  }
  static CLOPS_INLINE Noted noted_right(Noted here, const int8_t* column, uint32_t rank4) {
    return here & side(column, 0, rank4);
  }
  static CLOPS_INLINE Bytes ones() { return ~Bytes{}; }
  static CLOPS_INLINE Bytes lowest(Bytes bytes) { return bytes & -bytes; }
  static CLOPS_INLINE Reach has_bits(Bytes bytes, uint32_t bits) {
    return reinterpret_cast<Bytes>((bytes & (Bytes{} + static_cast<int8_t>(bits))) != Bytes{});
  }
  static CLOPS_INLINE Bytes clear_where(Bytes open, const int8_t* column, uint32_t rank4, uint32_t clear4) {
    return open & ~(four_times(clear4) & side(column, 0, rank4));
  }
  static CLOPS_INLINE Bytes choose(Bytes leaf, Reach where, Bytes place, uint32_t first) {
    return (leaf & ~where) | ((place + (Bytes{} + static_cast<int8_t>(first))) & where);
  }
  static CLOPS_INLINE Bytes put_where(Bytes leaf, Noted where, uint32_t leaf4) {
    return (leaf & ~where) | (four_times(leaf4) & where);
  }
  // Who is not in the set: byte class / 8 of it has not bit class % 8. Rows that are not there have any class.
  static CLOPS_INLINE Noted noted_outside(Noted here, const uint8_t* set, const int8_t* high, const int8_t* bit) {
    int8_t outside[N];
    for (uint32_t i = 0; i < N; ++i)
      outside[i] = (set[static_cast<uint8_t>(high[i]) & 63] & static_cast<uint8_t>(bit[i])) != 0 ? 0 : -1;
    return here & load(outside);
  }
  template <class Value>
  static CLOPS_INLINE void add_values(const Value* values, uint32_t, Bytes named, Value* sums) {
    uint8_t leaves[N];
    store(leaves, named);
    Value found[N];
#pragma GCC unroll 8
    for (uint32_t i = 0; i < N; ++i) found[i] = values[leaves[i]];
    for (uint32_t i = 0; i < N; ++i) sums[i] += found[i];
  }
};

}  // namespace
}  // namespace clops::serving::forest
