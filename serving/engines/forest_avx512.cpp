// The kernels for AVX-512 with VBMI (Ice Lake, Zen 4 and later): vectors of 64 bytes, mask registers, one look-up for
// 64 slots. Compiled with flags of its own; without them this is nothing.
#include "serving/engines/forest_kernels.h"

#ifdef __AVX512VBMI__
#include <immintrin.h>

#include "serving/engines/forest_lanes_body.h"
#include "serving/engines/forest_masks_body.h"

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

struct Isa {
  using Bytes = __m512i;
  using Chosen = __mmask64;
  static constexpr uint32_t kLanes = 64;
  static CLOPS_INLINE Bytes load(const int8_t* from) { return _mm512_loadu_si512(from); }
  static CLOPS_INLINE void store(uint8_t* to, Bytes bytes) { _mm512_storeu_si512(to, bytes); }
  static CLOPS_INLINE Bytes zero() { return _mm512_setzero_si512(); }
  static CLOPS_INLINE Bytes ones() { return _mm512_set1_epi8(-1); }
  static CLOPS_INLINE Bytes select(Chosen right, Bytes a, Bytes b) { return _mm512_mask_blend_epi8(right, a, b); }
  static CLOPS_INLINE Chosen above(Bytes a, Bytes b) { return _mm512_cmpgt_epi8_mask(a, b); }
  static CLOPS_INLINE Bytes add_where(Bytes to, Chosen where, int8_t what) {
    return _mm512_mask_add_epi8(to, where, to, _mm512_set1_epi8(what));
  }
  template <class Word>
  static CLOPS_INLINE void clear(Bytes* open, Chosen right, const int8_t* bits) {
    constexpr int kKeep = 0x50;  // of (a, a, c): a and not c
#pragma GCC unroll 8
    for (uint32_t v = 0; v < sizeof(Word); ++v) {
      const int8_t* from = bits + size_t{v} * kLanes;
      if constexpr (sizeof(Word) == 1) {
        open[v] = _mm512_andnot_si512(_mm512_maskz_loadu_epi8(right, from), open[v]);
      } else if constexpr (sizeof(Word) == 2) {
        open[v] =
            _mm512_andnot_si512(_mm512_maskz_loadu_epi16(static_cast<__mmask32>(right >> (32 * v)), from), open[v]);
      } else if constexpr (sizeof(Word) == 4) {
        open[v] = _mm512_mask_ternarylogic_epi32(open[v], static_cast<__mmask16>(right >> (16 * v)), open[v],
                                                 load(from), kKeep);
      } else {
        open[v] = _mm512_mask_ternarylogic_epi64(open[v], static_cast<__mmask8>(right >> (8 * v)), open[v], load(from),
                                                 kKeep);
      }
    }
  }

  struct Row1 {
    static constexpr uint32_t kSlots = 64;
    __m512i a;
    explicit Row1(const int8_t* slots) : a(load(slots)) {}
    CLOPS_INLINE Bytes look_up(Bytes slot) const { return _mm512_permutexvar_epi8(slot, a); }
  };
  struct Row2 {
    static constexpr uint32_t kSlots = 128;
    __m512i a, b;
    explicit Row2(const int8_t* slots) : a(load(slots)), b(load(slots + 64)) {}
    CLOPS_INLINE Bytes look_up(Bytes slot) const { return _mm512_permutex2var_epi8(a, slot, b); }
  };
  struct Row4 {
    static constexpr uint32_t kSlots = 256;
    Row2 low, high;
    explicit Row4(const int8_t* slots) : low(slots), high(slots + Row2::kSlots) {}
    CLOPS_INLINE Bytes look_up(Bytes slot) const {
      return select(_mm512_movepi8_mask(slot), low.look_up(slot), high.look_up(slot));
    }
  };
};

// ---- ranking of blocks: sixteen rows' numbers of one feature down a search tree whose levels are in registers
// Entry `at` of 16 << more entries.
template <uint32_t more>
CLOPS_INLINE __m512 entry(const float* level, __m512i at) {
  if constexpr (more == 0) {
    return _mm512_permutexvar_ps(at, _mm512_loadu_ps(level));
  } else if constexpr (more == 1) {
    return _mm512_permutex2var_ps(_mm512_loadu_ps(level), at, _mm512_loadu_ps(level + 16));
  } else {
    const __m512 low = entry<more - 1>(level, at), high = entry<more - 1>(level + (8U << more), at);
    return _mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_slli_epi32(at, 28 - static_cast<int>(more))), low, high);
  }
}

