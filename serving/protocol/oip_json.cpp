#include "serving/protocol/oip_json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "serving/protocol/infer_check.h"
#include "serving/protocol/json_cursor.h"
#include "serving/protocol/oip_values.h"
#include "serving/protocol/sticky.h"
#include "serving/protocol/tensor_bytes.h"

namespace clops::serving {
namespace {

std::unexpected<Error> bad(std::string message) {
  return fail(Code::InvalidArgument, std::move(message));
}
std::unexpected<Error> malformed(const JsonCursor& json) {
  return bad("at byte " + std::to_string(json.at()) + " of the body: " + json.why());
}

struct Tensor {  // one entry of "inputs", before it is held to the model
  std::string_view name, datatype;
  std::array<int64_t, 8> shape{};
  size_t rank = 0, data_at = 0;
  std::optional<size_t> binary_bytes;  // binary_data_size
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

// Reads a parameters object, whose values are scalars by the protocol: `known` takes the value of a key it knows and
// says so by true.
template <class Known>
Status read_parameters(JsonCursor& json, const Known& known) {
  if (!json.take('{')) return bad("\"parameters\" is not an object");
  bool first = true;
  for (std::string_view key; json.next_key(first, key);) {
    if (json.peek() == '{' || json.peek() == '[')
      return bad("parameter " + quoted(key) + " is not a string, number or boolean");
    if (raw_equals(key.substr(0, 14), "shared_memory_")) return bad("shared memory is not shared with this server");
    CLOPS_ASSIGN(const bool taken, known(key));
    if (!taken) json.skip_value();
  }
  return {};
}

Result<bool> read_boolean(JsonCursor& json, std::string_view key) {
  if (json.peek() != 't' && json.peek() != 'f') return bad("parameter " + quoted(key) + " is not true or false");
  return json.boolean();
}

Result<size_t> read_size(JsonCursor& json, std::string_view key) {
  const int64_t value = json.integer();
  if (!json.ok() || value < 0) return bad("parameter " + quoted(key) + " is not a whole number of 0 or more");
  return static_cast<size_t>(value);
}

Status once(bool& seen, std::string_view key) {
  if (std::exchange(seen, true)) return bad(quoted(key) + " is given twice");
  return {};
}

// Holds shape and datatype to the model's tensor, and makes room for the values.
Result<Datatype> judge(const Tensor& tensor, const TensorSpec& spec, size_t body_bytes, const InferLimits& limits,
                       TensorBuffer& out) {
  if (!tensor.has_shape) return bad("\"shape\" is missing");
  if (!tensor.has_datatype) return bad("\"datatype\" is missing");
  if (!tensor.has_data && !tensor.binary_bytes) return bad("\"data\" is missing");
  if (tensor.has_data && tensor.binary_bytes) return bad("\"data\" and binary_data_size exclude each other");
  const auto type = datatype_from(tensor.datatype);
  if (!type)
    return bad("datatype " + quoted(tensor.datatype) + " is not known: this model takes " +
               std::string(to_string(spec.datatype)));
  CLOPS_TRY(tensor.binary_bytes ? check_datatype(*type, spec.datatype)
                                : check_json_datatype(*type, spec.datatype, spec.categories != nullptr));
  const std::span<const int64_t> shape(tensor.shape.data(), tensor.rank);
  // An element takes two bytes of JSON at least, or its own size: memory is never asked for that the body cannot fill.
  const size_t each = size_of(*type) > 0 ? size_of(*type) : sizeof(uint32_t);
  const uint64_t most = tensor.binary_bytes ? *tensor.binary_bytes / each : body_bytes / 2 + 1;
  CLOPS_TRY(
      check_shape(shape, spec, limits.rows_max, most, tensor.binary_bytes ? "binary_data_size has" : "\"data\" has"));
  out.reset(spec.datatype, shape);
  return *type;
}

class InferReader {
 public:
  InferReader(std::string_view body, std::string_view binary, const EngineInfo& info, const InferLimits& limits,
              InferRequest& out)
      : json_(body, limits.depth_max), body_(body), binary_(binary), info_(info), limits_(limits), out_(out) {}

