// The status of a ModelDeployment: what is true of it, from what was observed and decided. Pure.
//
// Ready says whether the endpoint answers as declared or as it last did; it stays True through a rollout and through an
// update that cannot be carried out. Traffic is what every ready pod has acknowledged, never what is hoped for.
#pragma once

#include "controllers/model_deployment/plan.h"

namespace clops::controllers::model_deployment {

struct ChildTrouble {
  std::string conflict;  // a name is taken by somebody else's object
  std::string waiting;   // a name is about to become free
  std::string refused;   // the API would not take a child
  [[nodiscard]] bool any() const { return !conflict.empty() || !waiting.empty(); }
};

struct StatusInputs {
  const Observed& observed;
  const Options& options;
  const Resolution& resolution;
  const std::optional<crds::ServingConfig>& config;
  bool config_is_new = false;
  bool writes = false;  // children are about to be written
  ChildTrouble trouble;
};

struct StatusPlan {
  crds::ModelDeploymentStatus status;
  std::vector<PlannedEvent> events;
  std::optional<Duration> again;
};

[[nodiscard]] StatusPlan plan_status(const StatusInputs& inputs, WallTime now);

}  // namespace clops::controllers::model_deployment
