#include "serving/engines/tree_shap_layout.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "serving/engines/tree_shap.h"

namespace clops::serving::shap {
namespace {

using formats::Ensemble;
using formats::Tree;
using formats::TreeNode;

constexpr size_t kTableBytesMax = size_t{1} << 30;  // of `repeats`: a file of deep trees must not take all memory

// Gauss-Legendre over [0, 1], by Newton's method from the usual guess.
void make_rule(uint32_t points, std::vector<double>& times, std::vector<double>& weights) {
  times.resize(points);
  weights.resize(points);
  for (uint32_t i = 0; i < points; ++i) {
    long double x = std::cos(std::numbers::pi_v<long double> * (i + 0.75L) / (points + 0.5L));
    long double slope = 1;
    for (int round = 0; round < 100; ++round) {
      long double before = 1, value = x;
      for (uint32_t n = 2; n <= points; ++n) {
        const long double next = ((2 * n - 1) * x * value - (n - 1) * before) / n;
        before = value;
        value = next;
      }
      slope = points * (x * value - before) / (x * x - 1);
      const long double step = value / slope;
      x -= step;
      if (std::abs(step) < 1e-19L) break;
    }
    times[points - 1 - i] = static_cast<double>((1 + x) / 2);
    weights[points - 1 - i] = static_cast<double>(1 / ((1 - x * x) * slope * slope));
  }
}

struct Shares {
  double left, right;
};
Shares shares_of(const Tree& tree, size_t at) {
  if (tree.covers.empty() || tree.covers[at] == 0) return {0.5, 0.5};
  const TreeNode& node = tree.nodes[at];
  const double cover = tree.covers[at];
  return {tree.covers[static_cast<size_t>(node.left)] / cover, tree.covers[static_cast<size_t>(node.right)] / cover};
}

// One tree after the other into a Layout.
class Builder {
 public:
  Builder(const Ensemble& model, Layout& out) : model_(model), out_(out) {
    std::vector<bool> used(model.features, false);
    for (const Tree& tree : model.trees)
      for (const TreeNode& node : tree.nodes)
        if (!node.leaf()) used[node.feature] = true;
    slots_.resize(model.features);
    for (uint32_t feature = 0; feature < model.features; ++feature) {
      if (!used[feature]) continue;
      slots_[feature] = static_cast<uint32_t>(out_.features.size());
      out_.features.push_back(feature);
    }
    out_.bias.assign(model.margins.begin(), model.margins.end());
  }

  Status add(const Tree& tree) {
    add_bias(tree);
    if (tree.nodes[0].leaf()) return {};
    tree_ = &tree;
    leaves_.clear();
    path_.clear();
    distinct_ = 0;
    measure(0, 0);
    const uint32_t points = (distinct_ + 1) / 2;
    if (out_.times.size() <= points) {
      out_.times.resize(points + 1);
      out_.weights.resize(points + 1);
    }
    if (out_.times[points].empty()) make_rule(points, out_.times[points], out_.weights[points]);
    out_.points_max = std::max(out_.points_max, points);
    points_ = points;
    first_set_ = static_cast<uint32_t>(out_.sets.size());
    out_.sets.insert(out_.sets.end(), tree.sets.begin(), tree.sets.end());
    path_.clear();
    const auto root = static_cast<uint32_t>(out_.nodes.size());
    place(0);
    if (out_.repeats.size() * sizeof(double) > kTableBytesMax || out_.nodes.size() > INT32_MAX)
      return fail(Code::Unsupported, "contributions of a model this large and deep would take more than 1 GiB");
    add_passes(tree, root);
    return {};
  }

 private:
  struct Step {  // an edge of the path from the root
    uint32_t feature;
    double share;  // of cover that all splits by this feature let by
  };

  const Step* seen(uint32_t feature) const {
    for (size_t i = path_.size(); i-- > 0;)
      if (path_[i].feature == feature) return &path_[i];
    return nullptr;
  }

  // Distinct features on the longest path.
  void measure(int32_t at, uint32_t distinct) {
    const TreeNode& node = tree_->nodes[static_cast<size_t>(at)];
    distinct_ = std::max(distinct_, distinct);
    if (node.leaf()) return;
    const uint32_t below = distinct + (seen(node.feature) == nullptr ? 1 : 0);
    path_.push_back({node.feature, 1});
    measure(node.left, below);
    measure(node.right, below);
    path_.pop_back();
  }

