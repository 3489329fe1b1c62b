// A forward reader over JSON text for documents whose shape is known: no tree, no allocation, bounded recursion.
//
// Every step checks RFC 8259's grammar; the first error sticks (ok() is false, why() and at() say what and where) and all later
// steps do nothing. Thread rule: a value. Ownership: views the text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace clops::serving {

class JsonCursor {
 public:
  JsonCursor(std::string_view text, int depth_max) : begin_(text.data()), at_(begin_), end_(begin_ + text.size()), depth_left_(depth_max) {}

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

  // In an object: the next key, ready at its value; false at the end. `first` is true before the first and is kept by this.
  bool next_key(bool& first, std::string_view& raw);
  // In an array after '[': true when another element follows; consumes the comma.
  bool next_element(bool& first);

  [[nodiscard]] std::string_view string_raw();  // between the quotes, as written; checked, escapes and UTF-8 included
  [[nodiscard]] bool boolean();
  bool null_if_next() { return literal_if_next("null"); }
  [[nodiscard]] int64_t integer();  // must be one, without fraction or exponent
  // The next number as written, its parts for the fast way: value = (negative ? -1 : 1) * mantissa * 10^exponent if `exact`.
  struct Number {
    std::string_view text;
    uint64_t mantissa = 0;
    int exponent = 0;
    bool negative = false, whole = true, exact = true;
  };
  [[nodiscard]] Number number();
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
  const char* why_ = nullptr;
};

// Compares a raw string (escapes still in) with plain text.
[[nodiscard]] bool raw_equals(std::string_view raw, std::string_view text);
[[nodiscard]] std::string unescaped(std::string_view raw);

}  // namespace clops::serving
