// Kernel "direct" for AVX-512 with VBMI and BITALG, as forest_avx512.cpp includes it. A row of a small model costs
// little more than its chain of additions, so that nothing is stored between its numbers and its leaves' numbers.
//
// Where the additions stand is the difference of its two forms. Beside the search for the next group's leaves a
// processor with units of their own for scalar additions hides that search (Zen 4). Intel's have two units for vectors
// of 512 bits, which are the adders, too: there the chain waits for the search, and it is faster behind all of it.
#pragma once

#include <immintrin.h>

#include "serving/engines/forest_kernels_body.h"

namespace clops::serving::forest {
namespace {

struct Direct {
  // A row of up to 64 numbers; what is not there is 0.
  template <uint32_t vectors>
  struct Numbers {
    __m512 of[vectors];
    Numbers(const float* row, uint32_t features) {
#pragma GCC unroll 4
      for (uint32_t i = 0; i < vectors; ++i) {
        const uint32_t left = features > 16 * i ? features - 16 * i : 0;
        const auto there = static_cast<__mmask16>(left < 16 ? (1U << left) - 1 : 0xffff);
        of[i] = _mm512_maskz_loadu_ps(there, row + size_t{16} * i);
      }
    }
    [[nodiscard]] CLOPS_INLINE __m512 pick(__m512i feature) const {
      const __m512 low = _mm512_permutex2var_ps(of[0], feature, of[1]);
      if constexpr (vectors == 2) {
        return low;
      } else {
        return _mm512_mask_blend_ps(_mm512_test_epi32_mask(feature, _mm512_set1_epi32(32)), low,
                                    _mm512_permutex2var_ps(of[2], feature, of[3]));
      }
    }
  };

  // A rank for each run of thresholds.
  template <uint32_t vectors>
  static CLOPS_INLINE __m512i rank(const DirectView& view, const float* row) {
    const Numbers<vectors> numbers(row, view.features);
    const float* thresholds = view.thresholds;
    __m512i ranks[4];
#pragma GCC unroll 4
    for (uint32_t v = 0; v < 4; ++v) {
      ranks[v] = _mm512_setzero_si512();
      if (view.levels[v] == 0) continue;
      const __m512 x = numbers.pick(_mm512_load_si512(view.features_of + size_t{16} * v));
      __m512i rank = _mm512_setzero_si512();
      const __m512i less = _mm512_set1_epi32(-1);
      for (const float* const end = thresholds + size_t{16} * view.levels[v]; thresholds != end; thresholds += 32) {
        rank = _mm512_mask_sub_epi32(rank, _mm512_cmp_ps_mask(x, _mm512_load_ps(thresholds), _CMP_GE_OQ), rank, less);
        rank =
            _mm512_mask_sub_epi32(rank, _mm512_cmp_ps_mask(x, _mm512_load_ps(thresholds + 16), _CMP_GE_OQ), rank, less);
      }
      ranks[v] = _mm512_mask_loadu_epi32(rank, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), view.missing + size_t{16} * v);
    }
    // By quarters of 128 bits, in an order that direct_byte() tells the layout.
    return _mm512_packus_epi16(_mm512_packus_epi32(ranks[0], ranks[1]), _mm512_packus_epi32(ranks[2], ranks[3]));
  }

  static CLOPS_INLINE __mmask64 right(const int8_t* step, __m512i ranks) {
    return _mm512_cmpgt_epi8_mask(_mm512_permutexvar_epi8(_mm512_load_si512(step), ranks),
                                  _mm512_load_si512(step + 64));
  }

  // The numbers of the lowest bits; 8 where there is none.
  static CLOPS_INLINE __m512i first_of_bytes(__m512i open) {
    return _mm512_popcnt_epi8(_mm512_andnot_si512(open, _mm512_add_epi8(open, _mm512_set1_epi8(-1))));
  }

