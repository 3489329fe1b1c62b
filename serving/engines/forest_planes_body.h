// Kernel "planes": the model's tests as bits, a row each, then the trees on vectors of those (see forest_views.h).
// `Set` is a set of instructions: vectors of kRows bits.
#pragma once

#include "serving/engines/forest_thermometer_body.h"

namespace clops::serving::forest {
namespace {

// ---- trees: the bits of a leaf's number, the lowest first
// Loops over arrays of vectors are told to unroll: at -O2 GCC 12 else keeps the arrays in memory.
// Which way each row goes at the node it reaches on this level: earlier decisions choose first, so that the latest,
// which is waited for, has only one choice left. `low` is what the J latest decisions are taken to be.
template <class Set, uint32_t level, uint32_t J>
CLOPS_INLINE typename Set::Bits way_on(const uint32_t* nodes, const uint8_t* planes, const typename Set::Bits* ways,
                                       uint32_t low) {
  if constexpr (J == level) {
    return Set::load(planes + size_t{nodes[low]} * (Set::kRows / 128));
  } else {
    return Set::choose(ways[level - 1 - J], way_on<Set, level, J + 1>(nodes, planes, ways, low),
                       way_on<Set, level, J + 1>(nodes, planes, ways, low + (1U << J)));
  }
}

template <class Set, uint32_t depth, uint32_t level>
CLOPS_INLINE void full_ways(const uint32_t* nodes, const uint8_t* planes, typename Set::Bits* ways) {
  if constexpr (level < depth) {
    ways[level] = way_on<Set, level, 0>(nodes + (1U << level) - 1, planes, ways, 0);
    full_ways<Set, depth, level + 1>(nodes, planes, ways);
  }
}

// `few`: see PlaneView; of 16 leaves or less, numbers of four bits then are enough.
template <class Set, bool few, uint32_t depth>
__attribute__((noinline)) void full_number(const uint32_t* nodes, const uint8_t* planes, uint8_t* numbers) {
  typename Set::Bits ways[depth + 1], bits[8];
  full_ways<Set, depth, 0>(nodes, planes, ways);
#pragma GCC unroll 8
  for (uint32_t b = 0; b < 8; ++b) bits[b] = b < depth ? ways[depth - 1 - b] : Set::none();
  if constexpr (few && depth <= 4)
    Set::number4(bits, numbers);
  else
    Set::number(bits, numbers);
}

template <class Set, bool few>
__attribute__((noinline)) void any_number(const PlaneView& view, const PlaneTree& tree, const uint8_t* planes,
                                          uint8_t* numbers) {
  using Bits = typename Set::Bits;
  Bits parts[2 * kMaskLeaves], bits[8];
  parts[0] = Set::all();
  parts[kNoPart] = Set::none();
  const PlaneNode* node = view.nodes + tree.first;
  for (uint32_t i = 1; i < 2 * tree.count; i += 2, ++node) {
    const Bits here = parts[node->from], side = Set::load(planes + size_t{node->plane16} * (Set::kRows / 128));
    parts[i] = Set::and_not(here, side);
    parts[i + 1] = Set::and_(here, side);
  }
  const uint16_t* turn = view.turns + tree.turns_at;
#pragma GCC unroll 8
  for (uint32_t b = 0; b < 8; ++b) {
    Bits bit = Set::none();
    for (uint32_t many = *turn++; many != 0; --many, turn += kTurns)
#pragma GCC unroll 8
      for (uint32_t i = 0; i < kTurns; ++i) bit = Set::xor_(bit, parts[turn[i]]);
    bits[b] = bit;
  }
  if constexpr (few)
    if (tree.leaves <= 16) return Set::number4(bits, numbers);
  Set::number(bits, numbers);
}

template <class Set, bool few>
CLOPS_INLINE void number_leaves(const PlaneView& view, const PlaneTree& tree, const uint8_t* planes, uint8_t* numbers) {
  if (!tree.full) return any_number<Set, few>(view, tree, planes, numbers);
  const uint32_t* nodes = view.full + tree.first;
  switch (tree.count) {
    case 0:
      return full_number<Set, few, 0>(nodes, planes, numbers);
    case 1:
      return full_number<Set, few, 1>(nodes, planes, numbers);
    case 2:
      return full_number<Set, few, 2>(nodes, planes, numbers);
    case 3:
      return full_number<Set, few, 3>(nodes, planes, numbers);
    case 4:
      return full_number<Set, few, 4>(nodes, planes, numbers);
    case 5:
      return full_number<Set, few, 5>(nodes, planes, numbers);
    case 6:
      return full_number<Set, few, 6>(nodes, planes, numbers);
    case 7:
      return full_number<Set, few, 7>(nodes, planes, numbers);
    default:
      return full_number<Set, few, 8>(nodes, planes, numbers);
  }
}

// All leaves' numbers of some trees are made, then their values are added: no tree waits for the one before.
// `ahead`: what is read after the trees, so many bytes; each tree calls for its share of that.
template <class Set, bool few, class Value>
CLOPS_INLINE void add_trees(const PlaneView& view, const uint8_t* planes, Value* sums, const char* ahead = nullptr,
                            size_t bytes = 0) {
  constexpr size_t kLine = 64;
  constexpr uint32_t kTrees = Set::kTrees;
  const char* const end = ahead + bytes;
  const size_t share = view.tree_count == 0 ? 0 : bytes / view.tree_count / kLine * kLine + kLine;
  alignas(64) uint8_t numbers[kTrees * Set::kRows];
  for (uint32_t first = 0; first < view.tree_count; first += kTrees) {
    const uint32_t some = view.tree_count - first < kTrees ? view.tree_count - first : kTrees;
    const PlaneTree* trees = view.trees + first;
    for (uint32_t t = 0; t < some; ++t) {
      for (const char* const until = end - ahead > static_cast<ptrdiff_t>(share) ? ahead + share : end; ahead < until;
           ahead += kLine)
        __builtin_prefetch(ahead, 0, 2);
      number_leaves<Set, few>(view, trees[t], planes, numbers + size_t{t} * Set::kRows);
    }
    for (uint32_t t = 0, run = 0; t < some; t += run) {
      for (run = 1; t + run < some && trees[t + run].output == trees[t].output;) ++run;
      Set::template add_run<few>(trees + t, run, static_cast<const uint8_t*>(view.values),
                                 numbers + size_t{t} * Set::kRows, sums + size_t{trees[t].output} * kPlaneRows);
    }
  }
  for (uint32_t o = 0; o < view.outputs; ++o) Set::template put_in_order<few>(sums + size_t{o} * kPlaneRows);
}

template <class Set, class Value>
void add_planes(const PlaneView& view, const int8_t* columns, uint8_t* planes, Value* sums) {
  make_planes<Set>(view, columns, planes);
  if constexpr (Set::kFew)
    if (view.few) return add_trees<Set, true>(view, planes, sums);
  add_trees<Set, false>(view, planes, sums);
}

template <uint32_t rows>
struct PlaneRows {
  static constexpr uint32_t kRows = rows;
};
// Calls `some` for rows from `row` on, as many of them as are left to a set for 128, 256 or 512 rows, `most` at most:
// what a vector has too many of costs time too.
template <uint32_t most, class Some>
CLOPS_INLINE void for_sizes(uint32_t count, const Some& some) {
  for (uint32_t row = 0; row < count;) {
    const uint32_t left = count - row;
    if (most >= 512 && left > 384) {
      some(PlaneRows<most>{}, row);
      row += 512;
    } else if (most >= 256 && left > 128) {
      some(PlaneRows < most<256 ? most : 256>{}, row);
      row += 256;
    } else {
      some(PlaneRows<128>{}, row);
      row += 128;
    }
  }
}

template <template <uint32_t> class Set, uint32_t most, class Value>
void planes_of(const PlaneView& view, const int8_t* columns, uint8_t* planes, uint32_t count, void* out) {
  auto* sums = static_cast<Value*>(out);
  for_sizes<most>(count, [&](auto size, uint32_t row) __attribute__((always_inline)) {
    add_planes<Set<size.kRows>>(view, columns + size_t{row / kBlock} * view.column_bytes, planes, sums + row);
  });
}

template <template <uint32_t> class Set, uint32_t most>
void fill_planes(Kernels& kernels) {
  kernels.planes[kFloatSums] = planes_of<Set, most, float>;
  kernels.planes[kDoubleSums] = planes_of<Set, most, double>;
}

}  // namespace
}  // namespace clops::serving::forest
