// One call on its way to be told as CloudEvents: taken from the serving thread as bytes, printed elsewhere, in KServe's
// words and binary mode (one HTTP request an event, attributes in headers).
//
// Bodies are Open Inference Protocol v2 JSON whatever the wire was, so that all look alike. Thread rule: values.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/http.h"
#include "serving/protocol/call_info.h"
#include "serving/protocol/tensor.h"
#include "serving/telemetry/event_plan.h"

namespace clops::serving {

struct TakenTensor {
  uint32_t index = 0;  // of the plan's
  Datatype datatype = Datatype::Fp32;
  std::vector<int64_t> shape;
  std::string bytes;  // the protocol's binary form
};
struct TakenSide {
  bool whole = false;   // it was decoded, or computed
  bool values = false;  // and its values are here: neither too many nor withheld
  std::vector<TakenTensor> tensors;
};

struct CallEvent {
  std::shared_ptr<const EventPlan> plan;
  std::string id, request_id_json, prediction_id, error, traceparent;
  std::string_view wire;  // static text
  TimePoint begin{}, end{};
  int status = 200;
  uint64_t rows = 0, body_bytes = 0;
  TakenSide request, response;
  size_t bytes = 0;  // as counted against the limit
};

// The model redacts columns, and what was found wrong with a call's values may say one of them.
[[nodiscard]] bool may_say_values(const CallEnd& end);
inline constexpr std::string_view kNotTold = "not told: columns are redacted";

// `id`: of both events. Copies no more than the plan's bytes_max a side.
[[nodiscard]] std::unique_ptr<CallEvent> take_event(const CallInfo& call, const CallEnd& end, std::string id);
// What take_event() would hold, about.
[[nodiscard]] size_t event_bytes(const CallEnd& end);

// The HTTP requests that tell of it: none, one or two, as the mode says. `source`: of this server.
[[nodiscard]] std::vector<HttpRequest> print_events(const CallEvent& event, std::string_view source,
                                                    Duration wall_offset);

}  // namespace clops::serving
