#include "serving/protocol/inference.h"

#include "serving/protocol/classification.h"
#include "serving/protocol/json_text.h"

namespace clops::serving {

Status Inference::run(Target& target) {
  const size_t count = target.engine->info().outputs.size();
  if (values_.size() < count) values_.resize(count);
  const std::span<TensorBuffer> to = outputs(target);
  for (TensorBuffer& output : to) output.wanted = false;
  for (const uint32_t index : request.outputs) to[index].wanted = true;
  return target.engine->infer(request.views, *target.scratch, to);
}

Result<TensorView> Inference::given(const Target& target, size_t i) {
  const uint32_t index = request.outputs[i], classes = request.forms[i].classes;
  const TensorView values = values_[index].view();
  if (classes == 0) return values;
  if (classes_.size() < request.outputs.size()) classes_.resize(request.outputs.size());
  if (const Status done = classify(values, classes, classes_[i]); !done)
    return fail_in("output " + json_text(target.engine->info().outputs[index].name), done.error());
  return classes_[i].view();
}

void Inference::trim() {
  constexpr size_t kKeepBytes = 1u << 20;
  for (std::vector<TensorBuffer>* const buffers : {&values_, &classes_})
    for (TensorBuffer& buffer : *buffers) buffer.trim(kKeepBytes);
  request.trim(kKeepBytes);
}

}  // namespace clops::serving
