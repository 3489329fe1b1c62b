// The part of Cluster that runs pods.
#include <algorithm>
#include <cstdio>

#include "tests/unit/simulation/cluster.h"

namespace clops::sim {
namespace {

using std::chrono::milliseconds;

const std::string kPods = "pods";

std::string argument(const SimPod& pod, std::string_view name) {
  for (size_t i = 0; i < pod.args.size(); ++i) {
    if (pod.args[i].starts_with(name) && pod.args[i].size() > name.size() && pod.args[i][name.size()] == '=')
      return pod.args[i].substr(name.size() + 1);
    if (pod.args[i] == name && i + 1 < pod.args.size()) return pod.args[i + 1];
  }
  return "";
}

SimPod read_pod(const ApiKey& key, const Json& object) {
  SimPod pod;
  pod.key = key;
  pod.uid = string_at(object, {"metadata", "uid"});
  const Json* containers = find_path(object, {"spec", "containers"});
  if (containers != nullptr && !containers->empty()) {
    for (const char* part : {"command", "args"}) {
      if (const Json* words = find_path((*containers)[0], {part})) {
        for (const Json& word : *words) pod.args.push_back(word.get<std::string>());
      }
    }
  }
  for (const char* command : {"serve", "inspect"}) {
    if (std::ranges::find(pod.args, command) != pod.args.end()) pod.command = command;
  }
  if (const Json* volumes = find_path(object, {"spec", "volumes"})) {
    for (const Json& volume : *volumes) {
      if (volume.contains("configMap")) pod.config_map = string_at(volume, {"configMap", "name"});
      if (volume.contains("secret")) pod.secret = string_at(volume, {"secret", "secretName"});
    }
  }
  return pod;
}

Json ready_condition(bool ready) {
  return Json::array({{{"type", "Ready"}, {"status", ready ? "True" : "False"}}});
}

}  // namespace

std::string decode_base64(std::string_view text) {
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) continue;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    if ((count += 6) >= 8) out += static_cast<char>(bits >> (count -= 8) & 0xFF);
  }
  return out;
}

SimPod* Cluster::find(const ApiKey& key, const std::string& uid) {
  const auto it = pods_.find(key);
  return it == pods_.end() || it->second.uid != uid ? nullptr : &it->second;
}

void Cluster::start_pod(const ApiKey& key, const std::string& uid) {
  const Snapshot object = api_.get(key);
  if (object == nullptr || string_at(*object, {"metadata", "uid"}) != uid) return;
  SimPod pod = read_pod(key, *object);
  ++addresses_;
  pod.ip = "10.1." + std::to_string(addresses_ / 250) + "." + std::to_string(addresses_ % 250 + 1);
  pods_[key] = std::move(pod);
  (void)api_.mutate("scheduler", key, "", [](Json& json) { json["spec"]["nodeName"] = "node"; });
  later([this, key, uid] { start_server(key, uid); }, slow_);
}

void Cluster::start_server(const ApiKey& key, const std::string& uid) {
  SimPod* pod = find(key, uid);
  const Snapshot object = api_.get(key);
  if (pod == nullptr || object == nullptr || find_path(*object, {"metadata", "deletionTimestamp"}) != nullptr) return;
  if (string_at(*object, {"status", "phase"}) == "Failed") return;
  const auto running = [&] {
    (void)api_.mutate("kubelet", key, "status", [&](Json& json) {
      json["status"] = {{"phase", "Running"},
                        {"podIP", pod->ip},
                        {"conditions", ready_condition(false)},
                        {"containerStatuses", Json::array({{{"name", "server"},
                                                            {"ready", false},
                                                            {"restartCount", pod->restarts},
                                                            {"state", {{"running", Json::object()}}}}})}};
    });
  };
  if (pod->command == "inspect") {
    running();
    later([this, key, uid] { inspect(key, uid); }, slow_ * 2);
    return;
  }
  const Snapshot secret = api_.get({"secrets", key.ns, pod->secret}),
                 config_map = api_.get({"configmaps", key.ns, pod->config_map});
  if (pod->command == "serve" && (secret == nullptr || config_map == nullptr)) {
    loop_.post(kWorld, std::chrono::seconds(1), [this, key, uid] { start_server(key, uid); });  // FailedMount
    return;
  }
  running();
  if (pod->command != "serve") return;
  pod->server = std::make_unique<PodServer>(truths_, decode_base64(string_at(*secret, {"data", "key"})));
  pod->served.clear();
  const std::string text = string_at(*config_map, {"data", "serving.json"});
  const auto config = crds::decode_serving_config(text);
  int status = 0;
  if (config && pod->server->submit(*config, crds::content_digest(text), status))
    later([this, key, uid] { load(key, uid); }, slow_);
}

