#include "tests/unit/simulation/judge.h"

#include <algorithm>

#include "tests/unit/simulation/network.h"

namespace clops::sim {
namespace {

const std::string kDeployments = "modeldeployments.clops.dev", kVersions = "modelversions.clops.dev";

std::string uid_of(const Json& object) {
  return string_at(object, {"metadata", "uid"});
}

std::string owner_uid(const Json& object) {
  const Json* owners = find_path(object, {"metadata", "ownerReferences"});
  return owners == nullptr || owners->empty() ? "" : string_at((*owners)[0], {"uid"});
}

// The ModelDeployment a child belongs to; empty name: none.
ApiKey owner_in(const std::string& ns, const Json& object) {
  const Json* owners = find_path(object, {"metadata", "ownerReferences"});
  if (owners != nullptr) {
    for (const Json& owner : *owners) {
      if (string_at(owner, {"kind"}) == "ModelDeployment") return {kDeployments, ns, string_at(owner, {"name"})};
    }
  }
  return {};
}

}  // namespace

std::string condition_status(const Json& object, const std::string& type) {
  const Json* conditions = find_path(object, {"status", "conditions"});
  if (conditions == nullptr) return "";
  for (const Json& condition : *conditions) {
    if (string_at(condition, {"type"}) == type) return string_at(condition, {"status"});
  }
  return "";
}

bool is_operator(const std::string& actor) {
  return actor.starts_with("operator-");
}

Judge::Judge(const Loop& loop, const Api& api, Cluster& cluster, const Truths& truths)
    : loop_(loop), api_(api), cluster_(cluster), truths_(truths) {
  cluster_.on_push = [this](const SimPod& pod, const crds::ServingConfig& config) {
    check_config("push to " + pod.key.name, pod.key.ns, config);
    for (const crds::ServingModel& model : config.models) {
      const auto& written = configs_[model.salt];
      const auto known = written.find(config.generation);
      if (known == written.end()) {
        broken("serving_survives_control_plane_outage", "generation " + std::to_string(config.generation) +
                                                            " was pushed to " + pod.key.name +
                                                            " before it was written down");
      } else if (!known->second.contains(crds::encode(config))) {
        broken("one_writer_at_a_time", "generation " + std::to_string(config.generation) + " was pushed to " +
                                           pod.key.name + " with other content than was written down");
      }
    }
  };
  cluster_.on_ack = [this](const SimPod& pod, const crds::PodState& state) {
    const auto& config = pod.server->in_force();
    if (!config) return;
    for (const crds::ServingModel& model : config->models) {
      for (const crds::VariantState& variant : state.variants) {
        if (variant.state == "Loaded")
          acknowledged_.insert(model.salt + " " + variant.variant + " " + variant.model_version + " " + variant.digest);
      }
    }
  };
  cluster_.on_share_lost = [this](const SimPod& pod, const std::string& variant) {
    broken("failed_load_keeps_old_version", pod.key.name + " served " + variant + " and no longer does");
  };
}

void Judge::broken(const std::string& invariant, const std::string& what) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(loop_.now().time_since_epoch()).count();
  found_.push_back(invariant + ": at " + std::to_string(ms) + " ms: " + what);
  if (trace) trace("!!! " + found_.back());
}

