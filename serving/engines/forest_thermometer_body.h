// Kernel "planes", from ranks to planes (see forest_planes_body.h).
#pragma once

#include "serving/engines/forest_kernels_body.h"

namespace clops::serving::forest {
namespace {

// The planes of a slot are a thermometer: the one of threshold j says "rank > j". Those of a rank's two lowest bits are
// three; each two bits more make four times as many and three: in quarter q of the new ones, the upper bits are q, and
// the old ones decide. Behind the old planes lies one of nobody.
template <class Set>
CLOPS_INLINE void widen(const typename Set::Bits* old, uint32_t olds, typename Set::Bits low, typename Set::Bits high,
                        uint32_t count, uint8_t* to) {
  using Bits = typename Set::Bits;
  constexpr size_t kBytes = Set::kRows / 8;
  const uint32_t step = olds + 1;
  if constexpr (Set::kSide > 1) return Set::widen(old, step, low, high, count, to);
  const Bits between[3] = {Set::or_(low, high), high, Set::and_(low, high)};
  for (uint32_t i = 0; i < 3; ++i)
    if (i * step + olds < count) Set::store(to + (i * step + olds) * kBytes, between[i]);
  const auto part = [&](uint32_t quarter) {
    const uint32_t first = quarter * step;
    return first >= count ? 0 : count - first < olds ? count - first : olds;
  };
  uint32_t many = part(0);
  for (uint32_t j = 0; j < many; ++j) Set::store(to + j * kBytes, Set::or_(old[j], between[0]));
  many = part(1), to += step * kBytes;
  for (uint32_t j = 0; j < many; ++j) Set::store(to + j * kBytes, Set::and_or(old[j], low, high));
  many = part(2), to += step * kBytes;
  for (uint32_t j = 0; j < many; ++j) Set::store(to + j * kBytes, Set::or_and(old[j], low, high));
  many = part(3), to += step * kBytes;
  for (uint32_t j = 0; j < many; ++j) Set::store(to + j * kBytes, Set::and_(old[j], between[2]));
}

// All of the new ones, to be old ones next.
template <class Set>
CLOPS_INLINE void widen_all(const typename Set::Bits* old, uint32_t olds, typename Set::Bits low,
                            typename Set::Bits high, typename Set::Bits* to) {
  const uint32_t count = 4 * olds + 3;
  auto* bytes = reinterpret_cast<uint8_t*>(to);
  if constexpr (Set::kSide > 1)
    return Set::widen(old, olds + 1, low, high, count + 1, bytes);  // nobody comes of itself
  widen<Set>(old, olds, low, high, count, bytes);
  to[count] = Set::none();
}

// `ranks`: their bits, the lowest first. A rank may be beyond the slot's last plane: with the upper bits that tell so
// drawn into those that are asked, it is above all of them.
template <class Set, uint32_t bits>
CLOPS_INLINE void thermometer_of(const typename Set::Bits* ranks, uint32_t count, uint8_t* to) {
  using Bits = typename Set::Bits;
  Bits bit[bits], beyond = Set::none();
  for (uint32_t b = bits; b < 8; ++b) beyond = Set::or_(beyond, ranks[b]);
  for (uint32_t b = 0; b < bits; ++b) bit[b] = Set::or_(ranks[b], beyond);
  alignas(64) Bits one[4];
  Set::keep(Set::or_(bit[0], bit[1]), bit[1], Set::and_(bit[0], bit[1]), one);
  if constexpr (bits == 2) {
    for (uint32_t j = 0; j < count; ++j) Set::store(to + j * sizeof(Bits), one[j]);
  } else if constexpr (bits == 4) {
    widen<Set>(one, 3, bit[2], bit[3], count, to);
  } else {
    alignas(64) Bits two[16], three[64];
    widen_all<Set>(one, 3, bit[2], bit[3], two);
    if constexpr (bits == 6) return widen<Set>(two, 15, bit[4], bit[5], count, to);
    widen_all<Set>(two, 15, bit[4], bit[5], three);
    widen<Set>(three, 63, bit[bits - 2], bit[bits - 1], count, to);
  }
}

template <class Set>
CLOPS_INLINE void thermometer(const typename Set::Bits* ranks, uint32_t count, uint8_t* to) {
  if (count <= 3) return thermometer_of<Set, 2>(ranks, count, to);
  if (count <= 15) return thermometer_of<Set, 4>(ranks, count, to);
  if (count <= 63) return thermometer_of<Set, 6>(ranks, count, to);
  thermometer_of<Set, 8>(ranks, count, to);
}

// `straight`: planes of such slots are there already.
template <class Set, bool straight = false>
__attribute__((noinline)) void make_planes(const PlaneView& view, const int8_t* columns, uint8_t* planes) {
  using Bits = typename Set::Bits;
  constexpr uint32_t kBlocks = Set::kRows / kBlock;
  for (uint32_t s = 0; s < view.slot_count; ++s) {
    const PlaneSlot& slot = view.slots[s];
    if (straight && slot.straight) continue;
    alignas(64) Bits bit[8];
    Set::rank_bits(columns + slot.column, view.column_bytes, bit);
    thermometer<Set>(bit, slot.count, planes + slot.first * sizeof(Bits));
  }
  for (uint32_t s = 0; s < view.set_count; ++s) {
    const PlaneSet& set = view.plane_sets[s];
    uint64_t words[kBlocks];
    for (uint32_t block = 0; block < kBlocks; ++block) {
      const int8_t* column = columns + size_t{block} * view.column_bytes + set.column;
      words[block] = Set::outside(view.sets + set.set, column, column + kBlock);
    }
    __builtin_memcpy(planes + (view.set_first + s) * sizeof(Bits), words, sizeof words);
  }
}

}  // namespace
}  // namespace clops::serving::forest
