// What must hold of the infer decoder for any bytes. Shared by the fuzzer and the test that replays its seeds.
#pragma once

#include <string>
#include <string_view>

#include "serving/protocol/oip_json.h"

namespace clops::serving::fuzz {

// True when no more memory is asked for than the body can fill, and what is taken has the shape it says; for a tabular
// model and for one of several inputs of several kinds.
inline bool decodes_well(std::string_view bytes, const EngineInfo& info) {
  const std::string body(bytes);  // of exactly its size, so that a read past the end is seen
  InferRequest request;
  request.sticky_parameter = "user";
  const auto status = decode_infer(body, info, {}, request);
  for (const TensorBuffer& input : request.inputs)
    if (input.count() > body.size() / 2 + 1) return false;
  if (!status) return true;
  if (request.sticky_key.size() > body.size() + 32) return false;
  if (request.row_count == 0 || request.views.size() != info.inputs.size() || request.outputs.empty()) return false;
  for (const TensorView& view : request.views) {
    size_t count = 1;
    for (const int64_t dimension : view.shape) count *= static_cast<size_t>(dimension);
    if (count != view.count) return false;
    size_t text = 0;
    if (view.datatype == Datatype::Bytes)
      for (const std::string_view one : view.as<std::string_view>()) text += one.size();
    if (text > body.size()) return false;
  }
  return true;
}

inline bool holds_for_infer(std::string_view bytes) {
  const EngineInfo tabular{.inputs = {{"input-0", Datatype::Fp32, {-1, 2}}},
                           .outputs = {{"predict", Datatype::Fp32, {-1}}}};
  const EngineInfo mixed{.inputs = {{"input-0", Datatype::Bytes, {-1, 2}},
                                    {"b", Datatype::Int32, {-1}},
                                    {"c", Datatype::Fp64, {-1, -1, 2}}},
                         .outputs = {{"predict", Datatype::Fp32, {-1}}, {"label", Datatype::Bytes, {-1}}}};
  EngineInfo named = tabular;
  for (const auto unknown : {formats::UnknownCategory::Missing, formats::UnknownCategory::Refused}) {
    named.inputs[0].categories =
        CategoryNames::make(std::vector<std::vector<std::string>>{{"red", "gr\u00fcn", ""}, {}}, {}, unknown);
    if (!decodes_well(bytes, named)) return false;
  }
  return decodes_well(bytes, tabular) && decodes_well(bytes, mixed);
}

}  // namespace clops::serving::fuzz
