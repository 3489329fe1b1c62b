// Leaves' values by number, from registers, for kernel "planes" with AVX-512: part of forest_avx512.cpp. A byte at a
// time, 64 rows to an instruction, or with few leaves a half or a whole word of 32 bits. Each way has an order of its
// own that it adds values in.
#pragma once

#include <immintrin.h>

#include "serving/engines/forest_wide_avx512.h"

namespace clops::serving::forest {
namespace {

// Entry `number` of `room` bytes.
template <uint32_t room>
CLOPS_INLINE __m512i byte_of(const uint8_t* table, __m512i number) {
  if constexpr (room == 64) {
    return _mm512_permutexvar_epi8(number, _mm512_loadu_si512(table));
  } else if constexpr (room == 128) {
    return _mm512_permutex2var_epi8(_mm512_loadu_si512(table), number, _mm512_loadu_si512(table + 64));
  } else {
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(number), byte_of<128>(table, number),
                                  byte_of<128>(table + 128, number));
  }
}

// Where values go: a vector of them at a time, numbered. To sums in memory, or to sums that stay in registers for many
// trees: of so many rows that there are registers for all of them.
constexpr uint32_t kSumVectors = 16;
template <uint32_t rows, class Value, bool fit = rows * sizeof(Value) / 64 <= kSumVectors>
struct Sums {
  Value* sums;
  explicit CLOPS_INLINE Sums(Value* to) : sums(to) {}
  CLOPS_INLINE void add(uint32_t vector, __m512i values) {
    if constexpr (sizeof(Value) == 4) {
      float* const to = sums + size_t{16} * vector;
      _mm512_storeu_ps(to, _mm512_add_ps(_mm512_loadu_ps(to), _mm512_castsi512_ps(values)));
    } else {
      double* const to = sums + size_t{8} * vector;
      _mm512_storeu_pd(to, _mm512_add_pd(_mm512_loadu_pd(to), _mm512_castsi512_pd(values)));
    }
  }
  CLOPS_INLINE void put() const {}
};
template <uint32_t rows, class Value>
struct Sums<rows, Value, true> {
  static constexpr uint32_t kVectors = rows * sizeof(Value) / 64;
  Value* sums;
  __m512i vectors[kVectors];
  explicit CLOPS_INLINE Sums(Value* to) : sums(to) {
#pragma GCC unroll 16
    for (uint32_t i = 0; i < kVectors; ++i) vectors[i] = _mm512_loadu_si512(sums + i * (64 / sizeof(Value)));
  }
  CLOPS_INLINE void add(uint32_t vector, __m512i values) {
    if constexpr (sizeof(Value) == 4)
      vectors[vector] =
          _mm512_castps_si512(_mm512_add_ps(_mm512_castsi512_ps(vectors[vector]), _mm512_castsi512_ps(values)));
    else
      vectors[vector] =
          _mm512_castpd_si512(_mm512_add_pd(_mm512_castsi512_pd(vectors[vector]), _mm512_castsi512_pd(values)));
  }
  CLOPS_INLINE void put() const {
#pragma GCC unroll 16
    for (uint32_t i = 0; i < kVectors; ++i) _mm512_storeu_si512(sums + i * (64 / sizeof(Value)), vectors[i]);
  }
};

// Bytes of 64 values, the lowest of all first, to values; each vector has some of all four sixteens of rows.
template <class To>
CLOPS_INLINE void add_bytes(const __m512i (&bytes)[4], To& sums, uint32_t first) {
  using W = Wide<512>;
  const __m512i a = W::low8(bytes[0], bytes[1]), b = W::low8(bytes[2], bytes[3]);
  const __m512i c = W::high8(bytes[0], bytes[1]), d = W::high8(bytes[2], bytes[3]);
  sums.add(first, W::low16(a, b));
  sums.add(first + 1, W::high16(a, b));
  sums.add(first + 2, W::low16(c, d));
  sums.add(first + 3, W::high16(c, d));
}
template <class To>
CLOPS_INLINE void add_bytes(const __m512i (&bytes)[8], To& sums, uint32_t first) {
  using W = Wide<512>;
  const auto add_half = [&sums](__m512i a, __m512i b, __m512i c, __m512i d,
                                uint32_t at) __attribute__((always_inline)) {
    const __m512i ab = W::low16(a, b), cd = W::low16(c, d), ab2 = W::high16(a, b), cd2 = W::high16(c, d);
    sums.add(at, W::low32(ab, cd));
    sums.add(at + 1, W::high32(ab, cd));
    sums.add(at + 2, W::low32(ab2, cd2));
    sums.add(at + 3, W::high32(ab2, cd2));
  };
  add_half(W::low8(bytes[0], bytes[1]), W::low8(bytes[2], bytes[3]), W::low8(bytes[4], bytes[5]),
           W::low8(bytes[6], bytes[7]), first);
  add_half(W::high8(bytes[0], bytes[1]), W::high8(bytes[2], bytes[3]), W::high8(bytes[4], bytes[5]),
           W::high8(bytes[6], bytes[7]), first + 4);
}

template <uint32_t room, uint32_t rows, class Value, class To>
CLOPS_INLINE void add_room(const uint8_t* table, const uint8_t* numbers, To& sums) {
#pragma GCC unroll 8
  for (uint32_t first = 0; first < rows; first += 64) {
    const __m512i number = _mm512_load_si512(numbers + first);
    __m512i bytes[sizeof(Value)];
#pragma GCC unroll 8
    for (uint32_t byte = 0; byte < sizeof(Value); ++byte) bytes[byte] = byte_of<room>(table + byte * room, number);
    add_bytes(bytes, sums, first * sizeof(Value) / 64);
  }
}

// A tree's values as words of 32 bits in registers. The lowest bits of 16 words name entries.
template <uint32_t room>
struct Words {
  __m512i low, high;
  explicit CLOPS_INLINE Words(const uint8_t* table)
      : low(_mm512_loadu_si512(table)), high(room > 16 ? _mm512_loadu_si512(table + 64) : low) {}
  CLOPS_INLINE __m512i look_up(__m512i number) const {
    return room > 16 ? _mm512_permutex2var_epi32(low, number, high) : _mm512_permutexvar_epi32(number, low);
  }
};
template <uint32_t room, class Value>
struct WordTable;
template <uint32_t room>
struct WordTable<room, float> {
  Words<room> words;
  explicit CLOPS_INLINE WordTable(const uint8_t* table) : words(table) {}
  template <class To>
  CLOPS_INLINE void add(__m512i number, To& sums, uint32_t sixteen) const {
    sums.add(sixteen, words.look_up(number));
  }
};
template <uint32_t room>
struct WordTable<room, double> {
  Words<room> low, high;
  explicit CLOPS_INLINE WordTable(const uint8_t* table) : low(table), high(table + size_t{4} * room) {}
  template <class To>
  CLOPS_INLINE void add(__m512i number, To& sums, uint32_t sixteen) const {
    const __m512i a = low.look_up(number), b = high.look_up(number);
    sums.add(2 * sixteen, _mm512_unpacklo_epi32(a, b));
    sums.add(2 * sixteen + 1, _mm512_unpackhi_epi32(a, b));
  }
};

// Of 64 leaves: a value's halves looked up in 32 rows at once, then put together.
template <uint32_t rows, class To>
CLOPS_INLINE void add_halves(const uint8_t* table, const uint8_t* numbers, To& sums) {
  const __m512i low[2] = {_mm512_loadu_si512(table), _mm512_loadu_si512(table + 64)};
  const __m512i high[2] = {_mm512_loadu_si512(table + 128), _mm512_loadu_si512(table + 192)};
  constexpr __mmask32 kUpper = 0xaaaaaaaa;
#pragma GCC unroll 8
  for (uint32_t first = 0; first < rows; first += 64) {
    const __m512i number = _mm512_load_si512(numbers + first);
#pragma GCC unroll 2
    for (uint32_t i = 0; i < 2; ++i) {
      const __m512i two = i == 0 ? number : _mm512_srli_epi16(number, 8);
      const __m512i a = _mm512_permutex2var_epi16(low[0], two, low[1]);
      const __m512i b = _mm512_permutex2var_epi16(high[0], two, high[1]);
      sums.add(first / 16 + i, _mm512_mask_blend_epi16(kUpper, a, _mm512_slli_epi32(b, 16)));
      sums.add(first / 16 + i + 2, _mm512_mask_blend_epi16(kUpper, _mm512_srli_epi32(a, 16), b));
    }
  }
}

// From the order of add_few() to that of add_values(): 64 values.
CLOPS_INLINE void run_lanes(const float* from, float* to) {
  __m512 a[4];
  for (uint32_t i = 0; i < 4; ++i) a[i] = _mm512_loadu_ps(from + size_t{16} * i);
  const __m512d ab = _mm512_castps_pd(_mm512_unpacklo_ps(a[0], a[1])),
                cd = _mm512_castps_pd(_mm512_unpacklo_ps(a[2], a[3]));
  const __m512d ab2 = _mm512_castps_pd(_mm512_unpackhi_ps(a[0], a[1])),
                cd2 = _mm512_castps_pd(_mm512_unpackhi_ps(a[2], a[3]));
  _mm512_storeu_ps(to, _mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd)));
  _mm512_storeu_ps(to + 16, _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd)));
  _mm512_storeu_ps(to + 32, _mm512_castpd_ps(_mm512_unpacklo_pd(ab2, cd2)));
  _mm512_storeu_ps(to + 48, _mm512_castpd_ps(_mm512_unpackhi_pd(ab2, cd2)));
}
CLOPS_INLINE void run_lanes(const double* from, double* to) {
  for (uint32_t half = 0; half < 2; ++half)
    for (uint32_t pair = 0; pair < 2; ++pair) {
      const double* two = from + size_t{32} * pair + size_t{8} * half;
      const __m512d a = _mm512_loadu_pd(two), b = _mm512_loadu_pd(two + 16);
      double* const out = to + size_t{32} * half + size_t{8} * pair;
      _mm512_storeu_pd(out, _mm512_unpacklo_pd(a, b));
      _mm512_storeu_pd(out + 16, _mm512_unpackhi_pd(a, b));
    }
}

}  // namespace
}  // namespace clops::serving::forest
