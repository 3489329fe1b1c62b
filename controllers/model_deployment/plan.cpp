#include "controllers/model_deployment/plan.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "controllers/model_deployment/children.h"
#include "controllers/model_deployment/status.h"
#include "crds/codec.h"
#include "crds/steps_plan.h"

namespace clops::controllers::model_deployment {
namespace {

using crds::Reason;

constexpr int64_t kGenerationMax = int64_t{1} << 53;  // a pod that says more is not believed

const LiveChild* find(const std::vector<LiveChild>& children, const ResourceType& type, const std::string& name) {
  const auto it = std::find_if(children.begin(), children.end(),
                               [&](const auto& c) { return c.type == type && c.meta.name == name; });
  return it == children.end() ? nullptr : &*it;
}

// That every ready pod had loaded this variant of the current configuration was written down before: an operator that
// has just begun has not heard of its pods yet.
bool known_loaded(const crds::ModelDeploymentStatus& status, int64_t generation, const crds::ServingVariant& variant) {
  if (status.history.empty() || status.history.front().generation != generation) return false;
  return std::any_of(status.traffic.begin(), status.traffic.end(), [&](const crds::TrafficStatus& t) {
    return t.variant == variant.name && t.state == "Loaded" && t.model_version == variant.model.model_version &&
           t.digest == variant.model.digest;
  });
}

// The reference that every pod loaded for this variant last, if the current configuration knows one.
std::optional<crds::ModelRef> last_loaded(const crds::ServingConfig& current, bool in_force, const std::string& variant,
                                          const std::vector<ServingPod>& pods,
                                          const crds::ModelDeploymentStatus& status) {
  if (current.models.empty()) return {};
  for (const auto& v : current.models.front().variants) {
    if (v.name != variant) continue;
    const bool loaded =
        in_force && std::all_of(pods.begin(), pods.end(), [&](const ServingPod& pod) {
          if (!pod.ready || pod.deleting) return true;
          return std::any_of(pod.state->variants.begin(), pod.state->variants.end(),
                             [&](const auto& s) { return s.variant == variant && s.state == "Loaded"; });
        });
    return loaded || known_loaded(status, current.generation, v) ? v.model : v.fallback;
  }
  return {};
}

bool same_but_fallbacks(const crds::ServingModel& a, const crds::ServingModel& b) {
  auto without = [](crds::ServingModel model) {
    for (auto& variant : model.variants) variant.fallback.reset();
    return model;
  };
  return without(a) == without(b);
}

// The highest number that a pod follows, and whether one follows `current`'s number with another content.
struct Numbers {
  int64_t highest = 0;
  bool disputed = false;
};
Numbers numbers_of(const std::vector<ServingPod>& pods, const std::optional<ConfigId>& current) {
  Numbers out;
  for (const auto& pod : pods) {
    if (!pod.state || pod.state->generation >= kGenerationMax) continue;
    out.highest = std::max(out.highest, pod.state->generation);
    if (current && pod.state->generation == current->generation) out.disputed = out.disputed || !follows(pod, *current);
  }
  return out;
}

std::string stable_of(const std::vector<crds::VariantSpec>& variants) {
  const crds::VariantSpec* best = &variants.front();
  for (const auto& variant : variants) {
    if (variant.weight > best->weight) best = &variant;
  }
  return best->name;
}

struct ChildrenPlan {
  std::vector<WantedChild> apply;
  std::vector<RemovedChild> remove;
  bool create_push_key = false;
  ChildTrouble trouble;
};

// Whether the name is free for us; says so in `trouble` when it is not.
bool ours_or_free(const LiveChild* live, const ObjectMeta& owner, ChildTrouble& trouble) {
  if (!live) return true;
  const Owner who = owner_of(live->meta, crds::kModelDeploymentType, owner);
  if (who == Owner::Us) {
    if (!live->meta.deletion_timestamp.empty())
      trouble.waiting = live->type.kind + " " + live->meta.name + " is being deleted";
    return live->meta.deletion_timestamp.empty();
  }
  if (who == Owner::Former) {
    trouble.waiting = live->type.kind + " " + live->meta.name +
                      " belongs to an earlier ModelDeployment of this name and is about to go";
  } else {
    trouble.conflict =
        live->type.kind + " " + live->meta.name + " exists and is not this ModelDeployment's: rename or remove it";
  }
  return false;
}

// Volumes are known before the models are: the same pods go on once serving.json names them.
std::set<std::string> claims_of(const Observed& observed, const crds::ServingConfig& config) {
  std::set<std::string> claims;
  for (const auto& model : config.models) {
    for (const auto& variant : model.variants) {
      claims.insert(claim_of(variant.model.uri));
      if (variant.fallback) claims.insert(claim_of(variant.fallback->uri));
    }
  }
  if (is_waiting(config)) {
    for (const auto& [name, version] : observed.versions) claims.insert(claim_of(version.spec.storage_uri));
  }
  claims.erase("");
  return claims;
}

bool service_selects(const Observed& observed) {
  const LiveChild* service = find(observed.children, kServices, observed.object.meta.name);
  return service && find_path(service->body, {"spec", "selector"});
}

ChildrenPlan plan_children(const Observed& observed, const crds::ServingConfig& config, const Options& options) {
  ChildrenPlan out;
  const ObjectMeta& owner = observed.object.meta;
  const bool selects = service_selects(observed);
  std::vector<WantedChild> wanted = render(observed.object,
                                           {.config = config,
                                            .claims = claims_of(observed, config),
                                            .service_selects = selects || any_ready(observed.pods),
                                            .budget = selects},
                                           options);
  const std::string secret = secret_name(observed.object);
  const LiveChild* key = find(observed.children, kSecrets, secret);
  if (ours_or_free(key, owner, out.trouble)) {
    out.create_push_key = !key;
    if (key && string_at(key->body, {"data", kPushKey}).empty())
      out.remove.push_back({kSecrets, secret, key->meta.uid});
  }
  for (auto& child : wanted) {
    const LiveChild* live = find(observed.children, child.type, string_at(child.object, {"metadata", "name"}));
    if (!ours_or_free(live, owner, out.trouble)) continue;
    if (!live || !still_applied(*live, child)) out.apply.push_back(child);
  }
  for (const auto& live : observed.children) {
    if (owner_of(live.meta, crds::kModelDeploymentType, owner) != Owner::Us || !live.meta.deletion_timestamp.empty())
      continue;
    if (live.type == kSecrets && live.meta.name == secret) continue;
    const bool is_wanted = std::any_of(wanted.begin(), wanted.end(), [&](const auto& w) {
      return w.type == live.type && string_at(w.object, {"metadata", "name"}) == live.meta.name;
    });
    if (!is_wanted) out.remove.push_back({live.type, live.meta.name, live.meta.uid});
  }
  if (out.trouble.any()) {  // half an endpoint helps nobody: nothing is touched until every name is free
    out.apply.clear();
    out.remove.clear();
    out.create_push_key = false;
  }
  return out;
}

}  // namespace

namespace {

// A request names a version by spec.version: two artifacts behind one name would be told apart by nobody.
std::string same_version(const crds::ModelDeployment& object, const std::vector<crds::ModelRef>& refs,
                         const crds::ModelRef& ref) {
  const auto twin = std::find_if(refs.begin(), refs.end(), [&](const crds::ModelRef& other) {
    return other.version == ref.version && other.model_version != ref.model_version;
  });
  if (twin == refs.end()) return "";
  return ref.model_version + " is version \"" + ref.version + "\", and so is " + twin->model_version +
         ": requests name a version of " + object.meta.name + " by ModelVersion.spec.version, so each needs its own";
}

// Why the variant's steps cannot stand before and after its model; empty: they can.
std::string steps_misfit(const crds::ModelDeployment& object, size_t index, const crds::Steps& steps,
                         const crds::ModelVersion& version) {
  if (steps.empty() || !crds::can_judge_steps(steps, version.status.schema)) return "";
  const auto plan = crds::plan_steps(steps, version.status.schema);
  if (plan) return "";
  const crds::VariantSpec& variant = object.spec.variants[index];
  return (variant.steps ? "spec.variants[" + std::to_string(index) + "]." : std::string("spec.")) +
         plan.error().message + " (variant " + variant.name + ", ModelVersion " + version.meta.name + ")";
}

}  // namespace

bool only_unverified(const Resolution& resolution) {
  return !resolution.problems.empty() && std::ranges::all_of(resolution.problems, [](const Problem& problem) {
    return problem.reason == Reason::ModelVersionNotReady;
  });
}

bool is_waiting(const crds::ServingConfig& config) {
  return config.models.empty();
}

Resolution resolve(const crds::ModelDeployment& object, const std::map<std::string, crds::ModelVersion>& versions) {
  Resolution out;
  for (size_t i = 0; i < object.spec.variants.size(); ++i) {
    const auto& variant = object.spec.variants[i];
    const std::string where = "spec.variants[" + std::to_string(i) + "].modelVersion: ";
    const auto it = versions.find(variant.model_version);
    if (it == versions.end()) {
      out.problems.push_back(
          {Reason::ModelVersionMissing,
           where + "there is no ModelVersion " + variant.model_version + " in namespace " + object.meta.ns, true});
      continue;
    }
    const crds::ModelVersion& mv = it->second;
    const crds::Condition* ready = crds::find_condition(mv.status.conditions, crds::kReady);
    const bool verified = ready && ready->status == crds::ConditionStatus::True && !mv.status.resolved_digest.empty() &&
                          mv.status.observed_generation == mv.meta.generation;
    if (verified) {
      crds::ModelRef ref{.model_version = mv.meta.name,
                         .version = mv.spec.version,
                         .uri = mv.spec.storage_uri,
                         .digest = mv.status.resolved_digest,
                         .format = mv.status.format};
      if (const std::string twin = same_version(object, out.refs, ref); !twin.empty())
        out.problems.push_back({Reason::InvalidSpec, where + twin, false});
      ref.steps = variant.steps ? *variant.steps : object.spec.steps;
      if (const std::string misfit = steps_misfit(object, i, ref.steps, mv); !misfit.empty())
        out.problems.push_back({Reason::InvalidSpec, misfit, false});
      out.refs.push_back(std::move(ref));
    } else if (ready && ready->status == crds::ConditionStatus::False) {
      out.problems.push_back({Reason::ModelVersionFailed,
                              where + mv.meta.name + " is not usable: " + ready->reason + ": " + ready->message,
                              !crds::is_true(mv.status.conditions, crds::kStalled)});
    } else {
      out.problems.push_back({Reason::ModelVersionNotReady, where + mv.meta.name + " is not verified yet", true});
    }
  }
  return out;
}

std::optional<crds::ServingConfig> config_of(const std::vector<LiveChild>& children,
                                             const crds::ModelDeployment& object) {
  const LiveChild* map = find(children, kConfigMaps, config_map_name(object));
  if (!map || owner_of(map->meta, crds::kModelDeploymentType, object.meta) != Owner::Us) return {};
  auto config = crds::decode_serving_config(string_at(map->body, {"data", kConfigKey}));
  if (!config || config->models.size() > 1) return {};
  if (!is_waiting(*config) && config->models.front().salt != object.meta.uid) return {};
  return std::move(*config);
}

crds::ServingConfig next_config(const crds::ModelDeployment& object, const std::vector<crds::ModelRef>& refs,
                                const std::optional<crds::ServingConfig>& current,
                                const std::vector<ServingPod>& pods) {
  crds::ServingModel model{.name = object.meta.name,
                           .salt = object.meta.uid,
                           .sticky_header = object.spec.routing.sticky_header,
                           .rules = {},
                           .variants = {},
                           .stable = stable_of(object.spec.variants),
                           .buckets = {},
                           .sticky_parameter = object.spec.routing.sticky_parameter,
                           .sticky_column = object.spec.routing.sticky_column,
                           .validation = object.spec.validation,
                           .mirror = object.spec.mirror,
                           .batcher = object.spec.batcher,
                           .logger = object.spec.logger,
                           .chosen_by = object.spec.routing.chosen_by};
  if (model.logger) model.logger->ns = object.meta.ns;
  for (const auto& rule : object.spec.routing.rules) model.rules.push_back({rule.header, rule.value, rule.variant});
  std::vector<crds::VariantShare> shares;
  std::optional<ConfigId> id;
  if (current) id = id_of(*current);
  const bool in_force = id && acknowledged(pods, *id);
  for (size_t i = 0; i < object.spec.variants.size(); ++i) {
    const auto& variant = object.spec.variants[i];
    auto fallback = current ? last_loaded(*current, in_force, variant.name, pods, object.status) : std::nullopt;
    if (fallback == refs[i]) fallback.reset();
    model.variants.push_back({variant.name, variant.weight, refs[i], std::move(fallback), variant.limits});
    shares.push_back({variant.name, static_cast<uint32_t>(variant.weight) * (crds::kBuckets / 100)});
  }
  const bool named = current && !is_waiting(*current);
  model.buckets = crds::rebalance(named ? current->models.front().buckets : crds::BucketLayout{}, shares);

  const Numbers numbers = numbers_of(pods, id);
  int64_t highest = std::max(current ? current->generation : 0, numbers.highest);
  if (!object.status.history.empty()) highest = std::max(highest, object.status.history.front().generation);
  if (named && current->generation == highest && !numbers.disputed &&
      same_but_fallbacks(current->models.front(), model))
    return *current;
  return {.version = crds::kServingConfigVersion, .generation = highest + 1, .models = {std::move(model)}};
}

crds::ServingConfig kept_config(const crds::ServingConfig& current, const std::vector<ServingPod>& pods) {
  const Numbers numbers = numbers_of(pods, id_of(current));
  if (numbers.highest <= current.generation && !numbers.disputed) return current;
  crds::ServingConfig out = current;
  out.generation = std::max(current.generation, numbers.highest) + 1;
  return out;
}

ConfigId id_of(const crds::ServingConfig& config) {
  return {config.generation, crds::content_digest(crds::encode(config))};
}

bool follows(const ServingPod& pod, const ConfigId& config) {
  return pod.state && pod.state->generation == config.generation &&
         (pod.state->content.empty() || pod.state->content == config.content);
}

bool any_ready(const std::vector<ServingPod>& pods) {
  return std::ranges::any_of(pods, [](const ServingPod& pod) { return pod.ready && !pod.deleting; });
}

bool acknowledged(const std::vector<ServingPod>& pods, const ConfigId& config) {
  bool any = false;
  for (const auto& pod : pods) {
    if (!pod.ready || pod.deleting) continue;
    if (!follows(pod, config)) return false;
    any = true;
  }
  return any;
}

crds::ScalingStatus scaling_decision(const crds::ScalingStatus& before, const std::vector<ServingPod>& pods) {
  double total = 0;
  bool any = false;
  for (const auto& pod : pods) {
    if (!pod.ready || pod.deleting) continue;
    if (!pod.hint || !std::isfinite(pod.hint->wanted_replicas)) return before;  // no data is inconclusive
    total += std::clamp(pod.hint->wanted_replicas, 0.0, 1'000.0);
    any = true;
  }
  if (!any) return before;
  // More as soon as it is needed; fewer only with a quarter to spare, so that load about a boundary decides nothing
  // anew.
  const int up = std::clamp(static_cast<int>(std::ceil(total - 0.05)), 1, 1'000);
  const int down = std::clamp(static_cast<int>(std::ceil(total * 1.25)), 1, 1'000);
  int wanted = before.wanted_replicas;
  if (wanted == 0 || up > wanted) {
    wanted = up;
  } else if (down < wanted) {
    wanted = down;
  }
  if (wanted == before.wanted_replicas) return before;
  return {wanted, "the load of the pods asks for " + std::to_string(wanted) + (wanted == 1 ? " pod" : " pods")};
}

namespace {

// What pods may start with before any of their models is verified. Only for a deployment that never had a
// configuration: pods that serve must not be told to forget what.
std::optional<crds::ServingConfig> waiting_config(const Observed& observed,
                                                  const std::optional<crds::ServingConfig>& current) {
  if (current) return kept_config(*current, observed.pods);
  const crds::ModelDeployment& object = observed.object;
  if (!object.status.history.empty() || find(observed.children, kDeployments, object.meta.name)) return {};
  return crds::ServingConfig{.version = crds::kServingConfigVersion, .generation = 1, .models = {}};
}

// Pods that wait for a model that cannot be used would wait for ever: they go until it can.
std::vector<RemovedChild> no_more_waiting(const Observed& observed) {
  const LiveChild* deployment = find(observed.children, kDeployments, observed.object.meta.name);
  if (!deployment || owner_of(deployment->meta, crds::kModelDeploymentType, observed.object.meta) != Owner::Us ||
      !deployment->meta.deletion_timestamp.empty())
    return {};
  return {{kDeployments, deployment->meta.name, deployment->meta.uid}};
}

}  // namespace

Plan plan(const Observed& observed, const Options& options, WallTime now) {
  Plan out;
  const Resolution resolution = resolve(observed.object, observed.versions);
  const auto current = config_of(observed.children, observed.object);
  std::optional<crds::ServingConfig> wanted = current;
  if (resolution.problems.empty()) {
    wanted = next_config(observed.object, resolution.refs, current, observed.pods);
  } else if (current && !is_waiting(*current)) {
    wanted = kept_config(*current, observed.pods);
  } else if (only_unverified(resolution)) {
    wanted = waiting_config(observed, current);
  } else if (current) {
    wanted.reset();
    out.remove = no_more_waiting(observed);
  }

  ChildTrouble trouble;
  if (wanted) {
    ChildrenPlan children = plan_children(observed, *wanted, options);
    trouble = children.trouble;
    out.apply = std::move(children.apply);
    out.remove = std::move(children.remove);
    out.create_push_key = children.create_push_key;
  }
  const auto named = [](const std::optional<crds::ServingConfig>& config) {
    return config && !is_waiting(*config) ? config : std::nullopt;
  };
  out.config = named(trouble.any() ? current : wanted);  // never pushed before it is durable
  trouble.refused = observed.refused_child;

  StatusInputs inputs{.observed = observed,
                      .options = options,
                      .resolution = resolution,
                      .config = out.config,
                      .config_is_new = out.config != named(current),
                      .writes = out.create_push_key || !out.apply.empty() || !out.remove.empty(),
                      .trouble = trouble};
  StatusPlan status = plan_status(inputs, now);
  out.status = std::move(status.status);
  out.events = std::move(status.events);
  out.again = status.again;
  return out;
}

}  // namespace clops::controllers::model_deployment