void Cluster::load(const ApiKey& key, const std::string& uid) {
  SimPod* pod = find(key, uid);
  if (pod == nullptr || pod->server == nullptr) return;
  pod->server->finish_loading();
  std::set<std::string> serving;
  for (const crds::VariantState& variant : pod->server->state().variants) {
    if (!variant.model_version.empty()) serving.insert(variant.model + "/" + variant.variant);
  }
  if (const auto& config = pod->server->in_force(); config && on_share_lost) {
    for (const crds::ServingModel& model : config->models) {
      for (const crds::ServingVariant& variant : model.variants) {
        const std::string name = model.name + "/" + variant.name;
        if (pod->served.contains(name) && !serving.contains(name)) on_share_lost(*pod, name);
      }
    }
  }
  pod->served = std::move(serving);
  later([this, key, uid] { probe(key, uid); }, std::chrono::seconds(1));
}

void Cluster::probe(const ApiKey& key, const std::string& uid) {
  SimPod* pod = find(key, uid);
  const Snapshot object = api_.get(key);
  if (pod == nullptr || object == nullptr) return;
  const bool ready = pod->server != nullptr && pod->server->ready();
  if (ready == pod_is_ready(*object)) return;
  (void)api_.mutate("kubelet", key, "status", [&](Json& json) {
    json["status"]["conditions"] = ready_condition(ready);
    json["status"]["containerStatuses"][0]["ready"] = ready;
  });
}

void Cluster::inspect(const ApiKey& key, const std::string& uid) {
  SimPod* pod = find(key, uid);
  if (pod == nullptr || api_.get(key) == nullptr) return;
  const auto truth = truths_.find(argument(*pod, "--uri"));
  const bool dies =
      truth != truths_.end() && truth->second.kind == ModelTruth::Kind::InspectorDies && truth->second.flaky_left > 0;
  if (dies) {
    --truth->second.flaky_left;
  } else {
    pod->log = "inspecting " + argument(*pod, "--uri") + "\n" + inspection(*pod) + "\n";
  }
  const std::string now = to_rfc3339(LoopClock(loop_).wall());
  (void)api_.mutate("kubelet", key, "status", [&](Json& json) {
    const Json terminated{
        {"exitCode", dies ? 137 : 0}, {"reason", dies ? "OOMKilled" : "Completed"}, {"finishedAt", now}};
    json["status"]["phase"] = dies ? "Failed" : "Succeeded";
    json["status"]["containerStatuses"] = Json::array(
        {{{"name", "inspect"}, {"ready", false}, {"restartCount", 0}, {"state", {{"terminated", terminated}}}}});
  });
}

std::string Cluster::inspection(const SimPod& pod) {
  const std::string uri = argument(pod, "--uri"), wanted = argument(pod, "--digest");
  const auto bad = [&](std::string_view reason, const std::string& message) {
    return dump_json(Json{{"inspection", 1}, {"ok", false}, {"reason", reason}, {"message", message}});
  };
  const auto it = truths_.find(uri);
  if (it == truths_.end() || it->second.kind == ModelTruth::Kind::Absent)
    return bad("NotFound", uri + " does not exist");
  ModelTruth& truth = it->second;
  if (truth.kind == ModelTruth::Kind::Flaky && truth.flaky_left > 0) {
    --truth.flaky_left;
    return bad("SourceUnavailable", uri + ": connection refused");
  }
  if (!wanted.empty() && wanted != truth.digest)
    return bad("DigestMismatch", uri + " has digest " + truth.digest + ", not " + wanted);
  if (truth.kind == ModelTruth::Kind::Broken) return bad("InvalidModel", uri + ": not a model");
  if (truth.kind == ModelTruth::Kind::Unsupported) return bad("UnsupportedFormat", uri + ": a pickle");
  verified_[uri].insert(truth.digest);
  const Json tensor{{"name", "predict"}, {"datatype", "FP32"}, {"shape", {-1, 1}}};
  return dump_json(
      Json{{"inspection", 1},
           {"ok", true},
           {"digest", truth.digest},
           {"bytes", 1234},
           {"files", Json::array({{{"path", "model.json"}, {"digest", truth.digest}, {"bytes", 1234}}})},
           {"format", "xgboost-json"},
           {"framework", "xgboost 3.2.0"},
           {"schema",
            {{"inputs", Json::array({tensor})}, {"outputs", Json::array({tensor})}, {"featureNames", Json::array()}}}});
}

