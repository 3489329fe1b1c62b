#include "crds/traffic_codec.h"

namespace clops::crds {

VariantLimits read_limits(const Reader& parent, bool strict) {
  VariantLimits out;
  if (!parent.has("limits")) return out;
  const Reader in = parent.child("limits");
  if (strict) in.only({"maxConcurrent", "maxRequestsPerSecond", "maxQueueDelayMilliseconds"});
  const auto number = [&](const char* key, int64_t most) {
    return in.has(key) ? static_cast<int>(in.integer(key, 1, most)) : 0;
  };
  out.max_concurrent = number("maxConcurrent", 1'024);
  out.max_requests_per_second = number("maxRequestsPerSecond", 1'000'000);
  out.max_queue_delay_ms = number("maxQueueDelayMilliseconds", 60'000);
  return out;
}

std::optional<Mirror> read_mirror(const Reader& parent, bool strict) {
  if (!parent.has("mirror")) return std::nullopt;
  const Reader in = parent.child("mirror");
  if (strict) in.only({"variant", "percent"});
  return Mirror{.variant = in.text("variant", Need::Required),
                .percent = static_cast<int>(in.integer("percent", 1, 100, 0, Need::Required))};
}

std::optional<Batcher> read_batcher(const Reader& parent, bool strict) {
  if (!parent.has("batcher")) return std::nullopt;
  const Reader in = parent.child("batcher");
  if (strict) in.only({"maxBatchSize", "maxLatencyMilliseconds"});
  Batcher out;
  out.max_batch_size = static_cast<int>(in.integer("maxBatchSize", 1, 1'024, out.max_batch_size));
  out.max_latency_ms = static_cast<int>(in.integer("maxLatencyMilliseconds", 1, 1'000, out.max_latency_ms));
  return out;
}

void put_limits(Json& parent, const VariantLimits& limits) {
  if (limits == VariantLimits{}) return;
  Json& out = parent["limits"] = Json::object();
  if (limits.max_concurrent > 0) out["maxConcurrent"] = limits.max_concurrent;
  if (limits.max_requests_per_second > 0) out["maxRequestsPerSecond"] = limits.max_requests_per_second;
  if (limits.max_queue_delay_ms > 0) out["maxQueueDelayMilliseconds"] = limits.max_queue_delay_ms;
}

void put_mirror(Json& parent, const std::optional<Mirror>& mirror) {
  if (mirror) parent["mirror"] = {{"variant", mirror->variant}, {"percent", mirror->percent}};
}

void put_batcher(Json& parent, const std::optional<Batcher>& batcher) {
  if (!batcher) return;
  parent["batcher"] = {{"maxBatchSize", batcher->max_batch_size}, {"maxLatencyMilliseconds", batcher->max_latency_ms}};
}

}  // namespace clops::crds
