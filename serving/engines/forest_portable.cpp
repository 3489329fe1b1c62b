// The kernels in plain C++ and compiler vectors of 16 bytes: any processor.
#include "serving/engines/forest_masks_body.h"
#include "serving/engines/forest_plane_set.h"
#include "serving/engines/forest_planes_body.h"

namespace clops::serving::forest {
namespace {

struct PlainCount {
  template <class Real>
  static CLOPS_INLINE uint32_t of(const Real* sixteen, Real x) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < kFan; ++i) count += static_cast<uint32_t>(sixteen[i] <= x);
    return count;
  }
};

Kernels make() {
  Kernels kernels{.name = "portable", .lanes = 16};
  fill_common<PlainCount>(kernels);
  fill_masks<VectorSet<16>>(kernels);
  fill_planes<PlaneSetOf, 128>(kernels);
  return kernels;
}

}  // namespace

const Kernels& portable_kernels() {
  static const Kernels kernels = make();
  return kernels;
}

}  // namespace clops::serving::forest
