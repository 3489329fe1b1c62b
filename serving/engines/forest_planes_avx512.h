// Kernel "planes" with AVX-512: part of forest_avx512.cpp. Numbers of leaves are made by GFNI's matrix product.
#pragma once

#include <immintrin.h>

#include "serving/engines/forest_lookup_avx512.h"
#include "serving/engines/forest_planes_body.h"

namespace clops::serving::forest {
namespace {

// Eight bytes of eight bits turned, the bytes coming last first: bit k of byte 7 - i becomes bit i of byte k.
CLOPS_INLINE __m512i turned_reversed(__m512i bytes) {
  return _mm512_gf2p8affine_epi64_epi8(_mm512_set1_epi64(static_cast<long long>(0x8040201008040201U)), bytes, 0);
}

// Eight words of each of so many vectors turned: a vector then has the first words of all, and so on.
template <uint32_t count>
CLOPS_INLINE void turn_words(__m512i (&words)[count]) {
  const __m512i low = _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0), high = _mm512_set_epi64(15, 7, 14, 6, 13, 5, 12, 4);
  const __m512i low2 = _mm512_set_epi64(11, 10, 3, 2, 9, 8, 1, 0), high2 = _mm512_set_epi64(15, 14, 7, 6, 13, 12, 5, 4);
  const auto turn_by = [&words](uint32_t step, __m512i first, __m512i second) __attribute__((always_inline)) {
    __m512i turned[count];
#pragma GCC unroll 8
    for (uint32_t i = 0; i < count; i += 2 * step)
#pragma GCC unroll 4
      for (uint32_t j = 0; j < step; ++j) {
        turned[i + 2 * j] = _mm512_permutex2var_epi64(words[i + j], first, words[i + step + j]);
        turned[i + 2 * j + 1] = _mm512_permutex2var_epi64(words[i + j], second, words[i + step + j]);
      }
#pragma GCC unroll 8
    for (uint32_t i = 0; i < count; ++i) words[i] = turned[i];
  };
  turn_by(1, low, high);
  if constexpr (count > 2) turn_by(2, low2, high2);
  if constexpr (count > 4)
    turn_by(4, _mm512_set_epi64(11, 10, 9, 8, 3, 2, 1, 0), _mm512_set_epi64(15, 14, 13, 12, 7, 6, 5, 4));
}

template <uint32_t rows>
struct PlaneBits : Wide<rows> {
  using W = Wide<rows>;
  using Bits = typename W::Bits;
  static constexpr uint32_t kRows = rows;
  static constexpr bool kFew = true;
  static constexpr uint32_t kTrees = rows == 512 ? 1 : 4096 / rows;  // numbered before their values are added
  static constexpr uint32_t kSixteens = rows / 128;                  // that lie in one vector of numbers
  static constexpr uint32_t kPartsOf = 512 / rows;                   // vectors that are joined to one of 64 bytes
  static constexpr uint32_t kSide = kPartsOf;                        // planes that are made side by side
  static constexpr uint32_t kBlocks = rows / kBlock;

