#include "serving/http/extensions.h"

#include <algorithm>
#include <array>

#include "base/http.h"
#include "serving/protocol/json_cursor.h"

namespace clops::serving::http {
namespace {

constexpr int kDepthMax = 32;

// {"ready": true}, or nothing at all.
Result<bool> ready_only_of(std::string_view body) {
  JsonCursor json(body, kDepthMax);
  bool ready = false;
  if (json.peek() == '\0' && json.at() == body.size()) return ready;
  json.expect('{', "the body is not a JSON object");
  bool first = true;
  for (std::string_view key; json.next_key(first, key);) {
    if (raw_equals(key, "ready")) {
      ready = json.boolean();
    } else {
      json.skip_value();
    }
  }
  json.expect_end();
  if (json.ok()) return ready;
  return fail(Code::InvalidArgument, "at byte " + std::to_string(json.at()) + " of the body: " + json.why());
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
  ((out += '"') += name) += "\":";
  append_json_string(out, value);
}

void append_duration(std::string& out, std::string_view name, uint64_t count, uint64_t ns) {
  ((out += '"') += name) += "\":{\"count\":";
  ((out += std::to_string(count)) += ",\"ns\":") += std::to_string(ns);
  out += '}';
}

void append_statistics(std::string& out, const StatisticsEntry& entry) {
  out += '{';
  append_member(out, "name", entry.name);
  out += ',';
  append_member(out, "version", entry.version);
  out += ",\"inference_count\":" + std::to_string(entry.rows) +
         ",\"execution_count\":" + std::to_string(entry.executions) + ",\"inference_stats\":{";
  append_duration(out, "success", entry.successes, entry.success_ns);
  out += ',';
  append_duration(out, "fail", entry.failures, entry.failure_ns);
  // Nothing waits: a request is decoded, computed and answered in one go, which is not timed in parts.
  constexpr std::array<std::string_view, 3> kNone = {"queue", "compute_input", "compute_output"};
  for (const std::string_view part : kNone) {
    out += ',';
    append_duration(out, part, entry.successes, 0);
  }
  out += ',';
  append_duration(out, "compute_infer", entry.successes, entry.success_ns);
  out += ',';
  append_duration(out, "cache_hit", 0, 0);
  out += ',';
  append_duration(out, "cache_miss", 0, 0);
  out += "},\"batch_stats\":[]}";
}

std::string_view type_of(Datatype type) {  // as a model configuration names it
  return type == Datatype::Bytes ? "STRING" : to_string(type);
}

void append_tensors(std::string& out, std::string_view name, const std::vector<TensorSpec>& tensors) {
  ((out += ",\"") += name) += "\":[";
  for (const TensorSpec& tensor : tensors) {
    if (out.back() != '[') out += ',';
    out += '{';
    append_member(out, "name", tensor.name);
    ((out += ",\"data_type\":\"TYPE_") += type_of(tensor.datatype)) += "\",\"dims\":";
    out += shape_text(tensor.shape) + "}";
  }
  out += ']';
}

void answer_index(ModelService& models, const Request& request, Answer& answer) {
  const auto ready = ready_only_of(request.body);
  if (!ready) return answer.error(400, ready.error().message);
  std::string& out = answer.body;
  out += '[';
  for (const RepositoryEntry& entry : models.repository(*ready)) {
    out += out.back() == '[' ? "{" : ",{";
    append_member(out, "name", entry.name);
    out += ',';
    append_member(out, "version", entry.version);
    out += ',';
    append_member(out, "state", entry.ready ? "READY" : "UNAVAILABLE");
    out += ',';
    append_member(out, "reason", entry.reason);
    out += '}';
  }
  out += ']';
}

}  // namespace

bool answer_repository(ModelService& models, std::string_view path, const Request& request, Answer& answer) {
  if (path == "index") {
    if (only("POST", request, answer)) answer_index(models, request, answer);
    return true;
  }
  constexpr std::string_view kModels = "models/", kLoad = "/load", kUnload = "/unload";
  const bool unload = path.ends_with(kUnload), load = !unload && path.ends_with(kLoad);
  if (!path.starts_with(kModels) || !(load || unload)) {
    answer.error(404, "nothing is at this path: the repository has /index and /models/M/load, /unload");
    return true;
  }
  if (!only("POST", request, answer)) return true;
  path.remove_prefix(kModels.size());
  path.remove_suffix(load ? kLoad.size() : kUnload.size());
  const bool first = answer.asked_first == 0;
  answer.asked_first = 1;
  const auto done = models.control(url_decode(path), load, first);
  if (done) return *done;
  answer.error(status_of(done.error().code), done.error().message);
  return true;
}

void answer_statistics(ModelService& models, std::string_view model, std::string_view version, Answer& answer) {
  const auto all = models.statistics(model, version);
  if (!all) return answer.error(status_of(all.error().code), all.error().message);
  answer.body += "{\"model_stats\":[";
  for (const StatisticsEntry& entry : *all) {
    if (answer.body.back() != '[') answer.body += ',';
    append_statistics(answer.body, entry);
  }
  answer.body += "]}";
}

void answer_configuration(ModelService& models, std::string_view model, std::string_view version, Answer& answer) {
  const auto view = models.describe(model, version);
  if (!view) return answer.error(status_of(view.error().code), view.error().message);
  if (view->target == nullptr) return answer.error(503, "the model is not loaded yet");
  const EngineInfo& info = view->target->engine->info();
  std::string& out = answer.body;
  out += '{';
  append_member(out, "name", view->name);
  out += ',';
  append_member(out, "platform", info.platform);
  // Shapes have the rows in them, so to such a client this is a model that does not batch.
  out += ",\"max_batch_size\":0";
  append_tensors(out, "input", info.inputs);
  append_tensors(out, "output", info.outputs);
  out += '}';
}

bool is_known_elsewhere(std::string_view path) {
  constexpr std::array<std::string_view, 7> kPaths = {
      "systemsharedmemory", "cudasharedmemory", "trace", "logging", "generate", "generate_stream", "infer_stream"};
  return std::ranges::find(kPaths, path.substr(0, path.find('/'))) != kPaths.end();
}

void answer_not_done(Answer& answer) {
  answer.error(501, "this extension of the protocol is not done here: GET /v2 lists those that are");
}

}  // namespace clops::serving::http
