// A forward reader over JSON text for documents whose shape is known: no tree, no allocation, bounded recursion.
//
// Every step checks RFC 8259's grammar; the first error sticks (ok() is false, why() and at() say what and where) and
// all later steps do nothing. Thread rule: a value. Ownership: views the text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace clops::serving {

class JsonCursor {
 public:
  JsonCursor(std::string_view text, int depth_max, size_t from = 0)
      : begin_(text.data()), at_(begin_ + from), end_(begin_ + text.size()), depth_left_(depth_max) {}

  [[nodiscard]] bool ok() const { return why_ == nullptr; }
  [[nodiscard]] const char* why() const { return why_; }
  [[nodiscard]] size_t at() const { return static_cast<size_t>(at_ - begin_); }
  void fail(const char* why) {
    if (why_ == nullptr) why_ = why;
  }

  [[nodiscard]] char peek() {  // the next character that is not space; 0 at the end or after an error
    skip_space();
    return ok() && at_ < end_ ? *at_ : '\0';
  }
  bool take(char c) {  // consumes it if it is next
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c, const char* why) {
    if (!take(c)) fail(why);
  }
  void expect_end() {
    if (skip_space(); ok() && at_ != end_) fail("there is more after the end of the document");
  }

  // In an object: the next key, ready at its value; false at the end. `first` is true before the first and is kept by
  // this.
  bool next_key(bool& first, std::string_view& raw);
  // In an array after '[': true when another element follows; consumes the comma.
  bool next_element(bool& first) {
    if (first) {
      first = false;
      return ok() && !take(']');
    }
    if (take(',')) return true;
    expect(']', "',' or ']' is missing in an array");
    return false;
  }

  [[nodiscard]] std::string_view string_raw();  // between the quotes, as written; checked, escapes and UTF-8 included
  [[nodiscard]] bool boolean();
  bool null_if_next() { return literal_if_next("null"); }
  [[nodiscard]] int64_t integer();  // must be one, without fraction or exponent
  // The next number as written, its parts for the fast way: value = (negative ? -1 : 1) * mantissa * 10^exponent if
  // `exact`.
  struct Number {
    std::string_view text;
    uint64_t mantissa = 0;
    int exponent = 0;
    bool negative = false, whole = true, exact = true;
  };
  [[nodiscard]] Number number();
  // NaN, Infinity and -Infinity as Python's json writes them, which are not JSON: only where allow_words() was called
  // do they count as values. False: nothing was consumed.
  [[nodiscard]] bool word(double& value);
  void allow_words() { words_ = true; }
  // A short decimal without exponent, as nearly all are, read exactly and without a call. False: nothing was consumed,
  // and number() says what it is.
  [[nodiscard]] bool plain_decimal(double& value);
  void skip_value();
  [[nodiscard]] std::string_view value_text() {  // skips the value and gives its text
    (void)peek();
    const char* from = at_;
    skip_value();
    return {from, static_cast<size_t>(at_ - from)};
  }

 private:
  void skip_space() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  bool literal_if_next(std::string_view word);
  bool check_escape();
  bool check_utf8();

  const char* begin_;
  const char* at_;
  const char* end_;
  int depth_left_;
  bool words_ = false;
  const char* why_ = nullptr;
};

inline bool JsonCursor::plain_decimal(double& value) {
  // Powers of ten and mantissas that a double holds exactly: one division is then the only rounding.
  static constexpr double kTens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                     1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
  skip_space();
  const char* p = at_;
  const bool negative = p < end_ && *p == '-';
  p += negative ? 1 : 0;
  const char* const digits = p;
  uint64_t mantissa = 0;
  for (; p < end_ && static_cast<unsigned char>(*p - '0') <= 9; ++p)
    mantissa = mantissa * 10 + static_cast<uint64_t>(*p - '0');
  const auto whole = static_cast<size_t>(p - digits);
  size_t fraction = 0;
  if (p < end_ && *p == '.') {
    const char* const first = ++p;
    for (; p < end_ && static_cast<unsigned char>(*p - '0') <= 9; ++p)
      mantissa = mantissa * 10 + static_cast<uint64_t>(*p - '0');
    fraction = static_cast<size_t>(p - first);
    if (fraction == 0) return false;
  }
  const bool plain =
      whole > 0 && (whole == 1 || *digits != '0') && whole + fraction <= 18 && mantissa <= (uint64_t{1} << 53);
  if (!ok() || !plain || p == end_ || *p == 'e' || *p == 'E') return false;
  const auto exact = static_cast<double>(mantissa);
  value = fraction == 0 ? exact : exact / kTens[fraction];
  if (negative) value = -value;
  at_ = p;
  return true;
}

// Compares a raw string (escapes still in) with plain text.
[[nodiscard]] bool raw_equals(std::string_view raw, std::string_view text);
[[nodiscard]] std::string unescaped(std::string_view raw);
void unescape(std::string_view raw, std::string& out);  // in its place: keeps its memory

}  // namespace clops::serving
