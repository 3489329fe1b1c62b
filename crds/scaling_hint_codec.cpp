// The codec of the scaling hint.
#include "crds/json_reader.h"
#include "crds/scaling_hint.h"

namespace clops::crds {

std::string encode(const ScalingHint& hint) {
  Json out{{"version", hint.version},
           {"windowSeconds", hint.window_seconds},
           {"utilisation", hint.utilisation},
           {"loopLagSeconds", hint.loop_lag_seconds},
           {"requestsPerSecond", hint.requests_per_second},
           {"errorsPerSecond", hint.errors_per_second},
           {"inFlight", hint.in_flight},
           {"threads", hint.threads},
           {"wantedReplicas", hint.wanted_replicas},
           {"variants", Json::array()}};
  for (const auto& v : hint.variants) {
    out["variants"].push_back({{"model", v.model},
                               {"variant", v.variant},
                               {"requestsPerSecond", v.requests_per_second},
                               {"serviceSecondsMean", v.service_seconds_mean}});
  }
  return dump_json(out);
}

Result<ScalingHint> decode_scaling_hint(std::string_view json) {
  CLOPS_ASSIGN(const Json root, parse_json(json, {.bytes_max = 1u << 20, .depth_max = 8}));
  ReadError error;
  const Reader in(root, "", error);
  ScalingHint hint;
  hint.version = static_cast<int>(in.integer("version", 1, INT32_MAX, 1, Need::Required));
  hint.window_seconds = in.number("windowSeconds");
  hint.utilisation = in.number("utilisation");
  hint.loop_lag_seconds = in.number("loopLagSeconds");
  hint.requests_per_second = in.number("requestsPerSecond");
  hint.errors_per_second = in.number("errorsPerSecond");
  hint.in_flight = static_cast<int>(in.integer("inFlight", 0, INT32_MAX));
  hint.threads = static_cast<int>(in.integer("threads", 0, INT32_MAX));
  hint.wanted_replicas = in.number("wantedReplicas");
  in.each("variants", 32'000, [&](const Reader& r) {
    hint.variants.push_back({.model = r.text("model", Need::Required),
                             .variant = r.text("variant", Need::Required),
                             .requests_per_second = r.number("requestsPerSecond"),
                             .service_seconds_mean = r.number("serviceSecondsMean")});
  });
  if (!error.ok()) return std::unexpected(*error.get());
  return hint;
}

}  // namespace clops::crds
