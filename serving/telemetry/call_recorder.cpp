#include "serving/telemetry/call_recorder.h"

#include <cstring>

#include "serving/protocol/inference.h"
#include "serving/telemetry/call_event.h"

namespace clops::serving {
namespace {

void put(std::span<uint8_t> to, uint64_t bits) {
  std::memcpy(to.data(), &bits, sizeof bits);
}

}  // namespace

CallRecorder::CallRecorder(RecordRules rules, SpscRing<CallRecord>& ring, uint64_t seed)
    : rules_(rules), ring_(ring), random_(seed) {}

bool CallRecorder::chance(double ratio) {
  return ratio > 0 && static_cast<double>(random_.next() >> 11) * 0x1.0p-53 < ratio;
}

void CallRecorder::decide(const CallInfo& call) {
  const auto parent = find_traceparent(call.headers);
  call.notes.recording = true;
  call.notes.span = rules_.spans && (parent ? parent->sampled : chance(rules_.span_ratio));
}

Status CallRecorder::before(const CallInfo& call) {
  decide(call);
  return {};
}

Status CallRecorder::routed(const CallInfo& call, Target&) {
  if (call.notes.span) call.notes.timed = true;
  return {};
}

void CallRecorder::after(const CallInfo& call, const CallEnd& end) {
  if (!call.notes.recording) decide(call);  // refused before this watcher was asked
  const bool line = (rules_.errors && end.status != 200) || chance(rules_.line_ratio);
  if (!call.notes.span && !line) return;
  CallRecord* const slot = ring_.claim();
  if (slot == nullptr) return;
  slot->line = line;
  fill(*slot, call, end);
  ring_.publish();
}

void CallRecorder::fill(CallRecord& out, const CallInfo& call, const CallEnd& end) {
  const auto parent = find_traceparent(call.headers);
  out.span = call.notes.span;
  out.has_parent = parent.has_value();
  out.traced = out.span || out.has_parent;
  out.state.assign({});
  if (parent) {
    out.trace = parent->trace;
    out.parent = parent->parent;
    for (const HeaderView& header : call.headers) {
      if (out.span && same_header_name(header.name, "tracestate")) out.state.assign(kept_tracestate(header.value, 256));
    }
  } else if (out.span) {
    put(std::span(out.trace).first<8>(), random_.next() | 1);
    put(std::span(out.trace).last<8>(), random_.next());
  }
  put(out.id, random_.next() | 1);
  out.begin = call.begin;
  out.decoded = end.decoded;
  out.computed = end.computed;
  out.end = end.end;
  out.status = end.status;
  out.rows = end.rows;
  out.body_bytes = call.body_bytes;
  out.answer_bytes = end.answer_bytes;
  out.wire = call.wire;
  out.caller.assign(call.caller);
  const bool reached = end.target != nullptr;
  out.model.assign(reached ? std::string_view(end.target->model) : call.model);
  out.version.assign(reached ? std::string_view(end.target->version) : call.version);
  out.variant.assign(reached ? std::string_view(end.target->variant) : std::string_view());
  out.prediction.assign(end.inference != nullptr && end.status == 200 ? end.inference->prediction_id
                                                                      : std::string_view());
  out.error.assign(may_say_values(end) ? kNotTold : end.error);
}

}  // namespace clops::serving
