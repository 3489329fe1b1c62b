#include "serving/protocol/sticky.h"

#include <charconv>
#include <cmath>

#include "serving/protocol/element_types.h"
#include "serving/protocol/infer_check.h"

namespace clops::serving {
namespace {

template <class T>
void append_digits(std::string& out, T value) {
  char digits[40];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

template <class T>
void append_real(std::string& out, T value) {
  constexpr T kWhole = static_cast<T>(0x1p63);
  if (std::abs(value) < kWhole && std::trunc(value) == value) return append_digits(out, static_cast<int64_t>(value));
  append_digits(out, value);
}

void append_number(std::string& out, const JsonCursor::Number& number) {
  const char *const begin = number.text.data(), *const end = begin + number.text.size();
  if (number.whole) {
    int64_t value = 0;
    uint64_t large = 0;
    if (std::from_chars(begin, end, value).ec == std::errc{}) return append_digits(out, value);
    if (std::from_chars(begin, end, large).ec == std::errc{}) return append_digits(out, large);
  }
  double value = 0;
  if (std::from_chars(begin, end, value).ec == std::errc{}) return append_real(out, value);
  out += number.text;  // beyond what a double holds
}

}  // namespace

void append_sticky(std::string& out, double value) {
  append_real(out, value);
}
void append_sticky(std::string& out, float value) {
  append_real(out, value);
}

bool append_sticky(std::string& out, const TensorView& tensor, size_t element) {
  if (element >= tensor.count) return false;
  return with_type(tensor.datatype, [&](auto type) {
    using T = decltype(type);
    const T& value = static_cast<const T*>(tensor.data)[element];
    if constexpr (std::is_same_v<T, std::string_view>) {
      out += value;
      return !value.empty();
    } else if constexpr (std::is_same_v<T, bool>) {
      out += value ? "true" : "false";
      return true;
    } else if constexpr (is_short_float<T>) {
      if (std::isnan(value.to_float())) return false;
      append_real(out, value.to_float());
      return true;
    } else if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(value)) return false;
      append_real(out, value);
      return true;
    } else {
      append_digits(out, value);
      return true;
    }
  });
}

Status read_sticky(JsonCursor& json, std::string_view key, InferRequest& out) {
  if (!out.sticky_key.empty()) return fail(Code::InvalidArgument, "parameter " + quoted(key) + " is given twice");
  const char next = json.peek();
  if (next == '"') {
    const std::string_view raw = json.string_raw();
    if (raw.find('\\') == std::string_view::npos) {
      out.sticky_key = raw;
    } else {
      out.sticky_key = unescaped(raw);
    }
  } else if (next == 't' || next == 'f') {
    out.sticky_key = json.boolean() ? "true" : "false";
  } else if (next == 'n') {
    (void)json.null_if_next();
  } else if (next == '{' || next == '[') {
    return fail(Code::InvalidArgument, "parameter " + quoted(key) + " is not a string, number or boolean");
  } else {
    const JsonCursor::Number number = json.number();
    if (json.ok()) append_number(out.sticky_key, number);
  }
  return {};
}

Status read_sticky_of(JsonCursor& json, InferRequest& out) {
  if (!json.take('{')) return fail(Code::InvalidArgument, "the parameters are not an object");
  bool first = true;
  for (std::string_view key; json.next_key(first, key);) {
    if (!raw_equals(key, out.sticky_parameter)) {
      json.skip_value();
      continue;
    }
    CLOPS_TRY(read_sticky(json, key, out));
  }
  return {};
}

}  // namespace clops::serving
