#include "serving/load/batcher.h"

#include <algorithm>
#include <cstring>

#include "serving/monitoring/counters.h"

namespace clops::serving {
namespace {

constexpr size_t kCallsMost = 1024;           // kept at a time
constexpr size_t kKeepBytes = 64u << 10;      // of each buffer of a call, between calls
constexpr size_t kKeepBatchBytes = 1u << 20;  // of each buffer of a batch
constexpr size_t kRowsBytesMost = 4u << 20;   // of one batch's input: larger calls are batches themselves
constexpr size_t kFewest = 2;                 // calls that a batch must have room for

bool rows_first(const TensorSpec& tensor) {
  return !tensor.any_shape && !tensor.shape.empty() && tensor.shape[0] < 0;
}

// What is declared of outputs is not asked: exporters write what their own example had.
bool may_be_joined(const EngineInfo& info) {
  const std::span<const TensorSpec> inputs = info.required();
  return !inputs.empty() && std::ranges::all_of(inputs, [](const TensorSpec& input) {
    return rows_first(input) && input.datatype != Datatype::Bytes;  // texts view their request
  });
}

// Each input in the same rows, nothing optional, nothing on request.
bool is_plain(const EngineInfo& info, const InferRequest& request) {
  const size_t required = info.required().size();
  size_t bytes = 0;
  for (size_t i = 0; i < request.views.size(); ++i) {
    const TensorView& view = request.views[i];
    if (view.rows() != (i < required ? request.row_count : 0)) return false;
    bytes += view.count * size_of(view.datatype);
  }
  return bytes <= kRowsBytesMost / kFewest &&
         std::ranges::none_of(request.outputs, [&](uint32_t output) { return info.outputs[output].on_request; });
}

bool same_rows(const InferRequest& a, const InferRequest& b) {
  return std::ranges::equal(a.views, b.views, [](const TensorView& x, const TensorView& y) {
    return x.shape.size() == y.shape.size() &&
           (x.shape.empty() || std::ranges::equal(x.shape.subspan(1), y.shape.subspan(1)));
  });
}

}  // namespace

std::unique_ptr<VariantBatch> make_variant_batch(const EngineInfo& info, const std::optional<crds::Batcher>& wanted) {
  const crds::Batcher rule = wanted.value_or(crds::Batcher{});
  if ((!wanted && !info.exact_batches) || rule.max_batch_size < 2 || !may_be_joined(info)) return nullptr;
  auto out = std::make_unique<VariantBatch>();
  out->rows_most = static_cast<size_t>(rule.max_batch_size);
  out->latency = std::chrono::milliseconds(rule.max_latency_ms);
  return out;
}

bool Batcher::wants(const CallInfo& call, const Target& target, const InferRequest& request) {
  VariantBatch& batch = *target.batch;
  if ((call.alone && batch.waiting.empty()) || in_use_ >= kCallsMost) return false;
  if (request.row_count == 0 || request.row_count * kFewest > batch.rows_most) return false;
  if (!is_plain(target.engine->info(), request)) return false;
  if (!batch.waiting.empty() && !same_rows(batch.waiting.front()->inference.request, request)) return false;
  return batch.gain.pays();
}

int64_t Batcher::put(const CallInfo& call, const CallEnd& end, Inference& inference, std::string_view id) {
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.push_back(std::make_unique<Slot>());
  }
  const uint32_t at = free_.back();
  free_.pop_back();
  Slot& slot = *slots_[at];
  slot.used = true;
  ++in_use_;
  PendingCall& kept = slot.call;
  kept.id.assign(id);
  std::swap(kept.inference, inference);
  kept.call = call;
  kept.call.headers = {};
  kept.call.model = kept.model.assign(call.model);
  kept.call.version = kept.version.assign(call.version);
  kept.call.caller = kept.caller.assign(call.caller);
  kept.end = end;
  kept.end.inference = &kept.inference;
  kept.computed = false;
  kept.done = {};
  VariantBatch& batch = *end.target->batch;
  if (batch.waiting.empty()) {
    batch.since = clock_.now();
    queue_.push_back(&batch);
  }
  batch.waiting.push_back(&kept);
  batch.rows += kept.inference.request.row_count;
  full_ = full_ || batch.rows >= batch.rows_most;
  return int64_t{at} + 1;
}

bool Batcher::due() const {
  if (full_ || queue_.empty()) return full_;
  const TimePoint now = clock_.now();
  return std::ranges::any_of(queue_, [now](const VariantBatch* batch) { return now - batch->since >= batch->latency; });
}

PendingCall& Batcher::at(int64_t ticket) {
  Slot& slot = *slots_[static_cast<size_t>(ticket - 1)];
  if (!slot.call.computed) compute();
  return slot.call;
}

