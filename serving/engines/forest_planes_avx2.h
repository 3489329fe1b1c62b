// Kernel "planes" with AVX2: part of forest_avx2.cpp.
#pragma once

#include <immintrin.h>

#include "serving/engines/forest_lookup_avx2.h"
#include "serving/engines/forest_plane_set.h"
#include "serving/engines/forest_planes_body.h"

namespace clops::serving::forest {
namespace {

// Whose class of 256 is not in the set: all bits of his byte.
CLOPS_INLINE __m256i outside_of(const uint8_t* set, __m256i eight, __m256i bits) {
  const __m256i found =
      by_bit(_mm256_shuffle_epi8(twice(set), eight), _mm256_shuffle_epi8(twice(set + 16), eight), eight, 4);
  return _mm256_cmpeq_epi8(_mm256_and_si256(found, bits), _mm256_setzero_si256());
}

CLOPS_INLINE __m128i low_bytes(__m128i a, __m128i b) {
  return _mm_unpacklo_epi8(a, b);
}
CLOPS_INLINE __m128i high_bytes(__m128i a, __m128i b) {
  return _mm_unpackhi_epi8(a, b);
}
CLOPS_INLINE __m128i low_pairs(__m128i a, __m128i b) {
  return _mm_unpacklo_epi16(a, b);
}
CLOPS_INLINE __m128i high_pairs(__m128i a, __m128i b) {
  return _mm_unpackhi_epi16(a, b);
}
CLOPS_INLINE __m128i low_fours(__m128i a, __m128i b) {
  return _mm_unpacklo_epi32(a, b);
}
CLOPS_INLINE __m128i high_fours(__m128i a, __m128i b) {
  return _mm_unpackhi_epi32(a, b);
}

template <uint32_t rows>
struct VectorOf {
  using Type = __m128i;
};
template <>
struct VectorOf<256> {
  using Type = __m256i;
};

template <uint32_t rows>
struct PlaneBits : PlaneSetOf<rows> {
  static constexpr bool kFew = true;
  using Bits = typename PlaneSetOf<rows>::Bits;
  using Vector = typename VectorOf<rows>::Type;
  static CLOPS_INLINE void rank_bits(const int8_t* column, size_t column_bytes, Bits* bits) {
    constexpr uint32_t kHalves = rows / 32;
    const __m256i sign = _mm256_set1_epi8(-128);
    uint32_t halves[8][kHalves];
    for (uint32_t half = 0; half < kHalves; ++half) {
      __m256i ranks = _mm256_xor_si256(load32(column + half / 2 * column_bytes + size_t{32} * (half % 2)), sign);
#pragma GCC unroll 8
      for (uint32_t b = 0; b < 8; ++b, ranks = _mm256_add_epi8(ranks, ranks))
        halves[7 - b][half] = static_cast<uint32_t>(_mm256_movemask_epi8(ranks));
    }
    for (uint32_t b = 0; b < 8; ++b) __builtin_memcpy(bits + b, halves[b], sizeof(Bits));
  }
  // Sets of 256 classes by two shuffles; beyond them byte by byte.
  static CLOPS_INLINE uint64_t outside(const uint8_t* set, const int8_t* high, const int8_t* bit) {
    uint64_t out = 0;
    for (uint32_t first = 0; first < kBlock; first += 32) {
      const __m256i eight = load32(high + first), bits = load32(bit + first);
      if (_mm256_movemask_epi8(_mm256_cmpgt_epi8(eight, _mm256_set1_epi8(31))) != 0)
        return PlaneSetOf<rows>::outside(set, high, bit);
      out |= uint64_t{static_cast<uint32_t>(_mm256_movemask_epi8(outside_of(set, eight, bits)))} << first;
    }
    return out;
  }
  // Bytes of eight planes side by side, each eight of them turned. Of the vectors of numbers, the low half of each is
  // of rows in the first half of `rows`, the high one in the second, or of rows side by side where a set's vector is
  // one half.
  static CLOPS_INLINE void number(const Bits* bits, uint8_t* numbers) {
    Vector pairs[8], fours[8];  // pairs: of planes 2 i and 2 i + 1, low halves, then high ones
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; ++i) {
      const auto a = reinterpret_cast<Vector>(bits[size_t{2} * i]),
                 b = reinterpret_cast<Vector>(bits[size_t{2} * i + 1]);
      pairs[i] = low_bytes(a, b);
      pairs[4 + i] = high_bytes(a, b);
    }
#pragma GCC unroll 2
    for (uint32_t half = 0; half < 8; half += 4)
#pragma GCC unroll 2
      for (uint32_t i = 0; i < 2; ++i) {
        fours[half + i] = low_pairs(pairs[half + 2 * i], pairs[half + 2 * i + 1]);
        fours[half + 2 + i] = high_pairs(pairs[half + 2 * i], pairs[half + 2 * i + 1]);
      }
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 8; i += 2) {
      PlaneSetOf<rows>::store(numbers + i * sizeof(Bits),
                              turned(reinterpret_cast<Bits>(low_fours(fours[i], fours[i + 1]))));
      PlaneSetOf<rows>::store(numbers + (i + 1) * sizeof(Bits),
                              turned(reinterpret_cast<Bits>(high_fours(fours[i], fours[i + 1]))));
    }
  }
  // Of four bits: as number(), but two vectors' numbers are turned in one.
  static CLOPS_INLINE void number4(const Bits* bits, uint8_t* numbers) {
    const auto a = reinterpret_cast<Vector>(bits[0]), b = reinterpret_cast<Vector>(bits[1]),
               c = reinterpret_cast<Vector>(bits[2]), d = reinterpret_cast<Vector>(bits[3]);
    const Vector low[2] = {low_bytes(a, b), low_bytes(c, d)}, high[2] = {high_bytes(a, b), high_bytes(c, d)};
    const auto put = [numbers](Vector fours, uint32_t which) __attribute__((always_inline)) {
      constexpr Bits kFour = Bits{} + 0x0f0f0f0f0f0f0f0fU;
      const Bits two = turned(reinterpret_cast<Bits>(fours));
      PlaneSetOf<rows>::store(numbers + which * sizeof(Bits), two & kFour);
      PlaneSetOf<rows>::store(numbers + (which + 2) * sizeof(Bits), (two >> 4) & kFour);
    };
#pragma GCC unroll 2
    for (uint32_t half = 0; half < 2; ++half) {
      const Vector* const pairs = half == 0 ? low : high;
      const Vector first = low_pairs(pairs[0], pairs[1]), second = high_pairs(pairs[0], pairs[1]);
      put(low_fours(first, second), 4 * half);
      put(high_fours(first, second), 4 * half + 1);
    }
  }

