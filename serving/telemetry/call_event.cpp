#include "serving/telemetry/call_event.h"

#include <algorithm>

#include "serving/protocol/element_types.h"
#include "serving/protocol/inference.h"
#include "serving/protocol/json_text.h"
#include "serving/protocol/oip_values.h"
#include "serving/protocol/tensor_bytes.h"
#include "serving/telemetry/trace_context.h"

namespace clops::serving {
namespace {

constexpr size_t kErrorBytesMax = 1'024;
constexpr size_t kIdBytesMax = 256;

// Elements are counted first: the bytes of many strings are not even added up.
bool fits(const TensorView& tensor, size_t& room) {
  if (tensor.count > room) return false;
  const size_t bytes = bytes_of(tensor);
  if (bytes > room) return false;
  room -= bytes;
  return true;
}

void take(TakenSide& side, uint32_t index, const TensorView& view, size_t& room) {
  side.values = side.values && fits(view, room);
  side.tensors.push_back(
      {.index = index, .datatype = view.datatype, .shape = {view.shape.begin(), view.shape.end()}, .bytes = {}});
  if (side.values) append_bytes(side.tensors.back().bytes, view);
}

void finish(TakenSide& side) {
  if (side.values) return;
  for (TakenTensor& tensor : side.tensors) tensor.bytes.clear();
}

void take_request(TakenSide& side, const Inference& inference, const EventPlan& plan) {
  side.whole = true;
  side.values = plan.unknown_columns.empty();
  auto room = static_cast<size_t>(plan.logger.bytes_max);
  const auto& views = inference.request.views;
  for (uint32_t i = 0; i < views.size() && i < plan.inputs.size(); ++i) {
    if (views[i].shape.empty() && views[i].count == 0) continue;  // optional, and left out
    take(side, i, views[i], room);
  }
  finish(side);
}

void take_response(TakenSide& side, const Inference& inference, const EventPlan& plan) {
  side.whole = true;
  side.values = plan.unknown_columns.empty();
  auto room = static_cast<size_t>(plan.logger.bytes_max);
  for (const uint32_t index : inference.request.outputs) {
    if (index < plan.outputs.size()) take(side, index, inference.computed(index), room);
  }
  finish(side);
}

// ---- printing

bool is_redacted(const EventTensor& tensor, size_t element) {
  return tensor.whole || std::ranges::binary_search(tensor.columns, static_cast<uint32_t>(element % tensor.width));
}

void append_data(std::string& out, const TakenTensor& taken, const EventTensor& told) {
  TensorBuffer values;
  values.reset(taken.datatype, taken.shape);
  if (!read_bytes(taken.bytes, taken.datatype, values)) return;  // what append_bytes() has written is read
  const TensorView view = values.view();
  if (!told.whole && told.columns.empty()) return append_values(out, view);
  with_type(view.datatype, [&](auto element) {
    const auto* const data = static_cast<const decltype(element)*>(view.data);
    for (size_t i = 0; i < view.count; ++i) {
      if (i > 0) out += ',';
      if (is_redacted(told, i)) {
        out += "null";
      } else {
        append_values(out, {.datatype = view.datatype, .shape = {}, .data = data + i, .count = 1});
      }
    }
  });
}

void append_side(std::string& out, std::string_view key, const TakenSide& side, const std::vector<EventTensor>& told) {
  ((out += '"') += key) += "\":[";
  for (size_t i = 0; i < side.tensors.size(); ++i) {
    const TakenTensor& tensor = side.tensors[i];
    out += i > 0 ? ",{\"name\":" : "{\"name\":";
    append_json_string(out, told[tensor.index].name);
    out += ",\"datatype\":";
    append_json_string(out, to_string(tensor.datatype));
    (out += ",\"shape\":") += shape_text(tensor.shape);
    if (side.values) {
      out += ",\"data\":[";
      append_data(out, tensor, told[tensor.index]);
      out += ']';
    }
    out += '}';
  }
  out += ']';
}

// Why values are missing, for whoever reads the events.
void append_missing(std::string& out, const TakenSide& side, const EventPlan& plan) {
  if (!side.whole || side.values) return;
  out += ",\"values_withheld\":";
  append_json_string(out, plan.unknown_columns.empty()
                              ? "more than maxBytes"
                              : "redactColumns names what the model does not have: " + plan.unknown_columns.front());
}

std::string request_body(const CallEvent& event) {
  const EventPlan& plan = *event.plan;
  std::string out = "{";
  if (!event.request_id_json.empty()) (out += "\"id\":" + event.request_id_json) += ',';
  append_side(out, "inputs", event.request, plan.inputs);
  out += ",\"parameters\":{\"wire\":";
  append_json_string(out, event.wire);
  (out += ",\"request_bytes\":") += std::to_string(event.body_bytes);
  if (!event.request.whole) out += ",\"decoded\":false";
  append_missing(out, event.request, plan);
  return out += "}}";
}

std::string response_body(const CallEvent& event) {
  const EventPlan& plan = *event.plan;
  std::string out = "{\"model_name\":";
  append_json_string(out, plan.model);
  if (!plan.version.empty()) append_json_string(out += ",\"model_version\":", plan.version);
  if (!event.request_id_json.empty()) out += ",\"id\":" + event.request_id_json;
  if (event.status != 200) {
    append_json_string(out += ",\"error\":", event.error);
  } else {
    append_side(out += ',', "outputs", event.response, plan.outputs);
  }
  (out += ",\"parameters\":{\"status\":") += std::to_string(event.status);
  if (!plan.variant.empty()) append_json_string(out += ",\"variant\":", plan.variant);
  if (!event.prediction_id.empty()) append_json_string(out += ",\"prediction_id\":", event.prediction_id);
  append_missing(out, event.response, plan);
  return out += "}}";
}

HttpRequest print(const CallEvent& event, std::string_view kind, std::string_view source, TimePoint at,
                  Duration wall_offset, std::string body) {
  const WallTime wall{std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch() + wall_offset)};
  HttpRequest out{.method = "POST", .url = event.plan->logger.url, .headers = {}, .body = std::move(body)};
  auto& headers = out.headers.items;
  headers = {{"Content-Type", "application/json"},
             {"ce-specversion", "1.0"},
             {"ce-id", event.id},
             {"ce-type", "org.kubeflow.serving.inference." + std::string(kind)},
             {"ce-source", std::string(source)},
             {"ce-time", to_rfc3339_micro(wall)},
             {"ce-inferenceservicename", event.plan->model},
             {"ce-namespace", event.plan->logger.ns},
             {"ce-component", "predictor"},
             {"ce-endpoint", event.plan->variant}};
  if (!event.traceparent.empty()) headers.emplace_back("ce-traceparent", event.traceparent);
  std::erase_if(headers, [](const auto& header) { return header.second.empty(); });
  return out;
}

}  // namespace

