#include "serving/http/older_doors.h"

#include <algorithm>

#include "base/http.h"
#include "serving/protocol/oip_values.h"

namespace clops::serving::http {
namespace {

constexpr std::string_view kV1 = "/v1/models";

bool explains(const EngineInfo& info) {
  return std::ranges::any_of(info.outputs, [](const TensorSpec& output) { return output.name == kContributions; });
}

// Models by name, each once.
std::vector<std::string_view> names_of(ModelService& models) {
  std::vector<std::string_view> out;
  for (const RepositoryEntry& entry : models.repository(false))
    if (out.empty() || out.back() != entry.name) out.push_back(entry.name);
  return out;
}

}  // namespace

std::optional<bool> OlderDoors::serve(std::string_view path, const Request& request, Answer& answer) {
  if (path.starts_with(kV1) && (path.size() == kV1.size() || path[kV1.size()] == '/')) {
    return v1(path.substr(kV1.size()), request, answer);
  } else if (path == "/invocations") {
    return !only("POST", request, answer) || invocations(request, answer);
  } else if (path == "/ping" || path == "/health") {
    if (only("GET", request, answer)) ready(answer);
  } else if (path == "/") {
    if (only("GET", request, answer)) answer.body = R"({"status":"alive"})";
  } else if (path == "/version") {
    if (!only("GET", request, answer)) return true;
    answer.content_type = "text/plain";
    answer.body = server_version_;
  } else {
    return std::nullopt;
  }
  return true;
}

bool OlderDoors::v1(std::string_view path, const Request& request, Answer& answer) {
  path.remove_prefix(path.starts_with('/') ? 1 : 0);
  if (path.find('%') != std::string_view::npos) path = name_ = url_decode(path);
  const size_t colon = path.rfind(':');
  const std::string_view verb = colon == std::string_view::npos ? std::string_view() : path.substr(colon + 1);
  if (verb == "predict" || verb == "explain") {
    return !only("POST", request, answer) || v1_call(path.substr(0, colon), verb == "explain", request, answer);
  }
  if (!verb.empty() || path.find('/') != std::string_view::npos) {
    answer.error(404, "nothing is at this path: a model of v1 has :predict and :explain");
  } else if (only("GET", request, answer)) {
    path.empty() ? v1_models(answer) : v1_model(path, answer);
  }
  return true;
}

void OlderDoors::v1_models(Answer& answer) {
  answer.body = "{\"models\":[";
  for (const std::string_view name : names_of(call_.models())) {
    if (answer.body.back() != '[') answer.body += ',';
    append_json_string(answer.body, name);
  }
  answer.body += "]}";
}

void OlderDoors::v1_model(std::string_view model, Answer& answer) {
  const auto view = call_.models().describe(model, {});
  if (!view) return answer.error(status_of(view.error().code), view.error().message);
  if (!view->ready) return answer.error(503, "model " + json_text(model) + " is not ready");
  answer.body = "{\"name\":";
  append_json_string(answer.body, view->name);
  answer.body += ",\"ready\":true}";
}

void OlderDoors::ready(Answer& answer) {
  if (!call_.models().ready()) return answer.error(503, "the models are not ready");
  answer.body = "\n";
}

bool OlderDoors::v1_call(std::string_view model, bool explain, const Request& request, Answer& answer) {
  bool unable = false;
  const bool done = call_.run(
      {.wire = "v1", .model = model}, request, answer,
      [&](const ContentHeaders& headers, std::string_view body, const Target& target) -> Status {
        if (!headers.may_be_json()) return headers.must_be("application/json");
        unable = explain && !explains(target.engine->info());
        if (unable) return fail(Code::Unsupported, "this model gives no contributions, so it explains nothing");
        return reader_.read_v1(body, target.engine->info(), call_.limits(), explain, call_.inference.request);
      },
      [&](const Target& target) { return write(target, explain, answer); });
  if (unable) answer.status = 501;
  return done;
}

bool OlderDoors::invocations(const Request& request, Answer& answer) {
  const auto names = names_of(call_.models());
  if (names.size() != 1) {
    std::string all;
    for (const std::string_view name : names) all += (all.empty() ? ": " : ", ") + json_text(name);
    answer.error(404, "/invocations is for a server of one model, and this one has " + std::to_string(names.size()) +
                          all + ": ask by name");
    return true;
  }
  return call_.run(
      {.wire = "mlflow", .model = names.front()}, request, answer,
      [this](const ContentHeaders& headers, std::string_view body, const Target& target) -> Status {
        const EngineInfo& info = target.engine->info();
        if (headers.is("text/csv")) return reader_.read_csv(body, info, call_.limits(), call_.inference.request);
        if (headers.may_be_json()) return reader_.read_mlflow(body, info, call_.limits(), call_.inference.request);
        return headers.must_be("application/json or text/csv");
      },
      [this, &answer](const Target& target) { return write(target, false, answer); });
}

Status OlderDoors::write(const Target& target, bool explain, Answer& answer) {
  call_.append_origin(target, answer);
  std::span<const uint32_t> which = call_.inference.request.outputs;
  answer.body += "{\"predictions\":";
  if (explain) which = which.first(which.size() - 1);  // contributions are the last
  append_rows(answer.body, target, which);
  if (explain) {
    answer.body += ",\"explanations\":";
    append_nested(answer.body, call_.inference.outputs(target)[call_.inference.request.outputs.back()].view());
  }
  answer.body += '}';
  return {};
}

void OlderDoors::append_rows(std::string& out, const Target& target, std::span<const uint32_t> which) {
  const std::span<TensorBuffer> outputs = call_.inference.outputs(target);
  if (which.size() == 1) return append_nested(out, outputs[which[0]].view());
  const auto names = [&](uint32_t index) { return json_text(target.engine->info().outputs[index].name); };
  const size_t rows = call_.inference.request.row_count;
  const bool by_row = std::ranges::all_of(which, [&](uint32_t index) {
    const TensorView view = outputs[index].view();
    return !view.shape.empty() && view.rows() == rows;
  });
  out += by_row ? '[' : '{';
  for (size_t row = 0; row < (by_row ? rows : 1); ++row) {
    if (by_row) out += row == 0 ? "{" : ",{";
    for (const uint32_t index : which) {
      if (out.back() != '{') out += ',';
      ((out += names(index)) += ':');
      const TensorView view = outputs[index].view();
      by_row ? append_nested_row(out, view, row) : append_nested(out, view);
    }
    if (by_row) out += '}';
  }
  out += by_row ? ']' : '}';
}

}  // namespace clops::serving::http
