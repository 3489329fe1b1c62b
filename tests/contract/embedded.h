// The embedded plane's API in this process: the store in memory and nothing else of the plane, so that no controller of
// its own acts between two requests. Our kinds are installed.
//
// Thread rule: made and destroyed by one thread; serves from its own. Errors: what the API or its server say.
#pragma once

#include <memory>

#include "base/result.h"
#include "operator/kube/config.h"

namespace clops::contract {

class Embedded {
 public:
  virtual ~Embedded() = default;
  [[nodiscard]] virtual kube::Access access() const = 0;
};

[[nodiscard]] Result<std::unique_ptr<Embedded>> start_embedded();

// As the plane installs them; waits until they are served. On any API server.
[[nodiscard]] Status install_our_kinds(kube::Client& client);

}  // namespace clops::contract
