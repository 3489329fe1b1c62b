// What must hold of a binary infer request for any bytes: two of them say how long its JSON is, the rest is its body.
// Shared by the fuzzer and the test that replays its seeds.
#pragma once

#include <string>
#include <string_view>

#include "serving/protocol/classification.h"
#include "serving/protocol/oip_json.h"
#include "serving/protocol/tensor_bytes.h"

namespace clops::serving::fuzz {

// No more memory is asked for than the body can fill, what is taken has the shape it says, its text lies in the body,
// and it is printed as many bytes as it says.
inline bool is_sound(const InferRequest& request, bool taken, size_t body_bytes) {
  for (const TensorBuffer& input : request.inputs)
    if (input.count() > body_bytes + 1) return false;
  if (!taken) return true;
  if (request.row_count == 0 || request.forms.size() != request.outputs.size()) return false;
  for (const TensorView& view : request.views) {
    size_t count = 1;
    for (const int64_t dimension : view.shape) count *= static_cast<size_t>(dimension);
    if (count != view.count) return false;
    size_t text = 0;
    if (view.datatype == Datatype::Bytes)
      for (const std::string_view one : view.as<std::string_view>()) text += one.size();
    if (text > body_bytes) return false;
    std::string bytes, json;
    append_bytes(bytes, view);
    append_output(json, "{\"shape\":[", view);
    append_binary_output(json, "{\"shape\":[", view);
    TensorBuffer classes;
    const bool numbers = view.datatype != Datatype::Bytes && view.datatype != Datatype::Bool;
    if (bytes.size() != bytes_of(view) || classify(view, 3, classes).has_value() != numbers) return false;
  }
  return true;
}

inline bool holds_for_binary(std::string_view bytes) {
  if (bytes.size() < 2) return true;
  const size_t prefix = static_cast<unsigned char>(bytes[0]) * 256U + static_cast<unsigned char>(bytes[1]);
  const std::string body(bytes.substr(2));  // of exactly its size, so that a read past the end is seen
  const size_t json = std::min(prefix, body.size());
  std::vector<TensorSpec> every;
  for (int type = 0; type <= static_cast<int>(Datatype::Bytes); ++type)
    every.push_back({std::string(1, static_cast<char>('a' + type)), static_cast<Datatype>(type), {-1, -1}});
  InferRequest request;
  for (const TensorSpec& spec : every) {
    const EngineInfo info{.inputs = {{"x", spec.datatype, {-1, 2}}}, .outputs = {{"y", Datatype::Fp32, {-1}}}};
    const bool taken =
        decode_infer(std::string_view(body).substr(0, json), std::string_view(body).substr(json), info, {}, request)
            .has_value();
    if (!is_sound(request, taken, body.size())) return false;
    if (!is_sound(request, decode_raw(body, info, {}, request).has_value(), body.size())) return false;
  }
  const EngineInfo all{.inputs = every, .outputs = {{"y", Datatype::Fp32, {-1}}, {"z", Datatype::Bytes, {-1}}}};
  const bool taken =
      decode_infer(std::string_view(body).substr(0, json), std::string_view(body).substr(json), all, {}, request)
          .has_value();
  return is_sound(request, taken, body.size());
}

}  // namespace clops::serving::fuzz