  int32_t place(int32_t from) {
    const TreeNode& node = tree_->nodes[static_cast<size_t>(from)];
    if (node.leaf()) {
      leaves_.push_back(from);
      return ~static_cast<int32_t>(leaves_.size() - 1);
    }
    const auto at = static_cast<int32_t>(out_.nodes.size());
    const Shares shares = shares_of(*tree_, static_cast<size_t>(from));
    Node placed{.threshold = node.value,
                .left_share = shares.left,
                .right_share = shares.right,
                .slot = slots_[node.feature],
                .set = first_set_ + node.side,
                .in_set = node.split == formats::Split::InSet,
                .default_left = node.default_left,
                .zero_is_missing = node.zero_is_missing};
    placed.test = placed.in_set || node.zero_is_missing ? Test::Odd
                  : node.default_left                   ? Test::LessOrMissing
                                                        : Test::Less;
    double share = 1;
    if (const Step* step = seen(node.feature)) {
      share = step->share;
      placed.seen = static_cast<uint16_t>(step - path_.data());
      placed.repeat = static_cast<uint32_t>(out_.repeats.size());
      add_repeat(share);
    }
    out_.nodes.push_back(placed);
    path_.push_back({node.feature, share * shares.left});
    const int32_t left = place(node.left);
    path_.back().share = share * shares.right;
    const int32_t right = place(node.right);
    path_.pop_back();
    out_.nodes[static_cast<size_t>(at)].left = left;
    out_.nodes[static_cast<size_t>(at)].right = right;
    return at;
  }

  void add_repeat(double share) {
    const std::vector<double>& times = out_.times[points_];
    for (const double t : times) out_.repeats.push_back(t / (t + (1 - t) * share));
    for (const double t : times) {
      const double weight = t + (1 - t) * share;
      out_.repeats.push_back(share / (weight * weight));
    }
  }

  void add_passes(const Tree& tree, uint32_t root) {
    const uint32_t copies = tree.vectors.empty() ? 1 : model_.outputs;
    for (uint32_t copy = 0; copy < copies; ++copy) {
      const auto values = static_cast<uint32_t>(out_.values.size());
      for (const int32_t leaf : leaves_) {
        const TreeNode& node = tree.nodes[static_cast<size_t>(leaf)];
        out_.values.push_back(tree.vectors.empty() ? node.value
                                                   : tree.vectors[size_t{node.side} * model_.outputs + copy]);
      }
      for (uint32_t first = 0; first < points_; first += kPointsMax)
        out_.passes.push_back({.root = root,
                               .values = values,
                               .output = tree.vectors.empty() ? tree.output : copy,
                               .points = points_,
                               .first = first,
                               .count = std::min(kPointsMax, points_ - first)});
    }
  }

  // What the tree gives on average: from the leaves up, since children come after their parents.
  void add_bias(const Tree& tree) {
    const size_t width = tree.vectors.empty() ? 1 : model_.outputs;
    std::vector<double> means(tree.nodes.size() * width);
    for (size_t at = tree.nodes.size(); at-- > 0;) {
      const TreeNode& node = tree.nodes[at];
      for (size_t o = 0; o < width; ++o) {
        double& mean = means[at * width + o];
        if (node.leaf()) {
          mean = tree.vectors.empty() ? node.value : tree.vectors[size_t{node.side} * width + o];
        } else {
          const Shares shares = shares_of(tree, at);
          mean = shares.left * means[static_cast<size_t>(node.left) * width + o] +
                 shares.right * means[static_cast<size_t>(node.right) * width + o];
        }
      }
    }
    for (size_t o = 0; o < width; ++o) out_.bias[tree.vectors.empty() ? tree.output : o] += means[o];
  }

  const Ensemble& model_;
  Layout& out_;
  std::vector<uint32_t> slots_;  // by feature
  const Tree* tree_ = nullptr;
  std::vector<int32_t> leaves_;
  std::vector<Step> path_;
  uint32_t distinct_ = 0, points_ = 0, first_set_ = 0;
};

}  // namespace

size_t Layout::bytes() const {
  return nodes.size() * sizeof(Node) + (values.size() + repeats.size() + bias.size()) * sizeof(double) +
         passes.size() * sizeof(Pass) + features.size() * sizeof(uint32_t);
}

Result<Layout> lay_out(const Ensemble& model) {
  Layout out;
  out.category_of = model.category_of;
  Builder builder(model, out);
  for (const Tree& tree : model.trees) CLOPS_TRY(builder.add(tree));
  return out;
}

}  // namespace clops::serving::shap
