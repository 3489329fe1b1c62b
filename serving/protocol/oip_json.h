// Open Inference Protocol v2 JSON: an infer request decoded straight into float32 rows, the answer printed with the
// fewest digits that read back as the same float32.
//
// Numbers are read as numpy would turn them into float32: text to double (or integer) to float32; `null` is NaN, a
// missing value; what is beyond float32 is infinity. What does not fit the model's tensor (name, datatype, shape,
// count, range) is InvalidArgument with the reason. Not accepted: binary tensor data, FP16 and BYTES in JSON. Thread
// rule: one InferRequest per thread, reused: no allocation once it has grown. Ownership: `id_json` views the body.
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
  std::string_view id_json;  // with its quotes, as sent; empty: absent
  size_t row_count = 0;
  std::vector<float> rows;
};

[[nodiscard]] Status decode_infer(std::string_view body, const EngineInfo& info, const InferLimits& limits,
                                  InferRequest& out);

void append_float(std::string& out, float value);  // NaN and infinities: null
// "[SHAPE],"data":[VALUES]" onwards from Target::output_json, to the end of the document.
void append_output(std::string& out, std::span<const float> values, size_t row_count, size_t columns, bool flat_shape);

}  // namespace clops::serving
