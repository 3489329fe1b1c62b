#include "serving/http/rest_front.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "base/http.h"
#include "serving/http/extensions.h"
#include "serving/protocol/tensor_bytes.h"

namespace clops::serving::http {
namespace {

using namespace std::chrono_literals;

// One path segment up to the next '/', decoded into `memory` only if it must be.
std::string_view next_segment(std::string_view& path, std::string& memory) {
  const size_t slash = std::min(path.find('/'), path.size());
  std::string_view segment = path.substr(0, slash);
  path.remove_prefix(std::min(slash + 1, path.size()));
  if (segment.find('%') == std::string_view::npos) return segment;
  memory = url_decode(segment);
  return memory;
}

// wait_ms=N of a target's query, at most ten seconds; 0 where there is none.
std::chrono::milliseconds wait_of(std::string_view target) {
  constexpr std::string_view kName = "wait_ms=";
  const size_t query = std::min(target.find('?'), target.size());
  std::string_view rest = target.substr(std::min(query + 1, target.size()));
  if (!rest.starts_with(kName)) return 0ms;
  rest.remove_prefix(kName.size());
  int ms = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), ms);
  if (error != std::errc{} || end != rest.data() + rest.size()) return 0ms;
  return std::chrono::milliseconds(std::clamp(ms, 0, 10'000));
}

// What probes ask, of every dialect: answered to everybody.
bool is_health(std::string_view path) {
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path == "/v2/health/live" || path == "/v2/health/ready" || path == "/" || path == "/ping" || path == "/health";
}

void append_tensors(std::string& out, const std::vector<TensorSpec>& tensors) {
  out += '[';
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (i > 0) out += ',';
    out += "{\"name\":";
    append_json_string(out, tensors[i].name);
    out += ",\"datatype\":\"";
    out += to_string(tensors[i].datatype);
    out += "\",\"shape\":[";
    for (size_t d = 0; d < tensors[i].shape.size(); ++d) {
      if (d > 0) out += ',';
      out += std::to_string(tensors[i].shape[d]);
    }
    const CategoryNames* const categories = tensors[i].categories.get();
    if (tensors[i].on_request) {
      out += "],\"parameters\":{\"on_request\":true}}";
    } else if (tensors[i].optional) {
      out += "],\"parameters\":{\"optional\":true}}";
    } else if (categories != nullptr) {
      append_json_string(out += "],\"parameters\":{\"categories\":", categories->told());
      append_json_string(out += ",\"unknown_category\":", to_string(categories->unknown()));
      out += "}}";
    } else {
      out += "]}";
    }
  }
  out += ']';
}

}  // namespace

bool RestFront::serve(const Request& request, Answer& answer) {
  std::string_view path = request.target.substr(0, request.target.find('?'));
  constexpr std::string_view kModels = "/v2/models/", kRepository = "/v2/repository/";
  if (answer.asked_first == 0 && !is_health(path) && !admit(request, answer)) return true;
  if (path.starts_with(kModels)) return route_model(path.substr(kModels.size()), request, answer);
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (path == "/v2/health/live") {
    if (only("GET", request, answer)) answer.body = "{\"live\":true}";
  } else if (path == "/v2/health/ready") {
    return !only("GET", request, answer) || ready(request, answer);
  } else if (path == "/v2") {
    if (only("GET", request, answer)) server_metadata(answer);
  } else if (path.starts_with(kRepository)) {
    return answer_repository(models_, path.substr(kRepository.size()), request, answer);
  } else if (path.starts_with("/v2/") && is_known_elsewhere(path.substr(4))) {
    answer_not_done(answer);
  } else if (const std::optional<bool> served = older_.serve(path, request, answer)) {
    return *served;
  } else {
    answer.error(404, "nothing is at this path: the Open Inference Protocol begins at /v2");
  }
  return true;
}

