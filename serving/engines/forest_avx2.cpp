// The kernels for AVX2 (compiled with -mavx2 and its companions; without them this is nothing).
#include "serving/engines/forest_kernels.h"

#ifdef __AVX2__
#include <immintrin.h>

#include "serving/engines/forest_lanes_body.h"
#include "serving/engines/forest_masks_body.h"
#include "serving/engines/forest_planes_body.h"

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

CLOPS_INLINE __m256i twice(const void* sixteen) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(sixteen)));
}
// Byte i of `a` or `b` as bit `bit` of the index says.
CLOPS_INLINE __m256i by_bit(__m256i a, __m256i b, __m256i index, int bit) {
  return _mm256_blendv_epi8(a, b, _mm256_slli_epi16(index, 7 - bit));
}

struct Isa {
  using Bytes = __m256i;
  using Chosen = __m256i;
  static constexpr uint32_t kLanes = 32;
  static CLOPS_INLINE Bytes load(const int8_t* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  }
  static CLOPS_INLINE void store(uint8_t* to, Bytes bytes) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), bytes);
  }
  static CLOPS_INLINE Bytes zero() { return _mm256_setzero_si256(); }
  static CLOPS_INLINE Bytes ones() { return _mm256_set1_epi8(-1); }
  static CLOPS_INLINE Bytes select(Chosen right, Bytes a, Bytes b) { return _mm256_blendv_epi8(a, b, right); }
  static CLOPS_INLINE Chosen above(Bytes a, Bytes b) { return _mm256_cmpgt_epi8(a, b); }
  static CLOPS_INLINE Bytes add_where(Bytes to, Chosen where, int8_t what) {
    return _mm256_or_si256(to, _mm256_and_si256(where, _mm256_set1_epi8(what)));
  }
  template <class Word>
  static CLOPS_INLINE void clear(Bytes* open, Chosen right, const int8_t* bits) {
#pragma GCC unroll 8
    for (uint32_t v = 0; v < sizeof(Word); ++v) {
      const Bytes where = widened<Word>(right, v);
      open[v] = _mm256_andnot_si256(_mm256_and_si256(where, load(bits + size_t{v} * kLanes)), open[v]);
    }
  }
  template <class Word>
  static CLOPS_INLINE Bytes widened(Chosen right, uint32_t part) {
    if constexpr (sizeof(Word) == 1) return right;
    const __m128i half = part < sizeof(Word) / 2 ? _mm256_castsi256_si128(right) : _mm256_extracti128_si256(right, 1);
    if constexpr (sizeof(Word) == 2) return _mm256_cvtepi8_epi16(half);
    if constexpr (sizeof(Word) == 4) return _mm256_cvtepi8_epi32(part % 2 == 0 ? half : _mm_srli_si128(half, 8));
    switch (part % 4) {
      case 0:
        return _mm256_cvtepi8_epi64(half);
      case 1:
        return _mm256_cvtepi8_epi64(_mm_srli_si128(half, 4));
      case 2:
        return _mm256_cvtepi8_epi64(_mm_srli_si128(half, 8));
      default:
        return _mm256_cvtepi8_epi64(_mm_srli_si128(half, 12));
    }
  }

  struct Row1 {
    static constexpr uint32_t kSlots = 16;
    __m256i a;
    explicit Row1(const int8_t* slots) : a(twice(slots)) {}
    CLOPS_INLINE Bytes look_up(Bytes slot) const { return _mm256_shuffle_epi8(a, slot); }
  };
  struct Row2 {
    static constexpr uint32_t kSlots = 32;
    Row1 low, high;
    explicit Row2(const int8_t* slots) : low(slots), high(slots + Row1::kSlots) {}
    CLOPS_INLINE Bytes look_up(Bytes slot) const { return by_bit(low.look_up(slot), high.look_up(slot), slot, 4); }
  };
  struct Row4 {
    static constexpr uint32_t kSlots = 64;
    Row2 low, high;
    explicit Row4(const int8_t* slots) : low(slots), high(slots + Row2::kSlots) {}
    CLOPS_INLINE Bytes look_up(Bytes slot) const { return by_bit(low.look_up(slot), high.look_up(slot), slot, 5); }
  };
};

