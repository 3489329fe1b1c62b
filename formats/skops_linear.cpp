// Linear models of scikit-learn.
#include "formats/skops_models.h"

namespace clops::formats {
namespace {

// coef_ is one row, or one row per output; intercept_ one number, or one per output.
Status read_weights(const SkopsObject& model, LinearModel& out) {
  CLOPS_ASSIGN(const SkopsObject coef_at, model.get("coef_"));
  CLOPS_ASSIGN(const NpyArray coef, coef_at.array());
  const bool flat = coef.shape().size() == 1;
  if (coef.field("") < 0 || coef.shape().empty() || coef.shape().size() > 2 || coef.shape().back() != out.features)
    return fail(Code::InvalidArgument, "coef_ is of another size than n_features_in_");
  const size_t outputs = flat ? 1 : coef.shape()[0];
  if (outputs == 0 || outputs > 100'000) return fail(Code::InvalidArgument, "coef_ has no rows");
  out.outputs = static_cast<uint32_t>(outputs);
  out.weights.resize(coef.count());
  for (size_t o = 0; o < outputs; ++o)
    for (size_t f = 0; f < out.features; ++f) out.weights[f * outputs + o] = coef.real(flat ? f : coef.index(o, f));
  CLOPS_ASSIGN(const SkopsObject intercept_at, model.get("intercept_"));
  if (const auto one = intercept_at.real()) {
    out.intercepts.assign(outputs, *one);
    return {};
  }
  CLOPS_ASSIGN(const NpyArray intercept, intercept_at.array());
  if (intercept.field("") < 0 || intercept.count() != outputs)
    return fail(Code::InvalidArgument, "intercept_ is of another size than coef_");
  for (size_t o = 0; o < outputs; ++o) out.intercepts.push_back(intercept.real(o));
  return {};
}

// What a generalized linear model's sum becomes: the loss that it was trained with has its link.
Status read_link(const SkopsObject& model, LinearModel& out) {
  if (!model.module().starts_with("sklearn.linear_model._glm")) return {};
  CLOPS_TRY(need_version(model, 1, 1));
  CLOPS_ASSIGN(const SkopsObject loss_at, model.get("_base_loss"));
  const std::string loss = loss_at.type();
  if (loss == "HalfTweedieLossIdentity") return {};
  if (loss != "HalfPoissonLoss" && loss != "HalfGammaLoss" && loss != "HalfTweedieLoss")
    return refused("a " + model.type() + " of the loss " + loss);
  out.transform = Transform::Exp;
  return {};
}

}  // namespace

Result<Model> read_skops_linear(const SkopsObject& model, LinearModel out) {
  out.rows = out.sums = Number::Float64;
  out.order = LinearModel::Order::Dot;
  CLOPS_TRY(read_weights(model, out));
  CLOPS_TRY(read_link(model, out));
  if (!model.has("classes_")) return out;
  CLOPS_ASSIGN(const SkopsObject classes_at, model.get("classes_"));
  CLOPS_ASSIGN(const auto classes, classes_at.labels());
  const bool binary = classes.size() == 2;
  if (out.outputs != (binary ? 1 : classes.size()))
    return fail(Code::InvalidArgument, "coef_ is of another size than classes_");
  if (model.type() == "SGDClassifier") {
    const std::string loss = model.string_or("loss", "?");
    if (loss != "log_loss") return refused("a SGDClassifier of the loss " + loss + ", which has no probabilities");
  }
  // Which of its ways to probabilities scikit-learn takes.
  const std::string several = model.string_or("multi_class", "auto");
  if (binary && several == "multinomial") return refused("multi_class='multinomial' of two classes");
  const bool apart =
      several == "ovr" || model.string_or("solver", "") == "liblinear" || model.type() == "SGDClassifier";
  out.transform = binary                      ? Transform::Pair
                  : !apart                    ? Transform::SoftmaxPairwise
                  : need_version(model, 1, 9) ? Transform::OneVsRestUniform
                                              : Transform::OneVsRest;
  return out;
}

// A classifier of two classes for each class, or for each label of several at once.
Result<Model> read_skops_one_vs_rest(const SkopsObject& model, LinearModel out) {
  if (!model.has("classes_")) return refused("a OneVsRestClassifier of an older scikit-learn");
  CLOPS_ASSIGN(const SkopsObject classes_at, model.get("classes_"));
  CLOPS_ASSIGN(const auto classes, classes_at.labels());
  CLOPS_ASSIGN(const SkopsObject list, model.get("estimators_"));
  CLOPS_ASSIGN(const auto estimators, list.items());
  const size_t outputs = estimators.size();
  if (outputs == 0 || classes.size() != (outputs == 1 ? 2 : outputs))
    return fail(Code::InvalidArgument, "estimators_ is of another size than classes_");
  std::vector<std::vector<double>> weights;
  for (const SkopsObject& estimator : estimators) {
    const std::string type = estimator.type();
    if (type != "LogisticRegression" && type != "LogisticRegressionCV" && type != "SGDClassifier")
      return refused("a OneVsRestClassifier of a " + type);
    CLOPS_ASSIGN(Model one, read_skops_linear(estimator, LinearModel{.features = out.features}));
    LinearModel& linear = std::get<LinearModel>(one);
    if (linear.transform != Transform::Pair)
      return fail(Code::InvalidArgument, estimator.name() + " is not of two classes");
    weights.push_back(std::move(linear.weights));
    out.intercepts.push_back(linear.intercepts[0]);
  }
  out.outputs = static_cast<uint32_t>(outputs);
  out.weights.resize(out.features * outputs);
  for (size_t o = 0; o < outputs; ++o)
    for (size_t f = 0; f < out.features; ++f) out.weights[f * outputs + o] = weights[o][f];
  out.rows = out.sums = Number::Float64;
  out.order = LinearModel::Order::Dot;
  CLOPS_ASSIGN(const SkopsObject binarizer, model.get("label_binarizer_"));
  const bool labels = binarizer.string_or("y_type_", "").starts_with("multilabel");
  out.transform = outputs == 1                ? Transform::Pair
                  : labels                    ? Transform::Sigmoid
                  : need_version(model, 1, 7) ? Transform::OneVsRestZero
                                              : Transform::OneVsRest;
  return out;
}

}  // namespace clops::formats
