// What the kernels of every instruction set have alike, for inclusion in one translation unit per set. All of it is in
// an unnamed namespace and calls nothing of the standard library: a function shared between translation units could be
// taken from the one compiled for a newer processor.
#pragma once

#include "serving/engines/forest_kernels.h"

#define CLOPS_INLINE inline __attribute__((always_inline))

namespace clops::serving::forest {
namespace {

constexpr double kZeroIsMissing = 1e-35F;  // LightGBM's kZeroThreshold: the float, widened

template <class Real>
CLOPS_INLINE bool is_missing(Real x, bool zero_is_missing) {
  if (x != x) return true;
  const auto wide = static_cast<double>(x);
  return zero_is_missing && wide <= kZeroIsMissing && wide >= -kZeroIsMissing;
}

// Which thresholds a row's numbers are ranked against: `Real` is what the model compares in.
template <class Real>
CLOPS_INLINE const Real* thresholds(const RankView& view);
template <>
CLOPS_INLINE const float* thresholds<float>(const RankView& view) {
  return view.narrow;
}
template <>
CLOPS_INLINE const double* thresholds<double>(const RankView& view) {
  return view.wide;
}

// Count::of(const Real* sixteen, Real x): how many of sixteen thresholds are not above x (NaN is none).
template <class Count, class Real>
CLOPS_INLINE uint32_t rank_of(const Search& search, const Real* table, Real x) {
  uint32_t at = Count::of(table + search.at[0], x);
  for (uint32_t level = 1; level < search.levels; ++level)
    at = at * kFan + Count::of(table + search.at[level] + size_t{at} * kFan, x);
  return at;
}

CLOPS_INLINE int8_t slot_value(const Slot& slot, uint32_t rank, bool missing) {
  int32_t value = static_cast<int32_t>(rank) - slot.base;
  value = value < 0 ? 0 : value;
  value = value > static_cast<int32_t>(kRunMax) ? static_cast<int32_t>(kRunMax) : value;
  return missing ? slot.missing : static_cast<int8_t>(value - 128);
}

template <class Real>
CLOPS_INLINE uint32_t class_of(const RankView& view, const CategorySearch& search, Real x) {
  uint32_t code = search.codes;  // beyond
  if (is_missing(x, search.zero_is_missing)) {
    code = search.codes + 1;
  } else if (x < static_cast<Real>(search.codes) && (view.chop ? x > -1 : x >= 0)) {
    code = x < 0 ? 0 : static_cast<uint32_t>(x);
  }
  return view.class_of[search.class_at + code];
}

template <class Count, class Real, class In>
void rank_row(const RankView& view, const In* row, int8_t* slots) {
  const Real* table = thresholds<Real>(view);
  for (uint32_t i = 0; i < view.search_count; ++i) {
    const Search& search = view.searches[i];
    const auto x = static_cast<Real>(row[search.feature]);
    const bool missing = is_missing(x, search.zero_is_missing);
    const uint32_t rank = rank_of<Count>(search, table, x);
    for (uint32_t slot = search.first_slot; slot < search.first_slot + search.slots; ++slot)
      slots[slot] = slot_value(view.slots[slot], rank, missing);
  }
  for (uint32_t i = 0; i < view.category_count; ++i) {
    const CategorySearch& search = view.categories[i];
    const uint32_t category = class_of(view, search, static_cast<Real>(row[search.feature]));
    __builtin_memcpy(slots + search.first_slot, view.set_rows + search.rows_at + size_t{category} * search.sets,
                     search.sets);
  }
}

template <class Count, class Real, class In>
void rank_block(const RankView& view, const In* rows, uint32_t count, int8_t* columns) {
  const Real* table = thresholds<Real>(view);
  for (uint32_t i = 0; i < view.search_count; ++i) {
    const Search& search = view.searches[i];
    for (uint32_t row = 0; row < count; ++row) {
      const auto x = static_cast<Real>(rows[size_t{row} * view.features + search.feature]);
      const bool missing = is_missing(x, search.zero_is_missing);
      const uint32_t rank = rank_of<Count>(search, table, x);
      for (uint32_t slot = search.first_slot; slot < search.first_slot + search.slots; ++slot)
        columns[size_t{slot} * kBlock + row] = slot_value(view.slots[slot], rank, missing);
    }
  }
  for (uint32_t i = 0; i < view.category_count; ++i) {
    const CategorySearch& search = view.categories[i];
    for (uint32_t row = 0; row < count; ++row) {
      const auto x = static_cast<Real>(rows[size_t{row} * view.features + search.feature]);
      const uint32_t category = class_of(view, search, x);
      columns[search.column + row] = static_cast<int8_t>(category >> 3);
      columns[search.column + kBlock + row] = static_cast<int8_t>(1U << (category & 7));
    }
  }
}

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

template <class Node>
CLOPS_INLINE void walk_down(const Node* (&at)[kLockstep], const int8_t* (&rows)[kLockstep], uint32_t depth) {
  while (depth != 0) {
    const uint32_t steps = depth < 4 ? depth : 4;
    const Node* before[kLockstep];
    for (uint32_t i = 0; i < kLockstep; ++i) before[i] = at[i];
    for (uint32_t step = 0; step < steps; ++step)
      for (uint32_t i = 0; i < kLockstep; ++i)
        at[i] += at[i]->skip + static_cast<size_t>(rows[i][at[i]->slot] > at[i]->rank);
    depth -= steps;
    bool same = true;
    for (uint32_t i = 0; i < kLockstep; ++i) same = same && before[i] == at[i];
    if (same) return;
  }
}

template <class Node, class Value, class Sink>
CLOPS_INLINE void walk_row(const WalkView& view, const int8_t* slots, void* out) {
  const auto* nodes = static_cast<const Node*>(view.nodes);
  Sink sink(out);
  for (uint32_t first = 0; first < view.tree_count; first += kLockstep) {
    const uint32_t lanes = view.tree_count - first < kLockstep ? view.tree_count - first : kLockstep;
    const Node* at[kLockstep];
    const int8_t* rows[kLockstep];
    uint32_t depth = 0;
    for (uint32_t i = 0; i < kLockstep; ++i) {  // lanes without a tree walk the last one again, unheard
      const TreeView& tree = view.trees[first + (i < lanes ? i : lanes - 1)];
      at[i] = nodes + tree.first;
      rows[i] = slots;
      depth = depth < tree.depth ? tree.depth : depth;
    }
    walk_down(at, rows, depth);
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
      walk_down(at, rows, tree.depth);
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

template <class Count>
void fill_common(Kernels& kernels) {
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
