// The kernels for AVX2 (compiled with -mavx2 and its companions; without them this is nothing).
#include "serving/engines/forest_kernels.h"

#ifdef __AVX2__
#include <immintrin.h>

#include "serving/engines/forest_lanes_body.h"
#include "serving/engines/forest_masks_body.h"
#include "serving/engines/forest_planes_avx2.h"
#include "serving/engines/forest_rank_avx2.h"

namespace clops::serving::forest {
namespace {

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
    const __m256i eight = Isa::load(high);
    if (_mm256_movemask_epi8(_mm256_cmpgt_epi8(eight, _mm256_set1_epi8(31))) != 0)
      return VectorSet<32>::noted_outside(here, set, high, bit);
    return here & reinterpret_cast<Noted>(outside_of(set, eight, Isa::load(bit)));
  }
};

}  // namespace

bool fill_avx2(Kernels& kernels) {
  kernels.name = "AVX2";
  kernels.lanes = Isa::kLanes;
  fill_common<Count>(kernels);
  fill_masks<Masks>(kernels);
  fill_planes<PlaneBits, 256>(kernels);
  fill_turned<Turned, PlaneBits, 256>(kernels);
  fill_lanes<Isa>(kernels);
  kernels.values = Values::Bytes;
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
