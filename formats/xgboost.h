// XGBoost models as `Booster.save_model` writes them (JSON and UBJSON, 1.0 to 3.4): gbtree and dart (its drop-out
// weights multiplied into the leaves) become an Ensemble, gblinear a LinearModel.
//
// A model predicts as Booster.predict of the release that wrote the file does, bit for bit, and what would not is
// refused with Unsupported, the reason and the way out. All trees are used, as Booster.predict does: what an
// early-stopped scikit-learn model would leave out is said in `notes`. Damage is InvalidArgument and names the tree and
// node, or the byte. Thread rule: pure functions.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "formats/model.h"

namespace clops::formats {

enum class Encoding : uint8_t { Json, Ubjson };

[[nodiscard]] Result<Model> read_xgboost(std::string_view bytes, Encoding encoding);

}  // namespace clops::formats
