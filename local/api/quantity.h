// Kubernetes' quantities ("500m", "1.5Gi") in their canonical form, as the real server stores them.
//
// Thread rule: pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace clops::local {

// No fraction, and the suffix as large as it can be: "1536Mi", "1", "500m". None when it is no quantity, or larger than
// any that can be meant.
[[nodiscard]] std::optional<std::string> canonical_quantity(std::string_view text);

}  // namespace clops::local
