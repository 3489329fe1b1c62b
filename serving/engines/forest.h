// Decision-tree ensembles (XGBoost gbtree), evaluated bit for bit as the framework does: float32 `<` goes left, NaN
// goes the node's default way, each class's sum starts from its margin and takes the trees in order, in float32.
//
// Two kernels over one compact layout: single rows walk several trees in lockstep without branches; batches walk one
// tree over a block of rows. Both give the same bits. Formats accepted: "xgboost-json", "xgboost-ubj"; load() takes a
// file or a folder with one model in it.
// Thread rule, ownership, errors: those of serving/protocol/engine.h.
#pragma once

#include <memory>

#include "base/result.h"
#include "formats/ensemble.h"
#include "serving/protocol/engine.h"

namespace clops::serving {

[[nodiscard]] std::unique_ptr<EngineFactory> make_forest_engine_factory();
[[nodiscard]] Result<std::unique_ptr<Engine>> make_forest_engine(const formats::Ensemble& ensemble);

}  // namespace clops::serving
