// How many doubles lie between two: 0 for the same bits (or two NaNs).
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace clops::test {

inline uint64_t ulps_between(double a, double b) {
  if (std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b) || (std::isnan(a) && std::isnan(b))) return 0;
  if (std::isnan(a) || std::isnan(b)) return UINT64_MAX;
  // As integers in the order of the numbers.
  const auto place = [](double value) {
    const auto bits = std::bit_cast<uint64_t>(value);
    return bits >> 63 != 0 ? ~bits : bits | uint64_t{1} << 63;
  };
  const uint64_t x = place(a), y = place(b);
  return x > y ? x - y : y - x;
}

}  // namespace clops::test
