// The kernels of exact SHAP contributions for AVX-512: eight rows a vector. Compiled with flags of its own; without
// them this is nothing.
#include "serving/engines/tree_shap_body.h"
#include "serving/engines/tree_shap_row_body.h"

#ifdef __AVX512DQ__
#include <immintrin.h>

namespace clops::serving::shap {
namespace {

struct Isa {
  static constexpr uint32_t kLanes = 8;
  using V = __m512d;
  using M = __mmask8;
  static V load(const double* from) { return _mm512_loadu_pd(from); }
  static void store(double* to, V v) { _mm512_storeu_pd(to, v); }
  static V all(double x) { return _mm512_set1_pd(x); }
  static V add(V x, V y) { return _mm512_add_pd(x, y); }
  static V sub(V x, V y) { return _mm512_sub_pd(x, y); }
  static V mul(V x, V y) { return _mm512_mul_pd(x, y); }
  static M less(V x, V y) { return _mm512_cmp_pd_mask(x, y, _CMP_LT_OQ); }
  static M not_at_least(V x, V y) { return _mm512_cmp_pd_mask(x, y, _CMP_NGE_UQ); }
  static M mask(const bool* rows) {
    uint32_t bits = 0;
    for (uint32_t lane = 0; lane < kLanes; ++lane) bits |= static_cast<uint32_t>(rows[lane]) << lane;
    return static_cast<M>(bits);
  }
  static M flag(bool set) { return static_cast<M>(-static_cast<int>(set)); }
  static M first(uint32_t lanes) { return static_cast<M>((1U << lanes) - 1); }
  static double sum(V v) {  // in halves
    const __m256d quarter = _mm256_add_pd(_mm512_castpd512_pd256(v), _mm512_extractf64x4_pd(v, 1));
    const __m128d half = _mm_add_pd(_mm256_castpd256_pd128(quarter), _mm256_extractf128_pd(quarter, 1));
    return _mm_cvtsd_f64(_mm_add_sd(half, _mm_unpackhi_pd(half, half)));
  }
  static M no(M m) { return static_cast<M>(~m); }
  static M both(M m, M n) { return static_cast<M>(m & n); }
  static V choose(M m, V yes, V no) { return _mm512_mask_blend_pd(m, no, yes); }
  static V only(M m, V v) { return _mm512_maskz_mov_pd(m, v); }
  static V add_where(M m, V to, V what) { return _mm512_mask_add_pd(to, m, to, what); }
};

}  // namespace

const Kernels* avx512_kernels() {
  const Kernels* avx2 = avx2_kernels();
  if (avx2 == nullptr || !__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512dq")) return nullptr;
  static const Kernels kernels = [avx2] {
    Kernels made{"AVX-512", kBlocks<Isa>, kRows<Isa>, 2};
    for (uint32_t points = 1; points <= 4; ++points) made.row[points] = avx2->row[points];  // half a vector will do
    return made;
  }();
  return &kernels;
}

}  // namespace clops::serving::shap
#else
namespace clops::serving::shap {
const Kernels* avx512_kernels() {
  return nullptr;
}
}  // namespace clops::serving::shap
#endif
