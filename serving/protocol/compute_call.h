// A call from its decoding to its answer, the same on every wire: decode, settle who answers, let the watchers judge,
// compute, write.
//
// Thread rule: of the serving thread's. Errors: the service's, the decoder's, the engine's, the writer's.
#pragma once

#include "serving/protocol/batching.h"
#include "serving/protocol/inference.h"
#include "serving/protocol/service.h"

namespace clops::serving {

// decode(target) → Status fills inference.request for the variant; it is called again only if the variant that answers,
// where a model's users are kept on a side by what their requests say, takes other tensors. id() → std::string_view:
// the request's, once it is decoded. write(target, id) → Status. `end` has the target that route() gave, and then the
// one that answers. If end.ticket is not 0 afterwards, the rest is finish_call()'s.
template <class Decode, class Id, class Write>
[[nodiscard]] Status compute_call(ModelService& models, const CallInfo& call, CallEnd& end, Inference& inference,
                                  const Decode& decode, const Id& id, const Write& write) {
  inference.request.sticky_parameter = end.target->sticky_parameter;
  CLOPS_TRY(decode(*end.target));
  if (end.target->split_by_content) {
    const uint32_t schema = end.target->schema;
    CLOPS_ASSIGN(end.target, models.settle(call, *end.target, inference.request));
    if (end.target->schema != schema) CLOPS_TRY(decode(*end.target));
  }
  end.inference = &inference;
  CLOPS_TRY(models.decoded(call, *end.target, inference));
  if (call.notes.timed) end.decoded = models.now();
  Batching* const batching = end.target->batch == nullptr ? nullptr : models.batching();
  if (batching != nullptr && call.may_wait && batching->wants(call, *end.target, inference.request)) {
    end.ticket = batching->put(call, end, inference, id());
    return {};
  }
  CLOPS_TRY(inference.run(*end.target));
  if (call.notes.timed) {
    end.computed = models.now();
    if (batching != nullptr) batching->ran_alone(*end.target, end.computed - end.decoded);
  }
  return write(*end.target, id());
}

// A call that waited. `call` has what its wire knows of it anew (headers, body_bytes), and then all else; `inference`
// becomes the call's. To be followed by the batching's release() once the call's end is told.
template <class Write>
[[nodiscard]] Status finish_call(PendingCall& pending, CallInfo& call, CallEnd& end, Inference& inference,
                                 const Write& write) {
  const auto headers = call.headers;
  const size_t body_bytes = call.body_bytes;
  call = pending.call;
  call.headers = headers;
  call.body_bytes = body_bytes;
  end = pending.end;
  std::swap(inference, pending.inference);
  end.inference = &inference;
  inference.request.id_json = {};
  if (!pending.done) return pending.done;
  return write(*end.target, std::string_view(pending.id));
}

}  // namespace clops::serving
