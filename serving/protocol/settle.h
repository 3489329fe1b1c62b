// The step between decoding and computing where a model's users are kept on a side by what their requests say.
//
// Thread rule: of the serving thread's. Errors: the service's, and the decoder's.
#pragma once

#include "serving/protocol/inference.h"

namespace clops::serving {

// decode(target) → Status has filled the request for end.target, by which it was decoded; it is called again only if
// the variant that answers takes other tensors.
template <class Decode>
[[nodiscard]] Status settle(ModelService& models, const CallInfo& call, CallEnd& end, InferRequest& request,
                            const Decode& decode) {
  if (!end.target->split_by_content) return {};
  const uint32_t schema = end.target->schema;
  CLOPS_ASSIGN(end.target, models.settle(call, *end.target, request));
  return end.target->schema == schema ? Status() : decode(*end.target);
}

}  // namespace clops::serving
