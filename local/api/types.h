// The resource types that clops's own embedded plane names in code. Values only.
#pragma once

#include "crds/meta.h"

namespace clops::local::types {

inline const crds::ResourceType kNamespaces{"", "v1", "Namespace", "namespaces", false};
inline const crds::ResourceType kPods{"", "v1", "Pod", "pods", true};
inline const crds::ResourceType kServices{"", "v1", "Service", "services", true};
inline const crds::ResourceType kConfigMaps{"", "v1", "ConfigMap", "configmaps", true};
inline const crds::ResourceType kSecrets{"", "v1", "Secret", "secrets", true};
inline const crds::ResourceType kServiceAccounts{"", "v1", "ServiceAccount", "serviceaccounts", true};
inline const crds::ResourceType kEvents{"", "v1", "Event", "events", true};
inline const crds::ResourceType kEndpoints{"", "v1", "Endpoints", "endpoints", true};
inline const crds::ResourceType kNodes{"", "v1", "Node", "nodes", false};
inline const crds::ResourceType kPersistentVolumeClaims{"", "v1", "PersistentVolumeClaim", "persistentvolumeclaims",
                                                        true};
inline const crds::ResourceType kDeployments{"apps", "v1", "Deployment", "deployments", true};
inline const crds::ResourceType kReplicaSets{"apps", "v1", "ReplicaSet", "replicasets", true};
inline const crds::ResourceType kControllerRevisions{"apps", "v1", "ControllerRevision", "controllerrevisions", true};
inline const crds::ResourceType kJobs{"batch", "v1", "Job", "jobs", true};
inline const crds::ResourceType kPodDisruptionBudgets{"policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets",
                                                      true};
inline const crds::ResourceType kLeases{"coordination.k8s.io", "v1", "Lease", "leases", true};
inline const crds::ResourceType kEndpointSlices{"discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", true};
inline const crds::ResourceType kCustomResourceDefinitions{"apiextensions.k8s.io", "v1", "CustomResourceDefinition",
                                                           "customresourcedefinitions", false};

}  // namespace clops::local::types