  static CLOPS_INLINE Bits none() { return W::set(0); }
  static CLOPS_INLINE Bits all() { return W::set(~0U); }
  static CLOPS_INLINE Bits or_(Bits a, Bits b) { return W::template logic<0xfc>(a, b, b); }
  static CLOPS_INLINE Bits and_(Bits a, Bits b) { return W::template logic<0xc0>(a, b, b); }
  static CLOPS_INLINE Bits and_not(Bits a, Bits b) { return W::template logic<0x30>(a, b, b); }
  static CLOPS_INLINE Bits and_or(Bits a, Bits b, Bits c) { return W::template logic<0xea>(a, b, c); }
  static CLOPS_INLINE Bits or_and(Bits a, Bits b, Bits c) { return W::template logic<0xa8>(a, b, c); }
  static CLOPS_INLINE Bits choose(Bits by, Bits left, Bits right) { return W::template logic<0xac>(by, left, right); }
  static CLOPS_INLINE Bits xor_(Bits a, Bits b) { return W::template logic<0x3c>(a, b, b); }
  static CLOPS_INLINE void rank_bits(const int8_t* column, size_t column_bytes, Bits* bits) {
    const __m512i reversed = _mm512_broadcast_i32x4(_mm_set_epi64x(0x08090a0b0c0d0e0f, 0x0001020304050607));
    const __m512i gathered =
        _mm512_set_epi64(0x3f372f271f170f07, 0x3e362e261e160e06, 0x3d352d251d150d05, 0x3c342c241c140c04,
                         0x3b332b231b130b03, 0x3a322a221a120a02, 0x3931292119110901, 0x3830282018100800);
    __m512i words[kBlocks];  // of a block: a word for each bit
#pragma GCC unroll 8
    for (uint32_t i = 0; i < kBlocks; ++i) {
      const __m512i ranks = _mm512_xor_si512(_mm512_loadu_si512(column + i * column_bytes), _mm512_set1_epi8(-128));
      words[i] = _mm512_permutexvar_epi8(gathered, turned_reversed(_mm512_shuffle_epi8(ranks, reversed)));
    }
    turn_words<kBlocks>(words);
#pragma GCC unroll 8
    for (uint32_t i = 0; i < kBlocks; ++i) _mm512_store_si512(bits + i * kPartsOf, words[i]);
  }
  // In one piece where that is how they are taken again: what was stored in parts would have to be waited for.
  static CLOPS_INLINE void keep(Bits a, Bits b, Bits c, Bits* planes) {
    const Bits parts[4] = {a, b, c, none()};
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; i += kPartsOf) _mm512_store_si512(planes + i, W::joined(parts + i));
  }
  static CLOPS_INLINE uint64_t outside(const uint8_t* set, const int8_t* high, const int8_t* bit) {
    const __m512i byte = _mm512_permutexvar_epi8(_mm512_loadu_si512(high), _mm512_loadu_si512(set));
    return _cvtmask64_u64(_mm512_testn_epi8_mask(byte, _mm512_loadu_si512(bit)));
  }

  // As the thermometer's widen(), with `step` old planes of which the last is nobody: that alone is what lies between.
  static CLOPS_INLINE void widen(const Bits* old, uint32_t step, Bits low, Bits high, uint32_t count, uint8_t* to) {
    using Z = Wide<512>;
    Bits lows[kSide], highs[kSide];
    for (uint32_t i = 0; i < kSide; ++i) lows[i] = low, highs[i] = high;
    const __m512i l = W::joined(lows), h = W::joined(highs);
    const auto quarter = [&](uint32_t first, const auto& made) __attribute__((always_inline)) {
      for (uint32_t j = 0; j < step && first + j < count; j += kSide) {
        const uint32_t there = count - first - j;
        uint8_t* const at = to + size_t{first + j} * sizeof(Bits);
        const __m512i planes = made(Z::load(old + j));
        if (there >= kSide)
          Z::store(at, planes);
        else
          _mm512_mask_storeu_epi64(at, static_cast<__mmask8>((1U << (there * rows / 64)) - 1), planes);
      }
    };
    quarter(0, [l, h](__m512i x) __attribute__((always_inline)) { return Z::template logic<0xfe>(x, l, h); });
    quarter(step, [l, h](__m512i x) __attribute__((always_inline)) { return Z::template logic<0xea>(x, l, h); });
    quarter(2 * step, [l, h](__m512i x) __attribute__((always_inline)) { return Z::template logic<0xa8>(x, l, h); });
    quarter(3 * step, [l, h](__m512i x) __attribute__((always_inline)) { return Z::template logic<0x80>(x, l, h); });
  }

  // Bytes of eight planes side by side, the last plane first, each eight of them turned.
  static CLOPS_INLINE void number(const Bits* bits, uint8_t* numbers) {
    Bits pairs[8], fours[8], eights[8];
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; ++i) {
      pairs[i] = W::low8(bits[7 - 2 * i], bits[6 - 2 * i]);
      pairs[4 + i] = W::high8(bits[7 - 2 * i], bits[6 - 2 * i]);
    }
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; ++i) {
      const uint32_t from = 2 * i, to = i / 2 * 4 + i % 2;
      fours[to] = W::low16(pairs[from], pairs[from + 1]);
      fours[to + 2] = W::high16(pairs[from], pairs[from + 1]);
    }
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 8; i += 2) {
      eights[i] = W::low32(fours[i], fours[i + 1]);
      eights[i + 1] = W::high32(fours[i], fours[i + 1]);
    }
