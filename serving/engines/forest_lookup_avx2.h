// Leaves' values by number, from registers, for kernel "planes" with AVX2: part of forest_avx2.cpp. A byte of a value
// at a time, of sixteen leaves to an instruction.
#pragma once

#include <immintrin.h>

#include "serving/engines/forest_rank_body.h"

namespace clops::serving::forest {
namespace {

CLOPS_INLINE __m256i load32(const void* from) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}
CLOPS_INLINE __m256i twice(const void* sixteen) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(sixteen)));
}
// Byte i of `a` or `b` as bit `bit` of the index says.
CLOPS_INLINE __m256i by_bit(__m256i a, __m256i b, __m256i index, int bit) {
  return _mm256_blendv_epi8(a, b, _mm256_slli_epi16(index, 7 - bit));
}
CLOPS_INLINE __m256i low_bytes(__m256i a, __m256i b) {
  return _mm256_unpacklo_epi8(a, b);
}
CLOPS_INLINE __m256i high_bytes(__m256i a, __m256i b) {
  return _mm256_unpackhi_epi8(a, b);
}
CLOPS_INLINE __m256i low_pairs(__m256i a, __m256i b) {
  return _mm256_unpacklo_epi16(a, b);
}
CLOPS_INLINE __m256i high_pairs(__m256i a, __m256i b) {
  return _mm256_unpackhi_epi16(a, b);
}
CLOPS_INLINE __m256i low_fours(__m256i a, __m256i b) {
  return _mm256_unpacklo_epi32(a, b);
}
CLOPS_INLINE __m256i high_fours(__m256i a, __m256i b) {
  return _mm256_unpackhi_epi32(a, b);
}

// Values of 32 leaves in parts: byte k of each.
template <class Value>
struct Found {
  __m256i bytes[sizeof(Value)];
};

// By their numbers in a tree of up to 16 * sixteens leaves. A number of another sixteen is made to name nothing.
template <uint32_t sixteens, class Value>
CLOPS_INLINE Found<Value> look_up(const uint8_t* table, __m256i number) {
  __m256i of[sixteens];
#pragma GCC unroll 4
  for (uint32_t i = 0; i < sixteens; ++i)
    of[i] = sixteens == 1 ? number
                          : _mm256_adds_epu8(_mm256_xor_si256(number, _mm256_set1_epi8(static_cast<char>(16 * i))),
                                             _mm256_set1_epi8(0x70));
  Found<Value> found;
#pragma GCC unroll 8
  for (uint32_t byte = 0; byte < sizeof(Value); ++byte, table += size_t{16} * sixteens) {
    __m256i sum = _mm256_shuffle_epi8(twice(table), of[0]);
#pragma GCC unroll 4
    for (uint32_t i = 1; i < sixteens; ++i)
      sum = _mm256_or_si256(sum, _mm256_shuffle_epi8(twice(table + 16 * i), of[i]));
    found.bytes[byte] = sum;
  }
  return found;
}

// Sums of 32 rows.
template <class Value>
struct ByteSums;
template <>
struct ByteSums<float> {
  __m256 sums[4];
  explicit CLOPS_INLINE ByteSums(const float* from) {
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; ++i) sums[i] = _mm256_loadu_ps(from + size_t{8} * i);
  }
  CLOPS_INLINE void add(const Found<float>& found) {
    const __m256i* const x = found.bytes;
    const __m256i a = low_bytes(x[0], x[1]), b = low_bytes(x[2], x[3]), c = high_bytes(x[0], x[1]),
                  d = high_bytes(x[2], x[3]);
    const __m256i values[4] = {low_pairs(a, b), high_pairs(a, b), low_pairs(c, d), high_pairs(c, d)};
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; ++i) sums[i] = _mm256_add_ps(sums[i], _mm256_castsi256_ps(values[i]));
  }
  CLOPS_INLINE void put(float* to) const {
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; ++i) _mm256_storeu_ps(to + size_t{8} * i, sums[i]);
  }
};
template <>
struct ByteSums<double> {
  __m256d sums[8];
  explicit CLOPS_INLINE ByteSums(const double* from) {
#pragma GCC unroll 8
    for (uint32_t i = 0; i < 8; ++i) sums[i] = _mm256_loadu_pd(from + size_t{4} * i);
  }
  CLOPS_INLINE void add(const Found<double>& found) {
    const __m256i* const x = found.bytes;
    const auto add_half = [this](__m256i a, __m256i b, __m256i c, __m256i d,
                                 uint32_t at) __attribute__((always_inline)) {
      const __m256i ab = low_pairs(a, b), cd = low_pairs(c, d), ab2 = high_pairs(a, b), cd2 = high_pairs(c, d);
      const __m256i values[4] = {low_fours(ab, cd), high_fours(ab, cd), low_fours(ab2, cd2), high_fours(ab2, cd2)};
#pragma GCC unroll 4
      for (uint32_t i = 0; i < 4; ++i) sums[at + i] = _mm256_add_pd(sums[at + i], _mm256_castsi256_pd(values[i]));
    };
    add_half(low_bytes(x[0], x[1]), low_bytes(x[2], x[3]), low_bytes(x[4], x[5]), low_bytes(x[6], x[7]), 0);
    add_half(high_bytes(x[0], x[1]), high_bytes(x[2], x[3]), high_bytes(x[4], x[5]), high_bytes(x[6], x[7]), 4);
  }
  CLOPS_INLINE void put(double* to) const {
#pragma GCC unroll 8
    for (uint32_t i = 0; i < 8; ++i) _mm256_storeu_pd(to + size_t{4} * i, sums[i]);
  }
};

}  // namespace
}  // namespace clops::serving::forest
