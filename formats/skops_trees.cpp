// Tree ensembles of scikit-learn.
#include <algorithm>
#include <cmath>
#include <limits>

#include "formats/skops_models.h"

namespace clops::formats {
namespace {

std::unexpected<Error> damaged(const SkopsObject& object, std::string_view what) {
  return fail(Code::InvalidArgument, object.name() + ": " + std::string(what));
}

// `row <= threshold` goes left, as the one form has it: `row < value`. Where the threshold is beyond every number even
// infinity goes left, which is said as "what is below everything goes right": the children change places.
void set_threshold(TreeNode& node, double threshold, Number rows) {
  if (threshold == HUGE_VAL) {
    std::swap(node.left, node.right);
    node.default_left = !node.default_left;
    node.value = -HUGE_VAL;
  } else if (rows == Number::Float64) {
    node.value = std::nextafter(threshold, HUGE_VAL);
  } else {
    constexpr float kMost = std::numeric_limits<float>::max();
    float below = threshold >= kMost ? kMost : threshold < -kMost ? -HUGE_VALF : static_cast<float>(threshold);
    if (below > threshold) below = std::nextafter(below, -HUGE_VALF);
    node.value = std::nextafter(below, HUGE_VALF);
  }
}

uint32_t depth_of(const Tree& tree) {
  std::vector<uint32_t> depth(tree.nodes.size(), 0);
  uint32_t most = 0;
  for (size_t i = 0; i < tree.nodes.size(); ++i) {
    if (tree.nodes[i].leaf()) continue;
    for (const int32_t child : {tree.nodes[i].left, tree.nodes[i].right})
      if (static_cast<size_t>(child) > i && static_cast<size_t>(child) < depth.size())
        most = std::max(most, depth[static_cast<size_t>(child)] = depth[i] + 1);
  }
  return most;
}

// The fields of a record array that are needed; each must be there.
Result<std::vector<int>> fields_of(const SkopsObject& object, const NpyArray& nodes,
                                   std::initializer_list<std::string_view> names) {
  std::vector<int> out;
  for (const std::string_view name : names) {
    out.push_back(nodes.field(name));
    if (out.back() < 0) return damaged(object, "nodes without " + std::string(name));
  }
  return out;
}

Status check_child(const SkopsObject& object, size_t node, int64_t child, size_t count) {
  if (child > static_cast<int64_t>(node) && child < static_cast<int64_t>(count)) return {};
  return damaged(object, "node " + std::to_string(node) + " has a child " + std::to_string(child) + " of " +
                             std::to_string(count));
}

// sklearn.tree._tree.Tree. What a leaf gives is multiplied by `factor`: the learning rate of boosting, 1 elsewhere.
Result<Tree> read_tree(const SkopsObject& estimator, uint32_t outputs, double factor) {
  CLOPS_ASSIGN(const SkopsObject object, estimator.get("tree_"));
  CLOPS_ASSIGN(const SkopsObject nodes_at, object.get("nodes"));
  CLOPS_ASSIGN(const SkopsObject values_at, object.get("values"));
  CLOPS_ASSIGN(const NpyArray nodes, nodes_at.array());
  CLOPS_ASSIGN(const NpyArray values, values_at.array());
  CLOPS_ASSIGN(const auto field, fields_of(object, nodes, {"left_child", "right_child", "feature", "threshold"}));
  CLOPS_TRY(refuse_unknown_fields(nodes, {"left_child", "right_child", "feature", "threshold", "impurity",
                                          "n_node_samples", "weighted_n_node_samples", "missing_go_to_left"}));
  const int missing = nodes.field("missing_go_to_left"), cover = nodes.field("weighted_n_node_samples");
  const size_t count = nodes.count();
  if (values.field("") < 0 || count == 0 || values.count() != count * outputs)
    return damaged(object, "values of another size than its nodes");
  Tree tree;
  tree.nodes.resize(count);
  for (size_t i = 0; i < count; ++i) {
    TreeNode& node = tree.nodes[i];
    if (cover >= 0) tree.covers.push_back(nodes.real(i, cover));
    const int64_t left = nodes.integer(i, field[0]), right = nodes.integer(i, field[1]);
    if (left < 0) {
      if (outputs == 1) {
        node.value = factor * values.real(i);
      } else {
        node.side = static_cast<uint32_t>(tree.vectors.size() / outputs);
        for (uint32_t o = 0; o < outputs; ++o) tree.vectors.push_back(factor * values.real(i * outputs + o));
      }
      continue;
    }
    CLOPS_TRY(check_child(object, i, left, count));
    CLOPS_TRY(check_child(object, i, right, count));
    node.left = static_cast<int32_t>(left);
    node.right = static_cast<int32_t>(right);
    node.feature = static_cast<uint32_t>(std::clamp<int64_t>(nodes.integer(i, field[2]), 0, UINT32_MAX));
    node.default_left = missing >= 0 && nodes.integer(i, missing) != 0;
    set_threshold(node, nodes.real(i, field[3]), Number::Float32);
  }
  tree.depth = depth_of(tree);
  return tree;
}

// sklearn's TreePredictor of histogram boosting.
Result<Tree> read_predictor(const SkopsObject& object) {
  CLOPS_ASSIGN(const SkopsObject nodes_at, object.get("nodes"));
  CLOPS_ASSIGN(const NpyArray nodes, nodes_at.array());
  CLOPS_ASSIGN(const auto field, fields_of(object, nodes,
                                           {"value", "feature_idx", "num_threshold", "missing_go_to_left", "left",
                                            "right", "is_leaf", "is_categorical", "count"}));
  const size_t count = nodes.count();
  if (count == 0) return damaged(object, "no nodes");
  Tree tree;
  tree.nodes.resize(count);
  for (size_t i = 0; i < count; ++i) {
    TreeNode& node = tree.nodes[i];
    tree.covers.push_back(nodes.real(i, field[8]));
    if (nodes.integer(i, field[6]) != 0) {
      node.value = nodes.real(i, field[0]);
      continue;
    }
    if (nodes.integer(i, field[7]) != 0) return refused("splits by category");
    CLOPS_TRY(check_child(object, i, nodes.integer(i, field[4]), count));
    CLOPS_TRY(check_child(object, i, nodes.integer(i, field[5]), count));
    node.left = static_cast<int32_t>(nodes.integer(i, field[4]));
    node.right = static_cast<int32_t>(nodes.integer(i, field[5]));
    node.feature = static_cast<uint32_t>(std::clamp<int64_t>(nodes.integer(i, field[1]), 0, UINT32_MAX));
    node.default_left = nodes.integer(i, field[3]) != 0;
    set_threshold(node, nodes.real(i, field[2]), Number::Float64);
  }
  tree.depth = depth_of(tree);
  return tree;
}

Result<uint32_t> small_count(const SkopsObject& model, std::string_view attribute) {
  CLOPS_ASSIGN(const SkopsObject at, model.get(attribute));
  CLOPS_ASSIGN(const int64_t value, at.integer());
  if (value < 1 || value > 100'000) return damaged(at, "is " + std::to_string(value));
  return static_cast<uint32_t>(value);
}

// scipy's logit, whose two formulas meet where either would lose digits.
double logit(double p) {
  if (p < 0.3 || p > 0.65) return std::log(p / (1 - p));
  const double s = 2 * (p - 0.5);
  return std::log1p(s) - std::log1p(-s);
}

// What boosting starts from: its `init_` asked for the prediction of any row, turned by the loss's link.
Result<std::vector<double>> start_of_boosting(const SkopsObject& model, uint32_t outputs, bool classifier) {
  CLOPS_ASSIGN(const SkopsObject init, model.get("init_"));
  if (const auto text = init.string(); text && *text == "zero") return std::vector<double>(outputs, 0.0);
  if (!classifier) {
    if (init.type() != "DummyRegressor") return refused("boosting that starts from another model (init)");
    CLOPS_ASSIGN(const SkopsObject constant, init.get("constant_"));
    CLOPS_ASSIGN(const double value, constant.real());
    return std::vector<double>{value};
  }
  if (init.type() != "DummyClassifier" || init.string_or("strategy", "") != "prior")
    return refused("boosting that starts from another model (init)");
  CLOPS_ASSIGN(const SkopsObject prior_at, init.get("class_prior_"));
  CLOPS_ASSIGN(const NpyArray prior, prior_at.array());
  if (prior.field("") < 0 || prior.count() != (outputs == 1 ? 2 : outputs))
    return damaged(prior_at, "is of another size");
  constexpr double kLeast = std::numeric_limits<double>::epsilon();
  std::vector<double> p;
  p.reserve(prior.count());
  for (size_t i = 0; i < prior.count(); ++i) p.push_back(std::clamp(prior.real(i), kLeast, 1 - kLeast));
  if (outputs == 1) return std::vector<double>{logit(p[1])};
  double logs = 0;
  for (const double value : p) logs += std::log(value);
  const double mean = std::exp(logs / static_cast<double>(p.size()));  // the geometric one
  for (double& value : p) value = std::log(value / mean);
  return p;
}

}  // namespace

// DecisionTree*, ExtraTree*: one tree. RandomForest*, ExtraTrees*: the mean of many.
Result<Model> read_skops_forest(const SkopsObject& model, Ensemble out, bool single) {
  const bool classifier = model.type().ends_with("Classifier");
  CLOPS_ASSIGN(const uint32_t targets, small_count(model, "n_outputs_"));
  // Before, trees kept counts, and what predict_proba divided by was of the file's reader.
  if (classifier) CLOPS_TRY(need_version(model, 1, 3));
  out.outputs = targets;
  if (classifier) {
    CLOPS_ASSIGN(out.outputs, small_count(model, "n_classes_"));
  }
  out.sums = Number::Float64;
  if (single) {
    out.margins.assign(out.outputs, -0.0);  // -0 + v is v, whatever v
    CLOPS_ASSIGN(Tree tree, read_tree(model, out.outputs, 1));
    out.trees.push_back(std::move(tree));
    return out;
  }
  out.margins.assign(out.outputs, 0.0);
  CLOPS_ASSIGN(const SkopsObject list, model.get("estimators_"));
  CLOPS_ASSIGN(const auto estimators, list.items());
  if (estimators.empty()) return damaged(list, "no trees");
  for (const SkopsObject& estimator : estimators) {
    CLOPS_ASSIGN(Tree tree, read_tree(estimator, out.outputs, 1));
    out.trees.push_back(std::move(tree));
  }
  out.divisor = static_cast<double>(estimators.size());
  return out;
}

Result<Model> read_skops_boosting(const SkopsObject& model, Ensemble out) {
  CLOPS_TRY(need_version(model, 1, 4));
  const bool classifier = model.type() == "GradientBoostingClassifier";
  const std::string loss = model.string_or("loss", "?");
  if (classifier && loss != "log_loss") return refused("the loss " + loss);
  CLOPS_ASSIGN(const SkopsObject rate_at, model.get("learning_rate"));
  CLOPS_ASSIGN(const double rate, rate_at.real());
  CLOPS_ASSIGN(const SkopsObject list, model.get("estimators_"));
  CLOPS_ASSIGN(const auto iterations, list.items());
  if (iterations.empty()) return damaged(list, "no trees");
  CLOPS_ASSIGN(const auto first, iterations[0].items());
  if (first.empty()) return damaged(list, "no trees");
  out.outputs = static_cast<uint32_t>(first.size());
  out.sums = Number::Float64;
  CLOPS_ASSIGN(out.margins, start_of_boosting(model, out.outputs, classifier));
  for (const SkopsObject& iteration : iterations) {
    CLOPS_ASSIGN(const auto trees, iteration.items());
    if (trees.size() != out.outputs) return damaged(list, "iterations of different sizes");
    for (uint32_t o = 0; o < out.outputs; ++o) {
      CLOPS_ASSIGN(Tree tree, read_tree(trees[o], 1, rate));
      tree.output = o;
      out.trees.push_back(std::move(tree));
    }
  }
  if (classifier) out.transform = out.outputs == 1 ? Transform::Pair : Transform::SoftmaxPairwise;
  return out;
}

Result<Model> read_skops_histogram(const SkopsObject& model, Ensemble out) {
  const bool classifier = model.type() == "HistGradientBoostingClassifier";
  const std::string loss = model.string_or("loss", "?");
  if (model.has("_preprocessor")) {
    CLOPS_ASSIGN(const SkopsObject preprocessor, model.get("_preprocessor"));
    if (!preprocessor.is_none()) return refused("categorical features");
  }
  if (classifier ? loss != "log_loss"
                 : loss != "squared_error" && loss != "absolute_error" && loss != "quantile" && loss != "poisson" &&
                       loss != "gamma")
    return refused("the loss " + loss);
  CLOPS_ASSIGN(const SkopsObject baseline_at, model.get("_baseline_prediction"));
  CLOPS_ASSIGN(const NpyArray baseline, baseline_at.array());
  if (baseline.field("") < 0 || baseline.count() == 0) return damaged(baseline_at, "is empty");
  for (size_t i = 0; i < baseline.count(); ++i) out.margins.push_back(baseline.real(i));
  out.outputs = static_cast<uint32_t>(baseline.count());
  out.rows = out.sums = Number::Float64;
  CLOPS_ASSIGN(const SkopsObject list, model.get("_predictors"));
  CLOPS_ASSIGN(const auto iterations, list.items());
  for (const SkopsObject& iteration : iterations) {
    CLOPS_ASSIGN(const auto trees, iteration.items());
    if (trees.size() != out.outputs) return damaged(list, "iterations of different sizes");
    for (uint32_t o = 0; o < out.outputs; ++o) {
      CLOPS_ASSIGN(Tree tree, read_predictor(trees[o]));
      tree.output = o;
      out.trees.push_back(std::move(tree));
    }
  }
  if (out.trees.empty()) return damaged(list, "no trees");
  if (classifier) {
    // Column by column there, so classes are added up in order; of one row alone scikit-learn adds eight and more
    // pairwise.
    out.transform = out.outputs == 1 ? Transform::Pair : Transform::Softmax;
  } else if (loss == "poisson" || loss == "gamma") {
    out.transform = Transform::Exp;
  }
  return out;
}

}  // namespace clops::formats