bool may_say_values(const CallEnd& end) {
  return end.events != nullptr && end.events->redacts() && end.target != nullptr && end.status >= 400 &&
         end.status < 500;
}

size_t event_bytes(const CallEnd& end) {
  constexpr size_t kFrame = 1'024;
  const auto most = static_cast<size_t>(end.events->logger.bytes_max);
  if (end.inference == nullptr) return kFrame;
  size_t bytes = 0;
  for (const TensorView& view : end.inference->request.views) bytes += view.count * 8;
  return kFrame + std::min(bytes, most) + (end.status == 200 ? std::min(end.answer_bytes, most) : 0);
}

std::unique_ptr<CallEvent> take_event(const CallInfo& call, const CallEnd& end, std::string id) {
  auto out = std::make_unique<CallEvent>();
  const EventPlan& plan = *end.events;
  out->plan = plan.shared_from_this();
  out->id = std::move(id);
  out->wire = call.wire;
  out->begin = call.begin;
  out->end = end.end;
  out->status = end.status;
  out->rows = end.rows;
  out->body_bytes = call.body_bytes;
  if (const auto parent = find_traceparent(call.headers)) out->traceparent = print_traceparent(*parent);
  if (end.inference != nullptr) {
    if (end.inference->request.id_json.size() <= kIdBytesMax) out->request_id_json = end.inference->request.id_json;
    if (plan.logger.mode != crds::LogMode::Response) take_request(out->request, *end.inference, plan);
    if (plan.logger.mode != crds::LogMode::Request && end.status == 200)
      take_response(out->response, *end.inference, plan);
    if (end.status == 200) out->prediction_id = end.inference->prediction_id;
  }
  out->error = may_say_values(end) ? kNotTold : end.error.substr(0, kErrorBytesMax);
  return out;
}

std::vector<HttpRequest> print_events(const CallEvent& event, std::string_view source, Duration wall_offset) {
  std::vector<HttpRequest> out;
  const crds::LogMode mode = event.plan->logger.mode;
  if (mode != crds::LogMode::Response)
    out.push_back(print(event, "request", source, event.begin, wall_offset, request_body(event)));
  if (mode != crds::LogMode::Request)
    out.push_back(print(event, "response", source, event.end, wall_offset, response_body(event)));
  return out;
}

}  // namespace clops::serving
