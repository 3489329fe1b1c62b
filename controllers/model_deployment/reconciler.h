// ModelDeployment: brings the endpoint's objects and its pods' configuration to what spec says, and writes down what is
// true.
//
// Order of writes: what pods mount, then the pods, then (once the ConfigMap is durable) the push, then status.
// Thread rule: as op::Reconciler. Borrows the PodLink and the EndpointCheck.
#pragma once

#include "controllers/model_deployment/endpoint_check.h"
#include "controllers/model_deployment/plan.h"
#include "controllers/model_deployment/pod_link.h"
#include "operator/reconciler.h"

namespace clops::controllers::model_deployment {

class Reconciler final : public op::Reconciler {
 public:
  Reconciler(Options options, PodLink& link, EndpointCheck& check, std::function<std::string()> new_push_key)
      : options_(std::move(options)), link_(link), check_(check), new_push_key_(std::move(new_push_key)) {}
  [[nodiscard]] op::Outcome reconcile(const ObjectKey& key, op::Context& context) override;

 private:
  [[nodiscard]] Status apply(const Observed& observed, const Plan& next, op::Context& context) const;
  void push(const ObjectKey& key, const Observed& observed, const Plan& next);
  const Options options_;
  PodLink& link_;
  EndpointCheck& check_;
  const std::function<std::string()> new_push_key_;
};

[[nodiscard]] ServingPod view_of(const Json& pod, const ObjectMeta& meta);

}  // namespace clops::controllers::model_deployment