void Judge::on_event(const ApiEvent& event) {
  const Json& object = *event.object;
  if (event.key.resource == kVersions && event.what != Happened::Deleted) {
    uris_[event.key].insert(string_at(object, {"spec", "storageUri"}));
  }
  if (event.key.resource == "pods") {
    const std::string name = string_at(object, {"metadata", "labels", "clops.dev/model-deployment"});
    const bool was = event.previous != nullptr && pod_is_ready(*event.previous);
    if (!name.empty() && (was || pod_is_ready(object))) last_ready_[event.key.ns + "/" + name] = loop_.now();
  }
  if (event.key.resource == "configmaps" && event.what != Happened::Deleted &&
      find_path(object, {"data", "serving.json"}) != nullptr) {
    const auto config = crds::decode_serving_config(string_at(object, {"data", "serving.json"}));
    if (!config) {
      if (is_operator(event.actor))
        broken("weights_total_100", to_string(event.key) + ": serving.json cannot be read: " + config.error().message);
    } else if (is_operator(event.actor)) {
      check_config(to_string(event.key), event.key.ns, *config);
      for (const crds::ServingModel& model : config->models) {
        auto& written = configs_[model.salt];
        const bool fresh = written[config->generation].insert(crds::encode(*config)).second;
        if (meddled_.contains(model.salt)) continue;
        if (fresh && written[config->generation].size() > 1)
          broken("one_writer_at_a_time",
                 to_string(event.key) + ": generation " + std::to_string(config->generation) + " says something new");
        if (written.rbegin()->first > config->generation) {
          broken("one_writer_at_a_time",
                 to_string(event.key) + ": generation goes back to " + std::to_string(config->generation));
        }
      }
    }
  }
  if (!is_operator(event.actor)) {
    if (event.key.resource == "configmaps") meddled_.insert(owner_uid(object));
    if (event.key.resource == kDeployments && event.what == Happened::Deleted)
      last_ready_.erase(event.key.ns + "/" + event.key.name);
    return;
  }
  check_writer(event);
  if (event.what == Happened::Deleted) return;
  if (event.key.resource == kDeployments || event.key.resource == kVersions) {
    if (event.subresource != "status")
      broken("one_writer_at_a_time", "the operator wrote more than the status of " + to_string(event.key));
    if (event.key.resource == kDeployments) check_deployment_status(event.key, object);
    if (event.key.resource == kVersions) check_version_status(event.key, object);
  }
}

void Judge::check_config(const std::string& where, const std::string& ns, const crds::ServingConfig& config) {
  for (const crds::ServingModel& model : config.models) {
    int total = 0;
    std::map<std::string, uint32_t> buckets;
    for (const crds::BucketRun& run : model.buckets) buckets[run.variant] += run.end - run.begin;
    if (const Status valid = crds::validate(model.buckets); !valid)
      broken("weights_total_100", where + ": " + valid.error().message);
    for (const crds::ServingVariant& variant : model.variants) {
      total += variant.weight;
      if (buckets[variant.name] != static_cast<uint32_t>(variant.weight) * crds::kBuckets / 100) {
        broken("weights_total_100", where + ": variant " + variant.name + " has " +
                                        std::to_string(buckets[variant.name]) + " buckets for weight " +
                                        std::to_string(variant.weight));
      }
      for (const crds::ModelRef* ref : {&variant.model, variant.fallback ? &*variant.fallback : nullptr}) {
        if (ref == nullptr) continue;
        const auto verified = cluster_.verified().find(ref->uri);
        if (verified == cluster_.verified().end() || !verified->second.contains(ref->digest)) {
          broken("unverified_model_never_serves", where + ": variant " + variant.name + " refers to " + ref->uri + " " +
                                                      ref->digest + ", which nothing has verified");
        }
        if (!uris_[{kVersions, ns, ref->model_version}].contains(ref->uri)) {
          broken("unverified_model_never_serves",
                 where + ": no ModelVersion " + ref->model_version + " has ever named " + ref->uri);
        }
      }
    }
    if (total != 100)
      broken("weights_total_100", where + ": the weights of " + model.name + " total " + std::to_string(total));
  }
}

