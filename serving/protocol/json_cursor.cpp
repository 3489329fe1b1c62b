#include "serving/protocol/json_cursor.h"

#include <limits>
#include <utility>

#include "base/utf8.h"

namespace clops::serving {
namespace {

int hex_digit(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

int hex4(const char* at, const char* end) {
  if (end - at < 4) return -1;
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = hex_digit(at[i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

bool JsonCursor::next_key(bool& first, std::string_view& raw) {
  if (first) {
    if (take('}') || !ok()) return false;
  } else if (!take(',')) {
    expect('}', "',' or '}' is missing in an object");
    return false;
  }
  first = false;
  if (peek() != '"') {
    fail("a key is missing in an object");
    return false;
  }
  raw = string_raw();
  expect(':', "':' is missing after a key");
  return ok();
}

std::string_view JsonCursor::string_raw() {
  if (peek() != '"') {
    fail("a string is missing");
    return {};
  }
  const char* from = ++at_;
  while (at_ < end_) {
    const auto c = static_cast<unsigned char>(*at_);
    if (c == '"') return {from, static_cast<size_t>(at_++ - from)};
    if (c == '\\') {
      if (!check_escape()) break;
    } else if (c < 0x20) {
      fail("a control character is in a string");
      break;
    } else if (c < 0x80) {
      ++at_;
    } else if (!check_utf8()) {
      break;
    }
  }
  fail("a string does not end");
  return {};
}

bool JsonCursor::check_escape() {
  if (end_ - at_ < 2) return false;
  const char kind = at_[1];
  if (kind == 'u') {
    const int unit = hex4(at_ + 2, end_);
    const bool high = unit >= 0xd800 && unit < 0xdc00, low = unit >= 0xdc00 && unit < 0xe000;
    bool pair = false;
    if (high && end_ - at_ >= 12 && at_[6] == '\\' && at_[7] == 'u') {
      const int second = hex4(at_ + 8, end_);
      pair = second >= 0xdc00 && second < 0xe000;
    }
    if (unit < 0 || low || (high && !pair)) {
      fail("a \\u escape is malformed");
      return false;
    }
    at_ += pair ? 12 : 6;
    return true;
  }
  if (std::string_view("\"\\/bfnrt").find(kind) == std::string_view::npos) {
    fail("an escape in a string is not known to JSON");
    return false;
  }
  at_ += 2;
  return true;
}

bool JsonCursor::check_utf8() {
  const auto byte = [&](int i) { return static_cast<unsigned char>(at_[i]); };
  const unsigned char lead = byte(0);
  const int length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  bool good = lead >= 0xc2 && lead <= 0xf4 && end_ - at_ >= length;
  for (int i = 1; good && i < length; ++i) good = (byte(i) & 0xc0) == 0x80;
  good = good && !(lead == 0xe0 && byte(1) < 0xa0) && !(lead == 0xed && byte(1) > 0x9f) &&
         !(lead == 0xf0 && byte(1) < 0x90) && !(lead == 0xf4 && byte(1) > 0x8f);
  if (!good) {
    fail("a string is not UTF-8");
    return false;
  }
  at_ += length;
  return true;
}

bool JsonCursor::literal_if_next(std::string_view word) {
  if (peek() != word.front()) return false;
  if (std::string_view(at_, static_cast<size_t>(end_ - at_)).substr(0, word.size()) != word) {
    fail("a value is malformed");
    return false;
  }
  at_ += word.size();
  return true;
}

bool JsonCursor::boolean() {
  if (literal_if_next("true")) return true;
  if (!literal_if_next("false")) fail("true or false is missing");
  return false;
}

int64_t JsonCursor::integer() {
  const Number n = number();
  if (!ok()) return 0;
  if (!n.whole || n.mantissa > static_cast<uint64_t>(INT64_MAX) || !n.exact) {
    fail("a whole number is missing");
    return 0;
  }
  return n.negative ? -static_cast<int64_t>(n.mantissa) : static_cast<int64_t>(n.mantissa);
}

JsonCursor::Number JsonCursor::number() {
  Number n;
  (void)peek();
  if (!ok()) return n;
  const char* const from = at_;
  const char* p = at_;
  const char* const end = end_;
  if (p < end && *p == '-') n.negative = true, ++p;
  const char* const digits = p;
  uint64_t mantissa = 0;
  while (p < end && is_digit(*p)) mantissa = mantissa * 10 + static_cast<uint64_t>(*p++ - '0');
  auto count = p - digits;
  if (count == 0 || (count > 1 && *digits == '0')) {
    fail(count == 0 ? "a number is missing" : "a number begins with a needless 0");
    return n;
  }
  if (p < end && *p == '.') {
    const char* const fraction = ++p;
    while (p < end && is_digit(*p)) mantissa = mantissa * 10 + static_cast<uint64_t>(*p++ - '0');
    if (p == fraction) {
      fail("digits are missing after a decimal point");
      return n;
    }
    count += p - fraction;
    n.exponent = fraction - p > -1000 ? static_cast<int>(fraction - p) : -1000;
    n.whole = false;
  }
  if (p < end && (*p == 'e' || *p == 'E')) {
    ++p;
    const bool minus = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) ++p;
    const char* const power = p;
    int value = 0;
    for (; p < end && is_digit(*p); ++p) value = value < 100'000 ? value * 10 + (*p - '0') : value;
    if (p == power) {
      fail("digits are missing in an exponent");
      return n;
    }
    n.exponent += minus ? -value : value;
    n.whole = false;
  }
  n.text = {from, static_cast<size_t>(p - from)};
  n.mantissa = mantissa;
  n.exact = count <= 19;  // more digits may have wrapped the mantissa
  at_ = p;
  return n;
}

bool JsonCursor::word(double& value) {
  const char next = peek();
  if (!words_ || (next != 'N' && next != 'I' && next != '-')) return false;
  const std::string_view rest(at_, static_cast<size_t>(end_ - at_));
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const auto& [text, means] :
       {std::pair<std::string_view, double>{"NaN", std::numeric_limits<double>::quiet_NaN()},
        {"Infinity", kInfinity},
        {"-Infinity", -kInfinity}}) {
    if (!rest.starts_with(text)) continue;
    at_ += text.size();
    value = means;
    return true;
  }
  return false;
}

void JsonCursor::skip_value() {
  switch (peek()) {
    case '"':
      (void)string_raw();
      return;
    case 't':
    case 'f':
      (void)boolean();
      return;
    case 'n':
      null_if_next();
      return;
    case '{':
    case '[':
      break;
    default:
      if (double ignored = 0; !word(ignored)) (void)number();
      return;
  }
  if (depth_left_ == 0) return fail("the document is nested too deeply");
  --depth_left_;
  bool first = true;
  if (take('{')) {
    for (std::string_view key; next_key(first, key);) skip_value();
  } else if (take('[')) {
    while (next_element(first)) skip_value();
  }
  ++depth_left_;
}

bool raw_equals(std::string_view raw, std::string_view text) {
  if (raw.find('\\') == std::string_view::npos) return raw == text;
  return unescaped(raw) == text;
}

void unescape(std::string_view raw, std::string& out) {
  out.clear();
  for (size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\\' || i + 1 >= raw.size()) {
      out += raw[i];
      continue;
    }
    switch (const char kind = raw[++i]) {
      case 'b':
        out += '\b';
        break;
      case 'f':
        out += '\f';
        break;
      case 'n':
        out += '\n';
        break;
      case 'r':
        out += '\r';
        break;
      case 't':
        out += '\t';
        break;
      case 'u': {
        const char* const end = raw.data() + raw.size();
        auto c = static_cast<uint32_t>(hex4(raw.data() + i + 1, end));
        i += 4;
        if (c >= 0xd800 && c < 0xdc00 && i + 6 < raw.size()) {
          const auto low = static_cast<uint32_t>(hex4(raw.data() + i + 3, end));
          c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
          i += 6;
        }
        append_utf8(out, c);
        break;
      }
      default:
        out += kind;
    }
  }
}

std::string unescaped(std::string_view raw) {
  std::string out;
  unescape(raw, out);
  return out;
}

}  // namespace clops::serving