struct Masks : VectorSet<32> {
  static CLOPS_INLINE Side either(Side by, Side left, Side right) {
    return reinterpret_cast<Side>(_mm256_blendv_epi8(reinterpret_cast<__m256i>(left), reinterpret_cast<__m256i>(right),
                                                     reinterpret_cast<__m256i>(by)));
  }
  // Sets of 256 classes by two shuffles; beyond them byte by byte.
  static CLOPS_INLINE Noted noted_outside(Noted here, const uint8_t* set, const int8_t* high, const int8_t* bit) {
    const __m256i rows = Isa::load(high), bits = Isa::load(bit);
    if (_mm256_movemask_epi8(_mm256_cmpgt_epi8(rows, _mm256_set1_epi8(31))) != 0)
      return VectorSet<32>::noted_outside(here, set, high, bit);
    const __m256i found =
        by_bit(_mm256_shuffle_epi8(twice(set), rows), _mm256_shuffle_epi8(twice(set + 16), rows), rows, 4);
    return here & ~reinterpret_cast<Noted>(_mm256_cmpeq_epi8(_mm256_and_si256(found, bits), bits));
  }
};

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
  using Bits = typename PlaneSetOf<rows>::Bits;
  using Vector = typename VectorOf<rows>::Type;
  static CLOPS_INLINE void rank_bits(const int8_t* column, size_t column_bytes, Bits* bits) {
    constexpr uint32_t kHalves = rows / 32;
    const __m256i sign = _mm256_set1_epi8(-128);
    uint32_t halves[8][kHalves];
    for (uint32_t half = 0; half < kHalves; ++half) {
      __m256i ranks = _mm256_xor_si256(Isa::load(column + half / 2 * column_bytes + size_t{32} * (half % 2)), sign);
#pragma GCC unroll 8
      for (uint32_t b = 0; b < 8; ++b, ranks = _mm256_add_epi8(ranks, ranks))
        halves[7 - b][half] = static_cast<uint32_t>(_mm256_movemask_epi8(ranks));
    }
    for (uint32_t b = 0; b < 8; ++b) __builtin_memcpy(bits + b, halves[b], sizeof(Bits));
  }
  static CLOPS_INLINE uint64_t outside(const uint8_t* set, const int8_t* high, const int8_t* bit) {
    const auto half = [&](uint32_t first) {
      const auto out = Masks::noted_outside(~Masks::Noted{}, set, high + first, bit + first);
      return uint64_t{static_cast<uint32_t>(_mm256_movemask_epi8(reinterpret_cast<__m256i>(out)))} << first;
    };
    return half(0) | half(32);
  }
  // Bytes of eight planes side by side, each eight of them turned.
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
      put(turned(reinterpret_cast<Bits>(low_fours(fours[i], fours[i + 1]))), i, numbers);
      put(turned(reinterpret_cast<Bits>(high_fours(fours[i], fours[i + 1]))), i + 1, numbers);
    }
  }
  // Sixteen rows of each half of the vector.
  static CLOPS_INLINE void put(Bits sixteens, uint32_t which, uint8_t* numbers) {
    const auto* from = reinterpret_cast<const uint8_t*>(&sixteens);
    for (uint32_t part = 0; part < rows / 128; ++part)
      __builtin_memcpy(numbers + size_t{128} * part + size_t{16} * which, from + size_t{16} * part, 16);
  }
};

}  // namespace

bool fill_avx2(Kernels& kernels) {
  kernels.name = "AVX2";
  kernels.lanes = Isa::kLanes;
  fill_common<Count>(kernels);
  fill_masks<Masks>(kernels);
  fill_planes<PlaneBits, 256>(kernels);
  fill_lanes<Isa>(kernels);
  return true;
}

}  // namespace clops::serving::forest
#else
namespace clops::serving::forest {
bool fill_avx2(Kernels&) {
  return false;
}
}  // namespace clops::serving::forest
#endif
