// IEEE half precision and bfloat16, which GCC 12's C++ has no types for: bits, and the way to float32 and back.
//
// Thread rule: a value.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace clops::serving {

struct Half {
  uint16_t bits = 0;

  Half() = default;
  explicit Half(float value) {  // to nearest, ties to even
    const auto whole = std::bit_cast<uint32_t>(value);
    const auto sign = static_cast<uint16_t>((whole >> 16) & 0x8000);
    const float size = std::fabs(value);
    if (std::isnan(value)) {
      bits = sign | 0x7e00;
    } else if (size >= 65520.0F) {
      bits = sign | 0x7c00;
    } else if (size < 0x1p-14F) {  // subnormal: adding 0.5 leaves the rounded count of 2^-24 in the low bits
      bits = sign | static_cast<uint16_t>(std::bit_cast<uint32_t>(size + 0.5F) & 0x07ff);
    } else {
      const uint32_t magnitude = (whole & 0x7fffffff) - (uint32_t{112} << 23);
      bits = sign | static_cast<uint16_t>((magnitude + 0x0fff + ((magnitude >> 13) & 1)) >> 13);
    }
  }
  [[nodiscard]] float to_float() const {
    const uint32_t sign = uint32_t{bits & 0x8000u} << 16, size = bits & 0x7fffu;
    if (size >= 0x7c00) return std::bit_cast<float>(sign | 0x7f800000 | ((size & 0x03ff) << 13));
    if (size < 0x0400) {
      const float value = static_cast<float>(size) * 0x1p-24F;
      return sign != 0 ? -value : value;
    }
    return std::bit_cast<float>(sign | ((size << 13) + (uint32_t{112} << 23)));
  }
};

struct Bfloat16 {  // a float32 without its lower half
  uint16_t bits = 0;

  Bfloat16() = default;
  explicit Bfloat16(float value) {  // to nearest, ties to even
    const auto whole = std::bit_cast<uint32_t>(value);
    if (std::isnan(value)) {
      bits = static_cast<uint16_t>(whole >> 16) | 0x0040;
    } else {
      bits = static_cast<uint16_t>((uint64_t{whole} + 0x7fff + ((whole >> 16) & 1)) >> 16);
    }
  }
  [[nodiscard]] float to_float() const { return std::bit_cast<float>(uint32_t{bits} << 16); }
};

}  // namespace clops::serving
