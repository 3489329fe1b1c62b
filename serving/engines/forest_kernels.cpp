#include "serving/engines/forest_kernels.h"

namespace clops::serving::forest {
namespace {

struct Set {
  Kernels kernels;
  bool usable = false;
  Set(bool processor, bool (*fill)(Kernels&)) : usable(processor && fill(kernels)) {}
};

#if defined(__x86_64__)
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
         __builtin_cpu_supports("lzcnt") && __builtin_cpu_supports("popcnt");
}
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2") &&
         __builtin_cpu_supports("avx512bitalg") && __builtin_cpu_supports("gfni");
}
#else
bool has_avx2() {
  return false;
}
bool has_avx512() {
  return false;
}
#endif

}  // namespace

const Kernels* avx2_kernels() {
  static const Set set(has_avx2(), fill_avx2);
  return set.usable ? &set.kernels : nullptr;
}

const Kernels* avx512_kernels() {
  static const Set set(has_avx512(), fill_avx512);
  return set.usable ? &set.kernels : nullptr;
}

}  // namespace clops::serving::forest
