// ModelInferRequest and ModelInferResponse of the package `inference`, between their bytes and tensors of the model's
// datatypes, without a tree between.
//
// Inputs are raw (raw_input_contents, as tensor_bytes.h has them) or typed (contents), for all inputs alike; FP16 and
// BF16 have no typed form. Outputs are raw always, as Triton's. What does not fit is InvalidArgument that names input
// and place. Thread rule: one InferMessage per thread, reused: no allocation once it has grown. Ownership: views the
// message, which outlives it, as do the tensors' texts.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serving/protocol/inference.h"
#include "serving/protocol/oip_json.h"
#include "serving/protocol/service.h"

namespace clops::serving::grpc {

// A request's outermost fields; what is inside of them is read when the model is known.
struct InferMessage {
  std::string_view model, version, id;
  std::vector<std::string_view> parameters, inputs, outputs, raws;  // fields 4 to 7
  std::string scratch;                                              // typed values on their way to bytes
};

[[nodiscard]] Status read_infer(std::string_view message, InferMessage& out);

// Into tensors. `out.id_json` stays empty: the id is in the message.
[[nodiscard]] Status decode_infer(InferMessage& message, const EngineInfo& info, const InferLimits& limits,
                                  InferRequest& out);

// ModelInferResponse but for its outputs.
void append_infer_head(std::string& out, const Target& target, std::string_view id, const Inference& inference);
// One entry of `outputs` (all of these come before the values).
void append_infer_output(std::string& out, std::string_view name, const TensorView& tensor);
void append_infer_values(std::string& out, const TensorView& tensor);  // one entry of raw_output_contents

}  // namespace clops::serving::grpc