void Judge::check_deployment_status(const ApiKey& key, const Json& object) {
  if (int_at(object, {"status", "observedGeneration"}) > int_at(object, {"metadata", "generation"})) {
    broken("status_never_claims_what_is_not", to_string(key) + " has observed a generation to come");
  }
  if (condition_status(object, "Reconciling") == "True" && condition_status(object, "Stalled") == "True") {
    broken("status_never_claims_what_is_not", to_string(key) + " is both Reconciling and Stalled");
  }
  int64_t total = 0;
  const Json* traffic = find_path(object, {"status", "traffic"});
  if (traffic != nullptr && !traffic->empty()) {
    for (const Json& entry : *traffic) {
      total += int_at(entry, {"weight"});
      const std::string claim = uid_of(object) + " " + string_at(entry, {"variant"}) + " " +
                                string_at(entry, {"modelVersion"}) + " " + string_at(entry, {"digest"});
      if (string_at(entry, {"state"}) == "Loaded" && !acknowledged_.contains(claim)) {
        broken("status_never_claims_what_is_not", to_string(key) + " says Loaded, which no pod has said: " + claim);
      }
    }
    if (total != 100) broken("weights_total_100", to_string(key) + ": status.traffic totals " + std::to_string(total));
  }
  if (condition_status(object, "Ready") == "True") {
    const std::string name = key.ns + "/" + key.name;
    bool ready = false;
    for (const auto& [pod_key, pod] : cluster_.pods()) {
      const Snapshot live = api_.get(pod_key);
      ready |= live != nullptr && pod_key.ns == key.ns &&
               string_at(*live, {"metadata", "labels", "clops.dev/model-deployment"}) == key.name &&
               pod_is_ready(*live);
    }
    const auto last = last_ready_.find(name);
    if (!ready && (last == last_ready_.end() || loop_.now() - last->second > std::chrono::minutes(2))) {
      broken("status_never_claims_what_is_not", to_string(key) + " says Ready, but no pod has been for two minutes");
    }
  }
}

void Judge::check_version_status(const ApiKey& key, const Json& object) {
  if (condition_status(object, "Ready") != "True") return;
  const std::string uri = string_at(object, {"spec", "storageUri"}),
                    digest = string_at(object, {"status", "resolvedDigest"});
  const auto verified = cluster_.verified().find(uri);
  if (digest.empty() || verified == cluster_.verified().end() || !verified->second.contains(digest)) {
    broken("unverified_model_never_serves",
           to_string(key) + " is Ready with digest '" + digest + "', which no inspection has found");
  }
  const std::string wanted = string_at(object, {"spec", "digest"});
  if (!wanted.empty() && wanted != digest)
    broken("unverified_model_never_serves", to_string(key) + " is Ready with another digest than its spec names");
}

void Judge::check_writer(const ApiEvent& event) {
  if (event.key.resource == "leases.coordination.k8s.io") {
    const std::string holder = string_at(*event.object, {"spec", "holderIdentity"});
    if (holder != holder_ && !holder.empty()) epoch_of_actor_[holder] = ++epoch_;
    holder_ = holder;
    return;
  }
  if (event.key.resource == "events" || epoch_ == 0) return;
  const int epoch = epoch_of_actor_[event.actor];
  auto& last = last_writer_[uid_of(*event.object)];
  if (epoch == 0)
    broken("one_writer_at_a_time", event.actor + " wrote " + to_string(event.key) + " and never held the lease");
  if (epoch < last.first && event.key.resource != "deployments.apps")
    broken("one_writer_at_a_time",
           event.actor + " wrote " + to_string(event.key) + " after the later leader " + last.second);
  last = {epoch, event.actor};
}

void Judge::on_answer(const std::string& actor, const HttpRequest& request, const HttpResponse& response) {
  if (!is_operator(actor) || response.status != 200 || !request.url.starts_with(kApiUrl)) return;
  if (request.method != "PUT" && request.method != "PATCH") return;
  if (request.url.find("/events/") != std::string::npos) return;
  // An apply that meant to create and came late: no precondition can forbid it. Only what says the same again, or is
  // applied again by the next look, is made that way; serving.json is not.
  const bool configures =
      request.url.find("/configmaps/") != std::string::npos || request.url.find("/status") != std::string::npos;
  if (!configures) return;
  const auto body = parse_json(request.body);
  if (body && string_at(*body, {"metadata", "resourceVersion"}).empty()) {
    broken("one_writer_at_a_time",
           request.method + " " + request.url + " changed an object without naming the version it had read");
  }
}