CLOPS_INLINE __m512i step_down(__m512i at, __m512 threshold, __m512 x) {
  const __m512i twice = _mm512_add_epi32(at, at);
  const __mmask16 right = _mm512_cmp_ps_mask(threshold, x, _CMP_LE_OQ);
  return _mm512_mask_add_epi32(twice, right, twice, _mm512_set1_epi32(1));
}

template <uint32_t levels>
CLOPS_INLINE __m512i rank16(const float* heap, __m512 x) {
  const __m512 top = _mm512_loadu_ps(heap);
  __m512i at = _mm512_setzero_si512();
  at = step_down(at, _mm512_broadcastss_ps(_mm512_castps512_ps128(top)), x);
  at = step_down(at, _mm512_permutexvar_ps(_mm512_add_epi32(at, _mm512_set1_epi32(1)), top), x);
  at = step_down(at, _mm512_permutexvar_ps(_mm512_add_epi32(at, _mm512_set1_epi32(3)), top), x);
  at = step_down(at, _mm512_permutexvar_ps(_mm512_add_epi32(at, _mm512_set1_epi32(7)), top), x);
  if constexpr (levels > 4) at = step_down(at, entry<0>(heap + 16, at), x);
  if constexpr (levels > 5) at = step_down(at, entry<1>(heap + 32, at), x);
  if constexpr (levels > 6) at = step_down(at, entry<2>(heap + 64, at), x);
  if constexpr (levels > 7) at = step_down(at, entry<3>(heap + 128, at), x);
  return at;
}

template <uint32_t levels>
void rank_column(const ShortSearch& search, const float* heap, const float* numbers, int8_t* column) {
  const __m512i missing = _mm512_set1_epi32(search.missing);
  for (uint32_t row = 0; row < kBlock; row += 16) {
    const __m512 x = _mm512_load_ps(numbers + row);
    __mmask16 none = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    if (search.zero_is_missing) {
      const __m512 bound = _mm512_set1_ps(1e-35F);
      none = static_cast<__mmask16>(none | _mm512_cmp_ps_mask(_mm512_abs_ps(x), bound, _CMP_LE_OQ));
    }
    __m512i rank = _mm512_sub_epi32(rank16<levels>(heap, x), _mm512_set1_epi32(128));
    rank = _mm512_mask_blend_epi32(none, rank, missing);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(column + row), _mm512_cvtepi32_epi8(rank));
  }
}

void rank_block_float(const RankView& view, const float* rows, uint32_t count, int8_t* columns) {
  alignas(64) float numbers[kBlock] = {};
  for (uint32_t i = 0; i < view.short_count; ++i) {
    const ShortSearch& search = view.shorts[i];
    const float* from = rows + search.feature;
    for (uint32_t row = 0; row < count; ++row) numbers[row] = from[size_t{row} * view.features];
    const float* heap = view.heaps + search.heap;
    int8_t* column = columns + size_t{search.slot} * kBlock;
    switch (search.levels) {
      case 8:
        rank_column<8>(search, heap, numbers, column);
        break;
      case 7:
        rank_column<7>(search, heap, numbers, column);
        break;
      case 6:
        rank_column<6>(search, heap, numbers, column);
        break;
      case 5:
        rank_column<5>(search, heap, numbers, column);
        break;
      default:
        rank_column<4>(search, heap, numbers, column);
        break;
    }
  }
  rank_block_rest<Count, float>(view, rows, count, columns);
}

// Values of the leaves that bytes name, a vector of sums at a time, from registers: up to 64 of float, 32 of double.
CLOPS_INLINE __m512 values_of(const float* values, uint32_t leaves, __m128i bytes) {
  const __m512i leaf = _mm512_cvtepu8_epi32(bytes);
  const __m512 low = _mm512_permutex2var_ps(_mm512_loadu_ps(values), leaf, _mm512_loadu_ps(values + 16));
  if (leaves <= 32) return low;
  const __m512 high = _mm512_permutex2var_ps(_mm512_loadu_ps(values + 32), leaf, _mm512_loadu_ps(values + 48));
  return _mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_slli_epi32(leaf, 26)), low, high);
}
CLOPS_INLINE __m512d values_of(const double* values, uint32_t leaves, __m128i bytes) {
  const __m512i leaf = _mm512_cvtepu8_epi64(bytes);
  const __m512d low = _mm512_permutex2var_pd(_mm512_loadu_pd(values), leaf, _mm512_loadu_pd(values + 8));
  if (leaves <= 16) return low;
  const __m512d high = _mm512_permutex2var_pd(_mm512_loadu_pd(values + 16), leaf, _mm512_loadu_pd(values + 24));
  return _mm512_mask_blend_pd(_mm512_movepi64_mask(_mm512_slli_epi64(leaf, 59)), low, high);
}

