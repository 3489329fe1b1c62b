#include "cli/kinds.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace clops::cli {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

const std::array<KnownKind, 18>& table() {
  static const std::array<KnownKind, 18> kinds = {{
      {{"clops.dev", "v1alpha1", "ModelDeployment", "modeldeployments", true}, "modeldeployment", "md"},
      {{"clops.dev", "v1alpha1", "ModelVersion", "modelversions", true}, "modelversion", "mv"},
      {{"", "v1", "Pod", "pods", true}, "pod", "po"},
      {{"", "v1", "Service", "services", true}, "service", "svc"},
      {{"", "v1", "ConfigMap", "configmaps", true}, "configmap", "cm"},
      {{"", "v1", "Secret", "secrets", true}, "secret", ""},
      {{"", "v1", "Event", "events", true}, "event", "ev"},
      {{"", "v1", "Namespace", "namespaces", false}, "namespace", "ns"},
      {{"", "v1", "Node", "nodes", false}, "node", "no"},
      {{"", "v1", "ServiceAccount", "serviceaccounts", true}, "serviceaccount", "sa"},
      {{"", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true}, "persistentvolumeclaim", "pvc"},
      {{"apps", "v1", "Deployment", "deployments", true}, "deployment", "deploy"},
      {{"apps", "v1", "ReplicaSet", "replicasets", true}, "replicaset", "rs"},
      {{"batch", "v1", "Job", "jobs", true}, "job", ""},
      {{"policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", true}, "poddisruptionbudget", "pdb"},
      {{"coordination.k8s.io", "v1", "Lease", "leases", true}, "lease", ""},
      {{"discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", true}, "endpointslice", ""},
      {{"apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", false},
       "customresourcedefinition",
       "crd"},
  }};
  return kinds;
}

}  // namespace

std::span<const KnownKind> known_kinds() {
  return table();
}

std::optional<crds::ResourceType> kind_named(std::string_view name) {
  const std::string wanted = lower(name);
  for (const KnownKind& kind : table()) {
    const bool qualified = wanted == kind.type.plural + "." + kind.type.group;
    if (wanted == kind.type.plural || wanted == kind.singular || qualified) return kind.type;
    if (!kind.short_name.empty() && (wanted == kind.short_name || wanted == std::string(kind.short_name) + "s"))
      return kind.type;
  }
  return std::nullopt;
}

std::optional<crds::ResourceType> kind_of(std::string_view api_version, std::string_view kind) {
  for (const KnownKind& known : table()) {
    if (known.type.kind == kind && known.type.api_version() == api_version) return known.type;
  }
  return std::nullopt;
}

std::string object_label(const crds::ResourceType& type, std::string_view name) {
  return lower(type.kind) + (type.group.empty() ? "" : "." + type.group) + "/" + std::string(name);
}

}  // namespace clops::cli
