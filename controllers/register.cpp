#include "controllers/register.h"

#include <algorithm>

#include "controllers/model_deployment/reconciler.h"
#include "controllers/model_version/reconciler.h"
#include "crds/codec.h"

namespace clops::controllers {
namespace {

constexpr const char* kDeploymentController = "modeldeployment";

std::vector<ObjectKey> key_in_label(const op::Object& object, const char* label) {
  const auto it = object.meta.labels.find(label);
  if (it == object.meta.labels.end()) return {};
  return {{object.meta.ns, it->second}};
}

// The ModelDeployments that name this ModelVersion. Their text is searched before anything is parsed: most do not.
std::vector<ObjectKey> users_of(const op::Object& version, const op::Cache& cache) {
  std::vector<ObjectKey> out;
  const std::string quoted = "\"" + version.meta.name + "\"";
  for (const auto& candidate : cache.list(crds::kModelDeploymentType, version.meta.ns)) {
    if (candidate->text().find(quoted) == std::string::npos) continue;
    const auto object = crds::decode_model_deployment(candidate->body());
    if (!object) continue;
    const auto& variants = object->spec.variants;
    if (std::any_of(variants.begin(), variants.end(),
                    [&](const auto& v) { return v.model_version == version.meta.name; }))
      out.push_back(candidate->key());
  }
  return out;
}

}  // namespace

struct Controllers::Impl {
  Impl(ControllersDeps deps, const Options& options, int worker_count, std::string watched)
      : link(deps.executor, deps.pods,
             {.requests_max = options.pod_requests_max, .scrape_interval = options.scrape_interval}),
        check(deps.executor, deps.pods),
        versions(options),
        deployments(options, link, check, std::move(deps.new_push_key)),
        workers(worker_count),
        ns(std::move(watched)) {}
  model_deployment::PodLink link;
  model_deployment::EndpointCheck check;
  model_version::Reconciler versions;
  model_deployment::Reconciler deployments;
  const int workers;
  const std::string ns;
};

Controllers::Controllers(ControllersDeps deps, Options options, int workers, std::string watched_namespace)
    : impl_(std::make_unique<Impl>(std::move(deps), options, workers, std::move(watched_namespace))) {}
Controllers::~Controllers() = default;

std::vector<op::InformerSpec> Controllers::informers() const {
  const std::string ours = std::string(kManagedByLabel) + "=clops-operator";
  std::vector<op::InformerSpec> out;
  for (const auto& type : {crds::kModelVersionType, crds::kModelDeploymentType}) {
    out.push_back(
        {.type = type, .ns = impl_->ns, .label_selector = "", .field_selector = "", .drop = {}, .label_indices = {}});
  }
  for (const auto& type : {kServiceAccounts, kSecrets, kConfigMaps, kServices, kBudgets, kDeployments}) {
    out.push_back(
        {.type = type, .ns = impl_->ns, .label_selector = ours, .field_selector = "", .drop = {}, .label_indices = {}});
  }
  out.push_back({.type = kPods,
                 .ns = impl_->ns,
                 .label_selector = ours,
                 .field_selector = "",
                 .drop = {"/spec", "/status/qosClass", "/status/hostIPs", "/status/podIPs"},
                 .label_indices = {kDeploymentLabel}});
  return out;
}

std::vector<op::ControllerSpec> Controllers::specs() {
  op::ControllerSpec versions{.name = "modelversion",
                              .primary = crds::kModelVersionType,
                              .owned = {kPods},
                              .mapped = {},
                              .reconciler = &impl_->versions,
                              .workers = impl_->workers,
                              .ignore_status_changes = true};
  op::ControllerSpec deployments{.name = kDeploymentController,
                                 .primary = crds::kModelDeploymentType,
                                 .owned = {kServiceAccounts, kSecrets, kConfigMaps, kServices, kBudgets, kDeployments},
                                 .mapped = {},
                                 .reconciler = &impl_->deployments,
                                 .workers = impl_->workers,
                                 .ignore_status_changes = true};
  deployments.mapped.push_back(
      {kPods, [](const op::Object& pod, const op::Cache&) { return key_in_label(pod, kDeploymentLabel); }});
  deployments.mapped.push_back({crds::kModelVersionType, users_of});
  return {std::move(versions), std::move(deployments)};
}

void Controllers::attach(op::Manager& manager) {
  impl_->link.on_change([&manager](const ObjectKey& key) { manager.enqueue(kDeploymentController, key); });
  impl_->check.on_change([&manager](const ObjectKey& key) { manager.enqueue(kDeploymentController, key); });
  manager.add_endpoint("/scaling", [this](const HttpRequest&) {
    HttpResponse response{.status = 200, .headers = {}, .body = dump_json(impl_->link.readings()) + "\n"};
    response.headers.set("Content-Type", "application/json");
    return response;
  });
  manager.add_metrics([this](std::string& text) {
    text +=
        "# HELP clops_wanted_replicas Replicas that the load of a deployment's pods asks for.\n# TYPE "
        "clops_wanted_replicas gauge\n";
    const Json readings = impl_->link.readings();
    for (const auto& item : readings) {
      text += "clops_wanted_replicas{namespace=\"" + string_at(item, {"namespace"}) + "\",name=\"" +
              string_at(item, {"name"}) + "\"} " + dump_json(item["wantedReplicas"]) + "\n";
    }
  });
}

}  // namespace clops::controllers
