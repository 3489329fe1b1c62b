// What must hold of the older dialects' decoders for any bytes. Shared by the fuzzer and the test that replays its
// seeds.
#pragma once

#include <string>
#include <string_view>

#include "serving/protocol/oip_values.h"
#include "serving/protocol/rows.h"
#include "tests/fuzz/infer_binary_check.h"

namespace clops::serving::fuzz {

// Some columns of numbers have names for their codes; a name may be escaped in a request, and may be none at all.
inline TensorSpec with_names(TensorSpec spec, formats::UnknownCategory unknown) {
  spec.categories =
      CategoryNames::make(std::vector<std::vector<std::string>>{{"red", "gr\u00fcn", "", "NA"}, {}}, {}, unknown);
  return spec;
}

inline bool holds_for_rows(std::string_view bytes) {
  const std::string body(bytes);  // of exactly its size, so that a read past the end is seen
  const std::vector<TensorSpec> outputs = {{"y", Datatype::Fp32, {-1}}};
  const std::vector<EngineInfo> models = {
      {.inputs = {{"row", Datatype::Fp32, {-1, 2}}}, .outputs = outputs, .feature_names = {"a", "b\"c"}},
      {.inputs = {with_names({"row", Datatype::Fp32, {-1, 2}}, formats::UnknownCategory::Refused)},
       .outputs = outputs,
       .feature_names = {"a", "b\"c"}},
      {.inputs = {with_names({"row", Datatype::Fp64, {-1, 2}}, formats::UnknownCategory::Missing)}, .outputs = outputs},
      {.inputs = {{"row", Datatype::Fp64, {-1, -1}}}, .outputs = outputs},
      {.inputs = {{"a", Datatype::Int8, {-1, 1}}, {"b", Datatype::Bytes, {-1}}, {"c", Datatype::Bool, {-1}}},
       .outputs = outputs},
      {.inputs = {{"image", Datatype::Fp16, {-1, -1, 2}}, {"b", Datatype::Bytes, {-1, 1}}}, .outputs = outputs}};
  RowReader reader;
  InferRequest request;
  request.sticky_parameter = "user";
  for (const EngineInfo& info : models) {
    for (int dialect = 0; dialect < 3; ++dialect) {
      const Status read = dialect == 0   ? reader.read_v1(body, info, {}, false, request)
                          : dialect == 1 ? reader.read_mlflow(body, info, {}, request)
                                         : reader.read_csv(body, info, {}, request);
      if (!read && read.error().message.empty()) return false;
      if (!is_sound(request, read.has_value(), body.size())) return false;
      if (!read) continue;
      std::string text;
      for (const TensorView& view : request.views) {
        append_nested(text, view);
        append_nested_row(text, view, view.rows() - 1);
      }
    }
  }
  return true;
}

}  // namespace clops::serving::fuzz
