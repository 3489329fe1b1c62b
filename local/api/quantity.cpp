#include "local/api/quantity.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace clops::local {
namespace {

using Whole = __int128;
constexpr Whole kMost = Whole(1) << 100;  // leaves room for the next factor

constexpr std::array<std::string_view, 7> kBinary{"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
constexpr std::array<std::string_view, 10> kDecimal{"n", "u", "m", "", "k", "M", "G", "T", "P", "E"};
constexpr int kOne = 3;  // where "" stands in kDecimal

std::string printed(Whole value) {
  std::string out;
  const bool negative = value < 0;
  if (negative) value = -value;
  do out += static_cast<char>('0' + static_cast<int>(value % 10));
  while ((value /= 10) != 0);
  if (negative) out += '-';
  return {out.rbegin(), out.rend()};
}

// What is printed must be read again.
bool too_large(Whole value) {
  return value > kMost || value < -kMost;
}

bool times(Whole& value, int factor, int64_t how_often) {
  for (int64_t i = 0; i < how_often; ++i) {
    if (too_large(value)) return false;
    value *= factor;
  }
  return true;
}

// The digits as a whole number, and how many of them stand behind the point.
bool read_digits(std::string_view& text, Whole& value, int64_t& behind) {
  bool any = false, point = false;
  for (; !text.empty(); text.remove_prefix(1)) {
    const char c = text.front();
    if (c == '.' && !point) {
      point = true;
    } else if (c >= '0' && c <= '9') {
      if (too_large(value)) return false;
      value = value * 10 + (c - '0');
      behind += point;
      any = true;
    } else {
      break;
    }
  }
  return any;
}

std::string in_decimal(Whole nanos) {
  size_t suffix = 0;
  while (nanos % 1000 == 0 && nanos != 0 && suffix + 1 < kDecimal.size()) nanos /= 1000, ++suffix;
  if (nanos == 0) return "0";
  return printed(nanos) + std::string(kDecimal[suffix]);
}

// In 10^-9: finer parts are rounded up, away from nothing.
std::optional<Whole> nanos_of(Whole value, int64_t exponent) {
  exponent += 9;
  if (exponent > 0 && !times(value, 10, exponent)) return {};
  for (; exponent < 0 && value != 0; ++exponent) {
    const bool rest = value % 10 != 0;
    value = value / 10 + (rest ? (value > 0 ? 1 : -1) : 0);
  }
  return too_large(value) ? std::nullopt : std::optional(value);
}

std::optional<std::string> in_binary(Whole value, int64_t behind, int64_t power) {
  if (!times(value, 1024, power)) return {};
  Whole scale = 1;
  if (!times(scale, 10, behind)) return {};
  const bool whole = value % scale == 0;
  if (!whole || (value / scale < 1024 && value / scale > -1024)) {
    const auto nanos = nanos_of(value, -behind);
    return nanos ? std::optional(in_decimal(*nanos)) : std::nullopt;
  }
  value /= scale;
  if (too_large(value)) return {};
  size_t suffix = 0;
  while (value % 1024 == 0 && suffix + 1 < kBinary.size()) value /= 1024, ++suffix;
  return printed(value) + std::string(kBinary[suffix]);
}

}  // namespace

std::optional<std::string> canonical_quantity(std::string_view text) {
  Whole value = 0;
  int64_t behind = 0;
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (!read_digits(text, value, behind) || behind > 24) return {};
  if (negative) value = -value;
  if (const auto binary = std::ranges::find(kBinary, text); binary != kBinary.end() && !text.empty())
    return in_binary(value, behind, binary - kBinary.begin());
  if (const auto decimal = std::ranges::find(kDecimal, text); decimal != kDecimal.end()) {
    const auto nanos = nanos_of(value, -behind + 3 * (decimal - kDecimal.begin() - kOne));
    return nanos ? std::optional(in_decimal(*nanos)) : std::nullopt;
  }
  if (!text.starts_with('e') && !text.starts_with('E')) return {};
  const char letter = text.front();
  text.remove_prefix(1);
  if (text.starts_with('+')) text.remove_prefix(1);
  int exponent = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), exponent);
  if (error != std::errc{} || end != text.data() + text.size() || exponent > 24 || exponent < -24) return {};
  const auto nanos = nanos_of(value, exponent - behind);
  if (!nanos) return {};
  Whole left = *nanos;
  int power = -9;
  while (left % 1000 == 0 && left != 0 && power < 18) left /= 1000, power += 3;
  if (left == 0) return "0";
  return printed(left) + (power == 0 ? "" : std::string(1, letter) + std::to_string(power));
}

}  // namespace clops::local
