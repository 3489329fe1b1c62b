#include "serving/monitoring/call_figures.h"

#include <utility>

namespace clops::serving {
namespace {

uint64_t ns(Duration duration) {
  return static_cast<uint64_t>(duration.count() > 0 ? duration.count() : 0);
}

}  // namespace

void CallFigures::end(const CallInfo& call, const CallEnd& end) {
  bump(ended_, 1);
  bump(request_bytes_, call.body_bytes);
  bump(response_bytes_, end.answer_bytes);
  if (end.rows > 0) {
    size_t bucket = 0;
    while (bucket < kRowBounds.size() && end.rows > kRowBounds[bucket]) ++bucket;
    bump(rows_buckets_[bucket], 1);
    bump(rows_, end.rows);
  }
  if (end.status != 200) return;
  ++untimed_;
  if (end.computed == TimePoint{}) return;
  if (call.begin - timed_at_ < kEvery) return;  // timed for a span alone
  timed_at_ = call.begin;
  const uint64_t stands_for = std::exchange(untimed_, 0);
  bump(input_ns_, ns(end.decoded - call.begin) * stands_for);
  bump(infer_ns_, ns(end.computed - end.decoded) * stands_for);
  bump(output_ns_, ns(end.end - end.computed) * stands_for);
}

void CallFigures::add_to(FigureTotals& totals) const {
  const auto add = [](uint64_t& to, const Cell& from) { to += from.load(std::memory_order_relaxed); };
  // What has ended is read first: what is under way is never less than nothing.
  add(totals.ended, ended_);
  add(totals.begun, begun_);
  add(totals.rows, rows_);
  add(totals.request_bytes, request_bytes_);
  add(totals.response_bytes, response_bytes_);
  add(totals.input_ns, input_ns_);
  add(totals.infer_ns, infer_ns_);
  add(totals.output_ns, output_ns_);
  for (size_t i = 0; i < rows_buckets_.size(); ++i) add(totals.rows_buckets[i], rows_buckets_[i]);
}

}  // namespace clops::serving
