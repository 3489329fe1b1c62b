// What must hold of the infer decoder for any bytes. Shared by the fuzzer and the test that replays its seeds.
#pragma once

#include <string>
#include <string_view>

#include "serving/protocol/oip_json.h"

namespace clops::serving::fuzz {

// True when no more memory is asked for than the body can fill, and what is taken has the shape it says.
inline bool holds_for_infer(std::string_view bytes) {
  const EngineInfo info{.inputs = {{"input-0", Datatype::Fp32, {-1, 2}}},
                        .outputs = {{"predict", Datatype::Fp32, {-1}}}};
  const std::string body(bytes);  // of exactly its size, so that a read past the end is seen
  InferRequest request;
  const auto status = decode_infer(body, info, {}, request);
  if (request.rows.size() > body.size() + 2) return false;
  return !status || (request.row_count > 0 && request.rows.size() == request.row_count * 2);
}

}  // namespace clops::serving::fuzz
