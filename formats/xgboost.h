// XGBoost models as `Booster.save_model` writes them (JSON and UBJSON, 1.3 to 3.x): gbtree with numeric splits.
//
// What would not be reproduced bit for bit is refused with Unsupported, the reason and the way out: dart, gblinear,
// categorical splits, vector leaves, several targets, objectives not in the table, fields of a newer XGBoost that may
// change predictions. Damage is InvalidArgument and names the tree and node, or the byte.
// All trees are used, as Booster.predict does: an early-stopped `best_iteration` is kept only if the model was sliced.
// Thread rule: pure functions.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "formats/ensemble.h"

namespace clops::formats {

enum class Encoding : uint8_t { Json, Ubjson };

[[nodiscard]] Result<Ensemble> read_xgboost(std::string_view bytes, Encoding encoding);

}  // namespace clops::formats
