#include "serving/protocol/inference.h"

#include <cstring>

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

void Inference::take_rows(const Target& target, std::span<const TensorBuffer> computed, size_t first) {
  const size_t count = target.engine->info().outputs.size();
  if (values_.size() < count) values_.resize(count);
  for (const uint32_t index : request.outputs) {
    const TensorView from = computed[index].view();
    TensorBuffer& to = values_[index];
    shape_.assign(from.shape.begin(), from.shape.end());
    const size_t each = from.count / static_cast<size_t>(shape_[0]);
    shape_[0] = static_cast<int64_t>(request.row_count);
    to.reset(from.datatype, shape_);
    if (from.datatype == Datatype::Bytes) {
      const auto texts = from.as<std::string_view>().subspan(first * each, to.count());
      for (size_t i = 0; i < texts.size(); ++i) to.set_text(i, texts[i]);
    } else {
      const size_t bytes = size_of(from.datatype);
      std::memcpy(to.data(), static_cast<const std::byte*>(from.data) + first * each * bytes, to.count() * bytes);
    }
  }
}

void Inference::trim(size_t bytes) {
  for (std::vector<TensorBuffer>* const buffers : {&values_, &classes_})
    for (TensorBuffer& buffer : *buffers) buffer.trim(bytes);
  request.trim(bytes);
}

}  // namespace clops::serving