  Status read() {
    out_.begin(info_);
    if (!json_.take('{')) return bad("the body is not a JSON object");
    bool first = true;
    for (std::string_view key; json_.next_key(first, key);) CLOPS_TRY(read_member(key));
    json_.expect_end();
    if (!json_.ok()) return malformed(json_);
    if (!has_inputs_) return bad("\"inputs\" is missing");
    if (!binary_.empty())
      return bad(std::to_string(binary_.size()) + " bytes follow the binary data of the last input");
    const auto has = [](const TensorSpec& output) { return output.name == kContributions; };
    if (out_.contributions && std::ranges::none_of(info_.outputs, has))
      return bad("this model gives no contributions: it gives " + names_of(info_.outputs));
    out_.finish(info_);
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
      CLOPS_TRY(read_request_parameters());
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

  Status read_request_parameters() {
    bool has_contributions = false, has_binary = false, has_timeout = false;
    return read_parameters(json_, [&](std::string_view key) -> Result<bool> {
      if (raw_equals(key, kTimeoutParameter)) {
        CLOPS_TRY(once(has_timeout, key));
        CLOPS_ASSIGN(const size_t microseconds, read_size(json_, key));
        out_.timeout_us = static_cast<int64_t>(std::min(microseconds, kTimeoutMicrosecondsMost));
        return true;
      }
      const bool contributions = raw_equals(key, kContributions);
      if (!contributions && !raw_equals(key, "binary_data_output")) {
        if (!out_.sticky_parameter.empty() && raw_equals(key, out_.sticky_parameter)) {
          CLOPS_TRY(read_sticky(json_, key, out_));
          return true;
        }
        if (key.starts_with("triton_")) return bad("parameter " + quoted(key) + " is reserved");
        return false;
      }
      CLOPS_TRY(once(contributions ? has_contributions : has_binary, key));
      CLOPS_ASSIGN((contributions ? out_.contributions : out_.binary_output), read_boolean(json_, key));
      return true;
    });
  }

  Status read_inputs() {
    if (!json_.take('[')) return bad("\"inputs\" is not an array");
    bool first = true;
    size_t count = 0;
    for (; json_.next_element(first); ++count) {
      if (count == info_.inputs.size())
        return bad("\"inputs\" has more tensors than the " + std::to_string(count) + " that this model takes");
      CLOPS_TRY(read_input(count));
    }
    return json_.ok() ? check_complete(info_, out_.given) : Status();  // what is wrong with the JSON is told at its end
  }

  Status read_input(size_t expected) {
    Tensor tensor;
    if (!json_.take('{')) return bad("an entry of \"inputs\" is not an object");
    bool first = true, has_parameters = false, decoded = false;
    for (std::string_view key; json_.next_key(first, key);) {
      if (raw_equals(key, "data")) {
        CLOPS_TRY(once(tensor.has_data, key));
        (void)json_.peek();
        tensor.data_at = json_.at();
        // As nearly every client writes it, all else comes first: then in one pass.
        decoded = tensor.has_name && tensor.has_shape && tensor.has_datatype;
        if (decoded) {
          CLOPS_TRY(decode(tensor, expected, json_));
        } else {
          json_.skip_value();
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
        CLOPS_TRY(read_parameters(json_, [&](std::string_view name) -> Result<bool> {
          if (!raw_equals(name, "binary_data_size")) return false;
          if (tensor.binary_bytes) return bad(quoted(name) + " is given twice");
          CLOPS_ASSIGN(tensor.binary_bytes, read_size(json_, name));
          return true;
        }));
      } else {
        json_.skip_value();
      }
    }
    if (!json_.ok()) return malformed(json_);
    if (decoded) return tensor.binary_bytes ? bad("\"data\" and binary_data_size exclude each other") : Status();
    if (!tensor.has_name) return bad("an input has no \"name\"");
    JsonCursor data(body_, limits_.depth_max, tensor.data_at);
    return decode(tensor, expected, data);
  }

  // The next of what follows the JSON.
  Status decode_binary(size_t size, Datatype given, TensorBuffer& to) {
    CLOPS_TRY(read_bytes(binary_.substr(0, size), given, to));
    binary_.remove_prefix(size);
    return {};
  }

  Status decode(const Tensor& tensor, size_t expected, JsonCursor& data) {
    const auto is = [&](std::string_view name) { return raw_equals(tensor.name, name); };
    CLOPS_ASSIGN(const size_t index, find_input(tensor.name, expected, info_, out_.given, is));
    const TensorSpec& spec = info_.inputs[index];
    TensorBuffer& to = out_.inputs[index];
    if (tensor.binary_bytes && *tensor.binary_bytes > binary_.size())
      return bad("input " + quoted(spec.name) + ": binary tensor data of " + std::to_string(*tensor.binary_bytes) +
                 " bytes is announced and " + std::to_string(binary_.size()) +
                 " are there: Inference-Header-Content-Length says where the JSON ends");
    const auto given = judge(tensor, spec, body_.size(), limits_, to);
    const Status read = !given                ? Status(std::unexpected(given.error()))
                        : tensor.binary_bytes ? decode_binary(*tensor.binary_bytes, *given, to)
                                              : read_values(data, *given, to, spec.categories.get());
    if (!read) return fail_in("input " + quoted(spec.name), read.error());
    out_.given[index] = 1;
    return {};
  }

  Status read_outputs() {
    if (!json_.take('[')) return bad("\"outputs\" is not an array");
    bool first = true;
    while (json_.next_element(first)) CLOPS_TRY(read_output());
    return {};
  }

  Status read_output() {
    if (!json_.take('{')) return bad("an entry of \"outputs\" is not an object");
    std::string_view name;
    OutputForm form;
    bool first = true, has_name = false, has_parameters = false;
    for (std::string_view key; json_.next_key(first, key);) {
      if (raw_equals(key, "name")) {
        CLOPS_TRY(once(has_name, key));
        name = json_.string_raw();
      } else if (raw_equals(key, "parameters")) {
        CLOPS_TRY(once(has_parameters, key));
        CLOPS_TRY(read_output_parameters(form));
      } else {
        json_.skip_value();
      }
    }
    if (!json_.ok()) return malformed(json_);
    if (!has_name) return bad("an entry of \"outputs\" has no \"name\"");
    size_t index = 0;
    while (index < info_.outputs.size() && !raw_equals(name, info_.outputs[index].name)) ++index;
    if (index == info_.outputs.size())
      return bad("output " + quoted(name) + " is not known: this model gives " + names_of(info_.outputs));
    const auto number = static_cast<uint32_t>(index);
    if (std::ranges::find(out_.outputs, number) != out_.outputs.end())
      return bad("output " + quoted(name) + " is asked for twice");
    out_.outputs.push_back(number);
    out_.forms.push_back(form);
    return {};
  }

  Status read_output_parameters(OutputForm& form) {
    return read_parameters(json_, [&](std::string_view key) -> Result<bool> {
      if (raw_equals(key, "binary_data")) {
        CLOPS_ASSIGN(const bool binary, read_boolean(json_, key));
        form.binary = binary ? OutputForm::Binary::Yes : OutputForm::Binary::No;
      } else if (raw_equals(key, "classification")) {
        CLOPS_ASSIGN(const size_t classes, read_size(json_, key));
        if (classes == 0) return bad("parameter \"classification\" asks for no class");
        form.classes = static_cast<uint32_t>(std::min<size_t>(classes, UINT32_MAX));
      } else {
        return false;
      }
      return true;
    });
  }

  JsonCursor json_;
  std::string_view body_, binary_;  // binary_: what no input has had yet
  const EngineInfo& info_;
  const InferLimits& limits_;
  InferRequest& out_;
  bool has_id_ = false, has_parameters_ = false, has_inputs_ = false, has_outputs_ = false;
};

}  // namespace

void InferRequest::begin(const EngineInfo& info) {
  id_json = {};
  row_count = 0;
  outputs.clear();
  forms.clear();
  plain = true;
  contributions = binary_output = false;
  sticky_key.clear();
  timeout_us = 0;
  views.clear();
  if (inputs.size() < info.inputs.size()) inputs.resize(info.inputs.size());
  given.assign(info.inputs.size(), 0);
}

void InferRequest::finish(const EngineInfo& info) {
  for (size_t i = 0; i < info.inputs.size(); ++i) {
    if (given[i] == 0) inputs[i].reset(info.inputs[i].datatype, {0});
    views.push_back(inputs[i].view());
  }
  row_count = views.empty() ? 0 : views.front().rows();
  const bool all = outputs.empty();
  for (uint32_t i = 0; i < info.outputs.size(); ++i) {
    const TensorSpec& output = info.outputs[i];
    if (output.on_request && contributions && output.name == kContributions) {
      if (std::ranges::find(outputs, i) == outputs.end()) outputs.push_back(i);
    } else if (all && !output.on_request) {
      outputs.push_back(i);
    }
  }
  forms.resize(outputs.size());
  for (OutputForm& form : forms) {
    if (form.binary == OutputForm::Binary::AsRequest)
      form.binary = binary_output ? OutputForm::Binary::Yes : OutputForm::Binary::No;
    plain = plain && form.classes == 0 && form.binary == OutputForm::Binary::No;
  }
}

void InferRequest::trim(size_t bytes) {
  for (TensorBuffer& input : inputs) input.trim(bytes);
}

Status decode_infer(std::string_view body, const EngineInfo& info, const InferLimits& limits, InferRequest& out) {
  return InferReader(body, {}, info, limits, out).read();
}

Status decode_infer(std::string_view json, std::string_view binary, const EngineInfo& info, const InferLimits& limits,
                    InferRequest& out) {
  return InferReader(json, binary, info, limits, out).read();
}

Status decode_raw(std::string_view body, const EngineInfo& info, const InferLimits& limits, InferRequest& out) {
  out.begin(info);
  if (info.required().size() != 1)
    return bad("a request without JSON is for a model of one input: this one takes " + names_of(info.inputs));
  const TensorSpec& spec = info.inputs.front();
  TensorBuffer& to = out.inputs.front();
  std::vector<int64_t> shape = spec.any_shape ? std::vector<int64_t>{-1} : spec.shape;
  size_t known = 1;
  for (const int64_t dimension : shape) known *= dimension < 0 ? 1 : static_cast<size_t>(dimension);
  const bool text = spec.datatype == Datatype::Bytes;
  const size_t each = (text ? 1 : size_of(spec.datatype)) * known;
  if (std::ranges::count(shape, -1) > 1 || (text && known != 1))
    return bad("the shape " + shape_text(spec.shape) + " cannot be told from the size of the body: send JSON with it");
  const size_t rest = text ? 1 : each == 0 ? 0 : body.size() / each;
  if (rest == 0 || (!text && body.size() % each != 0))
    return bad("the body has " + std::to_string(body.size()) + " bytes, not a multiple of the " + std::to_string(each) +
               " that " + shape_text(spec.shape) + " of " + std::string(to_string(spec.datatype)) + " takes");
  for (int64_t& dimension : shape) dimension = dimension < 0 ? static_cast<int64_t>(rest) : dimension;
  if (static_cast<uint64_t>(shape.empty() ? 1 : shape[0]) > limits.rows_max)
    return bad(std::to_string(shape[0]) + " rows are more than " + std::to_string(limits.rows_max));
  to.reset(spec.datatype, shape);
  if (text) {
    to.as<std::string_view>()[0] = body;
  } else if (const Status read = read_bytes(body, spec.datatype, to); !read) {
    return fail_in("input " + quoted(spec.name), read.error());
  }
  out.given[0] = 1;
  out.binary_output = true;
  out.finish(info);
  return {};
}

namespace {

void append_head(std::string& out, std::string_view head, const TensorView& tensor) {
  out += head;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    if (i > 0) out += ',';
    char digits[24];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, tensor.shape[i]).ptr);
  }
}

}  // namespace

void append_output(std::string& out, std::string_view head, const TensorView& tensor) {
  append_head(out, head, tensor);
  out += "],\"data\":[";
  append_values(out, tensor);
  out += "]}";
}

void append_binary_output(std::string& out, std::string_view head, const TensorView& tensor) {
  append_head(out, head, tensor);
  out += "],\"parameters\":{\"binary_data_size\":";
  out += std::to_string(bytes_of(tensor));
  out += "}}";
}

}  // namespace clops::serving
