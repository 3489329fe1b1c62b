// Which of a feature's categories a number is, where they are listed (formats::CategoryOf::Listed). Inner.
// Included by translation units for different processors: nothing here may be shared by the linker.
#pragma once

#include <cstdint>

namespace clops::serving {
namespace {

// The place of `x`, no NaN, among `count` ascending numbers; `count` where it is none of them.
inline __attribute__((always_inline)) uint32_t category_place(const double* values, uint32_t count, double x) {
  uint32_t first = 0;
  for (uint32_t left = count; left > 0;) {
    const uint32_t half = left / 2;
    const bool below = values[first + half] < x;
    first = below ? first + half + 1 : first;
    left = below ? left - half - 1 : half;
  }
  return first < count && values[first] == x ? first : count;
}

}  // namespace
}  // namespace clops::serving