  // Trees of one output. With few leaves 32 rows' sums stay in registers; they come in the order of unpacked bytes.
  template <bool few, class Value>
  static CLOPS_INLINE void add_run(const PlaneTree* trees, uint32_t count, const uint8_t* values,
                                   const uint8_t* numbers, Value* sums) {
    if constexpr (few) {
      for (uint32_t first = 0; first < rows; first += 32) {
        ByteSums<Value> to(sums + first);
        for (uint32_t t = 0; t < count; ++t) {
          const __m256i number = load32(numbers + size_t{t} * rows + first);
          const uint8_t* const table = values + trees[t].values_at;
          if (trees[t].leaves <= 16)
            to.add(look_up<1, Value>(table, number));
          else if (trees[t].leaves <= 32)
            to.add(look_up<2, Value>(table, number));
          else
            to.add(look_up<4, Value>(table, number));
        }
        to.put(sums + first);
      }
    } else {
      for (uint32_t t = 0; t < count; ++t, numbers += rows) {
        const auto* const of = reinterpret_cast<const Value*>(values + trees[t].values_at);
        for (uint32_t first = 0; first < rows; first += 8) add_eight(of, numbers + first, sums + first);
      }
    }
  }
  static CLOPS_INLINE void add_eight(const float* of, const uint8_t* at, float* to) {
    const __m256 values =
        _mm256_setr_ps(of[at[0]], of[at[1]], of[at[2]], of[at[3]], of[at[4]], of[at[5]], of[at[6]], of[at[7]]);
    _mm256_storeu_ps(to, _mm256_add_ps(_mm256_loadu_ps(to), values));
  }
  static CLOPS_INLINE void add_eight(const double* of, const uint8_t* at, double* to) {
    const __m256d low = _mm256_setr_pd(of[at[0]], of[at[1]], of[at[2]], of[at[3]]);
    const __m256d high = _mm256_setr_pd(of[at[4]], of[at[5]], of[at[6]], of[at[7]]);
    _mm256_storeu_pd(to, _mm256_add_pd(_mm256_loadu_pd(to), low));
    _mm256_storeu_pd(to + 4, _mm256_add_pd(_mm256_loadu_pd(to + 4), high));
  }

  // From the order that number() and add_run() leave them in.
  template <bool few, class Value>
  static CLOPS_INLINE void put_in_order(Value* sums) {
    constexpr uint32_t kRun = few ? 16 / sizeof(Value) : 16;  // that lie side by side
    Value taken[rows];
    __builtin_memcpy(taken, sums, sizeof taken);
    for (uint32_t at = 0; at < rows; at += kRun) {
      const uint32_t lane = few ? at / kRun % 2 : at / 16 % 2, part = few ? at % 32 / (2 * kRun) : 0, vector = at / 32;
      const uint32_t sixteen = rows == 256 ? 8 * lane + vector : 2 * vector + lane;
      __builtin_memcpy(sums + 16 * sixteen + part * kRun, taken + at, kRun * sizeof(Value));
    }
  }
};

}  // namespace
}  // namespace clops::serving::forest
