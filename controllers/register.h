// Both controllers as a manager takes them: what they watch, who reconciles, and the operator's own view of the load.
//
//   Controllers controllers({executor, pod_http, new_push_key}, options);
//   op::Manager manager(deps, manager_options, controllers.informers(), controllers.specs());
//   controllers.attach(manager);
//   manager.start();
//
// Thread rule: built and attached on one thread. Ownership: owns reconcilers and the pod link; borrows Executor and
// HttpClient; outlives the manager's workers (end the Executor before destroying either).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/http_client.h"
#include "controllers/options.h"
#include "operator/controller.h"
#include "operator/manager/manager.h"

namespace clops::controllers {

struct ControllersDeps {
  Executor& executor;
  HttpClient& pods;                           // plain HTTP to serving pods; no proxy
  std::function<std::string()> new_push_key;  // cmd/: random_hex(32)
};

class Controllers {
 public:
  Controllers(ControllersDeps deps, Options options, int workers = 2, std::string watched_namespace = "");
  ~Controllers();
  [[nodiscard]] std::vector<op::InformerSpec> informers() const;
  [[nodiscard]] std::vector<op::ControllerSpec> specs();
  // Wakes the manager when pods answer; adds the endpoint /scaling (live readings as JSON) and metrics. Before start().
  void attach(op::Manager& manager);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clops::controllers
