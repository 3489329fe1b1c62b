// Ranking of rows, as forest_kernels_body.h includes it: in an unnamed namespace, without the standard library.
#pragma once

#include "serving/engines/category_place.h"
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
  } else if (view.category_values != nullptr) {
    const uint32_t place =
        category_place(view.category_values + search.values_at, search.values, static_cast<double>(x));
    if (place < search.values && place < code) code = place;
  } else if (x < static_cast<Real>(search.codes) && (view.chop ? x > -1 : x >= 0)) {
    code = x < 0 ? 0 : static_cast<uint32_t>(x);
  }
  return view.class_of[search.class_at + code];
}

// The rank of a number that a ShortSearch has, less 128.
template <class Count, class Real>
CLOPS_INLINE int8_t short_rank(const ShortSearch& search, const Real* table, Real x) {
  const uint32_t block = search.blocks == 0 ? 0 : Count::of(table + search.top, x);
  const uint32_t rank = block * kFan + Count::of(table + search.low + size_t{block} * kFan, x);
  return is_missing(x, search.zero_is_missing) ? search.missing : static_cast<int8_t>(static_cast<int32_t>(rank) - 128);
}

// All but the short searches.
template <class Count, class Real, class In>
CLOPS_INLINE void rank_row_rest(const RankView& view, const In* row, int8_t* slots) {
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
void rank_row(const RankView& view, const In* row, int8_t* slots) {
  const Real* table = thresholds<Real>(view);
  for (uint32_t i = 0; i < view.short_count; ++i) {
    const ShortSearch& search = view.shorts[i];
    slots[search.slot] = short_rank<Count>(search, table, static_cast<Real>(row[search.feature]));
  }
  rank_row_rest<Count, Real>(view, row, slots);
}

template <class Count, class Real, class In>
void rank_block_shorts(const RankView& view, const In* rows, uint32_t count, int8_t* columns) {
  const Real* table = thresholds<Real>(view);
  for (uint32_t i = 0; i < view.short_count; ++i) {
    const ShortSearch search = view.shorts[i];
    int8_t* column = columns + size_t{search.slot} * kBlock;
    for (uint32_t row = 0; row < count; ++row)
      column[row] =
          short_rank<Count>(search, table, static_cast<Real>(rows[size_t{row} * view.features + search.feature]));
  }
}

// All but the short searches.
template <class Count, class Real, class In>
void rank_block_rest(const RankView& view, const In* rows, uint32_t count, int8_t* columns) {
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

template <class Count, class Real, class In>
void rank_block(const RankView& view, const In* rows, uint32_t count, int8_t* columns) {
  rank_block_shorts<Count, Real>(view, rows, count, columns);
  rank_block_rest<Count, Real>(view, rows, count, columns);
}

}  // namespace
}  // namespace clops::serving::forest
