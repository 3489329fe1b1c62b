#include "serving/grpc/infer_codec.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "serving/grpc/wire.h"
#include "serving/protocol/infer_check.h"
#include "serving/protocol/oip_values.h"
#include "serving/protocol/sticky.h"
#include "serving/protocol/tensor_bytes.h"

namespace clops::serving::grpc {
namespace {

std::unexpected<Error> bad(std::string message) {
  return fail(Code::InvalidArgument, std::move(message));
}
std::unexpected<Error> damaged(std::string_view what) {
  return bad(std::string(what) + " is not a message of the protocol: it is damaged");
}
// One entry of a map<string, InferParameter>.
struct Parameter {
  enum class Kind : uint8_t { None, Boolean, Integer, Text, Real };
  std::string_view name;
  Kind kind = Kind::None;
  uint64_t number = 0;
  std::string_view text;
  bool is_unsigned = false;
};

Result<Parameter> read_parameter(std::string_view entry) {
  Parameter out;
  std::string_view value;
  WireReader fields(entry);
  while (fields.next()) {
    if (fields.is(1, Wire::Bytes)) out.name = fields.bytes();
    if (fields.is(2, Wire::Bytes)) value = fields.bytes();
  }
  WireReader choice(value);
  while (choice.next()) {  // of a oneof the last counts
    using Kind = Parameter::Kind;
    const bool known = choice.field() >= 1 && choice.field() <= 5;
    if (!known) continue;
    constexpr std::array kKinds = {Kind::None, Kind::Boolean, Kind::Integer, Kind::Text, Kind::Real, Kind::Integer};
    out.kind = kKinds[choice.field()];
    out.number = choice.number();
    out.text = choice.wire() == Wire::Bytes ? choice.bytes() : std::string_view();
    out.is_unsigned = choice.field() == 5;
  }
  if (!fields.ok() || !choice.ok()) return damaged("a parameter");
  if (out.name.starts_with("shared_memory_")) return bad("shared memory is not shared with this server");
  return out;
}

// As JSON would have it (protocol/sticky.h).
void append_sticky(std::string& out, const Parameter& parameter) {
  switch (parameter.kind) {
    case Parameter::Kind::None:
      return;
    case Parameter::Kind::Boolean:
      out += parameter.number != 0 ? "true" : "false";
      return;
    case Parameter::Kind::Integer:
      out += parameter.is_unsigned ? std::to_string(parameter.number)
                                   : std::to_string(static_cast<int64_t>(parameter.number));
      return;
    case Parameter::Kind::Text:
      out += parameter.text;
      return;
    case Parameter::Kind::Real:
      if (const auto value = std::bit_cast<double>(parameter.number); !std::isnan(value))
        serving::append_sticky(out, value);
      return;
  }
}

Status read_request_parameters(const InferMessage& message, InferRequest& out) {
  for (const std::string_view entry : message.parameters) {
    CLOPS_ASSIGN(const Parameter parameter, read_parameter(entry));
    if (!out.sticky_parameter.empty() && parameter.name == out.sticky_parameter) {
      out.sticky_key.clear();  // of a map's entries the last counts
      append_sticky(out.sticky_key, parameter);
    }
    if (parameter.name.starts_with("triton_")) return bad("parameter " + quoted(parameter.name) + " is reserved");
    if (parameter.name == kTimeoutParameter) {
      if (parameter.kind != Parameter::Kind::Integer || static_cast<int64_t>(parameter.number) < 0)
        return bad("parameter " + quoted(parameter.name) + " is not a whole number of 0 or more");
      out.timeout_us = static_cast<int64_t>(std::min<uint64_t>(parameter.number, kTimeoutMicrosecondsMost));
    }
    if (parameter.name != kContributions) continue;
    if (parameter.kind != Parameter::Kind::Boolean)
      return bad("parameter " + quoted(parameter.name) + " is not true or false");
    out.contributions = parameter.number != 0;
  }
  return {};
}

struct Input {  // one entry of `inputs`, before it is held to the model
  std::string_view name, datatype;
  std::optional<std::string_view> contents;
  std::array<int64_t, 8> shape{};
  size_t rank = 0;

