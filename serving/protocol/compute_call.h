// A call from its decoding to its answer, the same on every wire: decode, settle who answers, let the watchers judge,
// compute, write.
//
// Thread rule: of the serving thread's. Errors: the service's, the decoder's, the engine's, the writer's.
#pragma once

#include "serving/protocol/inference.h"

namespace clops::serving {

// decode(target) → Status fills inference.request for the variant; it is called again only if the variant that answers,
// where a model's users are kept on a side by what their requests say, takes other tensors. write(target) → Status.
// `end` has the target that route() gave, and then the one that answers.
template <class Decode, class Write>
[[nodiscard]] Status compute_call(ModelService& models, const CallInfo& call, CallEnd& end, Inference& inference,
                                  const Decode& decode, const Write& write) {
  inference.request.sticky_parameter = end.target->sticky_parameter;
  CLOPS_TRY(decode(*end.target));
  if (end.target->split_by_content) {
    const uint32_t schema = end.target->schema;
    CLOPS_ASSIGN(end.target, models.settle(call, *end.target, inference.request));
    if (end.target->schema != schema) CLOPS_TRY(decode(*end.target));
  }
  end.inference = &inference;
  CLOPS_TRY(models.decoded(call, *end.target, inference));
  if (end.target->timed) end.decoded = models.now();
  CLOPS_TRY(inference.run(*end.target));
  if (end.target->timed) end.computed = models.now();
  return write(*end.target);
}

}  // namespace clops::serving
