// What the kernels of every instruction set have alike, for inclusion in one translation unit per set. All of it is in
// an unnamed namespace and calls nothing of the standard library: a function shared between translation units could be
// taken from the one compiled for a newer processor.
#pragma once

#include "serving/engines/forest_rank_body.h"

namespace clops::serving::forest {
namespace {

// Where leaves go. A sink hears the leaves of a row in tree order: as a place among all values, or by number.
template <class Sum>
struct AddOne {  // one output: the sum stays in a register
  Sum sum;
  CLOPS_INLINE AddOne(const void* out) : sum(*static_cast<const Sum*>(out)) {}
  CLOPS_INLINE void add(const TreeView*, uint32_t, Sum value) { sum += value; }
  CLOPS_INLINE void end(void* out) { *static_cast<Sum*>(out) = sum; }
};
template <class Sum>
struct AddMany {
  Sum* sums;
  CLOPS_INLINE AddMany(void* out) : sums(static_cast<Sum*>(out)) {}
  CLOPS_INLINE void add(const TreeView* trees, uint32_t tree, Sum value) { sums[trees[tree].output] += value; }
  CLOPS_INLINE void end(void*) {}
};
struct Note {
  uint32_t* leaves;
  CLOPS_INLINE Note(void* out) : leaves(static_cast<uint32_t*>(out)) {}
  CLOPS_INLINE void add(const TreeView*, uint32_t tree, uint32_t leaf) { leaves[tree] = leaf; }
  CLOPS_INLINE void end(void*) {}
};

// What a sink takes: values, or the numbers themselves.
template <class Value>
struct Of {
  static constexpr bool kNotes = false;
  static CLOPS_INLINE Value value(const void* values, const TreeView& tree, uint32_t leaf) {
    return static_cast<const Value*>(values)[size_t{tree.leaf_first} + leaf];
  }
};
template <>
struct Of<uint32_t> {
  static constexpr bool kNotes = true;
  static CLOPS_INLINE uint32_t value(const void*, const TreeView&, uint32_t leaf) { return leaf; }
};

// ---- walk: kLockstep walks side by side, so that their loads overlap
constexpr uint32_t kLockstep = 8;
template <size_t... lane>
struct Lanes {};

// row(lane): that lane's ranks.
template <class Node, class Row, size_t... lane>
CLOPS_INLINE void walk_lanes(const Node* (&at)[kLockstep], const Row& row, uint32_t depth, Lanes<lane...>) {
  const Node* node[] = {at[lane]...};  // spelled out, so that the pointers stay in registers
  const auto step = [&]() __attribute__((always_inline)) {
    ((node[lane] += node[lane]->skip + static_cast<size_t>(row(lane)[node[lane]->slot] > node[lane]->rank)), ...);
  };
  while (depth > 6) {
    step(), step();
    const Node* const before[] = {node[lane]...};
    step();
    depth -= 3;
    if (((before[lane] == node[lane]) && ...)) depth = 0;
  }
  for (; depth != 0; --depth) step();
  ((at[lane] = node[lane]), ...);
}

template <class Node, class Row>
CLOPS_INLINE void walk_down(const Node* (&at)[kLockstep], const Row& row, uint32_t depth) {
  walk_lanes(at, row, depth, Lanes<0, 1, 2, 3, 4, 5, 6, 7>{});
}

template <class Node, class Value, class Sink>
CLOPS_INLINE void walk_row(const WalkView& view, const int8_t* slots, void* out) {
  const auto* nodes = static_cast<const Node*>(view.nodes);
  Sink sink(out);
  for (uint32_t first = 0; first < view.tree_count; first += kLockstep) {
    const uint32_t lanes = view.tree_count - first < kLockstep ? view.tree_count - first : kLockstep;
    const Node* at[kLockstep];
    uint32_t depth = 0;
    for (uint32_t i = 0; i < kLockstep; ++i) {  // lanes without a tree walk the last one again, unheard
      const TreeView& tree = view.trees[first + (i < lanes ? i : lanes - 1)];
      at[i] = nodes + tree.first;
      depth = depth < tree.depth ? tree.depth : depth;
    }
    walk_down(at, [slots](size_t) { return slots; }, depth);
    for (uint32_t i = 0; i < lanes; ++i)
      sink.add(view.trees, first + i,
               Of<Value>::value(view.values, view.trees[first + i], view.leaf_of[at[i] - nodes]));
  }
  sink.end(out);
}

template <class Node, class Value>
void walk(const void* any, const int8_t* slots, void* out) {
  const auto& view = *static_cast<const WalkView*>(any);
  if constexpr (Of<Value>::kNotes) {
    walk_row<Node, Value, Note>(view, slots, out);
  } else {
    if (view.outputs == 1)
      walk_row<Node, Value, AddOne<Value>>(view, slots, out);
    else
      walk_row<Node, Value, AddMany<Value>>(view, slots, out);
  }
}

// One tree over rows side by side.
template <class Node, class Value>
void walk_block(const void* any, const int8_t* ranks, uint32_t count, void* out) {
  const auto& view = *static_cast<const WalkView*>(any);
  const auto* nodes = static_cast<const Node*>(view.nodes);
  for (uint32_t t = 0; t < view.tree_count; ++t) {
    const TreeView& tree = view.trees[t];
    for (uint32_t first = 0; first < count; first += kLockstep) {
      const uint32_t lanes = count - first < kLockstep ? count - first : kLockstep;
      const Node* at[kLockstep];
      const int8_t* rows[kLockstep];
      for (uint32_t i = 0; i < kLockstep; ++i) {
        at[i] = nodes + tree.first;
        rows[i] = ranks + size_t{view.slots} * (first + (i < lanes ? i : lanes - 1));
      }
      walk_down(at, [&rows](size_t lane) { return rows[lane]; }, tree.depth);
      for (uint32_t i = 0; i < lanes; ++i) {
        const uint32_t leaf = view.leaf_of[at[i] - nodes];
        if constexpr (Of<Value>::kNotes)
          static_cast<Value*>(out)[size_t{t} * kBlock + first + i] = leaf;
        else
          static_cast<Value*>(out)[size_t{tree.output} * kBlock + first + i] +=
              Of<Value>::value(view.values, tree, leaf);
      }
    }
  }
}

bool narrow(const double* from, size_t count, float* to) {
  constexpr size_t kEight = 8, kTaken = 512;
  typedef double Doubles __attribute__((vector_size(kEight * sizeof(double))));
  typedef float Floats __attribute__((vector_size(kEight * sizeof(float))));
  size_t at = 0;
  while (at + kEight <= count) {
    decltype(Doubles{} != Doubles{}) lost{};
    for (const size_t end = count - at < kTaken ? count : at + kTaken; at + kEight <= end; at += kEight) {
      Doubles wide;
      __builtin_memcpy(&wide, from + at, sizeof wide);
      const auto narrowed = __builtin_convertvector(wide, Floats);
      lost |= (__builtin_convertvector(narrowed, Doubles) != wide) & (wide == wide);
      __builtin_memcpy(to + at, &narrowed, sizeof narrowed);
    }
    long long any = 0;
    for (size_t i = 0; i < kEight; ++i) any |= lost[i];
    if (any != 0) return false;
  }
  for (; at < count; ++at) {
    to[at] = static_cast<float>(from[at]);
    if (static_cast<double>(to[at]) != from[at] && from[at] == from[at]) return false;
  }
  return true;
}

template <class Count>
void fill_common(Kernels& kernels) {
  kernels.narrow = narrow;
  kernels.rank_row_float = rank_row<Count, float, float>;
  kernels.rank_row_narrowed = rank_row<Count, float, double>;
  kernels.rank_row_double = rank_row<Count, double, double>;
  kernels.rank_block_float = rank_block<Count, float, float>;
  kernels.rank_block_narrowed = rank_block<Count, float, double>;
  kernels.rank_block_double = rank_block<Count, double, double>;
  kernels.walk_small[kFloatSums] = walk<SmallNode, float>;
  kernels.walk_small[kDoubleSums] = walk<SmallNode, double>;
  kernels.walk_small[kLeaves] = walk<SmallNode, uint32_t>;
  kernels.walk_large[kFloatSums] = walk<LargeNode, float>;
  kernels.walk_large[kDoubleSums] = walk<LargeNode, double>;
  kernels.walk_large[kLeaves] = walk<LargeNode, uint32_t>;
  kernels.walk_block_small[kFloatSums] = walk_block<SmallNode, float>;
  kernels.walk_block_small[kDoubleSums] = walk_block<SmallNode, double>;
  kernels.walk_block_small[kLeaves] = walk_block<SmallNode, uint32_t>;
  kernels.walk_block_large[kFloatSums] = walk_block<LargeNode, float>;
  kernels.walk_block_large[kDoubleSums] = walk_block<LargeNode, double>;
  kernels.walk_block_large[kLeaves] = walk_block<LargeNode, uint32_t>;
}

}  // namespace
}  // namespace clops::serving::forest
