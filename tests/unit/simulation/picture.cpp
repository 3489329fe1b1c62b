// What a world looks like to somebody who compares two ends.
#include "crds/serving_config.h"
#include "tests/unit/simulation/world.h"

namespace clops::sim {
namespace {

void strip(Json& value) {
  if (value.is_array()) {
    for (Json& item : value) strip(item);
    return;
  }
  if (!value.is_object()) return;
  for (const char* field :
       {"uid", "resourceVersion", "creationTimestamp", "lastTransitionTime", "generation", "observedGeneration",
        "clusterIP", "clops.dev/applied-hash", "example.com/touched", "history", "message"}) {
    value.erase(field);
  }
  for (auto& [_, child] : value.items()) strip(child);
}

// serving.json without what depends on the way it came about: generation, salt, which buckets, fallbacks.
Json plain_config(const std::string& text) {
  const auto config = crds::decode_serving_config(text);
  if (!config) return "unreadable";
  Json models = Json::array();
  for (const crds::ServingModel& model : config->models) {
    Json variants = Json::array();
    for (const crds::ServingVariant& variant : model.variants) {
      variants.push_back({{"name", variant.name},
                          {"weight", variant.weight},
                          {"version", variant.model.model_version},
                          {"digest", variant.model.digest},
                          {"uri", variant.model.uri}});
    }
    models.push_back({{"name", model.name},
                      {"sticky", model.sticky_header},
                      {"stable", model.stable},
                      {"rules", model.rules.size()},
                      {"variants", variants}});
  }
  return models;
}

}  // namespace

Json World::picture() const {
  Json picture = Json::object();
  std::map<std::string, int> pods;
  for (const auto& [key, object] : api.objects()) {
    if (key.resource == "events" || key.resource == "leases.coordination.k8s.io" || key.resource == "replicasets.apps")
      continue;
    if (key.resource == "pods") {  // their names are drawn
      const std::string of = string_at(*object, {"metadata", "labels", "clops.dev/model-deployment"});
      const std::string version = string_at(*object, {"metadata", "labels", "clops.dev/model-version"});
      ++pods[key.ns + "/" + of + version + " " + string_at(*object, {"status", "phase"}) +
             (pod_is_ready(*object) ? " ready" : "")];
      continue;
    }
    Json plain = *object;
    if (key.resource == "configmaps" && find_path(plain, {"data", "serving.json"}) != nullptr) {
      plain["data"]["serving.json"] = plain_config(string_at(*object, {"data", "serving.json"}));
    }
    if (key.resource == "secrets") plain.erase("data");
    strip(plain);
    picture[to_string(key)] = std::move(plain);
  }
  for (const auto& [key, pod] : cluster.pods()) {  // what in fact answers
    if (pod.server == nullptr || !pod.server->ready()) continue;
    for (const crds::VariantState& variant : pod.server->state().variants) {
      picture["serving"][variant.model + "/" + variant.variant][variant.model_version] = variant.state;
    }
  }
  picture["pods"] = pods;
  return picture;
}

}  // namespace clops::sim
