// The kernels for AVX-512 with VBMI, BITALG and GFNI (Ice Lake, Zen 4 and later): vectors of 64 bytes, mask registers,
// one look-up for 64 slots. Compiled with flags of its own; without them this is nothing.
#include "serving/engines/forest_kernels.h"

#ifdef __AVX512VBMI__
#include <immintrin.h>

#include "serving/engines/forest_direct_avx512.h"
#include "serving/engines/forest_lanes_body.h"
#include "serving/engines/forest_masks_body.h"
#include "serving/engines/forest_planes_avx512.h"
#include "serving/engines/forest_rank_avx512.h"
#include "serving/engines/forest_sigmoid_avx512.h"

namespace clops::serving::forest {
namespace {

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

// A row without a missing number, the common case, needs no look at each.
CLOPS_INLINE bool any_missing(const float* row, uint32_t features) {
  __mmask16 missing = 0;
  for (uint32_t i = 0; i < features; i += 16) {
    const uint32_t left = features - i;
    const auto there = static_cast<__mmask16>(left < 16 ? (1U << left) - 1 : 0xffff);
    const __m512 x = _mm512_maskz_loadu_ps(there, row + i);
    missing = static_cast<__mmask16>(missing | _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q));
  }
  return missing != 0;
}

void rank_row_float(const RankView& view, const float* row, int8_t* slots) {
  if (view.zero_is_missing || any_missing(row, view.features)) return rank_row<Count, float, float>(view, row, slots);
  const float* table = view.narrow;
  for (uint32_t i = 0; i < view.short_count; ++i) {
    const ShortSearch& search = view.shorts[i];
    const __m512 x = _mm512_set1_ps(row[search.feature]);
    const auto below = [x](const float* sixteen) {
      return static_cast<uint32_t>(_mm_popcnt_u32(_mm512_cmp_ps_mask(_mm512_loadu_ps(sixteen), x, _CMP_LE_OQ)));
    };
    const float* low = table + search.low;
    uint32_t rank = 0;
    if (search.blocks != 0) {
      rank = kFan * below(table + search.top);
      low += rank;
    }
    slots[search.slot] = static_cast<int8_t>(rank + below(low) - 128);
  }
  rank_row_rest<Count, float>(view, row, slots);
}

// Values of the leaves that bytes name, added to a block of sums, from registers: up to 64 of float, 32 of double.
template <int quarter>
CLOPS_INLINE void add_sixteen(const __m512* table, bool many, __m512i bytes, __mmask64 high, float* sums) {
  const __m512i leaf = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(bytes, quarter));
  __m512 value = _mm512_permutex2var_ps(table[0], leaf, table[1]);
  if (many)
    value = _mm512_mask_blend_ps(static_cast<__mmask16>(_kshiftri_mask64(high, 16 * quarter)), value,
                                 _mm512_permutex2var_ps(table[2], leaf, table[3]));
  float* const to = sums + ptrdiff_t{16} * quarter;
  _mm512_storeu_ps(to, _mm512_add_ps(_mm512_loadu_ps(to), value));
}
template <bool many>
CLOPS_INLINE void add_block(const float* values, __m512i bytes, float* sums) {
  __m512 table[4] = {_mm512_loadu_ps(values), _mm512_loadu_ps(values + 16)};
  __mmask64 high = 0;
  if constexpr (many) {
    table[2] = _mm512_loadu_ps(values + 32);
    table[3] = _mm512_loadu_ps(values + 48);
    high = _mm512_test_epi8_mask(bytes, _mm512_set1_epi8(32));
  }
  add_sixteen<0>(table, many, bytes, high, sums);
  add_sixteen<1>(table, many, bytes, high, sums);
  add_sixteen<2>(table, many, bytes, high, sums);
  add_sixteen<3>(table, many, bytes, high, sums);
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
  using Leaf = Bytes;
  using Columns = const int8_t*;
  static constexpr bool kPairs = true;
  using Side = __m512i;  // not a mask register: there are too few of those, and what makes them is slow
  static CLOPS_INLINE Noted all_noted() { return ~uint64_t{0}; }
  static CLOPS_INLINE Bytes four_times(uint32_t byte4) { return _mm512_set1_epi32(static_cast<int>(byte4)); }
  // Saturated, so that the sign is right.
  static CLOPS_INLINE Leaf no_leaf() { return zero(); }
  static CLOPS_INLINE Side side(const int8_t* columns, uint32_t column, uint32_t rank4) {
    return _mm512_subs_epi8(four_times(rank4), load(columns + column));
  }
  static CLOPS_INLINE Side either(Side by, Side left, Side right) {
    return _mm512_ternarylogic_epi64(right, left, by, 0xe4);  // by ? right : left, bit by bit
  }
  template <uint32_t bit>
  static CLOPS_INLINE Bytes add_side(Bytes leaf, Side side) {
    return _mm512_ternarylogic_epi64(leaf, _mm512_srli_epi16(side, 7 - bit),
                                     _mm512_set1_epi8(static_cast<char>(1U << bit)), 0xf8);  // leaf | (shifted & bit)
  }
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
  template <class Value>
  static CLOPS_INLINE void add_each(const Value* values, Bytes leaves, Value* sums) {
    VectorSet<kBlock>::add_values(values, 0, reinterpret_cast<VectorSet<kBlock>::Bytes>(leaves), sums);
  }
  static CLOPS_INLINE void add_values(const float* values, uint32_t leaves, Bytes named, float* sums) {
    if (leaves > 64) return add_each(values, named, sums);
    if (leaves > 32) return add_block<true>(values, named, sums);
    add_block<false>(values, named, sums);
  }
  static CLOPS_INLINE void add_values(const double* values, uint32_t leaves, Bytes bytes, double* sums) {
    if (leaves > 32) return add_each(values, bytes, sums);
    alignas(64) uint8_t named[kBlock];
    store(named, bytes);
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
  kernels.rank_row_float = rank_row_float;
  fill_lanes<Isa>(kernels);
  kernels.direct = Direct::sum<false>;
  kernels.direct_apart = Direct::sum<true>;
  fill_masks<Masks>(kernels);
  fill_planes<PlaneBits, 512>(kernels);
  fill_turned<Turned, PlaneBits, 512>(kernels);
  kernels.exp = vector_exp;
  kernels.sigmoid = vector_sigmoid;
  kernels.values = Values::Wide;
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
