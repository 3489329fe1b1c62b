// Ranking of blocks with AVX2, eight features of 32 rows at once: part of forest_avx2.cpp. Vector i of such rows has
// four from 4 i and four from 16 + 4 i, so that they come in order when numbers of four bytes are packed to single
// ones.
#pragma once

#include <immintrin.h>

#include "serving/engines/forest_turned_body.h"

namespace clops::serving::forest {
namespace {

struct Count {
  static CLOPS_INLINE uint32_t of(const float* sixteen, float x) {
    const __m256 value = _mm256_set1_ps(x);
    const auto low =
        static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(sixteen), value, _CMP_LE_OQ)));
    const auto high =
        static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(sixteen + 8), value, _CMP_LE_OQ)));
    return static_cast<uint32_t>(_mm_popcnt_u32(low | high << 8));
  }
  static CLOPS_INLINE uint32_t of(const double* sixteen, double x) {
    const __m256d value = _mm256_set1_pd(x);
    uint32_t bits = 0;
    for (int i = 0; i < 4; ++i)
      bits |= static_cast<uint32_t>(
                  _mm256_movemask_pd(_mm256_cmp_pd(_mm256_loadu_pd(sixteen + ptrdiff_t{4} * i), value, _CMP_LE_OQ)))
              << (4 * i);
    return static_cast<uint32_t>(_mm_popcnt_u32(bits));
  }
};

// All bits of those of eight numbers that are missing.
CLOPS_INLINE __m256 missing_of(__m256 x, bool zero_is_missing) {
  const __m256 none = _mm256_cmp_ps(x, x, _CMP_UNORD_Q);
  if (!zero_is_missing) return none;
  const __m256 size = _mm256_andnot_ps(_mm256_set1_ps(-0.0F), x);
  return _mm256_or_ps(none, _mm256_cmp_ps(size, _mm256_set1_ps(1e-35F), _CMP_LE_OQ));
}

// Four vectors of numbers to bytes, or of all bits and none to bits.
CLOPS_INLINE __m256i packed(const __m256i (&x)[4]) {
  return _mm256_packs_epi16(_mm256_packs_epi32(x[0], x[1]), _mm256_packs_epi32(x[2], x[3]));
}

struct Turned {
  using Count = forest::Count;
  static constexpr uint32_t kTurned = 8, kPart = 32;

