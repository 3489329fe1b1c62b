// The kernels for AVX-512 with VBMI (Ice Lake, Zen 4 and later): vectors of 64 bytes, mask registers, one look-up for
// 64 slots. Compiled with flags of its own; without them this is nothing.
#include "serving/engines/forest_kernels.h"

#ifdef __AVX512VBMI__
#include <immintrin.h>

#include "serving/engines/forest_lanes_body.h"

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

// ---- masks: who of 64 rows reaches a node is a mask register
CLOPS_INLINE __m512i mask_leaves(const MaskView& view, const TreeView& tree, const int8_t* columns, uint64_t* reach) {
  __m512i leaf = _mm512_setzero_si512();
  reach[0] = ~uint64_t{0};
  const MaskNode* nodes = view.nodes + tree.first;
  for (uint32_t i = 0; i < tree.count; ++i) {
    const MaskNode& node = nodes[i];
    const __mmask64 here = reach[i];
    const int8_t* column = columns + node.column;
    __mmask64 right;
    if (__builtin_expect(node.set == kNoSet, 1)) {
      right = _mm512_mask_cmpgt_epi8_mask(here, Isa::load(column), _mm512_set1_epi32(static_cast<int>(node.rank4)));
    } else {
      const __m512i byte = _mm512_permutexvar_epi8(Isa::load(column), _mm512_loadu_si512(view.sets + node.set));
      right = _mm512_mask_testn_epi8_mask(here, byte, Isa::load(column + kBlock));
    }
    reach[node.left] = here & ~right;
    reach[node.right] = right;
    leaf = _mm512_mask_blend_epi8(right, leaf, _mm512_set1_epi32(static_cast<int>(node.leaf4)));
  }
  return leaf;
}

// Values of the leaves that bytes name, a vector of sums at a time: from registers while they hold the tree.
CLOPS_INLINE __m512 values_of(const float* values, uint32_t leaves, __m128i bytes) {
  const __m512i leaf = _mm512_cvtepu8_epi32(bytes);
  if (leaves > 64) return _mm512_i32gather_ps(leaf, values, 4);
  const __m512 low = _mm512_permutex2var_ps(_mm512_loadu_ps(values), leaf, _mm512_loadu_ps(values + 16));
  if (leaves <= 32) return low;
  const __m512 high = _mm512_permutex2var_ps(_mm512_loadu_ps(values + 32), leaf, _mm512_loadu_ps(values + 48));
  return _mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_slli_epi32(leaf, 26)), low, high);
}
CLOPS_INLINE __m512d values_of(const double* values, uint32_t leaves, __m128i bytes) {
  const __m512i leaf = _mm512_cvtepu8_epi64(bytes);
  if (leaves > 32) return _mm512_i64gather_pd(leaf, values, 8);
  const __m512d low = _mm512_permutex2var_pd(_mm512_loadu_pd(values), leaf, _mm512_loadu_pd(values + 8));
  if (leaves <= 16) return low;
  const __m512d high = _mm512_permutex2var_pd(_mm512_loadu_pd(values + 16), leaf, _mm512_loadu_pd(values + 24));
  return _mm512_mask_blend_pd(_mm512_movepi64_mask(_mm512_slli_epi64(leaf, 59)), low, high);
}

CLOPS_INLINE void add_leaves(const float* values, uint32_t leaves, const uint8_t* named, float* sums) {
  for (uint32_t i = 0; i < kBlock; i += 16)
    _mm512_storeu_ps(sums + i, _mm512_add_ps(_mm512_loadu_ps(sums + i),
                                             values_of(values, leaves,
                                                       _mm_loadu_si128(reinterpret_cast<const __m128i*>(named + i)))));
}
CLOPS_INLINE void add_leaves(const double* values, uint32_t leaves, const uint8_t* named, double* sums) {
  for (uint32_t i = 0; i < kBlock; i += 8)
    _mm512_storeu_pd(sums + i, _mm512_add_pd(_mm512_loadu_pd(sums + i),
                                             values_of(values, leaves,
                                                       _mm_loadl_epi64(reinterpret_cast<const __m128i*>(named + i)))));
}

template <class Value>
void masks(const void* any, const int8_t* columns, uint32_t, void* out) {
  const auto& view = *static_cast<const MaskView*>(any);
  uint64_t reach[kMaskLeaves + 1];
  for (uint32_t t = 0; t < view.tree_count; ++t) {
    const TreeView& tree = view.trees[t];
    uint8_t leaves[kBlock];
    Isa::store(leaves, mask_leaves(view, tree, columns, reach));
    if constexpr (Of<Value>::kNotes) {
      Value* to = static_cast<Value*>(out) + size_t{t} * kBlock;
      for (uint32_t i = 0; i < kBlock; ++i) to[i] = leaves[i];
    } else {
      add_leaves(static_cast<const Value*>(view.values) + tree.leaf_first, tree.leaves, leaves,
                 static_cast<Value*>(out) + size_t{tree.output} * kBlock);
    }
  }
}

}  // namespace

bool fill_avx512(Kernels& kernels) {
  kernels.name = "AVX-512";
  kernels.lanes = Isa::kLanes;
  fill_common<Count>(kernels);
  fill_lanes<Isa>(kernels);
  kernels.masks[kFloatSums] = masks<float>;
  kernels.masks[kDoubleSums] = masks<double>;
  kernels.masks[kLeaves] = masks<uint32_t>;
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
