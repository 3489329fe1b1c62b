// The resource types people name on the command line: "md", "modeldeployments", "ModelDeployment", "deploy".
//
// A table of what clops and its children use; anything else is asked of the API server (cli/cluster.h). Pure values.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "crds/meta.h"

namespace clops::cli {

struct KnownKind {
  crds::ResourceType type;
  std::string_view singular, short_name;  // lower case; short_name may be empty
};

[[nodiscard]] std::span<const KnownKind> known_kinds();
// By plural, singular, short name or kind, without regard to case; "plural.group" too.
[[nodiscard]] std::optional<crds::ResourceType> kind_named(std::string_view name);
[[nodiscard]] std::optional<crds::ResourceType> kind_of(std::string_view api_version, std::string_view kind);

// "modeldeployment.clops.dev/fraud", as kubectl names an object.
[[nodiscard]] std::string object_label(const crds::ResourceType& type, std::string_view name);

}  // namespace clops::cli
