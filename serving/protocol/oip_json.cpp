#include "serving/protocol/oip_json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "serving/protocol/json_cursor.h"
#include "serving/protocol/oip_values.h"

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
std::string names_of(const std::vector<TensorSpec>& tensors) {
  constexpr size_t kShown = 8;
  std::string out;
  for (size_t i = 0; i < std::min(tensors.size(), kShown); ++i) out += (i > 0 ? ", " : "") + quoted(tensors[i].name);
  return out + (tensors.size() > kShown ? ", ..." : "");
}
std::unexpected<Error> malformed(const JsonCursor& json) {
  return bad("at byte " + std::to_string(json.at()) + " of the body: " + json.why());
}

struct Tensor {  // one entry of "inputs", before it is held to the model
  std::string_view name, datatype;
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

// Of the request: {"contributions": true} is known, others are skipped.
Status read_parameters(JsonCursor& json, bool& contributions) {
  if (!json.take('{')) return bad("\"parameters\" is not an object");
  bool first = true, given = false;
  for (std::string_view key; json.next_key(first, key);) {
    const char next = json.peek();
    if (next == '{' || next == '[') return bad("parameter " + quoted(key) + " is not a string, number or boolean");
    if (!raw_equals(key, kContributions)) {
      json.skip_value();
      continue;
    }
    if (std::exchange(given, true)) return bad(quoted(key) + " is given twice");
    if (next != 't' && next != 'f') return bad("parameter " + quoted(key) + " is not true or false");
    contributions = json.boolean();
  }
  return {};
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
  if (!tensor.has_data) return bad("\"data\" is missing");
  const auto type = datatype_from(tensor.datatype);
  if (!type)
    return bad("datatype " + quoted(tensor.datatype) + " is not known: this model takes " +
               std::string(to_string(spec.datatype)));
  CLOPS_TRY(check_json_datatype(*type, spec.datatype));
  const std::span<const int64_t> shape(tensor.shape.data(), tensor.rank);
  bool fits = spec.any_shape || tensor.rank == spec.shape.size();
  for (size_t i = 0; fits && i < tensor.rank; ++i)
    fits = shape[i] > 0 && (spec.any_shape || spec.shape[i] < 0 || shape[i] == spec.shape[i]);
  if (!fits)
    return bad("shape " + shape_text(shape) + " does not fit " + shape_text(spec.shape) + ", with at least one row");
  const uint64_t rows = shape.empty() ? 1 : static_cast<uint64_t>(shape[0]);
  if (rows > limits.rows_max)
    return bad(std::to_string(rows) + " rows are more than " + std::to_string(limits.rows_max));
  // An element takes two bytes of JSON at least: memory is never asked for that the body cannot fill.
  const uint64_t most = body_bytes / 2 + 1;
  uint64_t count = 1;
  for (size_t i = 0; i < shape.size() && count <= most; ++i)
    count = static_cast<uint64_t>(shape[i]) > most ? most + 1 : count * static_cast<uint64_t>(shape[i]);
  if (count > most) return bad("shape " + shape_text(shape) + " asks for more values than \"data\" has");
  out.reset(spec.datatype, shape);
  return *type;
}

class InferReader {
 public:
  InferReader(std::string_view body, const EngineInfo& info, const InferLimits& limits, InferRequest& out)
      : json_(body, limits.depth_max), body_(body), info_(info), limits_(limits), out_(out) {}

  Status read() {
    out_.begin(info_);
    if (!json_.take('{')) return bad("the body is not a JSON object");
    bool first = true;
    for (std::string_view key; json_.next_key(first, key);) CLOPS_TRY(read_member(key));
    json_.expect_end();
    if (!json_.ok()) return malformed(json_);
    if (!has_inputs_) return bad("\"inputs\" is missing");
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
      CLOPS_TRY(read_parameters(json_, out_.contributions));
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
      CLOPS_TRY(read_input(count));
    }
    if (!json_.ok() || count == info_.inputs.size()) return {};
    const auto missing = std::ranges::find(out_.given, uint8_t{0}) - out_.given.begin();
    return bad("input " + quoted(info_.inputs[static_cast<size_t>(missing)].name) + " is missing");
  }

  // Which of the model's inputs is called so; most clients send them in its order.
  Result<size_t> find_input(std::string_view raw, size_t expected) const {
    const auto& inputs = info_.inputs;
    size_t index = expected;
    if (!raw_equals(raw, inputs[index].name)) {
      index = 0;
      while (index < inputs.size() && !raw_equals(raw, inputs[index].name)) ++index;
    }
    if (index == inputs.size()) {
      return bad("input " + quoted(raw) + " is not known: this model takes " + names_of(inputs));
    }
    if (out_.given[index] != 0) return bad("input " + quoted(raw) + " is given twice");
    return index;
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
        CLOPS_TRY(skip_parameters(json_));
      } else {
        json_.skip_value();
      }
    }
    if (!json_.ok()) return malformed(json_);
    if (decoded) return {};
    if (!tensor.has_name) return bad("an input has no \"name\"");
    JsonCursor data(body_, limits_.depth_max, tensor.data_at);
    return decode(tensor, expected, data);
  }

  Status decode(const Tensor& tensor, size_t expected, JsonCursor& data) {
    CLOPS_ASSIGN(const size_t index, find_input(tensor.name, expected));
    const TensorSpec& spec = info_.inputs[index];
    TensorBuffer& to = out_.inputs[index];
    const auto given = judge(tensor, spec, body_.size(), limits_, to);
    const Status read = given ? read_values(data, *given, to) : Status(std::unexpected(given.error()));
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
    if (index == info_.outputs.size())
      return bad("output " + quoted(name) + " is not known: this model gives " + names_of(info_.outputs));
    const auto number = static_cast<uint32_t>(index);
    if (std::ranges::find(out_.outputs, number) != out_.outputs.end())
      return bad("output " + quoted(name) + " is asked for twice");
    out_.outputs.push_back(number);
    return {};
  }

  JsonCursor json_;
  std::string_view body_;
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
  contributions = false;
  views.clear();
  if (inputs.size() < info.inputs.size()) inputs.resize(info.inputs.size());
  given.assign(info.inputs.size(), 0);
}

void InferRequest::finish(const EngineInfo& info) {
  for (size_t i = 0; i < info.inputs.size(); ++i) views.push_back(inputs[i].view());
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
}

void InferRequest::trim(size_t bytes) {
  for (TensorBuffer& input : inputs) input.trim(bytes);
}

Status decode_infer(std::string_view body, const EngineInfo& info, const InferLimits& limits, InferRequest& out) {
  return InferReader(body, info, limits, out).read();
}

void append_output(std::string& out, std::string_view head, const TensorView& tensor) {
  out += head;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    if (i > 0) out += ',';
    char digits[24];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, tensor.shape[i]).ptr);
  }
  out += "],\"data\":[";
  append_values(out, tensor);
  out += "]}";
}

}  // namespace clops::serving
