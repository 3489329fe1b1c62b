// A sum in the order of NumPy's add.reduce of neighbours. Thread rule: pure.
#pragma once

#include <cstdint>

namespace clops::formats {

template <class Sum>
Sum pairwise_total(const Sum* x, uint32_t count) {
  constexpr uint32_t kLanes = 8, kBlock = 128;
  if (count > kBlock) {
    const uint32_t half = count / 2 / kLanes * kLanes;
    return pairwise_total(x, half) + pairwise_total(x + half, count - half);
  }
  uint32_t at = 0;
  Sum total = 0;
  if (count >= kLanes) {
    Sum lanes[kLanes] = {};
    for (; at + kLanes <= count; at += kLanes)
      for (uint32_t lane = 0; lane < kLanes; ++lane) lanes[lane] += x[at + lane];
    total = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
  }
  for (; at < count; ++at) total += x[at];
  return total;
}

}  // namespace clops::formats