void Batcher::release(int64_t ticket) {
  const auto at = static_cast<uint32_t>(ticket - 1);
  Slot& slot = *slots_[at];
  slot.used = false;
  slot.call.inference.trim(kKeepBytes);
  --in_use_;
  free_.push_back(at);
}

void Batcher::ran_alone(const Target& target, Duration spent) {
  target.batch->gain.alone(spent);
}

std::vector<int64_t> Batcher::unclaimed() const {
  std::vector<int64_t> out;
  for (size_t i = 0; i < slots_.size() && out.size() < in_use_; ++i)
    if (slots_[i]->used) out.push_back(static_cast<int64_t>(i) + 1);
  return out;
}

void Batcher::compute() {
  for (VariantBatch* const batch : queue_) compute(*batch);
  queue_.clear();
  full_ = false;
}

void Batcher::compute(VariantBatch& batch) {
  const TimePoint begin = clock_.now();
  for (PendingCall* const call : batch.waiting) call->computed = true;
  std::erase_if(batch.waiting, [begin](PendingCall* call) {
    if (!call->call.deadline || begin < *call->call.deadline) return false;
    call->end.target->counters->refuse(Refusal::Deadline);
    call->done = fail(Code::DeadlineExceeded, "the call could not be answered in the time that it gives");
    return true;
  });
  const std::vector<PendingCall*>& calls = batch.waiting;
  if (calls.size() > 1 && compute_together(*calls.front()->end.target, calls)) {
    const TimePoint end = clock_.now();
    batch.gain.batch(end - begin, calls.size());
    calls.front()->end.target->counters->joined(calls.size());
    for (PendingCall* const call : calls) {
      call->end.spent = (end - begin) / static_cast<int64_t>(calls.size());
      if (call->call.notes.timed) call->end.computed = end;
    }
  } else {
    for (PendingCall* const call : calls) {
      const TimePoint from = clock_.now();
      call->done = call->inference.run(*call->end.target);
      const TimePoint end = clock_.now();
      call->end.spent = end - from;
      if (call->done) batch.gain.alone(end - from);
      if (call->call.notes.timed) call->end.computed = end;
    }
  }
  batch.waiting.clear();
  batch.rows = 0;
}

void Batcher::gather(const EngineInfo& info, const std::vector<PendingCall*>& calls) {
  const size_t count = info.required().size();
  if (inputs_.size() < count) inputs_.resize(count);
  size_t rows = 0;
  for (const PendingCall* call : calls) rows += call->inference.request.row_count;
  views_.clear();
  for (size_t i = 0; i < count; ++i) {
    const TensorView& first = calls.front()->inference.request.views[i];
    shape_.assign(first.shape.begin(), first.shape.end());
    shape_[0] = static_cast<int64_t>(rows);
    inputs_[i].reset(first.datatype, shape_);
    auto* to = static_cast<std::byte*>(inputs_[i].data());
    for (const PendingCall* call : calls) {
      const TensorView& from = call->inference.request.views[i];
      const size_t bytes = from.count * size_of(from.datatype);
      std::memcpy(to, from.data, bytes);
      to += bytes;
    }
    views_.push_back(inputs_[i].view());
  }
}

// False: it failed, or gave other rows than it was asked for; nothing is computed then.
bool Batcher::compute_together(Target& target, const std::vector<PendingCall*>& calls) {
  const EngineInfo& info = target.engine->info();
  gather(info, calls);
  if (outputs_.size() < info.outputs.size()) outputs_.resize(info.outputs.size());
  const std::span<TensorBuffer> outputs = std::span(outputs_).first(info.outputs.size());
  for (TensorBuffer& output : outputs) output.wanted = false;
  for (const PendingCall* call : calls)
    for (const uint32_t index : call->inference.request.outputs) outputs[index].wanted = true;
  bool good = static_cast<bool>(target.engine->infer(views_, *target.scratch, outputs));
  const auto by_rows = [&](const TensorBuffer& output) {
    return !output.wanted || (!output.shape().empty() && output.shape()[0] == views_.front().shape[0]);
  };
  if (good && !std::ranges::all_of(outputs, by_rows)) {
    good = false;
    target.batch->rows_most = 0;  // it does not answer row by row: never again
  }
  size_t row = 0;
  for (PendingCall* const call : calls) {
    if (good) call->inference.take_rows(target, outputs, row);
    row += call->inference.request.row_count;
  }
  for (std::vector<TensorBuffer>* const buffers : {&inputs_, &outputs_})
    for (TensorBuffer& buffer : *buffers) buffer.trim(kKeepBatchBytes);
  return good;
}

}  // namespace clops::serving