  Status add_dimension(uint64_t size) {
    if (rank == shape.size()) return bad("shape has too many dimensions");
    shape[rank++] = static_cast<int64_t>(size);
    return {};
  }
  [[nodiscard]] std::span<const int64_t> dimensions() const { return {shape.data(), rank}; }
};

Result<Input> read_input(std::string_view entry) {
  Input out;
  WireReader fields(entry);
  while (fields.next()) {
    if (fields.is(1, Wire::Bytes)) {
      out.name = fields.bytes();
    } else if (fields.is(2, Wire::Bytes)) {
      out.datatype = fields.bytes();
    } else if (fields.is(3, Wire::Varint)) {
      CLOPS_TRY(out.add_dimension(fields.number()));
    } else if (fields.is(3, Wire::Bytes)) {
      uint64_t size = 0;
      for (std::string_view packed = fields.bytes(); !packed.empty();) {
        if (!take_varint(packed, size)) return damaged("shape");
        CLOPS_TRY(out.add_dimension(size));
      }
    } else if (fields.is(4, Wire::Bytes)) {
      CLOPS_TRY(read_parameter(fields.bytes()));
    } else if (fields.is(5, Wire::Bytes)) {
      if (out.contents) return bad("contents are given twice");
      out.contents = fields.bytes();
    }
  }
  if (!fields.ok()) return damaged("an input");
  return out;
}

// Which field of InferTensorContents has a datatype's values.
uint32_t contents_field(Datatype type) {
  switch (type) {
    case Datatype::Bool:
      return 1;
    case Datatype::Int8:
    case Datatype::Int16:
    case Datatype::Int32:
      return 2;
    case Datatype::Int64:
      return 3;
    case Datatype::Uint8:
    case Datatype::Uint16:
    case Datatype::Uint32:
      return 4;
    case Datatype::Uint64:
      return 5;
    case Datatype::Fp32:
      return 6;
    case Datatype::Fp64:
      return 7;
    case Datatype::Bytes:
      return 8;
    case Datatype::Fp16:
    case Datatype::Bf16:
      break;
  }
  return 0;
}

// Appends one integer as its datatype has it; false: it does not fit.
bool append_integer(std::string& out, Datatype type, uint64_t value) {
  const size_t size = size_of(type);
  const auto bits = static_cast<unsigned>(8 * size);
  if (type == Datatype::Bool && value > 1) return false;
  if (contents_field(type) == 2) {  // an int32, with its sign carried to 64 bits
    const int64_t number = static_cast<int32_t>(value);
    if (number < -(int64_t{1} << (bits - 1)) || number >= (int64_t{1} << (bits - 1))) return false;
  } else if (contents_field(type) == 4) {
    value &= 0xffffffffu;
    if (bits < 32 && value >> bits != 0) return false;
  }
  out.append(reinterpret_cast<const char*>(&value), size);
  return true;
}

// Typed values as the binary form has them: a view of the message where they lie there so, else of `scratch`.
Result<std::string_view> bytes_of_contents(std::string_view contents, Datatype type, std::string& scratch) {
  const uint32_t field = contents_field(type);
  const bool fixed = type == Datatype::Fp32 || type == Datatype::Fp64;
  if (field == 0)
    return bad("datatype " + std::string(to_string(type)) + " has no typed contents: send raw_input_contents");
  scratch.clear();
  std::string_view whole;  // one run of fixed numbers is the binary form already
  WireReader values(contents);
  while (values.next()) {
    const bool empty = values.wire() == Wire::Bytes && values.bytes().empty() && values.field() != 8;
    if (values.field() < 1 || values.field() > 8 || empty) continue;
    if (values.field() != field) return bad("contents hold values of another kind than the datatype's");
    if (!whole.empty()) {
      scratch.assign(whole);
      whole = {};
    }
    if (type == Datatype::Bytes && values.wire() == Wire::Bytes) {
      const auto length = static_cast<uint32_t>(values.bytes().size());
      scratch.append(reinterpret_cast<const char*>(&length), sizeof length).append(values.bytes());
    } else if (fixed && values.wire() != Wire::Varint) {
      const std::string_view run = values.wire() == Wire::Bytes ? values.bytes() : values.raw();
      if (run.size() % size_of(type) != 0) return damaged("contents");
      if (scratch.empty()) {
        whole = run;
      } else {
        scratch.append(run);
      }
    } else if (!fixed && values.wire() == Wire::Varint) {
      if (!append_integer(scratch, type, values.number()))
        return bad("contents: a number is out of its datatype's range");
    } else if (!fixed && values.wire() == Wire::Bytes) {
      uint64_t number = 0;
      for (std::string_view packed = values.bytes(); !packed.empty();) {
        if (!take_varint(packed, number)) return damaged("contents");
        if (!append_integer(scratch, type, number)) return bad("contents: a number is out of its datatype's range");
      }
    } else {
      return damaged("contents");
    }
  }
  if (!values.ok()) return damaged("contents");
  return whole.empty() ? std::string_view(scratch) : whole;
}

Status decode_values(const Input& input, std::optional<std::string_view> raw, const TensorSpec& spec,
                     const InferLimits& limits, std::string& scratch, TensorBuffer& to) {
  const auto type = datatype_from(input.datatype);
  if (!type)
    return bad("datatype " + quoted(input.datatype) + " is not known: this model takes " +
               std::string(to_string(spec.datatype)));
  if (raw && input.contents) return bad("contents and raw_input_contents exclude each other");
  if (!raw && !input.contents) return bad("neither contents nor raw_input_contents are given");
  CLOPS_ASSIGN(const std::string_view bytes,
               raw ? Result<std::string_view>(*raw) : bytes_of_contents(*input.contents, *type, scratch));
  CLOPS_TRY(check_datatype(*type, spec.datatype));
  const size_t most = bytes.size() / (size_of(*type) > 0 ? size_of(*type) : sizeof(uint32_t));
  CLOPS_TRY(check_shape(input.dimensions(), spec, limits.rows_max, most, "are there"));
  to.reset(spec.datatype, input.dimensions());
  CLOPS_TRY(read_bytes(bytes, *type, to));
  if (raw || *type != Datatype::Bytes) return {};
  // The scratch is the next input's soon: what these texts view must stay.
  for (size_t i = 0; i < to.count(); ++i) to.set_text(i, to.as<std::string_view>()[i]);
  return {};
}

Status decode_inputs(InferMessage& message, const EngineInfo& info, const InferLimits& limits, InferRequest& out) {
  const size_t count = message.inputs.size();
  if (count > info.inputs.size())
    return bad("there are " + std::to_string(count) + " inputs, and this model takes " +
               std::to_string(info.inputs.size()));
  if (!message.raws.empty() && message.raws.size() != count)
    return bad("raw_input_contents has " + std::to_string(message.raws.size()) + " entries for " +
               std::to_string(count) + " inputs");
  for (size_t i = 0; i < count; ++i) {
    CLOPS_ASSIGN(const Input input, read_input(message.inputs[i]));
    const auto is = [&](std::string_view name) { return input.name == name; };
    CLOPS_ASSIGN(const size_t index, find_input(input.name, i, info, out.given, is));
    const auto raw = message.raws.empty() ? std::nullopt : std::optional(message.raws[i]);
    const TensorSpec& spec = info.inputs[index];
    if (const Status read = decode_values(input, raw, spec, limits, message.scratch, out.inputs[index]); !read)
      return fail_in("input " + quoted(spec.name), read.error());
    out.given[index] = 1;
  }
  return check_complete(info, out.given);
}

Status decode_output(std::string_view entry, const EngineInfo& info, InferRequest& out) {
  std::string_view name;
  OutputForm form{.binary = OutputForm::Binary::Yes};
  WireReader fields(entry);
  while (fields.next()) {
    if (fields.is(1, Wire::Bytes)) name = fields.bytes();
    if (!fields.is(2, Wire::Bytes)) continue;
    CLOPS_ASSIGN(const Parameter parameter, read_parameter(fields.bytes()));
    if (parameter.name != "classification") continue;
    const auto classes = static_cast<int64_t>(parameter.number);
    if (parameter.kind != Parameter::Kind::Integer || classes <= 0)
      return bad("parameter \"classification\" is not a number of classes");
    form.classes = static_cast<uint32_t>(std::min<int64_t>(classes, UINT32_MAX));
  }
  if (!fields.ok()) return damaged("an output");
  const auto at = std::ranges::find(info.outputs, name, &TensorSpec::name);
  if (at == info.outputs.end())
    return bad("output " + quoted(name) + " is not known: this model gives " + names_of(info.outputs));
  const auto index = static_cast<uint32_t>(at - info.outputs.begin());
  if (std::ranges::find(out.outputs, index) != out.outputs.end())
    return bad("output " + quoted(name) + " is asked for twice");
  out.outputs.push_back(index);
  out.forms.push_back(form);
  return {};
}

void append_parameter(std::string& out, std::string_view name, std::string_view value) {
  const size_t choice = bytes_field_size(value.size());
  append_bytes_head(out, 4, bytes_field_size(name.size()) + bytes_field_size(choice));
  append_bytes_field(out, 1, name);
  append_bytes_head(out, 2, choice);
  append_bytes_field(out, 3, value);
}

}  // namespace

Status read_infer(std::string_view message, InferMessage& out) {
  out.model = out.version = out.id = {};
  for (auto* entries : {&out.parameters, &out.inputs, &out.outputs, &out.raws}) entries->clear();
  WireReader fields(message);
  while (fields.next()) {
    if (fields.wire() != Wire::Bytes) continue;
    switch (fields.field()) {
      case 1:
        out.model = fields.bytes();
        break;
      case 2:
        out.version = fields.bytes();
        break;
      case 3:
        out.id = fields.bytes();
        break;
      case 4:
        out.parameters.push_back(fields.bytes());
        break;
      case 5:
        out.inputs.push_back(fields.bytes());
        break;
      case 6:
        out.outputs.push_back(fields.bytes());
        break;
      case 7:
        out.raws.push_back(fields.bytes());
        break;
      default:
        break;
    }
  }
  if (!fields.ok()) return damaged("the request");
  if (!is_utf8(out.id)) return bad("id is not UTF-8");
  return {};
}

Status decode_infer(InferMessage& message, const EngineInfo& info, const InferLimits& limits, InferRequest& out) {
  out.begin(info);
  CLOPS_TRY(read_request_parameters(message, out));
  CLOPS_TRY(decode_inputs(message, info, limits, out));
  for (const std::string_view entry : message.outputs) CLOPS_TRY(decode_output(entry, info, out));
  if (out.contributions && std::ranges::find(info.outputs, kContributions, &TensorSpec::name) == info.outputs.end())
    return bad("this model gives no contributions: it gives " + names_of(info.outputs));
  out.finish(info);
  return {};
}

void append_infer_head(std::string& out, const Target& target, std::string_view id, const Inference& inference) {
  append_string(out, 1, target.model);
  append_string(out, 2, target.version);
  append_string(out, 3, id);
  append_parameter(out, "variant", target.variant);
  append_parameter(out, "version", target.version);
  append_parameter(out, "digest", target.digest);
  append_parameter(out, "prediction_id", inference.prediction_id);
  if (!inference.warning.empty()) append_parameter(out, "validation", inference.warning);
}

void append_infer_output(std::string& out, std::string_view name, const TensorView& tensor) {
  append_message(out, 5, [&] {
    append_string(out, 1, name);
    append_string(out, 2, to_string(tensor.datatype));
    append_message(out, 3, [&] {
      for (const int64_t dimension : tensor.shape) append_varint(out, static_cast<uint64_t>(dimension));
    });
  });
}

void append_infer_values(std::string& out, const TensorView& tensor) {
  append_bytes_head(out, 6, bytes_of(tensor));
  append_bytes(out, tensor);
}

}  // namespace clops::serving::grpc
