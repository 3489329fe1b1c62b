// Open Inference Protocol v2 JSON: an infer request decoded straight into tensors of the model's datatypes, the answer
// printed with the fewest digits that read back as the same numbers.
//
// What does not fit the model's tensors (name, datatype, shape, count, range) is InvalidArgument that names input, row
// and column; oip_values.h says which of a client's datatypes fit. Not accepted: binary tensor data, FP16 in JSON.
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

struct InferRequest {
  std::string_view id_json;          // with its quotes, as sent; empty: absent
  size_t row_count = 0;              // of the first input
  std::vector<TensorView> views;     // one per input of the model, in its order
  std::vector<uint32_t> outputs;     // which of the model's to give, in the order asked for; if none was, all but
                                     // those on request; last, contributions if the request's parameter asks for them
  std::vector<TensorBuffer> inputs;  // what the views view; as many as the widest model so far
  std::vector<uint8_t> given;        // while reading: per input
  bool contributions = false;        // while reading: the parameter

  void begin(const EngineInfo& info);
  void finish(const EngineInfo& info);
  void trim(size_t bytes);  // TensorBuffer's
};

[[nodiscard]] Status decode_infer(std::string_view body, const EngineInfo& info, const InferLimits& limits,
                                  InferRequest& out);

// One entry of "outputs". `head` is all of it before the shape's numbers, as Target::outputs_json has it.
void append_output(std::string& out, std::string_view head, const TensorView& tensor);

}  // namespace clops::serving
