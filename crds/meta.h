// What every Kubernetes object has, and how it is read. Values and pure functions.
// Source of names: Kubernetes API conventions (metav1).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace clops::crds {

inline constexpr const char* kGroup = "clops.dev";
inline constexpr const char* kVersion = "v1alpha1";

struct ObjectKey {
  std::string ns, name;  // ns empty: cluster-scoped
  auto operator<=>(const ObjectKey&) const = default;
};

// A resource type as the API addresses it.
struct ResourceType {
  std::string group, version, kind, plural;
  bool namespaced = true;
  [[nodiscard]] std::string api_version() const { return group.empty() ? version : group + "/" + version; }
  // "/api/v1/namespaces/ns/pods" or "/apis/apps/v1/namespaces/ns/deployments"; ns empty = across namespaces
  [[nodiscard]] std::string path(const std::string& ns = "") const {
    return (group.empty() ? "/api/" : "/apis/" + group + "/") + version +
           (namespaced && !ns.empty() ? "/namespaces/" + ns : "") + "/" + plural;
  }
  auto operator<=>(const ResourceType&) const = default;
};

struct OwnerReference {
  std::string api_version, kind, name, uid;
  bool controller = false;
  bool block_owner_deletion = false;
  bool operator==(const OwnerReference&) const = default;
};

struct ObjectMeta {
  std::string name, ns, uid, resource_version;
  int64_t generation = 0;
  std::string creation_timestamp, deletion_timestamp;  // RFC 3339; empty = absent
  std::map<std::string, std::string> labels, annotations;
  std::vector<OwnerReference> owners;
  bool operator==(const ObjectMeta&) const = default;
};

// metadata of an object, as far as ObjectMeta knows it; absent or wrongly typed fields stay empty.
[[nodiscard]] ObjectMeta decode_meta(const Json& object);

enum class ConditionStatus { True, False, Unknown };

struct Condition {  // metav1.Condition
  std::string type;
  ConditionStatus status = ConditionStatus::Unknown;
  std::string reason, message;
  std::string last_transition_time;  // moves only with status
  int64_t observed_generation = 0;
  bool operator==(const Condition&) const = default;
};

// metav1 quantities and such travel as the text they were written in.
struct ResourceRequirements {
  std::map<std::string, std::string> requests, limits;
  bool operator==(const ResourceRequirements&) const = default;
};

struct Toleration {
  std::string key, op, value, effect;
  std::optional<int64_t> toleration_seconds;
  bool operator==(const Toleration&) const = default;
};

}  // namespace clops::crds
