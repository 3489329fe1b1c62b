// Powers of e and sigmoids with AVX-512, sixteen at once: part of forest_avx512.cpp. See vector_exp.h.
#pragma once

#include <immintrin.h>

#include "serving/engines/forest_kernels_body.h"
#include "serving/engines/vector_exp.h"

namespace clops::serving::forest {
namespace {

struct Powers {
  __m512d table[4];
  explicit CLOPS_INLINE Powers(const ExpTable& from) {
#pragma GCC unroll 4
    for (uint32_t i = 0; i < 4; ++i) table[i] = _mm512_loadu_pd(from.powers + size_t{8} * i);
  }

  [[nodiscard]] CLOPS_INLINE __m256 of_eight(__m256 numbers) const {
    const __m512d x = _mm512_cvtps_pd(numbers), scale = _mm512_set1_pd(kExpPerLn2);
    const __m512d shift = _mm512_set1_pd(0x1.8p52);  // so large that what is added is rounded to an integer
    const __m512d shifted = _mm512_fmadd_pd(scale, x, shift);
    const __m512i k = _mm512_castpd_si512(shifted);
    const __m512d r = _mm512_fmsub_pd(scale, x, _mm512_sub_pd(shifted, shift));
    const __m512d low = _mm512_permutex2var_pd(table[0], k, table[1]),
                  high = _mm512_permutex2var_pd(table[2], k, table[3]);
    const __m512i power =
        _mm512_castpd_si512(_mm512_mask_blend_pd(_mm512_test_epi64_mask(k, _mm512_set1_epi64(16)), low, high));
    const __m512d of_k = _mm512_castsi512_pd(_mm512_add_epi64(power, _mm512_slli_epi64(k, 47)));
    const __m512d upper = _mm512_fmadd_pd(_mm512_set1_pd(kExpCubic), r, _mm512_set1_pd(kExpSquare));
    const __m512d lower = _mm512_fmadd_pd(_mm512_set1_pd(kExpLinear), r, _mm512_set1_pd(1));
    const __m512d of_r = _mm512_fmadd_pd(upper, _mm512_mul_pd(r, r), lower);
    return _mm512_cvtpd_ps(_mm512_mul_pd(of_r, of_k));
  }

  // e^min(-x, kExpMost); what is not a number stays so: both take their second operand then.
  [[nodiscard]] CLOPS_INLINE __m512 of(__m512 x) const {
    const __m512 minus =
        _mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(x), _mm512_set1_epi32(static_cast<int>(0x80000000U))));
    const __m512 asked = _mm512_max_ps(_mm512_set1_ps(kExpLeast), _mm512_min_ps(_mm512_set1_ps(kExpMost), minus));
    return _mm512_insertf32x8(_mm512_castps256_ps512(of_eight(_mm512_castps512_ps256(asked))),
                              of_eight(_mm512_extractf32x8_ps(asked, 1)), 1);
  }
};

template <class Function>
CLOPS_INLINE void change_each(float* x, uint32_t count, const Function& function) {
  uint32_t i = 0;
  for (; i + 16 <= count; i += 16) _mm512_storeu_ps(x + i, function(_mm512_loadu_ps(x + i)));
  const auto rest = static_cast<__mmask16>((1U << (count - i)) - 1);
  if (rest != 0) _mm512_mask_storeu_ps(x + i, rest, function(_mm512_maskz_loadu_ps(rest, x + i)));
}

void vector_exp(const ExpTable& table, float* x, uint32_t count) {
  change_each(x, count, [powers = Powers(table)](__m512 sixteen) { return powers.of(sixteen); });
}

void vector_sigmoid(const ExpTable& table, float* x, uint32_t count) {
  const __m512 one = _mm512_set1_ps(1);
  change_each(x, count, [powers = Powers(table), one](__m512 sixteen) {
    return _mm512_div_ps(one, _mm512_add_ps(one, powers.of(sixteen)));
  });
}

}  // namespace
}  // namespace clops::serving::forest
