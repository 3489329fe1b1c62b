// Vectors of bits of three lengths, for kernel "planes" with AVX-512: part of forest_avx512.cpp.
#pragma once

#include <immintrin.h>

#include "serving/engines/forest_rank_body.h"

namespace clops::serving::forest {
namespace {

template <uint32_t rows>
struct Wide;
template <>
struct Wide<128> {
  using Bits = __m128i;
  static CLOPS_INLINE Bits load(const void* from) { return _mm_loadu_si128(static_cast<const Bits*>(from)); }
  static CLOPS_INLINE void store(void* to, Bits bits) { _mm_storeu_si128(static_cast<Bits*>(to), bits); }
  static CLOPS_INLINE Bits set(uint32_t word) { return _mm_set1_epi32(static_cast<int>(word)); }
  template <int what>
  static CLOPS_INLINE Bits logic(Bits a, Bits b, Bits c) {
    return _mm_ternarylogic_epi32(a, b, c, what);
  }
  static CLOPS_INLINE Bits low8(Bits a, Bits b) { return _mm_unpacklo_epi8(a, b); }
  static CLOPS_INLINE Bits high8(Bits a, Bits b) { return _mm_unpackhi_epi8(a, b); }
  static CLOPS_INLINE Bits low16(Bits a, Bits b) { return _mm_unpacklo_epi16(a, b); }
  static CLOPS_INLINE Bits high16(Bits a, Bits b) { return _mm_unpackhi_epi16(a, b); }
  static CLOPS_INLINE Bits low32(Bits a, Bits b) { return _mm_unpacklo_epi32(a, b); }
  static CLOPS_INLINE Bits high32(Bits a, Bits b) { return _mm_unpackhi_epi32(a, b); }
  static CLOPS_INLINE __m512i joined(const Bits* parts) {
    const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(parts[0]), parts[1], 1);
    const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(parts[2]), parts[3], 1);
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
};
template <>
struct Wide<256> {
  using Bits = __m256i;
  static CLOPS_INLINE Bits load(const void* from) { return _mm256_loadu_si256(static_cast<const Bits*>(from)); }
  static CLOPS_INLINE void store(void* to, Bits bits) { _mm256_storeu_si256(static_cast<Bits*>(to), bits); }
  static CLOPS_INLINE Bits set(uint32_t word) { return _mm256_set1_epi32(static_cast<int>(word)); }
  template <int what>
  static CLOPS_INLINE Bits logic(Bits a, Bits b, Bits c) {
    return _mm256_ternarylogic_epi32(a, b, c, what);
  }
  static CLOPS_INLINE Bits low8(Bits a, Bits b) { return _mm256_unpacklo_epi8(a, b); }
  static CLOPS_INLINE Bits high8(Bits a, Bits b) { return _mm256_unpackhi_epi8(a, b); }
  static CLOPS_INLINE Bits low16(Bits a, Bits b) { return _mm256_unpacklo_epi16(a, b); }
  static CLOPS_INLINE Bits high16(Bits a, Bits b) { return _mm256_unpackhi_epi16(a, b); }
  static CLOPS_INLINE Bits low32(Bits a, Bits b) { return _mm256_unpacklo_epi32(a, b); }
  static CLOPS_INLINE Bits high32(Bits a, Bits b) { return _mm256_unpackhi_epi32(a, b); }
  static CLOPS_INLINE __m512i joined(const Bits* parts) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(parts[0]), parts[1], 1);
  }
};
template <>
struct Wide<512> {
  using Bits = __m512i;
  static CLOPS_INLINE Bits load(const void* from) { return _mm512_loadu_si512(from); }
  static CLOPS_INLINE void store(void* to, Bits bits) { _mm512_storeu_si512(to, bits); }
  static CLOPS_INLINE Bits set(uint32_t word) { return _mm512_set1_epi32(static_cast<int>(word)); }
  template <int what>
  static CLOPS_INLINE Bits logic(Bits a, Bits b, Bits c) {
    return _mm512_ternarylogic_epi32(a, b, c, what);
  }
  static CLOPS_INLINE Bits low8(Bits a, Bits b) { return _mm512_unpacklo_epi8(a, b); }
  static CLOPS_INLINE Bits high8(Bits a, Bits b) { return _mm512_unpackhi_epi8(a, b); }
  static CLOPS_INLINE Bits low16(Bits a, Bits b) { return _mm512_unpacklo_epi16(a, b); }
  static CLOPS_INLINE Bits high16(Bits a, Bits b) { return _mm512_unpackhi_epi16(a, b); }
  static CLOPS_INLINE Bits low32(Bits a, Bits b) { return _mm512_unpacklo_epi32(a, b); }
  static CLOPS_INLINE Bits high32(Bits a, Bits b) { return _mm512_unpackhi_epi32(a, b); }
  static CLOPS_INLINE __m512i joined(const Bits* parts) { return parts[0]; }
};

}  // namespace
}  // namespace clops::serving::forest
