// The small JSON that a serving pod offers to whoever scales it: GET http://POD:8081/clops/v1/hint, without credentials
// (numbers only). Rates are over the last `window`. Values; errors: InvalidArgument naming the JSON path.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace clops::crds {

struct VariantHint {
  std::string model, variant;
  double requests_per_second = 0;
  double service_seconds_mean = 0;  // time in the engine and codec, without waiting
  bool operator==(const VariantHint&) const = default;
};

struct ScalingHint {
  int version = 1;
  double window_seconds = 0;
  double utilisation = 0;       // busy share of the serving threads, 0..1
  double loop_lag_seconds = 0;  // worst time between an event being ready and handled, in the window
  double requests_per_second = 0;
  double errors_per_second = 0;
  int in_flight = 0;
  int threads = 0;
  double wanted_replicas = 0;  // utilisation over the target (0.7), as a multiple of this pod
  std::vector<VariantHint> variants;
  bool operator==(const ScalingHint&) const = default;
};

[[nodiscard]] std::string encode(const ScalingHint& hint);
[[nodiscard]] Result<ScalingHint> decode_scaling_hint(std::string_view json);

}  // namespace clops::crds
