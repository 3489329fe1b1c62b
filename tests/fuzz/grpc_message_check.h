// What must hold of the gRPC infer decoder for any bytes. Shared by the fuzzer and the test that replays its seeds.
#pragma once

#include <string>
#include <string_view>

#include "serving/grpc/infer_codec.h"
#include "serving/grpc/reflection.h"
#include "serving/grpc/wire.h"

namespace clops::serving::fuzz {

// True when no more memory is asked for than the message can fill, and what is taken has the shape it says.
inline bool message_decodes_well(std::string_view bytes, const EngineInfo& info) {
  const std::string message(bytes);  // of exactly its size, so that a read past the end is seen
  grpc::InferMessage fields;
  InferRequest request;
  request.sticky_parameter = "p";
  if (!grpc::read_infer(message, fields)) return true;
  const Status status = grpc::decode_infer(fields, info, {}, request);
  for (const TensorBuffer& input : request.inputs)
    if (input.count() > message.size()) return false;
  if (fields.scratch.size() > 8 * message.size()) return false;
  if (!status) return true;
  if (request.row_count == 0 || request.views.size() != info.inputs.size()) return false;
  if (request.outputs.empty() || request.forms.size() != request.outputs.size()) return false;
  std::string out;
  for (const TensorView& view : request.views) {
    size_t count = 1;
    for (const int64_t dimension : view.shape) count *= static_cast<size_t>(dimension);
    if (count != view.count) return false;
    grpc::append_infer_output(out, "x", view);
    grpc::append_infer_values(out, view);
  }
  grpc::WireReader written(out);
  while (written.next()) {
  }
  return written.ok();
}

inline bool holds_for_grpc_message(std::string_view bytes) {
  const EngineInfo tabular{.inputs = {{"x", Datatype::Fp32, {-1, 2}}}, .outputs = {{"y", Datatype::Fp32, {-1}}}};
  const EngineInfo mixed{
      .inputs = {{"x", Datatype::Bytes, {-1}}, {"b", Datatype::Int8, {-1}}, {"c", Datatype::Fp64, {-1, 2}}},
      .outputs = {{"y", Datatype::Fp32, {-1}}, {"z", Datatype::Bytes, {-1}}}};
  std::string reflected;
  (void)grpc::reflect(grpc::descriptor_set(), bytes, reflected);
  (void)grpc::reflect(bytes, "\x22\x03p.M", reflected);
  return message_decodes_well(bytes, tabular) && message_decodes_well(bytes, mixed);
}

}  // namespace clops::serving::fuzz