  // One by one: from 64 entries on that costs less than to choose between registers, and a gather is slow on some
  // processors.
  static CLOPS_INLINE __m256 loaded(const float* level, __m256i at) {
    const auto two = [at]<int i>() { return static_cast<uint64_t>(_mm256_extract_epi64(at, i)); };
    const uint64_t a = two.operator()<0>(), b = two.operator()<1>(), c = two.operator()<2>(), d = two.operator()<3>();
    const auto low = [](uint64_t pair) { return static_cast<uint32_t>(pair); };
    return _mm256_setr_ps(level[low(a)], level[a >> 32], level[low(b)], level[b >> 32], level[low(c)], level[c >> 32],
                          level[low(d)], level[d >> 32]);
  }
  // The entry of a level of 8 << more that the lowest bits of `at` name.
  template <uint32_t more>
  static CLOPS_INLINE __m256 entry(const float* level, __m256i at) {
    if constexpr (more == 0) {
      return _mm256_permutevar8x32_ps(_mm256_loadu_ps(level), at);
    } else if constexpr (more > 2) {
      return loaded(level, _mm256_and_si256(at, _mm256_set1_epi32((8 << more) - 1)));
    } else {
      const __m256 low = entry<more - 1>(level, at), high = entry<more - 1>(level + (4U << more), at);
      return _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(at, 29 - more)));
    }
  }

  // The place in a tree is its node's, counted from 1, as a heap is: see RankView::heaps.
  template <uint32_t levels, uint32_t parts>
  static void rank(const ShortSearch& search, const float* heap, const float* numbers, int8_t* column) {
    for (uint32_t part = 0; part < parts; ++part, numbers += kPart, column += kPart) {
      __m256 x[4];
      __m256i at[4];
#pragma GCC unroll 4
      for (uint32_t i = 0; i < 4; ++i) {
        x[i] = _mm256_load_ps(numbers + size_t{8} * i);
        at[i] = _mm256_set1_epi32(1);
      }
      const auto down = [&](const auto& below) __attribute__((always_inline)) {
#pragma GCC unroll 4
        for (uint32_t i = 0; i < 4; ++i) {
          const __m256i sign = _mm256_srli_epi32(_mm256_castps_si256(_mm256_sub_ps(below(at[i]), x[i])), 31);
          at[i] = _mm256_or_si256(_mm256_add_epi32(at[i], at[i]), sign);
        }
      };
      const auto of_top = [heap](__m256i where) __attribute__((always_inline)) { return entry<0>(heap, where); };
      down(of_top);
      down(of_top);
      down(of_top);
      down([heap](__m256i where) __attribute__((always_inline)) { return entry<0>(heap + 8, where); });
      if constexpr (levels > 4)
        down([heap](__m256i where) __attribute__((always_inline)) { return entry<1>(heap + 16, where); });
      if constexpr (levels > 5)
        down([heap](__m256i where) __attribute__((always_inline)) { return entry<2>(heap + 32, where); });
      if constexpr (levels > 6)
        down([heap](__m256i where) __attribute__((always_inline)) { return entry<3>(heap + 64, where); });
      if constexpr (levels > 7)
        down([heap](__m256i where) __attribute__((always_inline)) { return entry<4>(heap + 128, where); });
      const __m256i less = _mm256_set1_epi32((1 << levels) + 128), missing = _mm256_set1_epi32(search.missing);
#pragma GCC unroll 4
      for (uint32_t i = 0; i < 4; ++i)
        at[i] = _mm256_blendv_epi8(_mm256_sub_epi32(at[i], less), missing,
                                   _mm256_castps_si256(missing_of(x[i], search.zero_is_missing)));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(column), packed(at));
    }
  }

  // As AVX-512's: rows in parts of 32, turned eight by eight.
  template <bool whole>
  static CLOPS_INLINE void turn(const float* from, size_t stride, uint32_t rows, uint32_t features, float* to) {
    const __m256i present =
        _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(features)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    for (uint32_t tile = 0; tile < 4; ++tile) {
      __m256 a[8], b[8];
#pragma GCC unroll 8
      for (uint32_t i = 0; i < 8; ++i) {
        const uint32_t row = 4 * tile + i % 4 + i / 4 * 16;
        const float* const at = from + row * stride;
        a[i] = whole || row < rows ? _mm256_maskload_ps(at, present) : _mm256_setzero_ps();
        if (whole) _mm_prefetch(reinterpret_cast<const char*>(at + size_t{kBlock} * stride), _MM_HINT_T0);
      }
#pragma GCC unroll 4
      for (uint32_t i = 0; i < 8; i += 2) {
        b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
        b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
      }
      constexpr int kLow = 0x44, kHigh = 0xee;
#pragma GCC unroll 2
      for (uint32_t i = 0; i < 8; i += 4) {  // a[i + j]: of the four rows from i, features j and 4 + j
        a[i] = _mm256_shuffle_ps(b[i], b[i + 2], kLow);
        a[i + 1] = _mm256_shuffle_ps(b[i], b[i + 2], kHigh);
        a[i + 2] = _mm256_shuffle_ps(b[i + 1], b[i + 3], kLow);
        a[i + 3] = _mm256_shuffle_ps(b[i + 1], b[i + 3], kHigh);
      }
#pragma GCC unroll 4
      for (uint32_t j = 0; j < 4; ++j) {
        _mm256_store_ps(to + size_t{j} * kBlock + size_t{8} * tile, _mm256_permute2f128_ps(a[j], a[4 + j], 0x20));
        _mm256_store_ps(to + size_t{4 + j} * kBlock + size_t{8} * tile, _mm256_permute2f128_ps(a[j], a[4 + j], 0x31));
      }
    }
  }

  // A missing number is above as many thresholds as its rank says.
  template <uint32_t parts>
  static void compare(const ShortSearch& search, const float* thresholds, uint32_t count, const float* numbers,
                      uint8_t* planes, size_t plane_bytes) {
    const auto missing = static_cast<uint32_t>(search.missing + 128);
    const uint32_t above = missing < count ? missing : count;
    for (uint32_t part = 0; part < parts; ++part, numbers += kPart, planes += kPart / 8) {
      __m256 x[4];
#pragma GCC unroll 4
      for (uint32_t i = 0; i < 4; ++i) {
        x[i] = _mm256_load_ps(numbers + size_t{8} * i);
        if (search.zero_is_missing) x[i] = _mm256_or_ps(x[i], missing_of(x[i], true));  // all bits are a NaN
      }
      uint8_t* to = planes;
      const auto store = [&](const auto& is_above) __attribute__((always_inline)) {
        __m256i right[4];
#pragma GCC unroll 4
        for (uint32_t i = 0; i < 4; ++i) right[i] = _mm256_castps_si256(is_above(x[i]));
        const int bits = _mm256_movemask_epi8(packed(right));
        __builtin_memcpy(to, &bits, sizeof bits);
        to += plane_bytes;
      };
      uint32_t j = 0;
      for (; j < above; ++j)
        store([threshold = _mm256_set1_ps(thresholds[j])](__m256 number)
                  __attribute__((always_inline)) { return _mm256_cmp_ps(number, threshold, _CMP_NLT_UQ); });
      for (; j < count; ++j)
        store([threshold = _mm256_set1_ps(thresholds[j])](__m256 number)
                  __attribute__((always_inline)) { return _mm256_cmp_ps(number, threshold, _CMP_GE_OQ); });
    }
  }
};

}  // namespace
}  // namespace clops::serving::forest
