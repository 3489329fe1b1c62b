// What a name is that a model's categories do not have, as its framework predicts. Thread rule: pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace clops::formats {

enum class UnknownCategory : uint8_t {
  Missing,  // as NaN is
  Refused
};
[[nodiscard]] constexpr std::string_view to_string(UnknownCategory rule) {
  return rule == UnknownCategory::Missing ? "missing" : "refused";
}

}  // namespace clops::formats
