// Ranking of blocks with AVX-512, sixteen features and rows at once: part of forest_avx512.cpp.
#pragma once

#include <immintrin.h>

#include "serving/engines/forest_turned_body.h"

namespace clops::serving::forest {
namespace {

struct Count {
  static CLOPS_INLINE uint32_t of(const float* sixteen, float x) {
    return static_cast<uint32_t>(
        _mm_popcnt_u32(_mm512_cmp_ps_mask(_mm512_loadu_ps(sixteen), _mm512_set1_ps(x), _CMP_LE_OQ)));
  }
  static CLOPS_INLINE uint32_t of(const double* sixteen, double x) {
    const __m512d value = _mm512_set1_pd(x);
    const uint32_t low = _mm512_cmp_pd_mask(_mm512_loadu_pd(sixteen), value, _CMP_LE_OQ);
    const uint32_t high = _mm512_cmp_pd_mask(_mm512_loadu_pd(sixteen + 8), value, _CMP_LE_OQ);
    return static_cast<uint32_t>(_mm_popcnt_u32(low | high << 8));
  }
};

// Which of sixteen numbers are missing.
CLOPS_INLINE __mmask16 missing_of(__m512 x, bool zero_is_missing) {
  const __mmask16 none = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  if (!zero_is_missing) return none;
  return static_cast<__mmask16>(none | _mm512_cmp_ps_mask(_mm512_abs_ps(x), _mm512_set1_ps(1e-35F), _CMP_LE_OQ));
}

// The entry of a level of 16 << more that the lowest bits of `at` name.
template <uint32_t more>
CLOPS_INLINE __m512 entry(const float* level, __m512i at) {
  if constexpr (more == 0) {
    return _mm512_permutexvar_ps(at, _mm512_loadu_ps(level));
  } else if constexpr (more == 1) {
    return _mm512_permutex2var_ps(_mm512_loadu_ps(level), at, _mm512_loadu_ps(level + 16));
  } else {
    const __m512 low = entry<more - 1>(level, at), high = entry<more - 1>(level + (8U << more), at);
    return _mm512_mask_blend_ps(_mm512_test_epi32_mask(at, _mm512_set1_epi32(8 << more)), low, high);
  }
}

struct Turned {
  using Count = forest::Count;
  static constexpr uint32_t kTurned = 16, kPart = 16;

  // All of a block's rows side by side, in `parts` sixteens, so that no step waits for the one before. The place in a
  // tree is its node's, counted from 1, as a heap is; a step down draws in the sign of a difference: see
  // RankView::heaps.
  template <uint32_t levels, uint32_t parts>
  static void rank(const ShortSearch& search, const float* heap, const float* numbers, int8_t* column) {
    const __m512 top = _mm512_loadu_ps(heap);
    __m512 x[parts];
    __m512i at[parts];
#pragma GCC unroll 4
    for (uint32_t i = 0; i < parts; ++i) {
      x[i] = _mm512_load_ps(numbers + size_t{16} * i);
      at[i] = _mm512_set1_epi32(1);
    }
    const auto down = [&](const auto& below) __attribute__((always_inline)) {
#pragma GCC unroll 4
      for (uint32_t i = 0; i < parts; ++i)
        at[i] = _mm512_shldi_epi32(at[i], _mm512_castps_si512(_mm512_sub_ps(below(at[i]), x[i])), 1);
    };
    const auto of_top = [top](__m512i where)
                            __attribute__((always_inline)) { return _mm512_permutexvar_ps(where, top); };
    down(of_top);
    down(of_top);
    down(of_top);
    down(of_top);
    if constexpr (levels > 4) down([heap](__m512i where) { return entry<0>(heap + 16, where); });
    if constexpr (levels > 5) down([heap](__m512i where) { return entry<1>(heap + 32, where); });
    if constexpr (levels > 6) down([heap](__m512i where) { return entry<2>(heap + 64, where); });
    if constexpr (levels > 7) down([heap](__m512i where) { return entry<3>(heap + 128, where); });
    // The place is the rank and 1 << levels; of that and of the 128 that a rank is less by the lowest byte counts.
    const __m512i less = _mm512_set1_epi32((1 << levels) + 128), missing = _mm512_set1_epi32(search.missing);
#pragma GCC unroll 4
    for (uint32_t i = 0; i < parts; ++i) {
      const __m512i rank = _mm512_sub_epi32(at[i], less);
      _mm_storeu_si128(
          reinterpret_cast<__m128i*>(column + size_t{16} * i),
          _mm512_cvtepi32_epi8(_mm512_mask_blend_epi32(missing_of(x[i], search.zero_is_missing), rank, missing)));
    }
  }

