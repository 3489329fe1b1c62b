#include "formats/skops.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "formats/skops_models.h"

namespace clops::formats {
namespace {

// Without the option `zipmap`, which skl2onnx refuses for what is no classifier; the ZipMap that it leaves is read.
constexpr std::string_view kWayOut = "export the model to ONNX instead: skl2onnx.to_onnx(model, X[:1])";

constexpr size_t kTargetsShown = 10;

enum class Kind : uint8_t { Tree, Forest, Boosting, Histogram, Isolation, Linear, OneVsRest };
struct Estimator {
  std::string_view type;
  Kind kind;
};
constexpr auto kEstimators = std::to_array<Estimator>({
    {"DecisionTreeClassifier", Kind::Tree},
    {"DecisionTreeRegressor", Kind::Tree},
    {"ExtraTreeClassifier", Kind::Tree},
    {"ExtraTreeRegressor", Kind::Tree},
    {"RandomForestClassifier", Kind::Forest},
    {"RandomForestRegressor", Kind::Forest},
    {"ExtraTreesClassifier", Kind::Forest},
    {"ExtraTreesRegressor", Kind::Forest},
    {"GradientBoostingClassifier", Kind::Boosting},
    {"GradientBoostingRegressor", Kind::Boosting},
    {"HistGradientBoostingClassifier", Kind::Histogram},
    {"HistGradientBoostingRegressor", Kind::Histogram},
    {"IsolationForest", Kind::Isolation},
    {"LinearRegression", Kind::Linear},
    {"Ridge", Kind::Linear},
    {"RidgeCV", Kind::Linear},
    {"Lasso", Kind::Linear},
    {"LassoCV", Kind::Linear},
    {"ElasticNet", Kind::Linear},
    {"ElasticNetCV", Kind::Linear},
    {"SGDRegressor", Kind::Linear},
    {"HuberRegressor", Kind::Linear},
    {"Lars", Kind::Linear},
    {"LarsCV", Kind::Linear},
    {"LassoLars", Kind::Linear},
    {"LassoLarsCV", Kind::Linear},
    {"LassoLarsIC", Kind::Linear},
    {"OrthogonalMatchingPursuit", Kind::Linear},
    {"OrthogonalMatchingPursuitCV", Kind::Linear},
    {"BayesianRidge", Kind::Linear},
    {"ARDRegression", Kind::Linear},
    {"TheilSenRegressor", Kind::Linear},
    {"QuantileRegressor", Kind::Linear},
    {"MultiTaskLasso", Kind::Linear},
    {"MultiTaskLassoCV", Kind::Linear},
    {"MultiTaskElasticNet", Kind::Linear},
    {"MultiTaskElasticNetCV", Kind::Linear},
    {"PoissonRegressor", Kind::Linear},
    {"GammaRegressor", Kind::Linear},
    {"TweedieRegressor", Kind::Linear},
    {"LogisticRegression", Kind::Linear},
    {"LogisticRegressionCV", Kind::Linear},
    {"SGDClassifier", Kind::Linear},
    {"OneVsRestClassifier", Kind::OneVsRest},
});

template <class Any>  // Ensemble or LinearModel
Result<Any> begin(const SkopsObject& model) {
  Any out;
  out.format = "skops";
  out.framework = "scikit-learn " + model.string_or("_sklearn_version", "of an unknown version");
  const bool classifier = model.has("classes_");
  out.objective = model.type() + (classifier ? ".predict_proba" : ".predict");
  CLOPS_ASSIGN(const SkopsObject features_at, model.get("n_features_in_"));
  CLOPS_ASSIGN(const int64_t features, features_at.integer());
  if (features < 1 || features > (1 << 24))
    return fail(Code::InvalidArgument, "n_features_in_ is " + std::to_string(features));
  out.features = static_cast<uint32_t>(features);
  if (model.has("feature_names_in_")) {
    CLOPS_ASSIGN(const SkopsObject names, model.get("feature_names_in_"));
    CLOPS_ASSIGN(out.feature_names, names.labels());
    if (out.feature_names.size() != out.features)
      return fail(Code::InvalidArgument, "feature_names_in_ has another size than n_features_in_");
  }
  if (!classifier) return out;
  CLOPS_ASSIGN(const auto targets, classes_of_targets(model));
  std::string note = "columns of predict are the probabilities of the classes ";
  for (size_t t = 0; t < targets.size() && t < kTargetsShown; ++t)
    note += targets.size() == 1 ? listed(targets[t])
                                : (t == 0 ? "" : "; ") + listed(targets[t]) + " of target " + std::to_string(t);
  out.notes.push_back(note + (targets.size() > kTargetsShown ? "; ..." : ""));
  return out;
}

Result<Model> read_kind(const SkopsObject& model, Kind kind) {
  if (kind == Kind::Linear || kind == Kind::OneVsRest) {
    CLOPS_ASSIGN(LinearModel linear, begin<LinearModel>(model));
    return kind == Kind::Linear ? read_skops_linear(model, std::move(linear))
                                : read_skops_one_vs_rest(model, std::move(linear));
  }
  CLOPS_ASSIGN(Ensemble ensemble, begin<Ensemble>(model));
  Result<Model> out = kind == Kind::Boosting    ? read_skops_boosting(model, std::move(ensemble))
                      : kind == Kind::Histogram ? read_skops_histogram(model, std::move(ensemble))
                      : kind == Kind::Isolation ? read_skops_isolation(model, std::move(ensemble))
                                                : read_skops_forest(model, std::move(ensemble), kind == Kind::Tree);
  if (out) CLOPS_TRY(check_ensemble(std::get<Ensemble>(*out)));
  return out;
}

}  // namespace

std::string listed(const std::vector<std::string>& classes) {
  constexpr size_t kShown = 50;
  std::string out;
  for (size_t i = 0; i < std::min(classes.size(), kShown); ++i) out += (i == 0 ? "" : ", ") + classes[i];
  return out + (classes.size() > kShown ? ", ..." : "");
}

Result<std::vector<std::vector<std::string>>> classes_of_targets(const SkopsObject& model) {
  CLOPS_ASSIGN(const SkopsObject classes_at, model.get("classes_"));
  int64_t targets = 1;
  if (model.has("n_outputs_")) {
    CLOPS_ASSIGN(const SkopsObject targets_at, model.get("n_outputs_"));
    CLOPS_ASSIGN(targets, targets_at.integer());
  }
  std::vector<std::vector<std::string>> out;
  if (targets == 1) {
    CLOPS_ASSIGN(auto classes, classes_at.labels());
    out.push_back(std::move(classes));
    return out;
  }
  CLOPS_ASSIGN(const auto items, classes_at.items());
  if (static_cast<int64_t>(items.size()) != targets)
    return fail(Code::InvalidArgument, "classes_ has another size than n_outputs_");
  for (const SkopsObject& item : items) {
    CLOPS_ASSIGN(auto classes, item.labels());
    out.push_back(std::move(classes));
  }
  return out;
}

std::unexpected<Error> refused(std::string_view what) {
  return fail(
      Code::Unsupported,
      std::string(what) + ": not among what is computed here exactly as scikit-learn does; " + std::string(kWayOut));
}

Status need_version(const SkopsObject& model, int major, int minor) {
  const std::string text = model.string_or("_sklearn_version", "0.0");
  int have_major = 0, have_minor = 0;
  const auto [dot, error] = std::from_chars(text.data(), text.data() + text.size(), have_major);
  if (error == std::errc{} && dot != text.data() + text.size())
    (void)std::from_chars(dot + 1, text.data() + text.size(), have_minor);
  if (have_major > major || (have_major == major && have_minor >= minor)) return {};
  return fail(Code::Unsupported, model.type() + " of scikit-learn " + text + ": " + std::to_string(major) + "." +
                                     std::to_string(minor) + " or newer is needed; train and save it anew, or " +
                                     std::string(kWayOut));
}

Status refuse_unknown_fields(const NpyArray& nodes, std::initializer_list<std::string_view> known) {
  for (const std::string& name : nodes.field_names())
    if (std::ranges::find(known, name) == known.end() && nodes.field(name) >= 0)
      return refused("trees with " + name + ", which a newer scikit-learn has");
  return {};
}

Result<Model> read_skops(std::string_view bytes) {
  CLOPS_ASSIGN(SkopsFile file, SkopsFile::open(bytes));
  const SkopsObject model = file.root();
  const std::string type = model.type();
  if (type == "Pipeline") return refused("a Pipeline");
  if (model.module().starts_with("lightgbm.")) return read_skops_lightgbm(model);
  if (model.module().starts_with("xgboost"))
    return fail(Code::Unsupported,
                "a " + type + " in a skops file: give the framework's own file, as its save_model writes");
  const auto* const known = std::ranges::find(kEstimators, type, &Estimator::type);
  if (known == kEstimators.end() || !model.module().starts_with("sklearn."))
    return refused(type.empty() ? "something without a class" : "a " + model.module() + "." + type);
  return read_kind(model, known->kind);
}

}  // namespace clops::formats