// Who of 64 rows reaches a node: a mask register on the straight way, a general one where it is noted.
struct Masks : Isa {
  using Reach = __mmask64;
  using Noted = uint64_t;
  static CLOPS_INLINE Reach all() { return _cvtu64_mask64(~uint64_t{0}); }
  static CLOPS_INLINE Noted all_noted() { return ~uint64_t{0}; }
  static CLOPS_INLINE Bytes four_times(uint32_t byte4) { return _mm512_set1_epi32(static_cast<int>(byte4)); }
  static CLOPS_INLINE Reach right(Reach here, const int8_t* column, uint32_t rank4) {
    return _mm512_mask_cmplt_epi8_mask(here, four_times(rank4), load(column));
  }
  static CLOPS_INLINE Reach without(Reach here, Reach right) { return _kandn_mask64(right, here); }
  static CLOPS_INLINE Bytes add_where(Bytes leaf, Reach where, uint32_t bit) {
    return _mm512_mask_add_epi8(leaf, where, leaf, _mm512_set1_epi8(static_cast<char>(bit)));
  }
  static CLOPS_INLINE Bytes lowest(Bytes bytes) {
    return _mm512_and_si512(bytes, _mm512_sub_epi8(_mm512_setzero_si512(), bytes));
  }
  static CLOPS_INLINE Reach has_bits(Bytes bytes, uint32_t bits) {
    return _mm512_test_epi8_mask(bytes, _mm512_set1_epi8(static_cast<char>(bits)));
  }
  static CLOPS_INLINE Bytes clear_where(Bytes open, const int8_t* column, uint32_t rank4, uint32_t clear4) {
    const Reach right = _mm512_cmplt_epi8_mask(four_times(rank4), load(column));
    return _mm512_andnot_si512(_mm512_maskz_mov_epi8(right, four_times(clear4)), open);
  }
  static CLOPS_INLINE Bytes choose(Bytes leaf, Reach where, Bytes place, uint32_t first) {
    return _mm512_mask_add_epi8(leaf, where, place, _mm512_set1_epi8(static_cast<char>(first)));
  }
  static CLOPS_INLINE Noted noted_right(Noted here, const int8_t* column, uint32_t rank4) {
    return here & _cvtmask64_u64(_mm512_cmplt_epi8_mask(four_times(rank4), load(column)));
  }
  static CLOPS_INLINE Noted noted_outside(Noted here, const uint8_t* set, const int8_t* high, const int8_t* bit) {
    const __m512i byte = _mm512_permutexvar_epi8(load(high), _mm512_loadu_si512(set));
    return here & _cvtmask64_u64(_mm512_testn_epi8_mask(byte, load(bit)));
  }
  static CLOPS_INLINE Bytes put_where(Bytes leaf, Noted where, uint32_t leaf4) {
    return _mm512_mask_blend_epi8(_cvtu64_mask64(where), leaf, four_times(leaf4));
  }
  // Leaves beyond the registers are loaded one by one: a gather is no faster, on some processors slower.
  static CLOPS_INLINE void add_values(const float* values, uint32_t leaves, const uint8_t* named, float* sums) {
    if (leaves > 64) return VectorSet<kBlock>::add_values(values, leaves, named, sums);
    for (uint32_t i = 0; i < kBlock; i += 16)
      _mm512_storeu_ps(
          sums + i,
          _mm512_add_ps(_mm512_loadu_ps(sums + i),
                        values_of(values, leaves, _mm_loadu_si128(reinterpret_cast<const __m128i*>(named + i)))));
  }
  static CLOPS_INLINE void add_values(const double* values, uint32_t leaves, const uint8_t* named, double* sums) {
    if (leaves > 32) return VectorSet<kBlock>::add_values(values, leaves, named, sums);
    for (uint32_t i = 0; i < kBlock; i += 8)
      _mm512_storeu_pd(
          sums + i,
          _mm512_add_pd(_mm512_loadu_pd(sums + i),
                        values_of(values, leaves, _mm_loadl_epi64(reinterpret_cast<const __m128i*>(named + i)))));
  }
};

}  // namespace

bool fill_avx512(Kernels& kernels) {
  kernels.name = "AVX-512";
  kernels.lanes = Isa::kLanes;
  fill_common<Count>(kernels);
  kernels.rank_block_float = rank_block_float;
  fill_lanes<Isa>(kernels);
  fill_masks<Masks>(kernels);
  return true;
}

}  // namespace clops::serving::forest
#else
namespace clops::serving::forest {
bool fill_avx512(Kernels&) {
  return false;
}
}  // namespace clops::serving::forest
#endif
