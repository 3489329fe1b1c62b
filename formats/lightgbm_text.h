// What LightGBM's text is made of: lines, and lists of numbers with a space between. Inner to formats/lightgbm*.
//
// Thread rule: values and pure functions. Ownership: text is borrowed. Errors: InvalidArgument says which value is
// wrong; callers put the tree and field in front.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/result.h"

namespace clops::formats::lightgbm {

class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  bool next(std::string_view& line) {  // without its end, "\n" or "\r\n"
    if (rest_.empty()) return false;
    const void* end = std::memchr(rest_.data(), '\n', rest_.size());
    const size_t size =
        end == nullptr ? rest_.size() : static_cast<size_t>(static_cast<const char*>(end) - rest_.data());
    line = rest_.substr(0, size);
    rest_.remove_prefix(std::min(size + 1, rest_.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return true;
  }
  bool next_filled(std::string_view& line) {
    while (next(line))
      if (!line.empty()) return true;
    return false;
  }

 private:
  std::string_view rest_;
};

struct Field {
  std::string_view key, value;
};
inline Field split_field(std::string_view line) {
  const size_t equals = line.find('=');
  return {line.substr(0, equals), equals == std::string_view::npos ? std::string_view() : line.substr(equals + 1)};
}

inline std::string quoted(std::string_view text) {
  constexpr size_t kShown = 40;
  return "'" + std::string(text.substr(0, kShown)) + (text.size() > kShown ? "...'" : "'");
}

// Fields by their place among `names`, each at most once.
template <size_t count>
struct FieldTable {
  std::array<std::string_view, count> values;
  std::array<bool, count> present{};

  // `owner`: whose line it is, in an error; `twice`: what follows a name that is there again.
  [[nodiscard]] Status put(std::string_view line, const std::array<std::string_view, count>& names,
                           std::string_view owner, std::string_view twice) {
    const Field field = split_field(line);
    const auto* found = std::ranges::find(names, field.key);
    if (found == names.end())
      return fail(Code::Unsupported, std::string(owner) + " has a field " + quoted(field.key) +
                                         " that is not known here, so its meaning cannot be kept; if a newer LightGBM "
                                         "wrote this file, save the model again with one up to 4.7");
    const auto at = static_cast<size_t>(found - names.begin());
    if (present[at]) return fail(Code::InvalidArgument, std::string(field.key) + std::string(twice));
    present[at] = true;
    values[at] = field.value;
    return {};
  }
};

// The next word of a list, taken off `text`; empty at its end.
inline std::string_view next_word(std::string_view& text) {
  size_t begin = 0;
  while (begin < text.size() && text[begin] == ' ') ++begin;
  size_t end = begin;
  while (end < text.size() && text[end] != ' ') ++end;
  const std::string_view word = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return word;
}

// Whole words, nothing left over; floating numbers as near as can be, like LightGBM's own reader of them.
template <class Number>
bool to_number(std::string_view word, Number& number) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  return error == std::errc() && end == word.data() + word.size();
}

// Takes a whole number of at most nine digits and the space behind it off `text`; false and nothing taken where the
// next word is anything else. Most of a file are such.
template <class Number>
bool take_short(std::string_view& text, Number& number) {
  const char *at = text.data(), *const end = at + text.size();
  const bool negative = std::is_signed_v<Number> && at != end && *at == '-';
  const char* const first = at += negative ? 1 : 0;
  Number sum = 0;
  for (; at != end && at - first < 9 && *at >= '0' && *at <= '9'; ++at) sum = sum * 10 + static_cast<Number>(*at - '0');
  if (at == first || (at != end && *at != ' ')) return false;
  number = negative ? -sum : sum;
  text.remove_prefix(std::min(static_cast<size_t>(at - text.data()) + 1, text.size()));
  return true;
}

// Exactly `count` numbers. No more memory is asked for than the text can fill.
template <class Number>
Result<std::vector<Number>> read_list(std::string_view text, size_t count) {
  std::vector<Number> numbers;
  numbers.reserve(std::min(count, text.size() / 2 + 1));
  while (true) {
    if constexpr (std::is_integral_v<Number>) {
      Number number{};
      while (numbers.size() < count && take_short(text, number)) numbers.push_back(number);
    }
    const std::string_view word = next_word(text);
    if (word.empty()) break;
    if (numbers.size() == count)
      return fail(Code::InvalidArgument, "has more than its " + std::to_string(count) + " values");
    Number number{};
    if (!to_number(word, number))
      return fail(Code::InvalidArgument,
                  "value " + std::to_string(numbers.size()) + ", " + quoted(word) + ", is no number it can have");
    numbers.push_back(number);
  }
  if (numbers.size() != count)
    return fail(Code::InvalidArgument,
                "has " + std::to_string(numbers.size()) + " values instead of " + std::to_string(count));
  return numbers;
}

// A decimal number as LightGBM's Common::Atof reads it, which is not always the nearest double: the parameters of an
// objective are read so. NaN if it is no such number.
double rough_number(std::string_view text);

}  // namespace clops::formats::lightgbm