// ---- at rest

bool Judge::verifiable(const Json& version) const {
  const auto truth = truths_.find(string_at(version, {"spec", "storageUri"}));
  if (truth == truths_.end()) return false;
  const auto kind = truth->second.kind;
  const bool good =
      kind == ModelTruth::Kind::Good || kind == ModelTruth::Kind::Flaky || kind == ModelTruth::Kind::InspectorDies;
  const std::string wanted = string_at(version, {"spec", "digest"});
  return good && (wanted.empty() || wanted == truth->second.digest);
}

bool Judge::retries_for_ever() const {
  for (const Snapshot& version : api_.list(kVersions)) {
    const auto truth = truths_.find(string_at(*version, {"spec", "storageUri"}));
    if (truth == truths_.end() || truth->second.kind == ModelTruth::Kind::Absent) return true;
  }
  return false;
}

bool Judge::owes_a_try() const {
  return std::ranges::any_of(api_.list(kVersions), [&](const Snapshot& version) {
    return verifiable(*version) && condition_status(*version, "Ready") == "False";
  });
}

void Judge::at_rest() {
  for (const auto& [key, object] : api_.objects()) {
    if (key.resource == "events") continue;
    const auto since = from_rfc3339(string_at(*object, {"metadata", "deletionTimestamp"}));
    if (since && LoopClock(loop_).wall() - *since > std::chrono::seconds(30))  // a verifying pod may just be going
      broken("deletion_never_hangs", to_string(key) + " is still being deleted");
    const ApiKey owner = owner_in(key.ns, *object);
    if (!owner.name.empty() && api_.get(owner) == nullptr)
      broken("deletion_never_hangs", to_string(key) + " has outlived " + to_string(owner));
    if (key.resource == kDeployments) rest_of_deployment(key, *object);
    if (key.resource == kVersions) rest_of_version(key, *object);
  }
}

void Judge::rest_of_version(const ApiKey& key, const Json& object) {
  const std::string ready = condition_status(object, "Ready"), wanted = verifiable(object) ? "True" : "False";
  if (ready != wanted)
    broken("crash_at_any_write_converges",
           to_string(key) + " rests with Ready=" + ready + " where it should be " + wanted);
  if (!condition_status(object, "Reconciling").empty() && wanted == "True")
    broken("crash_at_any_write_converges", to_string(key) + " is still Reconciling");
  if (wanted == "True" &&
      string_at(object, {"status", "resolvedDigest"}) != truths_.at(string_at(object, {"spec", "storageUri"})).digest) {
    broken("unverified_model_never_serves", to_string(key) + " rests with another digest than its model has");
  }
}

