// Rendering and comparing the Kubernetes objects that the controllers make. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "controllers/common/names.h"
#include "controllers/options.h"
#include "crds/conditions.h"
#include "crds/reasons.h"

namespace clops::controllers {

// One object as it should be. `object` is what server-side apply sends, its applied hash included.
struct WantedChild {
  ResourceType type;
  Json object;
  bool operator==(const WantedChild&) const = default;
};

struct LiveChild {
  ResourceType type;
  ObjectMeta meta;
  Json body;
  bool operator==(const LiveChild&) const = default;
};

enum class Owner {
  Us,
  Former,  // an object of the same kind and name that is gone: the garbage collector will take its child
  Nobody,
  Another,
};
[[nodiscard]] Owner owner_of(const ObjectMeta& child, const ResourceType& type, const ObjectMeta& owner);

// apiVersion, kind, metadata with name, namespace, labels and a controller owner reference.
[[nodiscard]] Json frame(const ResourceType& type, const std::string& name, const ResourceType& owner_type,
                         const ObjectMeta& owner, const Json& labels);
// Adds the hash of everything else as an annotation.
[[nodiscard]] WantedChild seal(const ResourceType& type, Json object);

// Whether `live` was applied from exactly this and still says everything it said: then it need not be applied again.
[[nodiscard]] bool still_applied(const LiveChild& live, const WantedChild& wanted);
// Whether every field of `wanted` is in `live` with an equal value (quantities compare by value).
[[nodiscard]] bool covers(const Json& live, const Json& wanted);

// The claim of pvc://CLAIM/path; empty for any other address.
[[nodiscard]] std::string claim_of(std::string_view uri);
// Volumes, mounts and flags for a set of claims, sorted by name.
struct ClaimParts {
  Json volumes = Json::array(), mounts = Json::array();
  std::vector<std::string> flags;
};
[[nodiscard]] ClaimParts claim_parts(const std::vector<std::string>& claims);

// Kubernetes replaces $(NAME) in arguments; this text arrives as it is.
[[nodiscard]] std::string literal_argument(std::string_view text);

[[nodiscard]] Json restricted_pod_security();
[[nodiscard]] Json restricted_container_security();

// What is told beside the object when a decision changes.
struct PlannedEvent {
  bool warning = false;
  crds::Reason reason = crds::Reason::Progressing;
  std::string message;
  bool operator==(const PlannedEvent&) const = default;
};

[[nodiscard]] crds::Condition condition(const char* type, crds::ConditionStatus status, crds::Reason reason,
                                        std::string message, int64_t generation, const std::string& now);
[[nodiscard]] std::string clipped(std::string text, size_t bytes_max = 4'096);

}  // namespace clops::controllers
