#include "serving/protocol/oip_values.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <type_traits>

#include "serving/protocol/element_types.h"
#include "serving/protocol/json_text.h"

namespace clops::serving {
namespace {

std::unexpected<Error> bad(std::string message) {
  return fail(Code::InvalidArgument, std::move(message));
}

constexpr std::array<double, 23> kTens = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                          1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// The nearest double: exact operands and one rounding where that is possible, else the careful way.
double to_double(const JsonCursor::Number& n) {
  if (n.exact && n.mantissa <= (1ull << 53) && n.exponent >= -22 && n.exponent <= 22) {
    const auto mantissa = static_cast<double>(n.mantissa);
    const double value = n.exponent < 0 ? mantissa / kTens[static_cast<size_t>(-n.exponent)]
                                        : mantissa * kTens[static_cast<size_t>(n.exponent)];
    return n.negative ? -value : value;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(n.text.data(), n.text.data() + n.text.size(), value);
  if (error == std::errc::result_out_of_range) {
    // from_chars does not say which way: the sign of the decimal exponent of a non-zero number does.
    const int magnitude = n.exponent + static_cast<int>(n.text.size());
    const double size = n.exponent > 0 || magnitude > 300 ? HUGE_VAL : 0.0;
    return n.negative ? -size : size;
  }
  return value;
}

enum class Kind : uint8_t { Real, Any, Integer, Boolean, Text };  // Any: a real number, or what may stand for one
struct Reading {                                                  // how a client's elements of a datatype are read
  Kind kind = Kind::Real;
  bool narrow = false;  // Real: float32 is what the client means
  int64_t least = 0;
  uint64_t most = 0;
};

Reading reading_of(Datatype type) {
  switch (type) {
    case Datatype::Fp32:
      return {.kind = Kind::Real, .narrow = true};
    case Datatype::Fp16:
    case Datatype::Bf16:
    case Datatype::Fp64:
      return {};
    case Datatype::Bool:
      return {.kind = Kind::Boolean};
    case Datatype::Bytes:
      return {.kind = Kind::Text};
    case Datatype::Int8:
      return {Kind::Integer, false, INT8_MIN, INT8_MAX};
    case Datatype::Int16:
      return {Kind::Integer, false, INT16_MIN, INT16_MAX};
    case Datatype::Int32:
      return {Kind::Integer, false, INT32_MIN, INT32_MAX};
    case Datatype::Int64:
      return {Kind::Integer, false, INT64_MIN, INT64_MAX};
    case Datatype::Uint8:
      return {Kind::Integer, false, 0, UINT8_MAX};
    case Datatype::Uint16:
      return {Kind::Integer, false, 0, UINT16_MAX};
    case Datatype::Uint32:
      return {Kind::Integer, false, 0, UINT32_MAX};
    case Datatype::Uint64:
      return {Kind::Integer, false, 0, UINT64_MAX};
  }
  return {};
}

struct Integer {
  uint64_t magnitude = 0;
  bool negative = false;
};
Integer read_integer(JsonCursor& json, const Reading& reading) {
  const JsonCursor::Number n = json.number();
  if (!json.ok()) return {};
  // -0 is 0; the magnitude of the least value is one more than of the greatest.
  const uint64_t below = n.negative ? static_cast<uint64_t>(-(reading.least + 1)) + 1 : reading.most;
  const uint64_t limit = n.negative && reading.least == 0 ? 0 : below;
  bool wrapped = !n.exact;
  if (n.exact || n.text.size() <= 20) {  // 20 digits: UINT64_MAX fits, more may have wrapped
    uint64_t value = 0;
    const char* digits = n.text.data() + (n.negative ? 1 : 0);
    wrapped = std::from_chars(digits, n.text.data() + n.text.size(), value).ec != std::errc{};
  }
  if (!n.whole) json.fail("a number with a fraction or exponent is in a tensor of integers");
  if (wrapped || n.mantissa > limit) json.fail("a number is out of its datatype's range");
  return {n.mantissa, n.negative};
}

template <class T>
T real_of(double value, const Reading& reading) {
  if constexpr (std::is_same_v<T, float>) return to_float32(value);
  return reading.narrow ? static_cast<double>(to_float32(value)) : value;
}

// `named`: the code that a text stands for, if it may stand for one.
template <class T, class Named>
[[gnu::always_inline]] inline T read_real(JsonCursor& json, const Reading& reading, const Named& named) {
  if (double value = 0; reading.kind <= Kind::Any && json.plain_decimal(value)) return real_of<T>(value, reading);
  const char next = json.peek();
  if (next == 'n') {
    json.null_if_next();
    return std::numeric_limits<T>::quiet_NaN();
  }
  if (next == '"') {
    if (const std::optional<double> code = named()) return static_cast<T>(*code);
  } else if (reading.kind == Kind::Text) {
    json.fail("a string is missing");
  }
  if (reading.kind == Kind::Boolean) return json.boolean() ? T{1} : T{0};
  if (reading.kind == Kind::Integer) {
    const Integer value = read_integer(json, reading);
    const auto magnitude = static_cast<T>(value.magnitude);
    return value.negative ? -magnitude : magnitude;
  }
  if (reading.kind == Kind::Any) {
    if (next == 't' || next == 'f') return json.boolean() ? T{1} : T{0};
    if (double value = 0; json.word(value)) return real_of<T>(value, reading);
  }
  // Beyond the range is infinity, as in numpy: trees compare it as rightly as the number that was meant.
  return real_of<T>(to_double(json.number()), reading);
}

// A model's integer: what fits the client's own datatype and the model's.
template <class T>
T read_whole(JsonCursor& json, const Reading& reading) {
  const Integer value = read_integer(json, reading);
  const uint64_t most = static_cast<uint64_t>(std::numeric_limits<T>::max());
  const uint64_t limit = !value.negative ? most : std::is_signed_v<T> ? most + 1 : 0;
  if (value.magnitude > limit) json.fail("a number is out of the range that the model takes");
  return static_cast<T>(value.negative ? 0 - value.magnitude : value.magnitude);
}

// Elements of one tensor in order, counted against its shape, flat or nested. T is how an element lies in memory.
template <class T>
class ValueReader {
 public:
  ValueReader(JsonCursor& json, const Reading& reading, TensorBuffer& out, const CategoryNames* names)
      : json_(json), reading_(reading), out_(out), names_(names), to_(out.as<T>().data()) {}

  Status read() {
    if (!json_.take('[')) return bad("\"data\" is not an array");
    if (out_.shape().size() > 1 && json_.peek() == '[') return nested(0, out_.count(), 0);
    CLOPS_ASSIGN(const size_t have, run(0, out_.count()));
    if (have == out_.count()) return {};
    return bad("\"data\" has " + counted(have, out_.count()) + " values, shape " + shape_text(out_.shape()) +
               " needs " + std::to_string(out_.count()));
  }

  // One row: what stands where an element of the first dimension does.
  Status row(size_t index) {
    const size_t width = out_.count() / static_cast<size_t>(out_.shape()[0]);
    if (out_.shape().size() > 1) {
      if (!json_.take('[')) return bad("row " + std::to_string(index) + " is not an array");
      return nested(1, width, index * width);
    }
    element(index);
    if (json_.ok()) return {};
    return bad("row " + std::to_string(index) + ": " + json_.why() + " (byte " + std::to_string(json_.at()) +
               " of the body)");
  }
  // Into the loops over a tensor, where a call for each number would be seen.
  [[gnu::always_inline]] void element(size_t index) {
    if constexpr (std::is_same_v<T, std::string_view>) {
      text(index);
    } else if constexpr (std::is_same_v<T, bool>) {
      to_[index] = json_.boolean();
    } else if constexpr (is_short_float<T>) {
      to_[index] = T(read_real<float>(json_, reading_, [] { return std::optional<double>(); }));
    } else if constexpr (std::is_floating_point_v<T>) {
      to_[index] = read_real<T>(json_, reading_, [&] { return named(index); });
    } else {
      to_[index] = read_whole<T>(json_, reading_);
    }
  }

 private:
  static std::string counted(size_t have, size_t want) {
    return have > want ? "more than " + std::to_string(want) : std::to_string(have);
  }
  // Reads one array's elements to its end and says how many there were: one too many if more than `count`.
  Result<size_t> run(size_t from, size_t count) {
    bool first = true;
    size_t i = 0;
    for (; json_.next_element(first); ++i) {
      if (i == count) return count + 1;
      element(from + i);
    }
    if (json_.ok()) return i;
    return bad("\"data\", " + place_in(out_.shape(), from + (i == 0 ? 0 : i - 1)) + ": " + json_.why() + " (byte " +
               std::to_string(json_.at()) + " of the body)");
  }
  // Nothing was consumed where its column has no names.
  [[gnu::noinline]] std::optional<double> named(size_t index) {
    const size_t column = names_ == nullptr ? 0 : index % names_->columns();
    if (names_ == nullptr || !names_->has(column)) return std::nullopt;
    std::string& room = out_.room();
    std::string_view name = json_.string_raw();
    if (!json_.ok()) return 0;
    if (name.find('\\') != std::string_view::npos) {
      unescape(name, room);
      name = room;
    }
    if (const std::optional<double> code = names_->code(column, name)) return code;
    room = names_->refusal(column, name);
    json_.fail(room.c_str());
    return 0;
  }
  void text(size_t index) {
    const std::string_view raw = json_.string_raw();
    if (raw.find('\\') == std::string_view::npos) {
      out_.as<std::string_view>()[index] = raw;
    } else {
      out_.set_text(index, unescaped(raw));
    }
  }

  // The '[' of an array of `dimension` is taken; it holds `count` elements from `from` on.
  Status nested(size_t dimension, size_t count, size_t from) {
    const auto length = static_cast<size_t>(out_.shape()[dimension]);
    if (dimension + 1 == out_.shape().size()) {
      CLOPS_ASSIGN(const size_t have, run(from, length));
      if (have == length) return {};
      return bad("\"data\": row " + std::to_string(from / (out_.count() / static_cast<size_t>(out_.shape()[0]))) +
                 " has " + (have > length ? "more than " + std::to_string(length) : std::to_string(have)) +
                 " values, not " + std::to_string(length));
    }
    const size_t each = count / length;
    const std::string_view what = dimension == 0 ? " rows" : " arrays in a row";
    bool first = true;
    size_t i = 0;
    for (; json_.next_element(first); ++i) {
      if (i == length)
        return bad("\"data\" has more than " + std::to_string(length) + std::string(what) + ", as shape says");
      if (!json_.take('['))
        return bad("\"data\": " + std::string(dimension == 0 ? "row " : "array ") + std::to_string(i) +
                   " is not an array");
      CLOPS_TRY(nested(dimension + 1, each, from + i * each));
    }
    if (!json_.ok())
      return bad("\"data\": " + std::string(json_.why()) + " (byte " + std::to_string(json_.at()) + " of the body)");
    if (i == length) return {};
    return bad("\"data\" has " + std::to_string(i) + std::string(what) + ", shape says " + std::to_string(length));
  }

  JsonCursor& json_;
  const Reading reading_;
  TensorBuffer& out_;
  const CategoryNames* const names_;
  T* const to_;
};

Reading untyped_reading_of(Datatype wanted) {
  return is_real(wanted) ? Reading{.kind = Kind::Any} : reading_of(wanted);
}

// A number's text as spreadsheets and pandas write it.
std::optional<double> real_from(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || end != text.data() + text.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    const size_t power = text.find_first_of("eE");
    const bool tiny = power != std::string_view::npos && text.find('-', power) != std::string_view::npos;
    value = tiny ? 0.0 : HUGE_VAL;
    return text.starts_with('-') ? -value : value;
  }
  return error == std::errc{} ? std::optional(value) : std::nullopt;
}

template <class T>
void append_number(std::string& out, T value) {
  if constexpr (std::is_floating_point_v<T>) {
    if (!std::isfinite(value)) {
      out += "null";
      return;
    }
  }
  char digits[32];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

template <class T>
void append_all(std::string& out, const TensorView& tensor) {
  bool first = true;
  for (const T& value : tensor.as<T>()) {
    if (!first) out += ',';
    first = false;
    if constexpr (std::is_same_v<T, std::string_view>) {
      append_json_string(out, value);
    } else if constexpr (std::is_same_v<T, bool>) {
      out += value ? "true" : "false";
    } else if constexpr (is_short_float<T>) {
      append_number(out, value.to_float());
    } else {
      append_number(out, value);
    }
  }
}

}  // namespace

Status check_datatype(Datatype given, Datatype wanted) {
  const Kind have = reading_of(given).kind, want = reading_of(wanted).kind;
  if (have == want || (is_real(wanted) && have != Kind::Text)) return {};
  return bad("datatype " + std::string(to_string(given)) + " does not fit: this model takes " +
             std::string(to_string(wanted)));
}

Status check_json_datatype(Datatype given, Datatype wanted, bool has_names) {
  if (has_names && given == Datatype::Bytes) return {};
  if (given != Datatype::Fp16 && given != Datatype::Bf16) return check_datatype(given, wanted);
  const bool same_size = wanted == Datatype::Fp16 || wanted == Datatype::Bf16;
  const std::string_view takes = to_string(same_size ? Datatype::Fp32 : wanted);
  return bad("datatype " + std::string(to_string(given)) + " is not taken in JSON: this model takes " +
             std::string(takes) + (same_size ? ", or " + std::string(to_string(wanted)) + " as binary data" : ""));
}

Status read_values(JsonCursor& json, Datatype given, TensorBuffer& out, const CategoryNames* names) {
  return with_type(out.datatype(), [&](auto element) {
    return ValueReader<decltype(element)>(json, reading_of(given), out, names).read();
  });
}

Status read_untyped_values(JsonCursor& json, TensorBuffer& out, const CategoryNames* names) {
  return with_type(out.datatype(), [&](auto element) {
    return ValueReader<decltype(element)>(json, untyped_reading_of(out.datatype()), out, names).read();
  });
}

Status read_untyped_row(JsonCursor& json, size_t row, TensorBuffer& out, const CategoryNames* names) {
  return with_type(out.datatype(), [&](auto element) {
    return ValueReader<decltype(element)>(json, untyped_reading_of(out.datatype()), out, names).row(row);
  });
}

void read_untyped_cell(JsonCursor& json, size_t element, TensorBuffer& out, const CategoryNames* names) {
  with_type(out.datatype(), [&](auto kind) {
    ValueReader<decltype(kind)>(json, untyped_reading_of(out.datatype()), out, names).element(element);
  });
}

bool read_cell_text(std::string_view text, size_t element, TensorBuffer& out) {
  const bool yes = text == "true" || text == "True" || text == "TRUE";
  const bool truth = yes || text == "false" || text == "False" || text == "FALSE";
  return with_type(out.datatype(), [&](auto kind) -> bool {
    using T = decltype(kind);
    T& to = out.as<T>()[element];
    if constexpr (std::is_same_v<T, std::string_view>) {
      to = text;
    } else if constexpr (std::is_same_v<T, bool>) {
      to = yes;
      return truth;
    } else if constexpr (is_real_element<T>) {
      const std::optional<double> value = truth ? std::optional(yes ? 1.0 : 0.0) : real_from(text);
      if (!value) return false;
      if constexpr (std::is_same_v<T, double>) {
        to = *value;
      } else {
        to = T(to_float32(*value));
      }
    } else {
      if (text.starts_with('+')) text.remove_prefix(1);
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
      return !text.empty() && error == std::errc{} && end == text.data() + text.size();
    }
    return true;
  });
}

namespace {

template <class T>
void append_dimension(std::string& out, std::span<const T> values, std::span<const int64_t> shape) {
  if (shape.empty()) return append_all<T>(out, {.shape = {}, .data = values.data(), .count = values.size()});
  out += '[';
  const auto length = static_cast<size_t>(shape.front());
  if (shape.size() == 1) {
    append_all<T>(out, {.shape = {}, .data = values.data(), .count = values.size()});
  } else {
    for (size_t i = 0; i < length; ++i) {
      if (i > 0) out += ',';
      append_dimension(out, values.subspan(i * (values.size() / length), values.size() / length), shape.subspan(1));
    }
  }
  out += ']';
}

}  // namespace

void append_nested(std::string& out, const TensorView& tensor) {
  with_type(tensor.datatype, [&](auto element) {
    append_dimension<decltype(element)>(out, tensor.as<decltype(element)>(), tensor.shape);
  });
}

void append_nested_row(std::string& out, const TensorView& tensor, size_t row) {
  with_type(tensor.datatype, [&](auto element) {
    using T = decltype(element);
    const size_t width = tensor.count / tensor.rows();
    append_dimension<T>(out, tensor.as<T>().subspan(row * width, width), tensor.shape.subspan(1));
  });
}

void append_values(std::string& out, const TensorView& tensor) {
  with_type(tensor.datatype, [&](auto element) { append_all<decltype(element)>(out, tensor); });
}

}  // namespace clops::serving
