// ModelVersion: has each artifact verified by a short pod in its own namespace, and writes down what was found.
//
// The operator itself never fetches or parses model bytes. Thread rule: as op::Reconciler. Borrows nothing.
#pragma once

#include "controllers/model_version/plan.h"
#include "operator/reconciler.h"

namespace clops::controllers::model_version {

class Reconciler final : public op::Reconciler {
 public:
  explicit Reconciler(Options options) : options_(std::move(options)) {}
  [[nodiscard]] op::Outcome reconcile(const ObjectKey& key, op::Context& context) override;

 private:
  const Options options_;
};

// What the planner wants to know of a pod, from the pod as the API prints it.
[[nodiscard]] VerifyingPod view_of(const Json& pod, const ObjectMeta& meta, const ObjectMeta& owner);

}  // namespace clops::controllers::model_version