void Cluster::stop_pod(const ApiKey& key, const std::string& uid) {
  const Snapshot object = api_.get(key);
  if (object == nullptr || string_at(*object, {"metadata", "uid"}) != uid) return;
  pods_.erase(key);
  (void)api_.remove("kubelet", key, {.uid = uid, .grace_seconds = 0});
  if (api_.get(key) != nullptr) loop_.post(kWorld, std::chrono::seconds(1), [this, key, uid] { stop_pod(key, uid); });
}

void Cluster::refresh_mounts(const ApiKey& config_map) {
  const Snapshot object = api_.get(config_map);
  if (object == nullptr) return;
  const std::string text = string_at(*object, {"data", "serving.json"});
  const auto config = crds::decode_serving_config(text);
  if (!config) return;
  const std::string content = crds::content_digest(text);
  for (auto& [key, pod] : pods_) {
    int status = 0;
    if (key.ns != config_map.ns || pod.config_map != config_map.name || pod.server == nullptr) continue;
    if (pod.server->submit(*config, content, status))
      later([this, pod_key = key, uid = pod.uid] { load(pod_key, uid); }, slow_);
  }
}

Result<HttpResponse> Cluster::serve(const std::string& host, const HttpRequest& request) {
  const std::string ip = host.substr(0, host.find(':'));
  if (host == ip + ":" + std::to_string(crds::kHttpPort)) return serve_through_service(ip);
  const auto it = std::ranges::find_if(pods_, [&](const auto& entry) { return entry.second.ip == ip; });
  if (it == pods_.end() || it->second.server == nullptr || host != ip + ":" + std::to_string(crds::kAdminPort)) {
    return fail(Code::Unavailable, "connection to " + host + " refused");
  }
  SimPod& pod = it->second;
  if (chance_.with(push_loss)) return fail(Code::Unavailable, "connection reset by peer");
  if (request.method == "PUT" && on_push) {
    if (const auto config = crds::decode_serving_config(request.body)) on_push(pod, *config);
  }
  bool accepted = false;
  HttpResponse response = pod.server->handle(request, accepted);
  if (accepted) later([this, key = pod.key, uid = pod.uid] { load(key, uid); }, slow_);
  if (chance_.with(push_loss)) return fail(Code::Unavailable, "connection reset by peer");
  if (response.status == 200 && on_ack && request.url.find("/config") != std::string::npos)
    on_ack(pod, pod.server->state());
  return response;
}

// A Service leads to the ready pods of its name; the simulated proxy knows of them at once, or the connection is lost.
Result<HttpResponse> Cluster::serve_through_service(const std::string& ip) {
  for (const auto& [key, object] : api_.objects()) {
    if (key.resource != "services" || string_at(*object, {"spec", "clusterIP"}) != ip) continue;
    for (const auto& [pod_key, pod] : pods_) {
      const Snapshot live = api_.get(pod_key);
      if (live == nullptr || pod_key.ns != key.ns || !pod_is_ready(*live) || pod.server == nullptr) continue;
      if (string_at(*live, {"metadata", "labels", "clops.dev/model-deployment"}) != key.name) continue;
      if (chance_.with(push_loss)) break;
      return HttpResponse{.status = 200, .headers = {}, .body = "{}"};
    }
  }
  return fail(Code::Unavailable, "connection to " + ip + " refused");
}

Result<std::string> Cluster::logs(const ApiKey& key) const {
  const auto it = pods_.find(key);
  if (it == pods_.end())
    return fail(Code::InvalidArgument, "container in pod " + key.name + " is waiting to start: ContainerCreating");
  return it->second.log;
}

void Cluster::restart_container(const ApiKey& key) {
  const auto it = pods_.find(key);
  if (it == pods_.end() || it->second.server == nullptr) return;
  it->second.server.reset();
  ++it->second.restarts;
  (void)api_.mutate("kubelet", key, "status",
                    [&](Json& json) { json["status"]["conditions"] = ready_condition(false); });
  later([this, key, uid = it->second.uid] { start_server(key, uid); }, std::chrono::seconds(10));
}

void Cluster::evict(const ApiKey& key) {
  pods_.erase(key);
  (void)api_.mutate("kubelet", key, "status",
                    [](Json& json) { json["status"] = {{"phase", "Failed"}, {"reason", "Evicted"}}; });
}

}  // namespace clops::sim
