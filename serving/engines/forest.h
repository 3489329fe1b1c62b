// Decision-tree ensembles as an Engine, evaluated bit for bit as their framework does: see forest_model.h.
//
// Formats accepted: "xgboost-json", "xgboost-ubj", "lightgbm"; load() takes a file or a folder with one model in it.
// Thread rule, ownership, errors: those of serving/protocol/engine.h.
#pragma once

#include <memory>

#include "base/result.h"
#include "formats/ensemble.h"
#include "serving/engines/forest_model.h"
#include "serving/engines/row_pool.h"
#include "serving/protocol/engine.h"

namespace clops::serving {

// `pool`: threads that help with large batches (predictions, not contributions); null: each call has its own thread
// alone.
[[nodiscard]] std::unique_ptr<EngineFactory> make_forest_engine_factory(std::shared_ptr<RowPool> pool = {});
[[nodiscard]] Result<std::unique_ptr<Engine>> make_forest_engine(const formats::Ensemble& ensemble,
                                                                 const ForestOptions& options = {},
                                                                 std::shared_ptr<RowPool> pool = {});

}  // namespace clops::serving