  // Sixteen features of sixteen rows, or of the first `rows` of them, turned into a vector of rows for each feature,
  // kBlock numbers apart. Of whole blocks the next one is called for: rows come from far away, and what comes by itself
  // ends with each page.
  template <bool whole>
  static CLOPS_INLINE void turn(const float* from, size_t stride, uint32_t rows, uint32_t features, float* to) {
    const auto present = static_cast<__mmask16>((1U << features) - 1);
    __m512 a[16], b[16];
#pragma GCC unroll 16
    for (uint32_t i = 0; i < 16; ++i) {
      a[i] = whole || i < rows ? _mm512_maskz_loadu_ps(present, from + i * stride) : _mm512_setzero_ps();
      if (whole) _mm_prefetch(reinterpret_cast<const char*>(from + (i + kBlock) * stride), _MM_HINT_T0);
    }
#pragma GCC unroll 8
    for (uint32_t i = 0; i < 16; i += 2) {
      b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
      b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
    }
    const auto low = [](__m512 x, __m512 y) {
      return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(x), _mm512_castps_pd(y)));
    };
    const auto high = [](__m512 x, __m512 y) {
      return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(x), _mm512_castps_pd(y)));
    };
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 16; i += 4) {  // a[i + j]: of the four rows from i, features j, 4 + j, 8 + j, 12 + j
      a[i] = low(b[i], b[i + 2]);
      a[i + 1] = high(b[i], b[i + 2]);
      a[i + 2] = low(b[i + 1], b[i + 3]);
      a[i + 3] = high(b[i + 1], b[i + 3]);
    }
    constexpr int kEven = 0x88, kOdd = 0xdd;
#pragma GCC unroll 4
    for (uint32_t j = 0; j < 4; ++j) {
      const __m512 even = _mm512_shuffle_f32x4(a[j], a[4 + j], kEven), odd = _mm512_shuffle_f32x4(a[j], a[4 + j], kOdd);
      const __m512 even8 = _mm512_shuffle_f32x4(a[8 + j], a[12 + j], kEven),
                   odd8 = _mm512_shuffle_f32x4(a[8 + j], a[12 + j], kOdd);
      _mm512_store_ps(to + size_t{j} * kBlock, _mm512_shuffle_f32x4(even, even8, kEven));
      _mm512_store_ps(to + size_t{4 + j} * kBlock, _mm512_shuffle_f32x4(odd, odd8, kEven));
      _mm512_store_ps(to + size_t{8 + j} * kBlock, _mm512_shuffle_f32x4(even, even8, kOdd));
      _mm512_store_ps(to + size_t{12 + j} * kBlock, _mm512_shuffle_f32x4(odd, odd8, kOdd));
    }
  }

  // The few thresholds of a slot against a block's rows: no ranks are needed then. A missing number is above as many of
  // them as its rank says.
  template <uint32_t parts>
  static void compare(const ShortSearch& search, const float* thresholds, uint32_t count, const float* numbers,
                      uint8_t* planes, size_t plane_bytes) {
    __m512 x[parts];
#pragma GCC unroll 4
    for (uint32_t i = 0; i < parts; ++i) {
      x[i] = _mm512_load_ps(numbers + size_t{16} * i);
      if (search.zero_is_missing)
        x[i] = _mm512_mask_blend_ps(missing_of(x[i], true), x[i], _mm512_set1_ps(__builtin_nanf("")));
    }
    // Each mask is stored by itself: the compiler else joins them in a general register first, which takes twice as
    // long.
    const auto store = [&](const auto& is_above) __attribute__((always_inline)) {
      auto* to = reinterpret_cast<volatile __mmask16*>(planes);
      __mmask16 masks[parts];
#pragma GCC unroll 4
      for (uint32_t i = 0; i < parts; ++i) masks[i] = is_above(x[i]);
#pragma GCC unroll 4
      for (uint32_t i = 0; i < parts; ++i) to[i] = masks[i];
    };
    const auto above = static_cast<uint32_t>(search.missing + 128);
    uint32_t j = 0;
    for (const uint32_t end = above < count ? above : count; j < end; ++j, planes += plane_bytes)
      store([threshold = _mm512_set1_ps(thresholds[j])](__m512 number)
                __attribute__((always_inline)) { return _mm512_cmp_ps_mask(number, threshold, _CMP_NLT_UQ); });
    for (; j < count; ++j, planes += plane_bytes)
      store([threshold = _mm512_set1_ps(thresholds[j])](__m512 number)
                __attribute__((always_inline)) { return _mm512_cmp_ps_mask(number, threshold, _CMP_GE_OQ); });
  }
};

}  // namespace
}  // namespace clops::serving::forest
