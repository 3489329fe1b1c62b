// What the admin port tells of the counters: Prometheus text, and the scaling hint.
//
// Thread rule: print_metrics is pure; a HintSampler belongs to one thread (the admin loop's).
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "crds/scaling_hint.h"
#include "serving/monitoring/counters.h"
#include "serving/net/loop.h"

namespace clops::serving {

struct ModelGauge {
  std::string model, version, variant, state;  // state as in PodState
  double load_seconds = 0;                     // 0: not loaded
};
struct ProcessGauges {
  std::vector<ModelGauge> models;
  std::vector<LoopStats> loops;
  std::vector<std::shared_ptr<CounterSet>> mirrored;
  int64_t generation = 0;
  bool ready = false;
  double cold_start_seconds = 0;  // 0: not ready yet
};

// Format 0.0.4 of the Prometheus text exposition.
[[nodiscard]] std::string print_metrics(const std::vector<std::shared_ptr<CounterSet>>& series,
                                        const ProcessGauges& gauges);
void append_label(std::string& out, std::string_view name, std::string_view value);  // name="value", escaped
inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

// Rates over the last ten seconds or so, from samples taken about once a second.
class HintSampler {
 public:
  explicit HintSampler(const CounterRegistry& registry) : registry_(registry) {}
  void sample(TimePoint now, const std::vector<LoopStats>& loops);
  [[nodiscard]] crds::ScalingHint hint() const;

 private:
  struct PerSeries {
    SeriesKey key;
    uint64_t requests = 0, failures = 0, duration_ns = 0;
  };
  struct Sample {
    TimePoint at{};
    uint64_t busy_ns = 0, lag_max_ns = 0;
    int in_hand = 0;
    std::vector<PerSeries> series;
  };
  static constexpr size_t kSamples = 11;
  const CounterRegistry& registry_;
  std::array<Sample, kSamples> ring_;
  size_t count_ = 0;  // samples ever taken
  size_t threads_ = 0;
};

}  // namespace clops::serving
