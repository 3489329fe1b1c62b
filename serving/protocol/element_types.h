// What C++ type an element of each datatype is in memory, and a way to choose code by it.
//
// Thread rule: pure.
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "serving/protocol/half.h"
#include "serving/protocol/tensor.h"

namespace clops::serving {

// Calls `use` with a value of the type that elements of `type` have in memory.
template <class Use>
auto with_type(Datatype type, const Use& use) {
  switch (type) {
    case Datatype::Bool:
      return use(bool{});
    case Datatype::Uint8:
      return use(uint8_t{});
    case Datatype::Uint16:
      return use(uint16_t{});
    case Datatype::Uint32:
      return use(uint32_t{});
    case Datatype::Uint64:
      return use(uint64_t{});
    case Datatype::Int8:
      return use(int8_t{});
    case Datatype::Int16:
      return use(int16_t{});
    case Datatype::Int32:
      return use(int32_t{});
    case Datatype::Int64:
      return use(int64_t{});
    case Datatype::Fp16:
      return use(Half{});
    case Datatype::Bf16:
      return use(Bfloat16{});
    case Datatype::Fp32:
      return use(float{});
    case Datatype::Fp64:
      return use(double{});
    case Datatype::Bytes:
      break;
  }
  return use(std::string_view{});
}

template <class T>
inline constexpr bool is_short_float = std::is_same_v<T, Half> || std::is_same_v<T, Bfloat16>;
template <class T>
inline constexpr bool is_real_element = std::is_floating_point_v<T> || is_short_float<T>;

// An element as C++ computes with it.
template <class T>
[[nodiscard]] auto number_of(T value) {
  if constexpr (is_short_float<T>) {
    return value.to_float();
  } else {
    return value;
  }
}
// Which of two is ranked higher: NaN is below all numbers.
template <class T>
[[nodiscard]] bool above(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a) || std::isnan(b)) return !std::isnan(a);
  }
  return a > b;
}

[[nodiscard]] inline bool is_real(Datatype type) {
  return type == Datatype::Fp16 || type == Datatype::Bf16 || type == Datatype::Fp32 || type == Datatype::Fp64;
}
// A double as float32 to nearest. The cast of what rounds beyond float32's range is undefined in C++: here infinity.
[[nodiscard]] inline float to_float32(double value) {
  constexpr double kRoundsToInfinity = 0x1.ffffffp+127;
  if (value >= kRoundsToInfinity) return __builtin_huge_valf();
  if (value <= -kRoundsToInfinity) return -__builtin_huge_valf();
  return static_cast<float>(value);
}

}  // namespace clops::serving