#pragma GCC unroll 8
    for (uint32_t i = 0; i < 2 * kSixteens; ++i) {
      Bits parts[kPartsOf];
      for (uint32_t j = 0; j < kPartsOf; ++j) parts[j] = eights[2 * (kPartsOf * (i / 2) + j) + i % 2];
      _mm512_store_si512(numbers + size_t{64} * i, turned_reversed(W::joined(parts)));
    }
  }

  // Of four bits: where number() puts two vectors, one of both, the first in the low half of each byte.
  static CLOPS_INLINE void number4(const Bits* bits, uint8_t* numbers) {
    const Bits low[2] = {W::low8(bits[3], bits[2]), W::low8(bits[1], bits[0])};
    const Bits high[2] = {W::high8(bits[3], bits[2]), W::high8(bits[1], bits[0])};
    const Bits fours[4] = {W::low16(low[0], low[1]), W::high16(low[0], low[1]), W::low16(high[0], high[1]),
                           W::high16(high[0], high[1])};
#pragma GCC unroll 4
    for (uint32_t i = 0; i < kSixteens; ++i)
      _mm512_store_si512(
          numbers + size_t{64} * i,
          turned_reversed(_mm512_shuffle_epi32(W::joined(fours + i * kPartsOf), static_cast<_MM_PERM_ENUM>(0x72))));
  }

  // With few leaves: the numbers of a vector of words are shifted, one after the other, to where they name an entry.
  template <uint32_t room, uint32_t bits, class Value, class To>
  static CLOPS_INLINE void add_words(const uint8_t* table, const uint8_t* numbers, To& sums) {
    const WordTable<room, Value> words(table);
#pragma GCC unroll 8
    for (uint32_t first = 0; first < rows; first += 512 / bits) {
      const __m512i number = _mm512_load_si512(numbers + first * bits / 8);
#pragma GCC unroll 8
      for (uint32_t i = 0; i < 32 / bits; ++i)
        words.add(_mm512_srli_epi32(number, i % 4 * 8 + i / 4 * 4), sums, first / 16 + i);
    }
  }
  template <bool few, class Value, class To>
  static CLOPS_INLINE void add_tree(const uint8_t* table, uint32_t leaves, const uint8_t* numbers, To& sums) {
    if constexpr (few) {
      if (leaves <= 16) return add_words<16, 4, Value>(table, numbers, sums);
      if (leaves <= 32) return add_words<32, 8, Value>(table, numbers, sums);
      if constexpr (sizeof(Value) == 4) add_halves<rows>(table, numbers, sums);
    } else {
      if (leaves > 128) return add_room<256, rows, Value>(table, numbers, sums);
      if (leaves > 64) return add_room<128, rows, Value>(table, numbers, sums);
      add_room<64, rows, Value>(table, numbers, sums);
    }
  }
  // Trees of one output.
  template <bool few, class Value>
  static CLOPS_INLINE void add_run(const PlaneTree* trees, uint32_t count, const uint8_t* values,
                                   const uint8_t* numbers, Value* to) {
    Sums<rows, Value> sums(to);
    for (uint32_t t = 0; t < count; ++t, numbers += rows)
      add_tree<few, Value>(values + trees[t].values_at, trees[t].leaves, numbers, sums);
    sums.put();
  }

  // From the order that add_tree() leaves them in. Of many leaves: of each vector of numbers, all lanes'
  // first 16 bytes of values, then their second.
  template <bool few, class Value>
  static CLOPS_INLINE void put_in_order(Value* sums) {
    constexpr uint32_t kRun = 16 / sizeof(Value);  // that lie side by side
    alignas(64) Value taken[rows];
    if constexpr (few)
      for (uint32_t at = 0; at < rows; at += 64) run_lanes(sums + at, taken + at);
    else
      __builtin_memcpy(taken, sums, sizeof taken);
    for (uint32_t at = 0; at < rows; at += kRun) {
      const uint32_t lane = at / kRun % 4, part = at % 64 / (4 * kRun), vector = at / 64;
      const uint32_t sixteen = 2 * (kPartsOf * (vector / 2) + lane / kSixteens) + vector % 2;
      __builtin_memcpy(sums + 128 * (lane % kSixteens) + 16 * sixteen + part * kRun, taken + at, 16);
    }
  }
};

}  // namespace
}  // namespace clops::serving::forest
