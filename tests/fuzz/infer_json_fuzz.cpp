// OIP infer bodies: no crash, no more memory than the body can fill, and what is taken has the shape it says.
#include <cstdint>
#include <cstdlib>

#include "serving/protocol/oip_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace clops::serving;
  static const EngineInfo info{.inputs = {{"input-0", Datatype::Fp32, {-1, 2}}}, .outputs = {{"predict", Datatype::Fp32, {-1}}}};
  InferRequest request;
  const std::string body(reinterpret_cast<const char*>(data), size);
  const auto status = decode_infer(body, info, {}, request);
  if (request.rows.size() > size + 2) std::abort();
  if (!status) return 0;
  if (request.row_count == 0 || request.rows.size() != request.row_count * 2) std::abort();
  std::string out;
  append_output(out, request.rows, request.row_count, 2, false);
  return 0;
}