void Judge::rest_of_deployment(const ApiKey& key, const Json& object) {
  bool resolvable = true;
  std::map<std::string, std::string> digests;  // by variant
  std::map<std::string, int> weights;
  for (const Json& variant : object["spec"]["variants"]) {
    weights[string_at(variant, {"name"})] = static_cast<int>(int_at(variant, {"weight"}));
  }
  for (const Json& variant : object["spec"]["variants"]) {
    const Snapshot version = api_.get({kVersions, key.ns, string_at(variant, {"modelVersion"})});
    if (version == nullptr || !verifiable(*version)) {
      resolvable = false;
    } else {
      digests[string_at(variant, {"name"})] = truths_.at(string_at(*version, {"spec", "storageUri"})).digest;
    }
  }
  const std::string ready = condition_status(object, "Ready"), what = to_string(key);
  if (int_at(object, {"status", "observedGeneration"}) != int_at(object, {"metadata", "generation"})) {
    broken("crash_at_any_write_converges", what + " has not observed its generation");
  }
  std::vector<const SimPod*> pods;
  for (const auto& [pod_key, pod] : cluster_.pods()) {
    const Snapshot live = api_.get(pod_key);
    const bool ours = live != nullptr && pod_key.ns == key.ns &&
                      string_at(*live, {"metadata", "labels", "clops.dev/model-deployment"}) == key.name;
    if (ours && pod_is_ready(*live)) pods.push_back(&pod);
  }
  if (ready == "True" && pods.empty())
    broken("status_never_claims_what_is_not", what + " rests Ready without a ready pod");
  const Snapshot service = api_.get({"services", key.ns, key.name});
  if (ready == "True" && (service == nullptr || find_path(*service, {"spec", "selector"}) == nullptr))
    broken("status_never_claims_what_is_not", what + " rests Ready and its Service leads nowhere");
  if (int_at(object, {"status", "readyReplicas"}) != static_cast<int64_t>(pods.size())) {
    broken("status_never_claims_what_is_not", what + " says " +
                                                  std::to_string(int_at(object, {"status", "readyReplicas"})) +
                                                  " ready replicas, there are " + std::to_string(pods.size()));
  }
  if (!resolvable) return;
  const int64_t replicas = int_at(object, {"spec", "replicas"}, 1);
  bool any_fails = false;
  for (const Json& variant : object["spec"]["variants"]) {
    const Snapshot version = api_.get({kVersions, key.ns, string_at(variant, {"modelVersion"})});
    const bool loads = truths_.at(string_at(*version, {"spec", "storageUri"})).loads;
    any_fails |= !loads;
  }
  if (!any_fails && static_cast<int64_t>(pods.size()) != replicas) {
    broken("crash_at_any_write_converges",
           what + " has " + std::to_string(pods.size()) + " ready pods of " + std::to_string(replicas));
  }
  if (!any_fails && replicas > 0 && ready != "True")
    broken("crash_at_any_write_converges", what + " rests with Ready=" + ready + ", yet it serves as declared");
  if (!any_fails && !condition_status(object, "Reconciling").empty())
    broken("crash_at_any_write_converges", what + " is still Reconciling");
  for (const SimPod* pod : pods) {
    const auto& config = pod->server->in_force();
    if (!config || config->models.size() != 1 || config->models[0].salt != uid_of(object)) {
      broken("crash_at_any_write_converges", pod->key.name + " serves another deployment's configuration");
      continue;
    }
    if (config->models[0].variants.size() != object["spec"]["variants"].size())
      broken("crash_at_any_write_converges", pod->key.name + " has other variants than " + what);
    for (const crds::ServingVariant& variant : config->models[0].variants) {
      if (variant.weight != weights[variant.name])
        broken("status_never_claims_what_is_not", pod->key.name + " gives " + variant.name + " another weight");
      if (variant.model.digest != digests[variant.name])
        broken("crash_at_any_write_converges", pod->key.name + " serves another digest of " + variant.name);
    }
  }
  const Json* traffic = find_path(object, {"status", "traffic"});
  if (pods.empty() || any_fails) return;
  std::map<std::string, int64_t> said, spec;
  for (const Json& entry : traffic == nullptr ? Json::array() : *traffic) {
    said[string_at(entry, {"variant"}) + " " + string_at(entry, {"modelVersion"}) + " " + string_at(entry, {"digest"}) +
         " " + string_at(entry, {"state"})] = int_at(entry, {"weight"});
  }
  for (const Json& variant : object["spec"]["variants"]) {
    const std::string name = string_at(variant, {"name"});
    spec[name + " " + string_at(variant, {"modelVersion"}) + " " + digests[name] + " Loaded"] =
        int_at(variant, {"weight"});
  }
  if (said != spec)
    broken("crash_at_any_write_converges",
           what + " rests with status.traffic " + (traffic == nullptr ? "none" : dump_json(*traffic)));
}

}  // namespace clops::sim
