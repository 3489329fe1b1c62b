// Whether a deployment's Service leads to its pods yet: every node's proxy learns of ready pods later than the API does
// (kube-proxy: up to a second, and more on a busy cluster), and Ready must not be said before.
//
// ask() begins to ask the address, from a task, again and again with growing delays until anything answers over HTTP,
// or gives up: where a network policy keeps the operator out, nobody else is told a lie for ever. When it knows, the
// function given to on_change is called (from a task). Thread rule: safe from any thread. Ownership: borrows what it is
// given; tasks that still wait after it is destroyed do nothing.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/executor.h"
#include "base/http_client.h"
#include "controllers/model_deployment/plan.h"
#include "crds/meta.h"

namespace clops::controllers::model_deployment {

class EndpointCheck {
 public:
  using Changed = std::function<void(const crds::ObjectKey&)>;
  EndpointCheck(Executor& executor, HttpClient& http);
  ~EndpointCheck();
  void on_change(Changed changed);  // before the first ask()

  // How it stands with `url` (another one than last time begins anew).
  [[nodiscard]] Endpoint ask(const crds::ObjectKey& key, const std::string& url);
  void forget(const crds::ObjectKey& key);

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace clops::controllers::model_deployment
