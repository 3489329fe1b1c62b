// scikit-learn models as skops.io.dump saves them (a zip of schema.json and NumPy arrays): tree ensembles and linear
// models, into the forms that engines are made from. Nothing of the file is ever run.
//
// What comes out is predict() of regressors, predict_proba() of classifiers (columns in the order of classes_, named in
// the notes) and score_samples() of an IsolationForest, in scikit-learn's own arithmetic: forests add their trees'
// float64 probabilities in order and divide, as scikit-learn does with n_jobs=None; a threshold's `<=` becomes `<` the
// next number up. Two things are within rounding only, as they are from one machine to the next in scikit-learn itself:
// dot products (BLAS), and NumPy's exp and pow.
// LightGBM's own estimators and Boosters (MLflow 3 saves them so) come out as Booster.predict gives them, see
// lightgbm.h. Everything else is refused with the reason and the way out. Thread rule: pure. Errors: InvalidArgument
// (damaged), TooLarge, Unsupported.
#pragma once

#include <string_view>

#include "base/result.h"
#include "formats/model.h"

namespace clops::formats {

[[nodiscard]] Result<Model> read_skops(std::string_view bytes);

}  // namespace clops::formats
