// Ranking of blocks by vectors of rows: some features of a block are turned into columns of numbers; a column then goes
// down a search tree whose levels are in registers, or is compared straight to planes (see forest_views.h).
// `Turned` is a set of instructions: turns kTurned features of kPart rows at once, and has parts of columns ranked and
// compared side by side, so that no step waits for the one before.
#pragma once

#include "serving/engines/forest_planes_body.h"

namespace clops::serving::forest {
namespace {

// Where the planes of a block's rows are: of slots that are compared straight away.
struct StraightTo {
  const PlaneSlot* slots = nullptr;
  uint8_t* planes = nullptr;
  size_t plane_bytes = 0;  // from one plane to the next
};

template <class Turned, uint32_t parts>
void rank_column(const RankView& view, const ShortSearch& search, const float* numbers, int8_t* columns) {
  const float* heap = view.heaps + search.heap;
  int8_t* column = columns + size_t{search.slot} * kBlock;
  switch (search.levels) {
    case 8:
      return Turned::template rank<8, parts>(search, heap, numbers, column);
    case 7:
      return Turned::template rank<7, parts>(search, heap, numbers, column);
    case 6:
      return Turned::template rank<6, parts>(search, heap, numbers, column);
    case 5:
      return Turned::template rank<5, parts>(search, heap, numbers, column);
    default:
      return Turned::template rank<4, parts>(search, heap, numbers, column);
  }
}

// Slots of turned features, of which `first` is the first one, from slot search `i` on.
template <class Turned, bool straight, uint32_t parts>
uint32_t rank_columns(const RankView& view, uint32_t i, uint32_t first, const float* numbers, int8_t* columns,
                      const StraightTo& to) {
  for (; i < view.short_count && view.shorts[i].feature - first < Turned::kTurned; ++i) {
    const ShortSearch& search = view.shorts[i];
    const float* column = numbers + size_t{search.feature - first} * kBlock;
    if (straight && to.slots[search.slot].straight) {
      const PlaneSlot& slot = to.slots[search.slot];
      Turned::template compare<parts>(search, view.narrow + search.low, slot.count, column,
                                      to.planes + slot.first * to.plane_bytes, to.plane_bytes);
    } else {
      rank_column<Turned, parts>(view, search, column, columns);
    }
  }
  return i;
}

template <class Turned, bool straight, uint32_t most>
CLOPS_INLINE uint32_t rank_parts(uint32_t parts, const RankView& view, uint32_t i, uint32_t first, const float* numbers,
                                 int8_t* columns, const StraightTo& to) {
  if constexpr (most > 1)
    if (parts < most) return rank_parts<Turned, straight, most - 1>(parts, view, i, first, numbers, columns, to);
  return rank_columns<Turned, straight, most>(view, i, first, numbers, columns, to);
}

// Features come in ascending order. Of rows that are not there nothing is said.
template <class Turned, bool straight>
CLOPS_INLINE void rank_turned(const RankView& view, const float* rows, uint32_t count, int8_t* columns,
                              const StraightTo& to) {
  constexpr uint32_t kTurned = Turned::kTurned, kPart = Turned::kPart;
  alignas(64) float numbers[kTurned * kBlock];
  const uint32_t parts = (count + kPart - 1) / kPart;
  for (uint32_t i = 0; i < view.short_count;) {
    const uint32_t first = view.shorts[i].feature / kTurned * kTurned;
    const uint32_t features = view.features - first < kTurned ? view.features - first : kTurned;
    for (uint32_t row = 0; row < kPart * parts; row += kPart) {
      const float* from = rows + size_t{row} * view.features + first;
      if (count == kBlock)
        Turned::template turn<true>(from, view.features, kPart, features, numbers + row);
      else
        Turned::template turn<false>(from, view.features, count - row, features, numbers + row);
    }
    i = rank_parts<Turned, straight, kBlock / kPart>(parts, view, i, first, numbers, columns, to);
  }
  rank_block_rest<typename Turned::Count, float>(view, rows, count, columns);
}

template <class Turned>
void rank_block_turned(const RankView& view, const float* rows, uint32_t count, int8_t* columns) {
  rank_turned<Turned, false>(view, rows, count, columns, {});
}

// Kernel "planes" of rows: slots of few thresholds are compared, the others ranked first.
template <class Turned, class Set, class Value>
void add_rows(const RankView& ranks, const PlaneView& view, const float* rows, uint32_t count, size_t ahead,
              int8_t* columns, uint8_t* planes, Value* sums) {
  for (uint32_t first = 0, block = 0; first < count && first < Set::kRows; first += kBlock, ++block)
    rank_turned<Turned, true>(
        ranks, rows + size_t{first} * ranks.features, count - first < kBlock ? count - first : kBlock,
        columns + size_t{block} * view.column_bytes,
        {.slots = view.slots, .planes = planes + size_t{block} * 8, .plane_bytes = Set::kRows / 8});
  make_planes<Set, true>(view, columns, planes);
  const size_t row_bytes = ranks.features * sizeof(float);
  const size_t more = ahead < Set::kRows ? ahead : Set::kRows;
  const char* next = reinterpret_cast<const char*>(rows) + Set::kRows * row_bytes;
  if (view.few)
    add_trees<Set, true>(view, planes, sums, next, more * row_bytes);
  else
    add_trees<Set, false>(view, planes, sums, next, more * row_bytes);
}

template <class Turned, template <uint32_t> class Set, uint32_t most, class Value>
void row_planes(const RankView& ranks, const PlaneView& view, const float* rows, uint32_t count, size_t ahead,
                int8_t* columns, uint8_t* planes, void* out) {
  auto* sums = static_cast<Value*>(out);
  for_sizes<most>(count, [&](auto size, uint32_t row) __attribute__((always_inline)) {
    const uint32_t left = count - row;
    add_rows<Turned, Set<size.kRows>>(ranks, view, rows + size_t{row} * ranks.features, left,
                                      left > size.kRows ? left - size.kRows + ahead : ahead, columns, planes,
                                      sums + row);
  });
}

template <class Turned, template <uint32_t> class Set, uint32_t most>
void fill_turned(Kernels& kernels) {
  kernels.rank_block_float = rank_block_turned<Turned>;
  kernels.row_planes[kFloatSums] = row_planes<Turned, Set, most, float>;
  kernels.row_planes[kDoubleSums] = row_planes<Turned, Set, most, double>;
}

}  // namespace
}  // namespace clops::serving::forest
