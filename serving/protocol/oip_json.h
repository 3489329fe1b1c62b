// Open Inference Protocol v2 JSON: an infer request decoded straight into tensors of the model's datatypes, the answer
// printed with the fewest digits that read back as the same numbers.
//
// With it the binary extension (values as bytes behind the JSON, tensor_bytes.h), raw requests (only bytes) and the
// classification extension's wish. What does not fit the model's tensors (name, datatype, shape, count, range) is
// InvalidArgument that names input, row and column; oip_values.h says which of a client's datatypes fit. Not accepted:
// FP16 and BF16 in JSON, shared memory, parameters whose names begin with triton_.
// Thread rule: one InferRequest per thread, reused: no allocation once it has grown. Ownership: `id_json` and strings
// view the body.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serving/protocol/engine.h"

namespace clops::serving {

struct InferLimits {
  size_t rows_max = 1u << 20;
  int depth_max = 32;  // of parts that are only skipped
};

// How one output is to be written.
struct OutputForm {
  enum class Binary : uint8_t { AsRequest, No, Yes };
  Binary binary = Binary::AsRequest;
  uint32_t classes = 0;  // so many of the highest values of a row, as "value:index"; 0: all values as they are
  bool operator==(const OutputForm&) const = default;
};

struct InferRequest {
  std::string_view id_json;           // with its quotes, as sent; empty: absent
  size_t row_count = 0;               // of the first input
  std::vector<TensorView> views;      // one per input of the model, in its order
  std::vector<uint32_t> outputs;      // which of the model's to give, in the order asked for; if none was, all but
                                      // those on request; last, contributions if the request's parameter asks for them
  std::vector<OutputForm> forms;      // one per output; once finished, AsRequest is not among them
  bool plain = true;                  // all of them are JSON values
  std::vector<TensorBuffer> inputs;   // what the views view; as many as the widest model so far
  std::string_view sticky_parameter;  // before reading: which of the request's parameters to keep; empty: none
  std::string sticky_key;             // its value, as sticky.h has it
  int64_t timeout_us = 0;             // the parameter `timeout`: how long the request may take; 0: not said
  std::vector<uint8_t> given;         // while reading: per input
  bool contributions = false, binary_output = false;  // while reading: the parameters

  void begin(const EngineInfo& info);
  void finish(const EngineInfo& info);
  void trim(size_t bytes);  // TensorBuffer's
};

[[nodiscard]] Status decode_infer(std::string_view body, const EngineInfo& info, const InferLimits& limits,
                                  InferRequest& out);
// `binary`: what follows the JSON, the inputs' binary data in their order.
[[nodiscard]] Status decode_infer(std::string_view json, std::string_view binary, const EngineInfo& info,
                                  const InferLimits& limits, InferRequest& out);
// The body is the one input's binary data, of the model's datatype; a BYTES element has no length before it. The answer
// is wanted as binary data.
[[nodiscard]] Status decode_raw(std::string_view body, const EngineInfo& info, const InferLimits& limits,
                                InferRequest& out);

// One entry of "outputs". `head` is all of it before the shape's numbers, as Target::outputs_json has it.
void append_output(std::string& out, std::string_view head, const TensorView& tensor);
void append_binary_output(std::string& out, std::string_view head,
                          const TensorView& tensor);  // only what JSON says of it

}  // namespace clops::serving
