#include "formats/xgboost.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "formats/xgboost_file.h"
#include "formats/xgboost_names.h"
#include "formats/xgboost_objective.h"

namespace clops::formats {
namespace {

constexpr std::string_view kSaveAgain = "load it with XGBoost 1.6 or newer and save it again";

std::unexpected<Error> unsupported(std::string message) {
  return fail(Code::Unsupported, std::move(message));
}
std::unexpected<Error> damaged(std::string message) {
  return fail(Code::InvalidArgument, std::move(message));
}

Result<uint32_t> whole(std::string_view field, std::string_view text, uint32_t absent) {
  if (text.empty()) return absent;
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    return damaged("learner_model_param." + std::string(field) + ": '" + std::string(text) + "' is not a whole number");
  return value;
}

// What trees and linear models have alike.
struct Frame {
  XgboostObjective objective;
  uint32_t features = 0, outputs = 1;
  std::vector<float> margins;
};

Status check_document(const XgboostFile& file) {
  if (!file.has_learner) return unsupported("this is not an XGBoost model: it has no field 'learner'");
  if (file.version[0] < 1) return damaged("version is absent: it decides how the release that wrote the file predicts");
  if (file.version[0] > 3)
    return unsupported("written by XGBoost " + std::to_string(file.version[0]) +
                       ", which is not known here; save it with a release up to 3.4");
  if (file.booster != "gbtree" && file.booster != "dart" && file.booster != "gblinear")
    return unsupported("booster '" + file.booster + "' is not known; these are: gbtree, dart, gblinear");
  if (!file.has_model) return damaged("learner.gradient_booster.model is absent");
  if (!file.has_param || file.base_score.empty()) return damaged("learner.learner_model_param.base_score is absent");
  return {};
}

Result<Frame> read_frame(const XgboostFile& file) {
  Frame frame;
  CLOPS_ASSIGN(frame.objective, find_objective(file.objective, file.version));
  CLOPS_ASSIGN(const uint32_t classes, whole("num_class", file.num_class, 0));
  CLOPS_ASSIGN(const uint32_t targets, whole("num_target", file.num_target, 1));
  CLOPS_ASSIGN(frame.features, whole("num_feature", file.num_feature, 0));
  if (classes > 1 && targets > 1)
    return damaged("learner_model_param: " + file.num_class + " classes and " + file.num_target + " targets at once");
  const Transform transform = frame.objective.transform;
  if ((transform == Transform::Softmax || transform == Transform::Argmax) && classes < 2)
    return damaged("learner_model_param.num_class is " + file.num_class + " for objective " + file.objective);
  frame.outputs = std::max({classes, targets, 1U});
  if (frame.outputs > 10'000) return unsupported("more than 10000 outputs");
  if (frame.features == 0 || frame.features > 1'000'000)
    return damaged("learner_model_param.num_feature: '" + file.num_feature + "' is not from 1 to 1000000");
  for (const auto& [field, size] :
       {std::pair{"feature_names", file.feature_names.size()}, std::pair{"feature_types", file.feature_types.size()}})
    if (size != 0 && size != frame.features)
      return damaged("learner." + std::string(field) + " has " + std::to_string(size) + " entries for " +
                     std::to_string(frame.features) + " features");
  CLOPS_ASSIGN(std::vector<float> scores, parse_base_score(file.base_score));
  CLOPS_ASSIGN(frame.margins,
               margins_of(std::move(scores), frame.objective, frame.outputs, file.base_score.starts_with('[')));
  return frame;
}

// What both kinds of model carry under the same names.
template <class Tabular>
void describe(Tabular& model, XgboostFile& file, const Frame& frame) {
  model.framework = "xgboost " + std::to_string(file.version[0]) + "." + std::to_string(file.version[1]) + "." +
                    std::to_string(file.version[2]);
  model.objective = file.objective;
  model.features = frame.features;
  model.outputs = frame.outputs;
  model.transform = frame.objective.transform;
  model.feature_names = std::move(file.feature_names);
  model.feature_types = std::move(file.feature_types);
}

Status check_counts(const XgboostFile& file) {
  const size_t count = file.trees.size();
  if (count == 0) return damaged("gradient_booster.model.trees: the model has no trees");
  if (!file.num_trees.empty() && file.num_trees != std::to_string(count))
    return damaged("gbtree_model_param.num_trees says " + file.num_trees + ", there are " + std::to_string(count));
  if (file.tree_info.size() != count)
    return damaged("tree_info has " + std::to_string(file.tree_info.size()) + " entries for " + std::to_string(count) +
                   " trees");
  if (file.iteration_indptr &&
      (file.iteration_indptr->empty() || file.iteration_indptr->front() != 0 ||
       !std::ranges::is_sorted(*file.iteration_indptr) || static_cast<size_t>(file.iteration_indptr->back()) != count))
    return damaged("iteration_indptr does not go from 0 to the " + std::to_string(count) + " trees");
  if (file.booster == "dart" && !file.weight_drop) return damaged("booster 'dart' without weight_drop");
  if (file.weight_drop && !file.weight_drop->empty() && file.weight_drop->size() != count)
    return damaged("weight_drop has " + std::to_string(file.weight_drop->size()) + " entries for " +
                   std::to_string(count) + " trees");
  return {};
}

Status check_trees(const XgboostFile& file, const Frame& frame) {
  CLOPS_TRY(check_counts(file));
  for (size_t t = 0; t < file.trees.size(); ++t) {
    const Tree& tree = file.trees[t];
    const std::string place = "tree " + std::to_string(t);
    if (file.tree_info[t] < 0 || static_cast<uint32_t>(file.tree_info[t]) >= frame.outputs)
      return damaged("tree_info: " + place + " belongs to class " + std::to_string(file.tree_info[t]) + " of " +
                     std::to_string(frame.outputs));
    size_t leaves = 0;
    for (const TreeNode& node : tree.nodes) {
      leaves += node.leaf() ? 1 : 0;
      if (!node.leaf() && node.feature >= frame.features)
        return damaged(place + ": feature " + std::to_string(node.feature) + " of " + std::to_string(frame.features));
    }
    if (!tree.vectors.empty() && tree.vectors.size() != leaves * frame.outputs)
      return damaged(place + ": its leaves have " + std::to_string(tree.vectors.size() / leaves) + " values for " +
                     std::to_string(frame.outputs) + " outputs");
    if (!tree.sets.empty() && file.version < XgboostVersion{1, 7, 0})
      return unsupported(place +
                         ": categorical splits before XGBoost 1.7 were an experiment, and predict otherwise for "
                         "what is no category; load it with XGBoost 1.7 or newer and save it again");
  }
  return {};
}

// A leaf times its tree's drop-out weight in float32, which is what XGBoost adds.
Status apply_weights(XgboostFile& file) {
  if (!file.weight_drop || file.weight_drop->empty()) return {};
  for (size_t t = 0; t < file.trees.size(); ++t) {
    const float weight = (*file.weight_drop)[t];
    const auto scale = [weight](double& value) { value = static_cast<double>(static_cast<float>(value) * weight); };
    bool finite = std::isfinite(weight);
    for (TreeNode& node : file.trees[t].nodes) {
      if (!node.leaf()) continue;
      scale(node.value);
      finite = finite && std::isfinite(node.value);
    }
    for (double& value : file.trees[t].vectors) {
      scale(value);
      finite = finite && std::isfinite(value);
    }
    if (!finite) return damaged("weight_drop: tree " + std::to_string(t) + ": a weighted leaf is not a finite number");
  }
  return {};
}

// Old releases sum the trees from 0 and add the margin last, which rounds otherwise. A tree of one leaf for each output
// does the same.
void move_margins_behind(Ensemble& model) {
  for (uint32_t o = 0; o < model.outputs; ++o) {
    Tree& last = model.trees.emplace_back();
    last.output = o;
    last.nodes.emplace_back().value = std::exchange(model.margins[o], 0.0);
    last.covers = {1};
  }
}

// Releases before 1.6 let the exponential of the sigmoid overflow; later ones stop it at 88.7. No sum of a model in use
// gets there, but one that could is not served as something else.
Status check_sigmoid(const Ensemble& model, const XgboostVersion& version) {
  if (model.transform != Transform::Sigmoid || version >= XgboostVersion{1, 6, 0}) return {};
  std::vector<double> least = model.margins;
  for (const Tree& tree : model.trees) {
    double leaf = INFINITY;
    for (const TreeNode& node : tree.nodes)
      if (node.leaf()) leaf = std::min(leaf, node.value);
    least[tree.output] += leaf;
  }
  if (std::ranges::min(least) > -88.0) return {};
  return unsupported("its sums can fall below -88, where XGBoost before 1.6 predicts otherwise than later releases; " +
                     std::string(kSaveAgain));
}

Result<Model> build_ensemble(XgboostFile file, const Frame& frame) {
  CLOPS_TRY(check_trees(file, frame));
  CLOPS_TRY(apply_weights(file));
  Ensemble model;
  model.notes = notes_of(file);
  CLOPS_ASSIGN(model.category_names, category_names(file, frame.features, model.notes));
  model.unknown_category = UnknownCategory::Refused;  // since 3.3; 3.1 and 3.2 took a neighbour's code for it
  describe(model, file, frame);
  model.margins.assign(frame.margins.begin(), frame.margins.end());
  for (size_t t = 0; t < file.trees.size(); ++t) file.trees[t].output = static_cast<uint32_t>(file.tree_info[t]);
  model.trees = std::move(file.trees);
  if (file.version < XgboostVersion{1, file.booster == "dart" ? 4 : 3, 0}) move_margins_behind(model);
  CLOPS_TRY(check_sigmoid(model, file.version));
  return model;
}

// Weights by feature, then output; the biases last. A sum starts from bias + margin, added in float32, and the margin
// is the first output's for all (XGBoost's, too).
Result<Model> build_linear(XgboostFile file, const Frame& frame) {
  if (!file.linear_weights) return damaged("gradient_booster.model.weights is absent");
  if (frame.objective.transform == Transform::Sigmoid && file.version < XgboostVersion{1, 6, 0})
    return unsupported("a logistic gblinear of XGBoost before 1.6 predicts otherwise far from 0 than later releases; " +
                       std::string(kSaveAgain));
  const auto& weights = *file.linear_weights;
  const size_t slopes = size_t{frame.features} * frame.outputs;
  if (weights.size() != slopes + frame.outputs)
    return damaged("gradient_booster.model.weights has " + std::to_string(weights.size()) + " entries for " +
                   std::to_string(frame.features) + " features and " + std::to_string(frame.outputs) + " outputs");
  for (size_t i = 0; i < weights.size(); ++i)
    if (!std::isfinite(weights[i]))
      return damaged("gradient_booster.model.weights: number " + std::to_string(i) + " is not a finite number");
  LinearModel model;
  model.notes = notes_of(file);
  describe(model, file, frame);
  model.weights.assign(weights.begin(), weights.begin() + static_cast<std::ptrdiff_t>(slopes));
  for (uint32_t o = 0; o < frame.outputs; ++o)
    model.intercepts.push_back(static_cast<double>(weights[slopes + o] + frame.margins[0]));
  return model;
}

}  // namespace

Result<Model> read_xgboost(std::string_view bytes, Encoding encoding) {
  const auto reader = encoding == Encoding::Json ? make_json_reader(bytes) : make_ubjson_reader(bytes);
  CLOPS_ASSIGN(XgboostFile file, read_xgboost_file(*reader, bytes.size()));
  CLOPS_TRY(check_document(file));
  CLOPS_ASSIGN(const Frame frame, read_frame(file));
  const bool linear = file.booster == "gblinear";
  CLOPS_ASSIGN(Model model, linear ? build_linear(std::move(file), frame) : build_ensemble(std::move(file), frame));
  const char* const format = encoding == Encoding::Json ? "xgboost-json" : "xgboost-ubj";
  if (auto* const trees = std::get_if<Ensemble>(&model)) trees->format = format;
  if (auto* const line = std::get_if<LinearModel>(&model)) line->format = format;
  return model;
}

}  // namespace clops::formats
