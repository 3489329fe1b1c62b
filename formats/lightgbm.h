// LightGBM text models (Booster.save_model, model_to_string): v2 to v4, as LightGBM 2.0.10 to 4.x write them.
//
// What is read is what LightGBM predicts dense rows with: float64, trees summed in order from 0, the objective's own
// transform. Numbers within 1e-35 of zero (the float, widened) count as 0, as they do there. Thread rule: pure. Time
// and memory are linear in the bytes. Errors: InvalidArgument names the tree and field that is damaged; Unsupported
// says what cannot be reproduced exactly, and the way out.
#pragma once

#include <string_view>

#include "base/result.h"
#include "formats/ensemble.h"

namespace clops::formats {

[[nodiscard]] Result<Ensemble> read_lightgbm(std::string_view bytes);

}  // namespace clops::formats
