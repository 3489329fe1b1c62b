// Readers of the kinds of scikit-learn models, and what they share. Inner to formats/.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "formats/model.h"
#include "formats/skops_object.h"

namespace clops::formats {

// `out` has what every model has: format, framework, objective, features and their names.
[[nodiscard]] Result<Model> read_skops_forest(const SkopsObject& model, Ensemble out, bool single);
[[nodiscard]] Result<Model> read_skops_boosting(const SkopsObject& model, Ensemble out);
[[nodiscard]] Result<Model> read_skops_histogram(const SkopsObject& model, Ensemble out);
[[nodiscard]] Result<Model> read_skops_isolation(const SkopsObject& model, Ensemble out);
[[nodiscard]] Result<Model> read_skops_linear(const SkopsObject& model, LinearModel out);
[[nodiscard]] Result<Model> read_skops_one_vs_rest(const SkopsObject& model, LinearModel out);
[[nodiscard]] Result<Model> read_skops_lightgbm(const SkopsObject& model);  // an estimator's, or the Booster itself

// The caller's column of each feature that nodes ask for, as histogram boosting numbers them; empty: there are no
// categories. These come into `out`: numbers as they are, texts by their place, which is their code, with names.
[[nodiscard]] Result<std::vector<uint32_t>> read_skops_categories(const SkopsObject& model, Ensemble& out);

// A classifier's, of most models of one target.
[[nodiscard]] Result<std::vector<std::vector<std::string>>> classes_of_targets(const SkopsObject& model);

// "a, b, c", for a note; of very many the first ones.
[[nodiscard]] std::string listed(const std::vector<std::string>& classes);

// Unsupported: "this model has WHAT, which ...", with the way out.
[[nodiscard]] std::unexpected<Error> refused(std::string_view what);
[[nodiscard]] Status need_version(const SkopsObject& model, int major, int minor);
[[nodiscard]] Status refuse_unknown_fields(const NpyArray& nodes, std::initializer_list<std::string_view> known);

}  // namespace clops::formats
