#include "controllers/model_deployment/reconciler.h"

#include <algorithm>

#include "base/digest.h"
#include "controllers/common/writes.h"
#include "controllers/model_deployment/access_parts.h"
#include "controllers/model_deployment/children.h"
#include "crds/codec.h"

namespace clops::controllers::model_deployment {
namespace {

const std::vector<ResourceType>& child_types() {
  static const std::vector<ResourceType> types{kServiceAccounts, kSecrets, kConfigMaps,
                                               kServices,        kBudgets, kDeployments};
  return types;
}

LiveChild child_of(const ResourceType& type, const op::Object& object) {
  return {type, object.meta, object.body()};
}

bool has(const std::vector<LiveChild>& children, const ResourceType& type, const std::string& name) {
  return std::any_of(children.begin(), children.end(),
                     [&](const auto& c) { return c.type == type && c.meta.name == name; });
}

std::vector<LiveChild> cached_children(const crds::ModelDeployment& object, const op::Cache& cache) {
  std::vector<LiveChild> out;
  for (const auto& type : child_types()) {
    for (const auto& child : cache.owned_by(type, object.meta.uid)) out.push_back(child_of(type, *child));
  }
  const std::vector<std::pair<ResourceType, std::string>> names{{kServiceAccounts, service_account_name(object)},
                                                                {kSecrets, secret_name(object)},
                                                                {kConfigMaps, config_map_name(object)},
                                                                {kServices, object.meta.name},
                                                                {kBudgets, object.meta.name},
                                                                {kDeployments, object.meta.name}};
  for (const auto& [type, name] : names) {
    if (type == kServiceAccounts && !object.spec.service_account_name.empty()) continue;  // somebody else's by intent
    if (has(out, type, name)) continue;
    if (const auto child = cache.get(type, {object.meta.ns, name})) out.push_back(child_of(type, *child));
  }
  return out;
}

// Only on the way to Ready: what is said already is not asked about again.
Endpoint endpoint_of(const Observed& observed, EndpointCheck& check) {
  const crds::ModelDeployment& object = observed.object;
  const ObjectKey key{object.meta.ns, object.meta.name};
  // Who has no certificate gets no answer, through the Service or not: the pods are believed.
  const bool unheard = needs_client_certificate(object.spec);
  if (unheard || !any_ready(observed.pods) || crds::is_true(object.status.conditions, crds::kReady)) {
    check.forget(key);
    return Endpoint::Answers;
  }
  for (const auto& child : observed.children) {
    if (child.type != kServices || child.meta.name != object.meta.name) continue;
    const std::string ip = string_at(child.body, {"spec", "clusterIP"});
    if (ip.empty() || ip == "None") return Endpoint::Answers;
    const std::string host = ip.find(':') == std::string::npos ? ip : "[" + ip + "]";
    return check.ask(key, (object.spec.tls ? "https://" : "http://") + host + ":" + std::to_string(crds::kHttpPort));
  }
  return Endpoint::Asking;  // the Service has still to be made
}

Observed observe(crds::ModelDeployment object, const op::Cache& cache, const PodLink& link) {
  Observed out{.object = std::move(object),
               .versions = {},
               .children = {},
               .pods = {},
               .refused_child = "",
               .endpoint = Endpoint::Answers};
  const ObjectMeta& meta = out.object.meta;
  for (const auto& variant : out.object.spec.variants) {
    const auto found = cache.get(crds::kModelVersionType, {meta.ns, variant.model_version});
    if (!found) continue;
    if (auto version = crds::decode_model_version(found->body()))
      out.versions.emplace(variant.model_version, std::move(*version));
  }
  out.children = cached_children(out.object, cache);
  const auto reports = link.reports({meta.ns, meta.name});
  for (const auto& pod : cache.of(kPods).by_label(kDeploymentLabel, meta.name)) {
    if (pod->meta.ns != meta.ns) continue;
    ServingPod view = view_of(pod->body(), pod->meta);
    view.unheard = !view.ip.empty();
    if (const auto report = reports.find(view.instance); report != reports.end()) {
      view.state = report->second.state;
      view.hint = report->second.hint;
      view.unheard = !report->second.state && report->second.error.empty();
      if (view.trouble.empty() && !report->second.state) view.trouble = report->second.error;
    }
    out.pods.push_back(std::move(view));
  }
  return out;
}

// The cache holds only what carries our label. Before the first write of a name, whoever else may have it is asked for.
Result<bool> look_for_others(Observed& observed, const Plan& next, op::Context& context) {
  const ObjectMeta& meta = observed.object.meta;
  std::vector<std::pair<ResourceType, ObjectKey>> names;
  if (next.create_push_key) names.push_back({kSecrets, {meta.ns, secret_name(observed.object)}});
  for (const auto& child : next.apply)
    names.push_back({child.type, {meta.ns, string_at(child.object, {"metadata", "name"})}});
  std::erase_if(names, [&](const auto& name) { return has(observed.children, name.first, name.second.name); });
  if (names.empty()) return false;
  names.push_back({crds::kModelDeploymentType, {meta.ns, meta.name}});
  std::vector<Result<Json>> answers = context.client.get_all(names);
  CLOPS_TRY(judge_owner(answers.back(), crds::kModelDeploymentType, meta));
  bool found = false;
  for (size_t i = 0; i + 1 < names.size(); ++i) {
    Result<Json>& live = answers[i];
    if (!live && live.error().code == Code::NotFound) continue;
    if (!live) return std::unexpected(live.error());
    observed.children.push_back({names[i].first, kube::decode_meta(*live), std::move(*live)});
    found = true;
  }
  return found;
}

const ObjectMeta* live_meta(const Observed& observed, const WantedChild& wanted) {
  for (const auto& child : observed.children) {
    if (child.type == wanted.type && child.meta.name == string_at(wanted.object, {"metadata", "name"}))
      return &child.meta;
  }
  return nullptr;
}

// Refused for what it says, not for when it came: telling people helps, trying at once again does not.
bool is_refusal(const Error& error) {
  return error.code == Code::InvalidArgument || error.code == Code::PermissionDenied ||
         error.code == Code::Unsupported || error.code == Code::TooLarge;
}

}  // namespace

ServingPod view_of(const Json& pod, const ObjectMeta& meta) {
  ServingPod view{.name = meta.name,
                  .instance = meta.uid,
                  .ip = string_at(pod, {"status", "podIP"}),
                  .ready = false,
                  .deleting = !meta.deletion_timestamp.empty(),
                  .trouble = string_at(pod, {"status", "message"}),
                  .state = {},
                  .hint = {}};
  const std::string phase = string_at(pod, {"status", "phase"});
  if (phase == "Failed" || phase == "Succeeded") view.deleting = true;  // will never serve again
  const Json* conditions = find_path(pod, {"status", "conditions"});
  if (conditions && conditions->is_array()) {
    for (const auto& item : *conditions) {
      const std::string type = string_at(item, {"type"}), status = string_at(item, {"status"});
      if (type == "Ready") view.ready = status == "True";
      if (type == "PodScheduled" && status == "False")
        view.trouble = string_at(item, {"reason"}) + ": " + string_at(item, {"message"});
    }
  }
  const Json* containers = find_path(pod, {"status", "containerStatuses"});
  if (containers && containers->is_array() && !containers->empty()) {
    const Json& container = containers->front();
    view.instance += "/" + std::to_string(int_at(container, {"restartCount"}));
    const std::string reason = string_at(container, {"state", "waiting", "reason"});
    if (!reason.empty() && reason != "ContainerCreating" && reason != "PodInitializing") {
      view.trouble = reason + ": " + string_at(container, {"state", "waiting", "message"});
    }
  } else {
    view.instance += "/0";
  }
  return view;
}

Status Reconciler::apply(const Observed& observed, const Plan& next, op::Context& context) const {
  const ObjectMeta& meta = observed.object.meta;
  std::vector<WantedChild> missing;
  if (next.create_push_key) missing.push_back({kSecrets, render_push_key(observed.object, new_push_key_())});
  for (const auto& child : next.apply) {
    if (!live_meta(observed, child)) missing.push_back(child);
  }
  if (!missing.empty()) CLOPS_TRY(create_children(context, missing));
  for (const auto& child : next.apply) {
    if (const ObjectMeta* live = live_meta(observed, child)) CLOPS_TRY(update_child(context, child, *live));
  }
  for (const auto& child : next.remove) CLOPS_TRY(remove_child(context, child.type, {meta.ns, child.name}, child.uid));
  return {};
}

void Reconciler::push(const ObjectKey& key, const Observed& observed, const Plan& next) {
  std::string push_key;
  for (const auto& child : observed.children) {
    if (child.type != kSecrets || child.meta.name != secret_name(observed.object)) continue;
    if (owner_of(child.meta, crds::kModelDeploymentType, observed.object.meta) != Owner::Us) continue;
    if (auto decoded = base64_decode(string_at(child.body, {"data", kPushKey}))) push_key = std::move(*decoded);
  }
  if (!next.config || push_key.empty()) return;  // the Secret's arrival in the cache brings us back
  std::vector<PodTarget> targets;
  for (const auto& pod : observed.pods) {
    if (!pod.deleting && !pod.ip.empty()) targets.push_back({pod.name, pod.instance, pod.ip, pod.ready});
  }
  link_.want(key, push_key, *next.config, targets);
}

op::Outcome Reconciler::reconcile(const ObjectKey& key, op::Context& context) {
  const op::ObjectPtr cached = context.cache.get(crds::kModelDeploymentType, key);
  if (!cached || !cached->meta.deletion_timestamp.empty()) {  // its children go with it
    link_.forget(key);
    check_.forget(key);
    return op::Done{};
  }
  auto object = crds::decode_model_deployment(cached->body());
  if (!object) return op::Failed{object.error(), true};

  Observed observed = observe(std::move(*object), context.cache, link_);
  observed.endpoint = endpoint_of(observed, check_);
  Plan next = plan(observed, options_, context.clock.wall());
  const auto found = look_for_others(observed, next, context);
  if (!found) return op::Failed{found.error(), false};
  if (*found) next = plan(observed, options_, context.clock.wall());

  const Status applied = apply(observed, next, context);
  if (!applied) {
    if (!is_refusal(applied.error())) return op::Failed{applied.error(), false};
    observed.refused_child = applied.error().message;
    next = plan(observed, options_, context.clock.wall());
  } else {
    push(key, observed, next);
  }
  if (next.status != observed.object.status) {
    if (const Status written =
            write_status(context, crds::kModelDeploymentType, observed.object.meta, crds::encode(next.status));
        !written) {
      return op::Failed{written.error(), false};
    }
    tell(context, crds::kModelDeploymentType, observed.object.meta, next.events);
  }
  if (!applied) return op::Failed{applied.error(), false};
  if (next.again) return op::After{*next.again};
  return op::Done{};
}

}  // namespace clops::controllers::model_deployment