  static CLOPS_INLINE __m512i leaves_of_words(const DirectGroup& group, const int8_t* step, __m512i ranks) {
    __m512i low = _mm512_set1_epi8(-1), high = low;  // the words' bytes
    const uint32_t steps = group.steps;
#pragma GCC unroll 16
    for (uint32_t i = 0; i < 15; ++i, step += 256) {
      if (i == steps) break;
      const __mmask64 clears = right(step, ranks);
      low = _mm512_andnot_si512(_mm512_maskz_loadu_epi8(clears, step + 128), low);
      high = _mm512_andnot_si512(_mm512_maskz_loadu_epi8(clears, step + 192), high);
    }
    const __mmask64 twice = (uint64_t{1} << group.twice) - 1;
    const auto both = [twice](__m512i lanes) {
      const __m512i upper = _mm512_zextsi256_si512(_mm512_extracti64x4_epi64(lanes, 1));
      return _mm512_mask_mov_epi8(lanes, twice, _mm512_and_si512(lanes, upper));
    };
    low = both(low);
    const __m512i first = first_of_bytes(low), second = first_of_bytes(both(high));
    const __m512i leaves = _mm512_mask_add_epi8(first, _mm512_testn_epi8_mask(low, low), first, second);
    return _mm512_permutexvar_epi8(_mm512_loadu_si512(group.lanes), leaves);
  }

  static CLOPS_INLINE __m512i leaves_of_bytes(const DirectGroup& group, const int8_t* step, __m512i ranks) {
    __m512i open = _mm512_set1_epi8(-1);
    const uint32_t steps = group.steps;
#pragma GCC unroll 8
    for (uint32_t i = 0; i < 7; ++i, step += 192) {
      if (i == steps) break;
      open = _mm512_andnot_si512(_mm512_maskz_loadu_epi8(right(step, ranks), step + 128), open);
    }
    return first_of_bytes(open);
  }

  // Few instructions, so that much of what comes behind fits into the processor's window beside the chain: of a tree
  // one that loads the leaf's number and one that adds.
  template <uint32_t bits, class Sink>
  static CLOPS_INLINE void add(const DirectView& view, const DirectGroup& group, const uint8_t* leaves, Sink& sink) {
    const float* values = view.values + group.values_at;
    Sink local = sink;
    constexpr uint32_t kRun = 8;
    uint32_t tree = group.tree_first;
    const uint8_t* const end = leaves + group.trees;
    for (; leaves + kRun <= end; leaves += kRun, tree += kRun, values += kRun * bits)
#pragma GCC unroll 8
      for (uint32_t i = 0; i < kRun; ++i) local.add(view.trees, tree + i, (values + i * bits)[leaves[i]]);
    for (; leaves != end; ++leaves, ++tree, values += bits) local.add(view.trees, tree, values[*leaves]);
    sink = local;
  }
  template <class Sink>
  static CLOPS_INLINE void add(const DirectView& view, const DirectGroup& group, const uint8_t* leaves, Sink& sink) {
    if (group.words)
      add<16>(view, group, leaves, sink);
    else
      add<8>(view, group, leaves, sink);
  }

  template <uint32_t vectors, bool apart, class Sink>
  static CLOPS_INLINE void run(const DirectView& view, const float* row, float* sums) {
    const __m512i ranks = rank<vectors>(view, row);
    alignas(64) uint8_t leaves[(apart ? kDirectTrees : 0) + 64];
    Sink sink(sums);
    for (uint32_t g = 0; g < view.group_count; ++g) {
      const DirectGroup& group = view.groups[g];
      const int8_t* nodes = view.nodes + size_t{64} * group.nodes_at;
      uint8_t* to = leaves + (apart ? group.tree_first : 0);  // what a group has too much the next one writes over
      _mm512_storeu_si512(to,
                          group.words ? leaves_of_words(group, nodes, ranks) : leaves_of_bytes(group, nodes, ranks));
      if constexpr (!apart) add(view, group, to, sink);
    }
    if constexpr (apart)
      for (uint32_t g = 0; g < view.group_count; ++g)
        add(view, view.groups[g], leaves + view.groups[g].tree_first, sink);
    sink.end(sums);
  }

  template <bool apart>
  static void sum(const DirectView& view, const float* row, float* sums) {
    const bool narrow = view.features <= 32;
    if (view.outputs == 1)
      narrow ? run<2, apart, AddOne<float>>(view, row, sums) : run<4, apart, AddOne<float>>(view, row, sums);
    else
      narrow ? run<2, apart, AddMany<float>>(view, row, sums) : run<4, apart, AddMany<float>>(view, row, sums);
  }
};

}  // namespace
}  // namespace clops::serving::forest
