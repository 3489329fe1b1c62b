// What an XGBoost file says beside its arithmetic: names of categories, and what a reader of the model should know.
// Inner to formats/. Thread rule: pure functions.
#pragma once

#include <string>
#include <vector>

#include "formats/xgboost_file.h"

namespace clops::formats {

// As Ensemble::category_names; what cannot be told is left empty and said in `notes`.
[[nodiscard]] Result<std::vector<std::vector<std::string>>> category_names(const XgboostFile& file, uint32_t features,
                                                                           std::vector<std::string>& notes);
[[nodiscard]] std::vector<std::string> notes_of(const XgboostFile& file);

}  // namespace clops::formats
