// Kernel "planes" with AVX-512: part of forest_avx512.cpp. Numbers of leaves are made by GFNI's matrix product, leaves'
// values looked up a byte at a time, 64 rows to an instruction.
#pragma once

#include <immintrin.h>

#include "serving/engines/forest_planes_body.h"

namespace clops::serving::forest {
namespace {

// Three lengths of vectors of bits.
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

// Eight bytes of eight bits turned, the bytes coming last first: bit k of byte 7 - i becomes bit i of byte k.
CLOPS_INLINE __m512i turned_reversed(__m512i bytes) {
  return _mm512_gf2p8affine_epi64_epi8(_mm512_set1_epi64(static_cast<long long>(0x8040201008040201U)), bytes, 0);
}

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

CLOPS_INLINE void add_to(float* sums, __m512i values) {
  _mm512_storeu_ps(sums, _mm512_add_ps(_mm512_loadu_ps(sums), _mm512_castsi512_ps(values)));
}
CLOPS_INLINE void add_to(double* sums, __m512i values) {
  _mm512_storeu_pd(sums, _mm512_add_pd(_mm512_loadu_pd(sums), _mm512_castsi512_pd(values)));
}

// Bytes of 64 values, the lowest of all first, to values; each vector has some of all four sixteens of rows.
CLOPS_INLINE void add_bytes(const __m512i (&bytes)[4], float* sums) {
  using W = Wide<512>;
  const __m512i a = W::low8(bytes[0], bytes[1]), b = W::low8(bytes[2], bytes[3]);
  const __m512i c = W::high8(bytes[0], bytes[1]), d = W::high8(bytes[2], bytes[3]);
  add_to(sums, W::low16(a, b));
  add_to(sums + 16, W::high16(a, b));
  add_to(sums + 32, W::low16(c, d));
  add_to(sums + 48, W::high16(c, d));
}
CLOPS_INLINE void add_bytes(const __m512i (&bytes)[8], double* sums) {
  using W = Wide<512>;
  const auto add_half = [sums](__m512i a, __m512i b, __m512i c, __m512i d, uint32_t first) {
    const __m512i ab = W::low16(a, b), cd = W::low16(c, d), ab2 = W::high16(a, b), cd2 = W::high16(c, d);
    add_to(sums + first, W::low32(ab, cd));
    add_to(sums + first + 8, W::high32(ab, cd));
    add_to(sums + first + 16, W::low32(ab2, cd2));
    add_to(sums + first + 24, W::high32(ab2, cd2));
  };
  add_half(W::low8(bytes[0], bytes[1]), W::low8(bytes[2], bytes[3]), W::low8(bytes[4], bytes[5]),
           W::low8(bytes[6], bytes[7]), 0);
  add_half(W::high8(bytes[0], bytes[1]), W::high8(bytes[2], bytes[3]), W::high8(bytes[4], bytes[5]),
           W::high8(bytes[6], bytes[7]), 32);
}

template <uint32_t room, uint32_t rows, class Value>
CLOPS_INLINE void add_room(const uint8_t* table, const uint8_t* numbers, Value* sums) {
  for (uint32_t first = 0; first < rows; first += 64) {
    const __m512i number = _mm512_load_si512(numbers + first);
    __m512i bytes[sizeof(Value)];
#pragma GCC unroll 8
    for (uint32_t byte = 0; byte < sizeof(Value); ++byte) bytes[byte] = byte_of<room>(table + byte * room, number);
    add_bytes(bytes, sums + first);
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
  CLOPS_INLINE void add(__m512i number, float* sums) const { add_to(sums, words.look_up(number)); }
};
template <uint32_t room>
struct WordTable<room, double> {
  Words<room> low, high;
  explicit CLOPS_INLINE WordTable(const uint8_t* table) : low(table), high(table + size_t{4} * room) {}
  CLOPS_INLINE void add(__m512i number, double* sums) const {
    const __m512i a = low.look_up(number), b = high.look_up(number);
    add_to(sums, _mm512_unpacklo_epi32(a, b));
    add_to(sums + 8, _mm512_unpackhi_epi32(a, b));
  }
};

// Of 64 leaves: a value's halves looked up in 32 rows at once, then put together.
template <uint32_t rows>
CLOPS_INLINE void add_halves(const uint8_t* table, const uint8_t* numbers, float* sums) {
  const __m512i low[2] = {_mm512_loadu_si512(table), _mm512_loadu_si512(table + 64)};
  const __m512i high[2] = {_mm512_loadu_si512(table + 128), _mm512_loadu_si512(table + 192)};
  constexpr __mmask32 kUpper = 0xaaaaaaaa;
  for (uint32_t first = 0; first < rows; first += 64) {
    const __m512i number = _mm512_load_si512(numbers + first);
#pragma GCC unroll 2
    for (uint32_t i = 0; i < 2; ++i) {
      const __m512i two = i == 0 ? number : _mm512_srli_epi16(number, 8);
      const __m512i a = _mm512_permutex2var_epi16(low[0], two, low[1]);
      const __m512i b = _mm512_permutex2var_epi16(high[0], two, high[1]);
      float* const to = sums + first + size_t{16} * i;
      add_to(to, _mm512_mask_blend_epi16(kUpper, a, _mm512_slli_epi32(b, 16)));
      add_to(to + 32, _mm512_mask_blend_epi16(kUpper, _mm512_srli_epi32(a, 16), b));
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

template <uint32_t rows>
struct PlaneBits : Wide<rows> {
  using W = Wide<rows>;
  using Bits = typename W::Bits;
  static constexpr uint32_t kRows = rows;
  static constexpr bool kFew = true;
  static constexpr uint32_t kSixteens = rows / 128;  // that lie in one vector of numbers
  static constexpr uint32_t kPartsOf = 512 / rows;   // vectors that are joined to one of 64 bytes
  static constexpr uint32_t kSide = kPartsOf;        // planes that are made side by side

  static CLOPS_INLINE Bits none() { return W::set(0); }
  static CLOPS_INLINE Bits all() { return W::set(~0U); }
  static CLOPS_INLINE Bits or_(Bits a, Bits b) { return W::template logic<0xfc>(a, b, b); }
  static CLOPS_INLINE Bits and_(Bits a, Bits b) { return W::template logic<0xc0>(a, b, b); }
  static CLOPS_INLINE Bits and_not(Bits a, Bits b) { return W::template logic<0x30>(a, b, b); }
  static CLOPS_INLINE Bits and_or(Bits a, Bits b, Bits c) { return W::template logic<0xea>(a, b, c); }
  static CLOPS_INLINE Bits or_and(Bits a, Bits b, Bits c) { return W::template logic<0xa8>(a, b, c); }
  static CLOPS_INLINE Bits choose(Bits by, Bits left, Bits right) { return W::template logic<0xac>(by, left, right); }
  static CLOPS_INLINE Bits xor_(Bits a, Bits b) { return W::template logic<0x3c>(a, b, b); }
  static CLOPS_INLINE void rank_bits(const int8_t* column, uint64_t* words, uint32_t stride) {
    const __m512i reversed = _mm512_broadcast_i32x4(_mm_set_epi64x(0x08090a0b0c0d0e0f, 0x0001020304050607));
    const __m512i gathered =
        _mm512_set_epi64(0x3f372f271f170f07, 0x3e362e261e160e06, 0x3d352d251d150d05, 0x3c342c241c140c04,
                         0x3b332b231b130b03, 0x3a322a221a120a02, 0x3931292119110901, 0x3830282018100800);
    const __m512i ranks = _mm512_xor_si512(_mm512_loadu_si512(column), _mm512_set1_epi8(-128));
    alignas(64) uint64_t bits[8];
    _mm512_store_si512(bits, _mm512_permutexvar_epi8(gathered, turned_reversed(_mm512_shuffle_epi8(ranks, reversed))));
    for (uint32_t b = 0; b < 8; ++b) words[size_t{b} * stride] = bits[b];
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
  template <uint32_t room, uint32_t bits, class Value>
  static CLOPS_INLINE void add_words(const uint8_t* table, const uint8_t* numbers, Value* sums) {
    const WordTable<room, Value> words(table);
    for (uint32_t first = 0; first < rows; first += 512 / bits, numbers += 64) {
      const __m512i number = _mm512_load_si512(numbers);
#pragma GCC unroll 8
      for (uint32_t i = 0; i < 32 / bits; ++i)
        words.add(_mm512_srli_epi32(number, i % 4 * 8 + i / 4 * 4), sums + first + size_t{16} * i);
    }
  }
  template <class Value>
  static CLOPS_INLINE void add_few(const uint8_t* table, uint32_t leaves, const uint8_t* numbers, Value* sums) {
    if (leaves <= 16) return add_words<16, 4>(table, numbers, sums);
    if (leaves <= 32) return add_words<32, 8>(table, numbers, sums);
    if constexpr (sizeof(Value) == 4) add_halves<rows>(table, numbers, sums);
  }

  template <class Value>
  static CLOPS_INLINE void add_values(const uint8_t* bytes, uint32_t leaves, const uint8_t* numbers, Value* sums) {
    if (leaves > 128) return add_room<256, rows>(bytes, numbers, sums);
    if (leaves > 64) return add_room<128, rows>(bytes, numbers, sums);
    add_room<64, rows>(bytes, numbers, sums);
  }

  // From the order that add_values() or add_few() leaves them in. The former: of each vector of numbers, all lanes'
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
