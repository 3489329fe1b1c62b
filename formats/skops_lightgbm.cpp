// LightGBM's own estimators in a skops file, as MLflow saves them: their Booster holds the model as text.
#include <string>
#include <utility>

#include "formats/lightgbm.h"
#include "formats/skops_models.h"

namespace clops::formats {
namespace {

// Booster.predict, and so every estimator's predict, stops at the best iteration; the text has all of them.
Status stop_at_best(const SkopsObject& booster, Ensemble& model) {
  if (!booster.has("best_iteration")) return {};
  CLOPS_ASSIGN(const SkopsObject best_at, booster.get("best_iteration"));
  CLOPS_ASSIGN(const int64_t best, best_at.integer());
  if (best <= 0) return {};
  const size_t iterations = model.trees.size() / model.outputs;
  if (static_cast<uint64_t>(best) >= iterations) return {};
  model.trees.resize(static_cast<size_t>(best) * model.outputs);
  if (model.divisor != 1) model.divisor = static_cast<double>(best);  // an average of all trees
  model.notes.push_back("of " + std::to_string(iterations) + " iterations the first " + std::to_string(best) +
                        " are used: best_iteration");
  return {};
}

Status note_classes(const SkopsObject& model, Ensemble& out) {
  if (!model.has("_classes")) return {};
  CLOPS_ASSIGN(const SkopsObject classes_at, model.get("_classes"));
  if (classes_at.is_none()) return {};  // a regressor
  CLOPS_ASSIGN(const auto classes, classes_at.labels());
  out.notes.push_back(out.outputs == 1 ? "predict gives what Booster.predict gives; of the classes " + listed(classes) +
                                             " that is of the last one"
                                       : "columns of predict are the classes " + listed(classes));
  return {};
}

}  // namespace

Result<Model> read_skops_lightgbm(const SkopsObject& model) {
  const bool estimator = model.type() != "Booster";
  auto booster = estimator ? model.get("_Booster") : Result<SkopsObject>(model);
  if (!booster) return std::unexpected(booster.error());
  // Its name in 4.x and before.
  CLOPS_ASSIGN(const SkopsObject text_at, booster->get(booster->has("_handle") ? "_handle" : "handle"));
  CLOPS_ASSIGN(const std::string text, text_at.string());
  auto read = read_lightgbm(text);
  if (!read) return fail_in(text_at.name(), read.error());
  CLOPS_TRY(stop_at_best(*booster, *read));
  if (estimator) CLOPS_TRY(note_classes(model, *read));
  read->format = "skops";
  CLOPS_TRY(check_ensemble(*read));
  return Model(std::move(*read));
}

}  // namespace clops::formats
