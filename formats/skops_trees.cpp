// Tree ensembles of scikit-learn.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numbers>

#include "formats/pairwise_sum.h"
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

// Where a node's values lie among `size` of it, by output.
struct Values {
  size_t size = 1;
  std::vector<size_t> places{0};
};

// sklearn.tree._tree.Tree. What a leaf gives is multiplied by `factor`: the learning rate of boosting, 1 elsewhere.
Result<Tree> read_tree(const SkopsObject& estimator, const Values& of, double factor) {
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
  if (values.field("") < 0 || count == 0 || values.count() != count * of.size)
    return damaged(object, "values of another size than its nodes");
  Tree tree;
  tree.nodes.resize(count);
  for (size_t i = 0; i < count; ++i) {
    TreeNode& node = tree.nodes[i];
    if (cover >= 0) tree.covers.push_back(nodes.real(i, cover));
    const int64_t left = nodes.integer(i, field[0]), right = nodes.integer(i, field[1]);
    if (left < 0) {
      if (of.places.size() == 1) {
        node.value = factor * values.real(i * of.size + of.places[0]);
      } else {
        node.side = static_cast<uint32_t>(tree.vectors.size() / of.places.size());
        for (const size_t place : of.places) tree.vectors.push_back(factor * values.real(i * of.size + place));
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

// Which codes each categorical split of a predictor sends left: a row of 256 bits in eight words for each.
Result<NpyArray> read_left_codes(const SkopsObject& predictor) {
  CLOPS_ASSIGN(const SkopsObject at, predictor.get("raw_left_cat_bitsets"));
  CLOPS_ASSIGN(NpyArray bits, at.array());
  if (bits.field("") < 0 || bits.shape().size() != 2 || bits.shape()[1] != 8)
    return damaged(at, "is not of 256 bits for each split");
  return bits;
}

// What is no category goes the way of missing values. In the one form it goes right; where it must go left, the set is
// of the codes that go right and the children change places.
void set_categories(const NpyArray& left_codes, size_t row, size_t codes, Tree& tree, TreeNode& node) {
  node.split = Split::InSet;
  node.side = static_cast<uint32_t>(tree.sets.size());
  CategorySet& set = tree.sets.emplace_back();
  set.words.resize((codes + 31) / 32);
  for (size_t code = 0; code < codes; ++code) {
    const bool left = (left_codes.integer(left_codes.index(row, code / 32)) >> (code % 32) & 1) != 0;
    if (left != node.default_left) set.words[code / 32] |= 1U << (code % 32);
  }
  if (node.default_left) std::swap(node.left, node.right);
  node.default_left = false;
}

// sklearn's TreePredictor of histogram boosting; `columns` as read_skops_categories() gives them, empty without.
Result<Tree> read_predictor(const SkopsObject& object, const Ensemble& model, const std::vector<uint32_t>& columns) {
  CLOPS_ASSIGN(const SkopsObject nodes_at, object.get("nodes"));
  CLOPS_ASSIGN(const NpyArray nodes, nodes_at.array());
  CLOPS_ASSIGN(const auto field, fields_of(object, nodes,
                                           {"value", "feature_idx", "num_threshold", "missing_go_to_left", "left",
                                            "right", "is_leaf", "is_categorical", "count", "bitset_idx"}));
  const size_t count = nodes.count();
  if (count == 0) return damaged(object, "no nodes");
  NpyArray left_codes;
  if (model.category_of == CategoryOf::Listed) {
    CLOPS_ASSIGN(left_codes, read_left_codes(object));
  }
  Tree tree;
  tree.nodes.resize(count);
  for (size_t i = 0; i < count; ++i) {
    TreeNode& node = tree.nodes[i];
    tree.covers.push_back(nodes.real(i, field[8]));
    if (nodes.integer(i, field[6]) != 0) {
      node.value = nodes.real(i, field[0]);
      continue;
    }
    CLOPS_TRY(check_child(object, i, nodes.integer(i, field[4]), count));
    CLOPS_TRY(check_child(object, i, nodes.integer(i, field[5]), count));
    node.left = static_cast<int32_t>(nodes.integer(i, field[4]));
    node.right = static_cast<int32_t>(nodes.integer(i, field[5]));
    const auto feature = static_cast<uint64_t>(nodes.integer(i, field[1]));
    if (feature >= model.features) return damaged(object, "a feature that the model does not have");
    node.feature = columns.empty() ? static_cast<uint32_t>(feature) : columns[feature];
    node.default_left = nodes.integer(i, field[3]) != 0;
    if (nodes.integer(i, field[7]) == 0) {
      set_threshold(node, nodes.real(i, field[2]), Number::Float64);
      continue;
    }
    // Before 1.4, categories were cut to bytes.
    if (model.category_of != CategoryOf::Listed) return refused("splits by categories that nothing encodes");
    const auto row = static_cast<uint64_t>(nodes.integer(i, field[9]));
    if (row >= left_codes.shape()[0]) return damaged(object, "a split without its categories");
    set_categories(left_codes, row, model.category_values[node.feature].size(), tree, node);
  }
  tree.depth = depth_of(tree);
  return tree;
}

Result<uint32_t> small_count(const SkopsObject& model, std::string_view attribute, uint32_t most = 100'000) {
  CLOPS_ASSIGN(const SkopsObject at, model.get(attribute));
  CLOPS_ASSIGN(const int64_t value, at.integer());
  if (value < 1 || value > most) return damaged(at, "is " + std::to_string(value));
  return static_cast<uint32_t>(value);
}

// A value for each target of a regressor; for each class of each target of a classifier, room for as many of each.
Result<Values> values_of_forest(const SkopsObject& model, bool classifier) {
  std::vector<size_t> counts;
  if (classifier) {
    CLOPS_ASSIGN(const auto classes, classes_of_targets(model));
    for (const auto& one : classes) counts.push_back(one.size());
  } else {
    CLOPS_ASSIGN(const uint32_t targets, small_count(model, "n_outputs_"));
    counts.assign(targets, 1);
  }
  const size_t room = counts.empty() ? 0 : std::ranges::max(counts);
  Values out{.size = counts.size() * room, .places = {}};
  if (room == 0 || out.size > 100'000) return refused("as many outputs as " + std::to_string(out.size));
  for (size_t target = 0; target < counts.size(); ++target)
    for (size_t i = 0; i < counts[target]; ++i) out.places.push_back(target * room + i);
  return out;
}

// scipy's logit, whose two formulas meet where either would lose digits.
double logit(double p) {
  if (p < 0.3 || p > 0.65) return std::log(p / (1 - p));
  const double s = 2 * (p - 0.5);
  return std::log1p(s) - std::log1p(-s);
}

// What a DummyClassifier says of any row.
Result<std::vector<double>> dummy_probabilities(const SkopsObject& init, size_t classes) {
  const std::string strategy = init.type() == "DummyClassifier" ? init.string_or("strategy", "") : "";
  std::vector<double> p(classes, strategy == "uniform" ? 1.0 / static_cast<double>(classes) : 0.0);
  if (strategy == "uniform") return p;
  CLOPS_ASSIGN(const SkopsObject at, init.get(strategy == "constant" ? "classes_" : "class_prior_"));
  CLOPS_ASSIGN(const NpyArray values, at.array());
  if (values.field("") < 0 || values.count() != classes) return damaged(at, "is of another size");
  if (strategy == "constant") {
    CLOPS_ASSIGN(const SkopsObject constant_at, init.get("constant"));
    CLOPS_ASSIGN(const double constant, constant_at.real());
    for (size_t i = 0; i < classes; ++i) p[i] = values.real(i) == constant ? 1.0 : 0.0;
    return p;
  }
  for (size_t i = 0; i < classes; ++i) p[i] = values.real(i);
  if (strategy == "prior") return p;
  const auto most = std::ranges::max_element(p) - p.begin();
  for (size_t i = 0; i < classes; ++i) p[i] = static_cast<ptrdiff_t>(i) == most ? 1.0 : 0.0;
  return p;
}

// What boosting starts from: its `init_` asked for the prediction of any row, turned by the loss's link.
Result<std::vector<double>> start_of_boosting(const SkopsObject& model, uint32_t outputs, bool classifier,
                                              bool exponential) {
  CLOPS_ASSIGN(const SkopsObject init, model.get("init_"));
  if (const auto text = init.string(); text && *text == "zero") return std::vector<double>(outputs, 0.0);
  const std::string type = init.type(), strategy = init.string_or("strategy", "");
  if (type != (classifier ? "DummyClassifier" : "DummyRegressor") || strategy == "stratified")
    return refused("boosting that starts from another model (init)");
  if (!classifier) {
    CLOPS_ASSIGN(const SkopsObject constant, init.get("constant_"));
    CLOPS_ASSIGN(const double value, constant.real());
    return std::vector<double>{value};
  }
  CLOPS_ASSIGN(std::vector<double> p, dummy_probabilities(init, outputs == 1 ? 2 : outputs));
  const double least = need_version(model, 1, 8) ? std::numeric_limits<double>::epsilon()
                                                 : double{std::numeric_limits<float>::epsilon()};
  for (double& value : p) value = std::clamp(value, least, 1 - least);
  if (outputs == 1) return std::vector<double>{exponential ? 0.5 * logit(p[1]) : logit(p[1])};
  std::vector<double> logs(p.size());
  std::ranges::transform(p, logs.begin(), [](double value) { return std::log(value); });
  const double total = pairwise_total(logs.data(), static_cast<uint32_t>(logs.size()));
  const double mean = std::exp(total / static_cast<double>(p.size()));  // the geometric one
  for (double& value : p) value = std::log(value / mean);
  return p;
}

// scikit-learn's _average_path_length: of a tree that isolates so many samples.
double average_path_length(double samples) {
  if (samples <= 1) return 0;
  if (samples == 2) return 1;
  return 2.0 * (std::log(samples - 1.0) + std::numbers::egamma) - 2.0 * (samples - 1.0) / samples;
}

// A tree of an IsolationForest: a leaf adds its depth and how much deeper its samples would be in a grown tree.
Result<Tree> read_isolation_tree(const SkopsObject& estimator, const SkopsObject& depths_at,
                                 const SkopsObject& lengths_at) {
  CLOPS_ASSIGN(Tree tree, read_tree(estimator, {}, 1));
  CLOPS_ASSIGN(const NpyArray depths, depths_at.array());
  CLOPS_ASSIGN(const NpyArray lengths, lengths_at.array());
  if (depths.field("") < 0 || depths.count() != tree.nodes.size()) return damaged(depths_at, "is of another size");
  if (lengths.field("") < 0 || lengths.count() != tree.nodes.size()) return damaged(lengths_at, "is of another size");
  for (size_t i = 0; i < tree.nodes.size(); ++i)
    if (tree.nodes[i].leaf()) tree.nodes[i].value = depths.real(i) + lengths.real(i) - 1.0;
  return tree;
}

// A tree that was shown only some features numbers them anew.
Status map_features(Tree& tree, const SkopsObject& features_at) {
  CLOPS_ASSIGN(const NpyArray features, features_at.array());
  if (features.field("") < 0) return damaged(features_at, "is not of numbers");
  for (TreeNode& node : tree.nodes) {
    if (node.leaf()) continue;
    if (node.feature >= features.count()) return damaged(features_at, "has fewer features than its tree");
    node.feature = static_cast<uint32_t>(std::clamp<int64_t>(features.integer(node.feature), 0, UINT32_MAX));
  }
  return {};
}

}  // namespace

// DecisionTree*, ExtraTree*: one tree. RandomForest*, ExtraTrees*: the mean of many.
Result<Model> read_skops_forest(const SkopsObject& model, Ensemble out, bool single) {
  const bool classifier = model.type().ends_with("Classifier");
  // Before, trees kept counts, and what predict_proba divided by was of the file's reader.
  if (classifier) CLOPS_TRY(need_version(model, 1, 3));
  CLOPS_ASSIGN(const Values values, values_of_forest(model, classifier));
  out.outputs = static_cast<uint32_t>(values.places.size());
  out.sums = Number::Float64;
  if (single) {
    out.margins.assign(out.outputs, -0.0);  // -0 + v is v, whatever v
    CLOPS_ASSIGN(Tree tree, read_tree(model, values, 1));
    out.trees.push_back(std::move(tree));
    return out;
  }
  out.margins.assign(out.outputs, 0.0);
  CLOPS_ASSIGN(const SkopsObject list, model.get("estimators_"));
  CLOPS_ASSIGN(const auto estimators, list.items());
  if (estimators.empty()) return damaged(list, "no trees");
  for (const SkopsObject& estimator : estimators) {
    CLOPS_ASSIGN(Tree tree, read_tree(estimator, values, 1));
    out.trees.push_back(std::move(tree));
  }
  out.divisor = static_cast<double>(estimators.size());
  return out;
}

Result<Model> read_skops_boosting(const SkopsObject& model, Ensemble out) {
  CLOPS_TRY(need_version(model, 1, 4));
  const bool classifier = model.type() == "GradientBoostingClassifier";
  const std::string loss = model.string_or("loss", "?");
  const bool exponential = classifier && loss == "exponential";
  if (classifier && !exponential && loss != "log_loss") return refused("the loss " + loss);
  CLOPS_ASSIGN(const SkopsObject rate_at, model.get("learning_rate"));
  CLOPS_ASSIGN(const double rate, rate_at.real());
  CLOPS_ASSIGN(const SkopsObject list, model.get("estimators_"));
  CLOPS_ASSIGN(const auto iterations, list.items());
  if (iterations.empty()) return damaged(list, "no trees");
  CLOPS_ASSIGN(const auto first, iterations[0].items());
  if (first.empty()) return damaged(list, "no trees");
  out.outputs = static_cast<uint32_t>(first.size());
  out.sums = Number::Float64;
  CLOPS_ASSIGN(out.margins, start_of_boosting(model, out.outputs, classifier, exponential));
  for (const SkopsObject& iteration : iterations) {
    CLOPS_ASSIGN(const auto trees, iteration.items());
    if (trees.size() != out.outputs) return damaged(list, "iterations of different sizes");
    for (uint32_t o = 0; o < out.outputs; ++o) {
      CLOPS_ASSIGN(Tree tree, read_tree(trees[o], {}, rate));
      tree.output = o;
      out.trees.push_back(std::move(tree));
    }
  }
  if (classifier) out.transform = out.outputs == 1 ? Transform::Pair : Transform::SoftmaxPairwise;
  if (exponential) out.scale = 2;  // its scores are half of the logits
  return out;
}

Result<Model> read_skops_histogram(const SkopsObject& model, Ensemble out) {
  const bool classifier = model.type() == "HistGradientBoostingClassifier";
  const std::string loss = model.string_or("loss", "?");
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
  std::vector<uint32_t> columns;
  if (model.has("_preprocessor")) {
    CLOPS_ASSIGN(columns, read_skops_categories(model, out));
  }
  CLOPS_ASSIGN(const SkopsObject list, model.get("_predictors"));
  CLOPS_ASSIGN(const auto iterations, list.items());
  for (const SkopsObject& iteration : iterations) {
    CLOPS_ASSIGN(const auto trees, iteration.items());
    if (trees.size() != out.outputs) return damaged(list, "iterations of different sizes");
    for (uint32_t o = 0; o < out.outputs; ++o) {
      CLOPS_ASSIGN(Tree tree, read_predictor(trees[o], out, columns));
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

// IsolationForest.score_samples.
Result<Model> read_skops_isolation(const SkopsObject& model, Ensemble out) {
  if (!model.has("_decision_path_lengths"))
    return refused("an IsolationForest without its path lengths, as an older scikit-learn wrote it");
  CLOPS_ASSIGN(const SkopsObject list, model.get("estimators_"));
  CLOPS_ASSIGN(const SkopsObject depth_list, model.get("_decision_path_lengths"));
  CLOPS_ASSIGN(const SkopsObject length_list, model.get("_average_path_length_per_tree"));
  CLOPS_ASSIGN(const SkopsObject feature_list, model.get("estimators_features_"));
  CLOPS_ASSIGN(const auto estimators, list.items());
  CLOPS_ASSIGN(const auto depths, depth_list.items());
  CLOPS_ASSIGN(const auto lengths, length_list.items());
  CLOPS_ASSIGN(const auto features, feature_list.items());
  const size_t trees = estimators.size();
  if (trees == 0 || depths.size() != trees || lengths.size() != trees || features.size() != trees)
    return damaged(list, "of another size than what belongs to its trees");
  CLOPS_ASSIGN(const uint32_t samples, small_count(model, "_max_samples", UINT32_MAX));
  if (samples == 1) return refused("an IsolationForest of trees of one sample");
  CLOPS_ASSIGN(const uint32_t shown, small_count(model, "_max_features", UINT32_MAX));
  for (size_t t = 0; t < trees; ++t) {
    CLOPS_ASSIGN(Tree tree, read_isolation_tree(estimators[t], depths[t], lengths[t]));
    if (shown != out.features) CLOPS_TRY(map_features(tree, features[t]));
    out.trees.push_back(std::move(tree));
  }
  out.sums = Number::Float64;
  out.margins.assign(1, 0.0);
  out.divisor = static_cast<double>(trees) * average_path_length(samples);
  out.transform = Transform::PathLength;
  out.objective = "IsolationForest.score_samples";
  CLOPS_ASSIGN(const SkopsObject offset_at, model.get("offset_"));
  CLOPS_ASSIGN(const double offset, offset_at.real());
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, offset).ptr;
  out.notes.push_back("predict gives score_samples; scikit-learn's predict says -1 (an outlier) below " +
                      std::string(digits, end) + ", else 1");
  return out;
}

}  // namespace clops::formats
