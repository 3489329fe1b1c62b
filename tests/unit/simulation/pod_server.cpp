#include "tests/unit/simulation/pod_server.h"

#include "base/json.h"
#include "crds/scaling_hint.h"

namespace clops::sim {
namespace {

HttpResponse answer(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.headers.set("Content-Type", "application/json");
  response.body = std::move(body);
  return response;
}

HttpResponse refusal(int status, const std::string& message) {
  return answer(status, dump_json(Json{{"error", message}}));
}

}  // namespace

HttpResponse PodServer::handle(const HttpRequest& request, bool& accepted) {
  accepted = false;
  const std::string path = parse_target(request.url).path;
  if (path == "/healthz") return answer(200, "ok");
  if (path == "/clops/v1/hint") {
    crds::ScalingHint hint;
    hint.window_seconds = 10, hint.utilisation = 0.1, hint.threads = 1, hint.wanted_replicas = 0.2;
    return answer(200, crds::encode(hint));
  }
  if (path != "/clops/v1/config") return refusal(404, "no such path");
  if (request.headers.get("Authorization").value_or("") != "Bearer " + push_key_) return refusal(401, "wrong key");
  if (request.method == "GET") return answer(200, crds::encode(state()));
  if (request.method != "PUT") return refusal(405, "PUT or GET");
  const auto config = crds::decode_serving_config(request.body);
  if (!config) return refusal(400, config.error().message);
  int status = 200;
  accepted = submit(*config, crds::content_digest(request.body), status);
  if (status != 200) return refusal(status, "generation " + std::to_string(config->generation) + " is not newer");
  return answer(200, crds::encode(state()));
}

bool PodServer::submit(const crds::ServingConfig& config, const std::string& content, int& status) {
  status = 200;
  for (const auto* known : {&next_, &in_force_}) {
    if (!known->has_value()) continue;
    if (config.generation < (*known)->generation || (config.generation == (*known)->generation && config != **known)) {
      status = 409;
      return false;
    }
    if (config == **known) return content_ = content, false;
  }
  content_ = content;
  next_ = config;
  return true;
}

std::string PodServer::load(const crds::ModelRef& ref) const {
  const auto truth = truths_.find(ref.uri);
  if (truth == truths_.end() || truth->second.kind == ModelTruth::Kind::Absent) return ref.uri + " does not exist";
  if (truth->second.digest != ref.digest)
    return ref.uri + ": digest is " + truth->second.digest + ", not " + ref.digest;
  if (!truth->second.loads || truth->second.kind == ModelTruth::Kind::Broken) return ref.uri + " cannot be loaded";
  return "";
}

void PodServer::finish_loading() {
  if (!next_) return;
  Table table;
  ready_ = !next_->models.empty();
  for (const crds::ServingModel& model : next_->models) {
    for (const crds::ServingVariant& variant : model.variants) {
      Serving& serving = table[{model.name, variant.name}];
      const std::string why = load(variant.model);
      serving.state = why.empty() ? "Loaded" : "FailedToLoad";
      serving.message = why;
      if (why.empty()) {
        serving.serves = variant.model;
      } else if (variant.fallback && load(*variant.fallback).empty()) {
        serving.serves = *variant.fallback;
      } else if (const auto before = table_.find({model.name, variant.name}); before != table_.end()) {
        serving.serves = before->second.serves;
      }
    }
    // A share that nothing of its own serves goes to the stable variant; without that the model is not ready.
    const Serving& stable = table[{model.name, model.stable}];
    for (const crds::ServingVariant& variant : model.variants) {
      Serving& serving = table[{model.name, variant.name}];
      if (serving.serves.model_version.empty()) serving.serves = stable.serves;
      if (variant.weight > 0 && serving.serves.model_version.empty()) ready_ = false;
    }
  }
  table_ = std::move(table);
  in_force_ = std::exchange(next_, std::nullopt);
}

crds::PodState PodServer::state() const {
  crds::PodState state;
  state.generation = in_force_ ? in_force_->generation : 0;
  if (!next_) state.content = content_;
  state.ready = ready();
  const auto& shown = next_ ? next_ : in_force_;
  if (!shown) return state;
  for (const crds::ServingModel& model : shown->models) {
    for (const crds::ServingVariant& variant : model.variants) {
      crds::VariantState entry{.model = model.name, .variant = variant.name, .state = "Loading"};
      const auto serving = table_.find({model.name, variant.name});
      if (serving != table_.end()) {
        entry.model_version = serving->second.serves.model_version;
        entry.digest = serving->second.serves.digest;
        if (!next_) entry.state = serving->second.state, entry.message = serving->second.message;
      }
      state.variants.push_back(std::move(entry));
    }
  }
  return state;
}

}  // namespace clops::sim