bool RestFront::admit(const Request& request, Answer& answer) {
  const auto caller = models_.admit(request.headers);
  if (caller) {
    call_.caller = *caller;
    return true;
  }
  const Error& error = caller.error();
  answer.error(status_of(error.code), error.message);
  if (error.code == Code::PermissionDenied) {
    answer.extra = "WWW-Authenticate: Bearer error=\"insufficient_scope\"\r\n";
  } else if (error.code == Code::Unauthenticated) {
    const bool given = request.header("authorization").has_value();
    answer.extra = given ? "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n" : "WWW-Authenticate: Bearer\r\n";
  }
  models_.refused(answer.status);
  return false;
}

void RestFront::on_refused(int status) {
  models_.refused(status);
}

bool RestFront::route_model(std::string_view path, const Request& request, Answer& answer) {
  const std::string_view model = next_segment(path, name_);
  std::string_view version;
  if (path.starts_with("versions/")) {
    path.remove_prefix(9);
    version = next_segment(path, version_);
    if (version.empty()) {
      answer.error(404, "a version is missing in the path");
      return true;
    }
  }
  if (path == "infer") {
    if (!only("POST", request, answer)) return true;
    return call_.run(
        {.wire = "rest", .model = model, .version = version}, request, answer,
        [this](const ContentHeaders& headers, std::string_view body, const Target& target) {
          return decode(headers, body, target);
        },
        [this, &answer](const Target& target) { return write(target, answer); });
  } else if (path.empty() && model == "stats" && version.empty() && !models_.describe(model, version)) {
    if (only("GET", request, answer)) answer_statistics(models_, {}, {}, answer);
  } else if (path.empty() || path == "ready") {
    if (only("GET", request, answer)) model_metadata(model, version, path == "ready", answer);
  } else if (path == "stats") {
    if (only("GET", request, answer)) answer_statistics(models_, model, version, answer);
  } else if (path == "config") {
    if (only("GET", request, answer)) answer_configuration(models_, model, version, answer);
  } else if (is_known_elsewhere(path)) {
    answer_not_done(answer);
  } else {
    answer.error(404, "nothing is at this path: a model has /infer, /ready, /stats, /config and /versions/V");
  }
  return true;
}

bool RestFront::ready(const Request& request, Answer& answer) {
  const bool ready = models_.ready();
  const std::chrono::milliseconds patience = ready || models_.draining() ? 0ms : wait_of(request.target);
  if (patience > 0ms) {
    const int64_t now = models_.now().time_since_epoch().count();
    if (answer.asked_first == 0) answer.asked_first = now;
    if (Duration(now - answer.asked_first) < patience) return false;
  }
  answer.status = ready ? 200 : 503;
  answer.body = ready ? "{\"ready\":true}" : "{\"ready\":false}";
  return true;
}

void RestFront::server_metadata(Answer& answer) {
  answer.body = "{\"name\":\"clops\",\"version\":";
  append_json_string(answer.body, server_version_);
  ((answer.body += ",\"extensions\":") += kExtensions) += '}';
}

void RestFront::model_metadata(std::string_view model, std::string_view version, bool ready_only, Answer& answer) {
  const auto view = models_.describe(model, version);
  if (!view) return answer.error(status_of(view.error().code), view.error().message);
  answer.body = "{\"name\":";
  append_json_string(answer.body, view->name);
  if (ready_only) {
    answer.status = view->ready ? 200 : 503;
    answer.body += view->ready ? ",\"ready\":true}" : ",\"ready\":false}";
    return;
  }
  if (view->target == nullptr) return answer.error(503, "the model is not loaded yet");
  answer.body += ",\"versions\":[";
  for (size_t i = 0; i < view->versions.size(); ++i) {
    if (i > 0) answer.body += ',';
    append_json_string(answer.body, view->versions[i]);
  }
  const EngineInfo& info = view->target->engine->info();
  answer.body += "],\"platform\":";
  append_json_string(answer.body, info.platform);
  answer.body += ",\"inputs\":";
  append_tensors(answer.body, info.inputs);
  answer.body += ",\"outputs\":";
  append_tensors(answer.body, info.outputs);
  answer.body += ",\"parameters\":{\"framework\":";  // beyond the protocol's fields: what answers, and how
  append_json_string(answer.body, info.framework);
  answer.body += ",\"evaluator\":";
  append_json_string(answer.body, info.evaluator);
  answer.body += "}}";
}

