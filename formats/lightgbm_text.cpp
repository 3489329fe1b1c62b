#include "formats/lightgbm_text.h"

#include <cmath>
#include <limits>

namespace clops::formats::lightgbm {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// As Common::Pow multiplies it.
double power(double base, int exponent) {
  if (exponent == 0) return 1;
  if (exponent % 2 == 0) return power(base * base, exponent / 2);
  if (exponent % 3 == 0) return power(base * base * base, exponent / 3);
  return base * power(base, exponent - 1);
}

double digits(std::string_view text, size_t& at, double number = 0) {
  for (; at < text.size() && is_digit(text[at]); ++at) number = number * 10.0 + (text[at] - '0');
  return number;
}

}  // namespace

double rough_number(std::string_view text) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  constexpr size_t kLengthMax = 40;
  if (text.empty() || text.size() > kLengthMax || !(is_digit(text[0]) || text[0] == '.')) return kNone;
  size_t at = 0;
  double value = digits(text, at);
  if (at < text.size() && text[at] == '.') {
    const size_t begin = ++at;
    const double right = digits(text, at);
    value += right / power(10.0, static_cast<int>(at - begin));
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    const bool negative = at < text.size() && text[at] == '-';
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    double left = std::min(digits(text, at), 308.0), scale = 1;
    for (const auto& [step, factor] : {std::pair{50.0, 1E50}, {8.0, 1E8}, {1.0, 10.0}})
      for (; left >= step; left -= step) scale *= factor;
    value = negative ? value / scale : value * scale;
  }
  return at == text.size() ? value : kNone;
}

}  // namespace clops::formats::lightgbm
