// The Kubernetes types both controllers touch, and the names, labels and annotations agreed in ARCHITECTURE.md.
#pragma once

#include <string>
#include <vector>

#include "crds/meta.h"

namespace clops::controllers {

using crds::ObjectKey;
using crds::ObjectMeta;
using crds::ResourceType;

inline const ResourceType kPods{"", "v1", "Pod", "pods", true};
inline const ResourceType kServices{"", "v1", "Service", "services", true};
inline const ResourceType kSecrets{"", "v1", "Secret", "secrets", true};
inline const ResourceType kConfigMaps{"", "v1", "ConfigMap", "configmaps", true};
inline const ResourceType kServiceAccounts{"", "v1", "ServiceAccount", "serviceaccounts", true};
inline const ResourceType kDeployments{"apps", "v1", "Deployment", "deployments", true};
inline const ResourceType kBudgets{"policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", true};

inline constexpr const char* kFieldManager = "clops-operator";
inline constexpr const char* kStatusManager = "clops-operator-status";
inline constexpr const char* kNameLabel = "app.kubernetes.io/name";
inline constexpr const char* kManagedByLabel = "app.kubernetes.io/managed-by";
inline constexpr const char* kDeploymentLabel = "clops.dev/model-deployment";
inline constexpr const char* kVersionLabel = "clops.dev/model-version";
inline constexpr const char* kHashAnnotation = "clops.dev/applied-hash";
inline constexpr const char* kServerName = "clops-server";

}  // namespace clops::controllers
