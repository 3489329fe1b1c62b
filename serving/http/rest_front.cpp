#include "serving/http/rest_front.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "base/http.h"

namespace clops::serving::http {
namespace {

using namespace std::chrono_literals;

int status_of(Code code) {
  switch (code) {
    case Code::InvalidArgument:
      return 400;
    case Code::NotFound:
      return 404;
    case Code::TooLarge:
      return 413;
    case Code::Unsupported:
      return 415;
    case Code::Unavailable:
      return 503;
    default:
      return 500;
  }
}

// True when the method may go on; else answered.
bool only(std::string_view allowed, const Request& request, Answer& answer) {
  const bool get = allowed == "GET";
  if (request.method == allowed || (get && request.method == "HEAD")) return true;
  answer.error(405, std::string(request.method.substr(0, 16)) + " is not done here: use " + std::string(allowed));
  answer.extra = get ? "Allow: GET, HEAD\r\n" : "Allow: POST\r\n";
  return false;
}

// One path segment up to the next '/', decoded into `memory` only if it must be.
std::string_view next_segment(std::string_view& path, std::string& memory) {
  const size_t slash = std::min(path.find('/'), path.size());
  std::string_view segment = path.substr(0, slash);
  path.remove_prefix(std::min(slash + 1, path.size()));
  if (segment.find('%') == std::string_view::npos) return segment;
  memory = url_decode(segment);
  return memory;
}

// What may hold a JSON document. A form is what curl -d says of every body unless told otherwise: the decoder judges.
bool is_json(std::string_view content_type) {
  constexpr std::string_view kSuffix = "+json";
  const std::string_view type = content_type.substr(0, content_type.find_first_of("; \t"));
  return type.empty() || same_header_name(type, "application/json") ||
         same_header_name(type, "application/x-www-form-urlencoded") ||
         (type.size() > kSuffix.size() && same_header_name(type.substr(type.size() - kSuffix.size()), kSuffix));
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
    out += tensors[i].on_request ? "],\"parameters\":{\"on_request\":true}}"
           : tensors[i].optional ? "],\"parameters\":{\"optional\":true}}"
                                 : "]}";
  }
  out += ']';
}

}  // namespace

bool RestFront::serve(const Request& request, Answer& answer) {
  std::string_view path = request.target.substr(0, request.target.find('?'));
  constexpr std::string_view kModels = "/v2/models/";
  if (path.starts_with(kModels)) {
    route_model(path.substr(kModels.size()), request, answer);
    return true;
  }
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (path == "/v2/health/live") {
    if (only("GET", request, answer)) answer.body = "{\"live\":true}";
  } else if (path == "/v2/health/ready") {
    return !only("GET", request, answer) || ready(request, answer);
  } else if (path == "/v2") {
    if (only("GET", request, answer)) server_metadata(answer);
  } else {
    answer.error(404, "nothing is at this path: the Open Inference Protocol begins at /v2");
  }
  return true;
}

void RestFront::on_refused(int status) {
  const TimePoint now = models_.now();
  models_.count(nullptr, status, 0, now, now);
}

void RestFront::route_model(std::string_view path, const Request& request, Answer& answer) {
  const std::string_view model = next_segment(path, name_);
  std::string_view version;
  if (path.starts_with("versions/")) {
    path.remove_prefix(9);
    version = next_segment(path, version_);
    if (version.empty()) return answer.error(404, "a version is missing in the path");
  }
  if (path == "infer") {
    if (only("POST", request, answer)) infer(model, version, request, answer);
  } else if (path.empty() || path == "ready") {
    if (only("GET", request, answer)) model_metadata(model, version, path == "ready", answer);
  } else {
    answer.error(404, "nothing is at this path: a model has /infer, /ready and /versions/V");
  }
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
  answer.body += ",\"extensions\":[]}";
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

void RestFront::infer(std::string_view model, std::string_view version, const Request& request, Answer& answer) {
  const TimePoint begin = models_.now();
  request_.row_count = 0;
  Target* target = nullptr;
  const auto type = request.header("content-type");
  if (const auto coding = request.header("content-encoding"); coding && !same_header_name(*coding, "identity")) {
    answer.error(415, "Content-Encoding is not taken here: send the body as it is");
  } else if (type && !is_json(*type)) {
    answer.error(415, "the body's type is " + std::string(type->substr(0, 64)) + ": it must be application/json");
  } else if (request.header("inference-header-content-length")) {
    answer.error(415, "binary tensor data is not taken here: send \"data\" as JSON");
  } else if (const auto routed = models_.route(model, version, request.headers); !routed) {
    answer.error(status_of(routed.error().code), routed.error().message);
  } else {
    target = *routed;
    if (const Status decoded = decode_infer(request.body, target->engine->info(), limits_, request_); !decoded) {
      answer.error(status_of(decoded.error().code), decoded.error().message);
    } else {
      run(*target, answer);
    }
  }
  models_.count(target, answer.status, answer.status == 200 ? request_.row_count : 0, begin, models_.now());
}

void RestFront::run(Target& target, Answer& answer) {
  const size_t count = target.engine->info().outputs.size();
  if (values_.size() < count) values_.resize(count);
  const std::span<TensorBuffer> outputs = std::span(values_).first(count);
  for (TensorBuffer& output : outputs) output.wanted = false;
  for (const uint32_t index : request_.outputs) outputs[index].wanted = true;
  if (const Status done = target.engine->infer(request_.views, *target.scratch, outputs); !done)
    return answer.error(status_of(done.error().code), done.error().message);
  std::string& out = answer.body;
  out += target.head_json;
  if (!request_.id_json.empty()) {
    out += ",\"id\":";
    out += request_.id_json;
  }
  out += ',';
  out += target.parameters_json;
  models_.append_prediction_id(target, out);
  out += "\"},\"outputs\":[";
  for (const uint32_t index : request_.outputs) {
    if (out.back() != '[') out += ',';
    append_output(out, target.outputs_json[index], outputs[index].view());
  }
  out += "]}";
  // One huge batch must not pin its memory for the life of the thread.
  constexpr size_t kKeepBytes = 1u << 20;
  for (TensorBuffer& output : outputs) output.trim(kKeepBytes);
  request_.trim(kKeepBytes);
}

}  // namespace clops::serving::http
