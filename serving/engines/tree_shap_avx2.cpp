// The kernels of exact SHAP contributions for AVX2: four rows a vector. Compiled with flags of its own; without them
// this is nothing.
#include "serving/engines/tree_shap_body.h"
#include "serving/engines/tree_shap_row_body.h"

#ifdef __AVX2__
#include <immintrin.h>

namespace clops::serving::shap {
namespace {

struct Isa {
  static constexpr uint32_t kLanes = 4;
  using V = __m256d;
  using M = __m256d;
  static V load(const double* from) { return _mm256_loadu_pd(from); }
  static void store(double* to, V v) { _mm256_storeu_pd(to, v); }
  static V all(double x) { return _mm256_set1_pd(x); }
  static V add(V x, V y) { return _mm256_add_pd(x, y); }
  static V sub(V x, V y) { return _mm256_sub_pd(x, y); }
  static V mul(V x, V y) { return _mm256_mul_pd(x, y); }
  static M less(V x, V y) { return _mm256_cmp_pd(x, y, _CMP_LT_OQ); }
  static M not_at_least(V x, V y) { return _mm256_cmp_pd(x, y, _CMP_NGE_UQ); }
  static M mask(const bool* rows) {
    return _mm256_castsi256_pd(
        _mm256_set_epi64x(-int64_t{rows[3]}, -int64_t{rows[2]}, -int64_t{rows[1]}, -int64_t{rows[0]}));
  }
  static M flag(bool set) { return _mm256_castsi256_pd(_mm256_set1_epi64x(-int64_t{set})); }
  static M first(uint32_t lanes) {
    return _mm256_castsi256_pd(_mm256_cmpgt_epi64(_mm256_set1_epi64x(lanes), _mm256_set_epi64x(3, 2, 1, 0)));
  }
  static double sum(V v) {  // in halves
    const __m128d half = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));
    return _mm_cvtsd_f64(_mm_add_sd(half, _mm_unpackhi_pd(half, half)));
  }
  static M no(M m) { return _mm256_xor_pd(m, _mm256_castsi256_pd(_mm256_set1_epi64x(-1))); }
  static M both(M m, M n) { return _mm256_and_pd(m, n); }
  static V choose(M m, V yes, V no) { return _mm256_blendv_pd(no, yes, m); }
  static V only(M m, V v) { return _mm256_and_pd(m, v); }
  static V add_where(M m, V to, V what) { return _mm256_add_pd(to, _mm256_and_pd(m, what)); }
};

}  // namespace

const Kernels* avx2_kernels() {
  static const Kernels kernels{"AVX2", kBlocks<Isa>, kRows<Isa>, 2};
  return __builtin_cpu_supports("avx2") ? &kernels : nullptr;
}

}  // namespace clops::serving::shap
#else
namespace clops::serving::shap {
const Kernels* avx2_kernels() {
  return nullptr;
}
}  // namespace clops::serving::shap
#endif