// How many bytes of a body are its JSON.
Result<size_t> json_bytes_of(const ContentHeaders& headers, size_t body_bytes) {
  const std::string_view text = *headers.json_bytes;
  size_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  if (headers.json_bytes_twice || text.empty() || error != std::errc{} || end != text.data() + text.size())
    return fail(Code::InvalidArgument, "Inference-Header-Content-Length is not one number");
  if (bytes > body_bytes)
    return fail(Code::InvalidArgument, "Inference-Header-Content-Length is " + std::to_string(bytes) +
                                           ", and the body has " + std::to_string(body_bytes) + " bytes");
  return bytes;
}

Status RestFront::decode(const ContentHeaders& headers, std::string_view body, const Target& target) {
  const EngineInfo& info = target.engine->info();
  if (!headers.json_bytes) {
    if (headers.may_be_json()) return decode_infer(body, info, call_.limits(), call_.inference.request);
    return headers.must_be("application/json");
  }
  CLOPS_ASSIGN(const size_t json, json_bytes_of(headers, body.size()));
  if (json == 0) return decode_raw(body, info, call_.limits(), call_.inference.request);
  return decode_infer(body.substr(0, json), body.substr(json), info, call_.limits(), call_.inference.request);
}

Status RestFront::write(const Target& target, Answer& answer) {
  const InferRequest& request = call_.inference.request;
  std::string& out = answer.body;
  out += target.head_json;
  if (!request.id_json.empty()) {
    out += ",\"id\":";
    out += request.id_json;
  }
  out += ',';
  out += target.parameters_json;
  out += call_.name_prediction(target);
  out += '"';
  if (!call_.inference.warning.empty()) {
    out += ",\"validation\":";
    append_json_string(out, call_.inference.warning);
  }
  out += "},\"outputs\":[";
  if (!request.plain) return write_forms(target, answer);
  const std::span<TensorBuffer> outputs = call_.inference.outputs(target);
  for (const uint32_t index : request.outputs) {
    if (out.back() != '[') out += ',';
    append_output(out, target.outputs_json[index], outputs[index].view());
  }
  out += "]}";
  return {};
}

// Outputs of which some are binary data behind the JSON, or classes.
Status RestFront::write_forms(const Target& target, Answer& answer) {
  const InferRequest& request = call_.inference.request;
  blobs_.clear();
  bool binary = false;
  std::string& out = answer.body;
  for (size_t i = 0; i < request.outputs.size(); ++i) {
    const uint32_t index = request.outputs[i];
    const OutputForm form = request.forms[i];
    if (out.back() != '[') out += ',';
    CLOPS_ASSIGN(const TensorView view, call_.inference.given(target, i));
    std::string_view head = target.outputs_json[index];
    if (form.classes > 0) {
      head_ =
          "{\"name\":" + json_text(target.engine->info().outputs[index].name) + ",\"datatype\":\"BYTES\",\"shape\":[";
      head = head_;
    }
    if (form.binary == OutputForm::Binary::Yes) {
      binary = true;
      append_binary_output(out, head, view);
      append_bytes(blobs_, view);
    } else {
      append_output(out, head, view);
    }
  }
  out += "]}";
  if (binary) {
    answer.content_type = "application/octet-stream";
    answer.headers = "Inference-Header-Content-Length: " + std::to_string(out.size()) + "\r\n";
    out += blobs_;
  }
  constexpr size_t kKeepBytes = 1u << 20;
  if (blobs_.capacity() > kKeepBytes) std::string().swap(blobs_);
  return {};
}

}  // namespace clops::serving::http
