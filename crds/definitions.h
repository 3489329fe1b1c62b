// The CustomResourceDefinitions of clops's kinds, as YAML: the files crds/*.yaml, built into the programs that install
// them. Values; safe anywhere.
#pragma once

#include <span>
#include <string_view>

namespace clops::crds {

[[nodiscard]] std::span<const std::string_view> definitions();

}  // namespace clops::crds
