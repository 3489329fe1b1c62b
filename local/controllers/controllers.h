// What kube-controller-manager and kube-proxy do elsewhere, for the kinds the plane runs: Deployments and Jobs become
// pods, Services get endpoints and a proxy, claims are bound, namespaces get their default ServiceAccount, budgets
// their counts.
//
// Every loop reads the API in process, asks a pure plan, and writes; woken by watches and by the plan's own "look
// again". Thread rule: works on two loops of its own (controllers; proxy). Ownership: api, clock and log outlive it.
#pragma once

#include <memory>
#include <string>

#include "local/api/api.h"

namespace clops::local {

struct ControllerOptions {
  std::string node_name = "clops-local";
};

class Controllers {
 public:
  virtual ~Controllers() = default;  // stops; connections through the proxy end
};

[[nodiscard]] std::unique_ptr<Controllers> start_controllers(Api& api, const Clock& clock, Log& log,
                                                             ControllerOptions options = {});

}  // namespace clops::local
