#include "serving/protocol/oip_json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "serving/protocol/json_cursor.h"

namespace clops::serving {
namespace {

constexpr size_t kNameShown = 64;  // of a client's text in an error

std::string quoted(std::string_view text) {
  std::string out = "\"" + std::string(text.substr(0, kNameShown));
  return out + (text.size() > kNameShown ? "...\"" : "\"");
}
std::unexpected<Error> bad(std::string message) {
  return fail(Code::InvalidArgument, std::move(message));
}
std::unexpected<Error> malformed(const JsonCursor& json) {
  return bad("at byte " + std::to_string(json.at()) + " of the body: " + json.why());
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

// The cast of what rounds beyond float32's range is undefined in C++, so that part is said here.
float to_float(double value) {
  constexpr double kRoundsToInfinity = 0x1.ffffffp+127;
  if (value >= kRoundsToInfinity) return HUGE_VALF;
  if (value <= -kRoundsToInfinity) return -HUGE_VALF;
  return static_cast<float>(value);
}

enum class Kind : uint8_t { Real, Signed, Unsigned, Boolean };
struct Reading {  // how elements of a datatype are read
  Kind kind = Kind::Real;
  int64_t least = 0;
  uint64_t most = 0;
};

std::optional<Reading> reading_of(Datatype type) {
  switch (type) {
    case Datatype::Fp32:
    case Datatype::Fp64:
      return Reading{};
    case Datatype::Bool:
      return Reading{.kind = Kind::Boolean};
    case Datatype::Int8:
      return Reading{Kind::Signed, INT8_MIN, INT8_MAX};
    case Datatype::Int16:
      return Reading{Kind::Signed, INT16_MIN, INT16_MAX};
    case Datatype::Int32:
      return Reading{Kind::Signed, INT32_MIN, INT32_MAX};
    case Datatype::Int64:
      return Reading{Kind::Signed, INT64_MIN, INT64_MAX};
    case Datatype::Uint8:
      return Reading{Kind::Unsigned, 0, UINT8_MAX};
    case Datatype::Uint16:
      return Reading{Kind::Unsigned, 0, UINT16_MAX};
    case Datatype::Uint32:
      return Reading{Kind::Unsigned, 0, UINT32_MAX};
    case Datatype::Uint64:
      return Reading{Kind::Unsigned, 0, UINT64_MAX};
    case Datatype::Fp16:
    case Datatype::Bytes:
      return std::nullopt;
  }
  return std::nullopt;
}

float read_integer(JsonCursor& json, const Reading& reading) {
  const JsonCursor::Number n = json.number();
  if (!json.ok()) return 0;
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
  const auto magnitude = static_cast<float>(n.mantissa);
  return n.negative ? -magnitude : magnitude;
}

float read_element(JsonCursor& json, const Reading& reading) {
  if (double value = 0; reading.kind == Kind::Real && json.plain_decimal(value)) return to_float(value);
  if (json.peek() == 'n') {
    json.null_if_next();
    return std::numeric_limits<float>::quiet_NaN();
  }
  if (reading.kind == Kind::Boolean) return json.boolean() ? 1.0f : 0.0f;
  if (reading.kind != Kind::Real) return read_integer(json, reading);
  // Beyond float32's range is infinity, as in numpy: trees compare it as rightly as the number that was meant.
  return to_float(to_double(json.number()));
}

struct Tensor {  // one entry of "inputs", before it is held to the model
  std::string_view name, datatype, data;
  std::array<int64_t, 8> shape{};
  size_t rank = 0, data_at = 0;
  bool has_name = false, has_shape = false, has_datatype = false, has_data = false;
};

Status read_shape(JsonCursor& json, Tensor& tensor) {
  if (!json.take('[')) return bad("\"shape\" is not an array of whole numbers");
  bool first = true;
  while (json.next_element(first)) {
    if (tensor.rank == tensor.shape.size()) return bad("\"shape\" has too many dimensions");
    tensor.shape[tensor.rank++] = json.integer();
  }
  return {};
}

// Values of a parameters object are scalars by the protocol.
Status skip_parameters(JsonCursor& json) {
  if (!json.take('{')) return bad("\"parameters\" is not an object");
  bool first = true;
  for (std::string_view key; json.next_key(first, key);) {
    if (json.peek() == '{' || json.peek() == '[')
      return bad("parameter " + quoted(key) + " is not a string, number or boolean");
    if (raw_equals(key, "binary_data_size")) return bad("binary tensor data is not taken here: send \"data\" as JSON");
    json.skip_value();
  }
  return {};
}

Status once(bool& seen, std::string_view key) {
  if (std::exchange(seen, true)) return bad(quoted(key) + " is given twice");
  return {};
}

std::string shape_text(std::span<const int64_t> shape) {
  std::string out = "[";
  for (size_t i = 0; i < shape.size(); ++i) out += (i > 0 ? "," : "") + std::to_string(shape[i]);
  return out + "]";
}

// Holds name, datatype and shape to the model's tensor.
Result<Reading> judge(const Tensor& tensor, const TensorSpec& spec, size_t body_bytes, const InferLimits& limits,
                      InferRequest& out) {
  if (!tensor.has_name) return bad("an input has no \"name\"");
  if (!raw_equals(tensor.name, spec.name))
    return bad("input " + quoted(tensor.name) + " is not known: this model takes " + quoted(spec.name));
  const std::string where = "input " + quoted(spec.name) + ": ";
  if (!tensor.has_shape) return bad(where + "\"shape\" is missing");
  if (!tensor.has_datatype) return bad(where + "\"datatype\" is missing");
  if (!tensor.has_data) return bad(where + "\"data\" is missing");
  const auto type = datatype_from(tensor.datatype);
  if (!type) return bad(where + "datatype " + quoted(tensor.datatype) + " is not known: this model takes FP32");
  const auto reading = reading_of(*type);
  if (!reading)
    return bad(where + "datatype " + std::string(to_string(*type)) + " is not taken in JSON: this model takes FP32");
  const std::span<const int64_t> shape(tensor.shape.data(), tensor.rank);
  bool fits = tensor.rank == spec.shape.size();
  for (size_t i = 0; fits && i < tensor.rank; ++i)
    fits = shape[i] > 0 && (spec.shape[i] < 0 || shape[i] == spec.shape[i]);
  if (!fits)
    return bad(where + "shape " + shape_text(shape) + " does not fit " + shape_text(spec.shape) +
               ", with at least one row");
  if (static_cast<uint64_t>(shape[0]) > limits.rows_max)
    return bad(where + std::to_string(shape[0]) + " rows are more than " + std::to_string(limits.rows_max));
  // An element takes two bytes of JSON at least: memory is never asked for that the body cannot fill.
  const uint64_t columns = tensor.rank > 1 ? static_cast<uint64_t>(shape[1]) : 1;
  if (columns > body_bytes || static_cast<uint64_t>(shape[0]) * columns > body_bytes / 2 + 1) {
    return bad(where + "shape " + shape_text(shape) + " asks for more values than \"data\" has");
  }
  out.row_count = static_cast<size_t>(shape[0]);
  out.rows.resize(out.row_count * columns);
  return *reading;
}

std::string count_message(size_t have, size_t want, const Tensor& tensor) {
  return "\"data\" has " + (have > want ? "more than " + std::to_string(want) : std::to_string(have)) +
         " values, shape " + shape_text({tensor.shape.data(), tensor.rank}) + " needs " + std::to_string(want);
}

// `json` stands at the data's '['. Flat, or one array per row.
Status read_data(JsonCursor& json, const Tensor& tensor, const Reading& reading, InferRequest& out) {
  if (!json.take('[')) return bad("\"data\" is not an array");
  float* to = out.rows.data();
  const size_t count = out.rows.size(), columns = count / out.row_count;
  bool first = true;
  if (json.peek() != '[') {
    size_t i = 0;
    for (; json.next_element(first); ++i) {
      if (i == count) return bad(count_message(i + 1, count, tensor));
      to[i] = read_element(json, reading);
    }
    if (json.ok() && i != count) return bad(count_message(i, count, tensor));
    return {};
  }
  size_t row = 0;
  for (; json.next_element(first); ++row) {
    if (row == out.row_count) return bad("\"data\" has more rows than " + std::to_string(row) + ", as shape says");
    if (!json.take('[')) return bad("\"data\": row " + std::to_string(row) + " is not an array");
    bool first_cell = true;
    size_t i = 0;
    for (; json.next_element(first_cell); ++i) {
      if (i == columns)
        return bad("\"data\": row " + std::to_string(row) + " has more than " + std::to_string(columns) + " values");
      to[row * columns + i] = read_element(json, reading);
    }
    if (!json.ok()) return {};
    if (i != columns)
      return bad("\"data\": row " + std::to_string(row) + " has " + std::to_string(i) + " values, not " +
                 std::to_string(columns));
  }
  if (json.ok() && row != out.row_count)
    return bad("\"data\" has " + std::to_string(row) + " rows, shape says " + std::to_string(out.row_count));
  return {};
}

class InferReader {
 public:
  InferReader(std::string_view body, const EngineInfo& info, const InferLimits& limits, InferRequest& out)
      : json_(body, limits.depth_max), body_(body), info_(info), limits_(limits), out_(out) {}

  Status read() {
    out_.id_json = {};
    out_.row_count = 0;
    if (!json_.take('{')) return bad("the body is not a JSON object");
    bool first = true;
    for (std::string_view key; json_.next_key(first, key);) CLOPS_TRY(read_member(key));
    json_.expect_end();
    if (!json_.ok()) return malformed(json_);
    if (!has_inputs_) return bad("\"inputs\" is missing");
    return {};
  }

 private:
  Status read_member(std::string_view key) {
    if (raw_equals(key, "id")) {
      CLOPS_TRY(once(has_id_, key));
      if (json_.peek() != '"') return bad("\"id\" is not a string");
      out_.id_json = json_.value_text();
    } else if (raw_equals(key, "parameters")) {
      CLOPS_TRY(once(has_parameters_, key));
      CLOPS_TRY(skip_parameters(json_));
    } else if (raw_equals(key, "inputs")) {
      CLOPS_TRY(once(has_inputs_, key));
      CLOPS_TRY(read_inputs());
    } else if (raw_equals(key, "outputs")) {
      CLOPS_TRY(once(has_outputs_, key));
      CLOPS_TRY(read_outputs());
    } else {
      json_.skip_value();
    }
    return {};
  }

  Status read_inputs() {
    if (!json_.take('[')) return bad("\"inputs\" is not an array");
    bool first = true;
    size_t count = 0;
    for (; json_.next_element(first); ++count) {
      if (count == info_.inputs.size())
        return bad("\"inputs\" has more tensors than the " + std::to_string(count) + " that this model takes");
      CLOPS_TRY(read_input(info_.inputs[count]));
    }
    if (json_.ok() && count != info_.inputs.size())
      return bad("input " + quoted(info_.inputs[count].name) + " is missing");
    return {};
  }

  Status read_input(const TensorSpec& spec) {
    Tensor tensor;
    if (!json_.take('{')) return bad("an entry of \"inputs\" is not an object");
    bool first = true, has_parameters = false, decoded = false;
    for (std::string_view key; json_.next_key(first, key);) {
      if (raw_equals(key, "data")) {
        CLOPS_TRY(once(tensor.has_data, key));
        if (tensor.has_name && tensor.has_shape &&
            tensor.has_datatype) {  // as nearly every client writes it: in one pass
          CLOPS_ASSIGN(const Reading reading, judge(tensor, spec, body_.size(), limits_, out_));
          CLOPS_TRY(read_data(json_, tensor, reading, out_));
          decoded = true;
        } else {
          tensor.data = json_.value_text();
        }
      } else if (raw_equals(key, "name")) {
        CLOPS_TRY(once(tensor.has_name, key));
        tensor.name = json_.string_raw();
      } else if (raw_equals(key, "shape")) {
        CLOPS_TRY(once(tensor.has_shape, key));
        CLOPS_TRY(read_shape(json_, tensor));
      } else if (raw_equals(key, "datatype")) {
        CLOPS_TRY(once(tensor.has_datatype, key));
        tensor.datatype = json_.string_raw();
      } else if (raw_equals(key, "parameters")) {
        CLOPS_TRY(once(has_parameters, key));
        CLOPS_TRY(skip_parameters(json_));
      } else {
        json_.skip_value();
      }
    }
    if (!json_.ok()) return malformed(json_);
    if (decoded) return {};
    CLOPS_ASSIGN(const Reading reading, judge(tensor, spec, body_.size(), limits_, out_));
    JsonCursor data(tensor.data, limits_.depth_max);
    CLOPS_TRY(read_data(data, tensor, reading, out_));
    if (!data.ok()) return bad("\"data\" at byte " + std::to_string(data.at()) + " of it: " + data.why());
    return {};
  }

  Status read_outputs() {
    if (!json_.take('[')) return bad("\"outputs\" is not an array");
    bool first = true;
    uint64_t asked = 0;  // a bit per output of the model
    while (json_.next_element(first)) CLOPS_TRY(read_output(asked));
    return {};
  }

  Status read_output(uint64_t& asked) {
    if (!json_.take('{')) return bad("an entry of \"outputs\" is not an object");
    std::string_view name;
    bool first = true, has_name = false, has_parameters = false;
    for (std::string_view key; json_.next_key(first, key);) {
      if (raw_equals(key, "name")) {
        CLOPS_TRY(once(has_name, key));
        name = json_.string_raw();
      } else if (raw_equals(key, "parameters")) {
        CLOPS_TRY(once(has_parameters, key));
        CLOPS_TRY(skip_parameters(json_));
      } else {
        json_.skip_value();
      }
    }
    if (!json_.ok()) return malformed(json_);
    if (!has_name) return bad("an entry of \"outputs\" has no \"name\"");
    size_t index = 0;
    while (index < info_.outputs.size() && !raw_equals(name, info_.outputs[index].name)) ++index;
    if (index == info_.outputs.size() || index >= 64)
      return bad("output " + quoted(name) + " is not known: this model gives " + quoted(info_.outputs.front().name));
    if (((asked >> index) & 1) != 0) return bad("output " + quoted(name) + " is asked for twice");
    asked |= uint64_t{1} << index;
    return {};
  }

  JsonCursor json_;
  std::string_view body_;
  const EngineInfo& info_;
  const InferLimits& limits_;
  InferRequest& out_;
  bool has_id_ = false, has_parameters_ = false, has_inputs_ = false, has_outputs_ = false;
};

void append_size(std::string& out, size_t value) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

}  // namespace

Status decode_infer(std::string_view body, const EngineInfo& info, const InferLimits& limits, InferRequest& out) {
  return InferReader(body, info, limits, out).read();
}

void append_float(std::string& out, float value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char digits[32];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void append_output(std::string& out, std::span<const float> values, size_t row_count, size_t columns, bool flat_shape) {
  append_size(out, row_count);
  if (!flat_shape) {
    out += ',';
    append_size(out, columns);
  }
  out += "],\"data\":[";
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ',';
    append_float(out, values[i]);
  }
  out += "]}]}";
}

}  // namespace clops::serving
