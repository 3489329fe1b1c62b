// A model with the pre- and post-processing that its ModelDeployment declares, as an engine like any other: its inputs
// are the columns of requests, its outputs those after the last step, so that every wire, metadata and validation work
// off info() and know nothing of steps.
//
// `contributions` stay where no value is computed before the model (columns are only picked and renamed); they are of
// the model's columns. Held against a background they are only where nothing stands before the model. Numbers are
// float64 between the steps; they become the model's datatype when the last step before it is done. Thread rule and
// steady state as Engine's. Ownership: shares the inner engine, which serves others too. Errors: with_steps():
// InvalidArgument of crds/steps_plan.h; infer(): InvalidArgument that names row and column, and the inner engine's.
#pragma once

#include <memory>

#include "crds/steps.h"
#include "serving/protocol/engine.h"

namespace clops::serving {

// Without steps: `inner` itself.
[[nodiscard]] Result<std::shared_ptr<const Engine>> with_steps(std::shared_ptr<const Engine> inner,
                                                               const crds::Steps& steps);

}  // namespace clops::serving
