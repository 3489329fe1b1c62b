// XGBoost's objectives as far as predictions go: what becomes of the sums, and what base_score means. Inner to
// formats/.
//
// Both depend on the release that wrote the file: a model is reproduced as that release predicts.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/ensemble.h"

namespace clops::formats {

using XgboostVersion = std::array<int32_t, 3>;

enum class Link : uint8_t {  // from base_score to the margin that sums start from
  Identity,
  Logit,
  Log,
  Gaps,  // reg:expectileerror: the first as it is, then what softplus makes the distance to the one before of
};

struct XgboostObjective {
  std::string_view name;
  Transform transform;
  Link link;
};

// Unsupported, with the list, for one that is not known.
[[nodiscard]] Result<XgboostObjective> find_objective(std::string_view name, const XgboostVersion& version);

// learner_model_param.base_score: "5E-1", or "[5E-1,1E0]" since 3.1.
[[nodiscard]] Result<std::vector<float>> parse_base_score(std::string_view text);

// One margin for each of `outputs`. `clamped`: releases that write a vector keep a probability off 0 and 1; those
// before refuse such a model themselves.
[[nodiscard]] Result<std::vector<float>> margins_of(std::vector<float> scores, const XgboostObjective& objective,
                                                    uint32_t outputs, bool clamped);

}  // namespace clops::formats
