#include "serving/engines/tree_shap_layout.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>

#include "serving/engines/tree_shap.h"

namespace clops::serving::shap {
namespace {

using formats::Ensemble;
using formats::Tree;
using formats::TreeNode;

constexpr size_t kTableBytesMax = size_t{1} << 30;  // of `repeats`: a file of deep trees must not take all memory

// Gauss-Legendre over [0, 1], by Newton's method from the usual guess.
void make_rule(uint32_t points, std::vector<double>& times, std::vector<double>& weights) {
  times.assign(size_t{2} * points + kPointsMax, 0.0);
  weights.assign(size_t{points} + kPointsMax, 0.0);
  std::fill_n(times.begin() + points, points, 1.0);
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
    out_.fixed = out_.bias;
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
    placed_.clear();
    depths_.clear();
    back_.clear();
    place(0);
    const Run run = settle();
    if (out_.repeats.size() * sizeof(double) > kTableBytesMax || out_.nodes.size() > INT32_MAX)
      return fail(Code::Unsupported, "contributions of a model this large and deep would take more than 1 GiB");
    add_passes(tree, run);
    return {};
  }

  // Once all trees are in.
  void end() { out_.repeats.insert(out_.repeats.end(), kPointsMax, 0.0); }

 private:
  struct Step {  // an edge of the path from the root
    uint32_t feature;
    double share;  // of cover that all splits by this feature let by
    size_t node;   // in placed_
    bool right = false;
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
    path_.push_back({node.feature, 1, 0});
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
    const size_t at = placed_.size();
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
      placed.agrees = static_cast<uint32_t>(2 * step->node + (step->right ? 1 : 0));  // settle() moves it
      placed.repeat = static_cast<uint32_t>(out_.repeats.size());
      add_repeat(share);
    }
    placed_.push_back(placed);
    depths_.push_back(path_.size());
    path_.push_back({node.feature, share * shares.left, at});
    placed_[at].left = place(node.left);
    path_.back().share = share * shares.right;
    path_.back().right = true;
    placed_[at].right = place(node.right);
    path_.pop_back();
    back_.push_back(static_cast<uint32_t>(at));
    return static_cast<int32_t>(at);
  }

  // The tree's nodes into the layout, in a run's order.
  Run settle() {
    Run run{.first = static_cast<uint32_t>(out_.nodes.size()),
            .nodes = static_cast<uint32_t>(placed_.size()),
            .leaves = static_cast<uint32_t>(leaves_.size())};
    const auto pair = [this](uint32_t at) {
      return placed_[at].left < 0 && placed_[at].right < 0 && placed_[at].repeat == kFresh;
    };
    std::vector<uint32_t> order = back_, moved(placed_.size());
    const auto others = std::ranges::stable_partition(order, pair);
    run.pairs = static_cast<uint32_t>(others.begin() - order.begin());
    std::ranges::stable_sort(others, std::ranges::greater(), [this](uint32_t at) { return depths_[at]; });
    for (uint32_t to = 0; to < order.size(); ++to) moved[order[to]] = to;
    out_.nodes.resize(run.first + placed_.size());
    for (size_t from = 0; from < placed_.size(); ++from) {
      Node& node = placed_[from];
      const auto settle_child = [&](int32_t& child) {
        const uint32_t place =
            child < 0 ? run.nodes + ~static_cast<uint32_t>(child) : moved[static_cast<size_t>(child)];
        if (child >= 0) child = static_cast<int32_t>(run.first + place);
        return place;
      };
      node.left_place = settle_child(node.left);
      node.right_place = settle_child(node.right);
      if (node.repeat != kFresh) node.agrees = 1 + 2 * moved[node.agrees / 2] + node.agrees % 2;
      out_.nodes[run.first + moved[from]] = node;
    }
    for (const uint32_t from : back_) out_.order.push_back(moved[from]);
    out_.run_max = std::max(out_.run_max, placed_.size() + leaves_.size());
    return run;
  }

  void add_repeat(double share) {
    const std::span times = std::span(out_.times[points_]).first(points_);
    for (const double t : times) out_.repeats.push_back(t / (t + (1 - t) * share));
    for (const double t : times) {
      const double weight = t + (1 - t) * share;
      out_.repeats.push_back(share / (weight * weight));
    }
  }

  void add_passes(const Tree& tree, const Run& run) {
    const uint32_t copies = tree.vectors.empty() ? 1 : model_.outputs;
    for (uint32_t copy = 0; copy < copies; ++copy) {
      const auto values = static_cast<uint32_t>(out_.values.size());
      for (const int32_t leaf : leaves_) {
        const TreeNode& node = tree.nodes[static_cast<size_t>(leaf)];
        out_.values.push_back(tree.vectors.empty() ? node.value
                                                   : tree.vectors[size_t{node.side} * model_.outputs + copy]);
      }
      for (uint32_t first = 0; first < points_; first += kPointsMax)
        out_.passes.push_back({.run = run,
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
    for (size_t o = 0; o < width; ++o) {
      const size_t to = tree.vectors.empty() ? tree.output : o;
      out_.bias[to] += means[o];
      if (tree.nodes[0].leaf()) out_.fixed[to] += means[o];
    }
  }

  const Ensemble& model_;
  Layout& out_;
  std::vector<uint32_t> slots_;  // by feature
  const Tree* tree_ = nullptr;
  std::vector<int32_t> leaves_;
  std::vector<Node> placed_;    // a parent before its children; left, right and agrees: in here
  std::vector<size_t> depths_;  // of placed_
  std::vector<uint32_t> back_;  // of placed_, in the order in which they come back
  std::vector<Step> path_;
  uint32_t distinct_ = 0, points_ = 0, first_set_ = 0;
};

}  // namespace

size_t Layout::bytes() const {
  return nodes.size() * sizeof(Node) + (order.size() + features.size()) * sizeof(uint32_t) +
         passes.size() * sizeof(Pass) + (values.size() + repeats.size() + bias.size()) * sizeof(double);
}

Result<Layout> lay_out(const Ensemble& model) {
  Layout out;
  out.category_of = model.category_of;
  out.category_values = model.category_values;
  Builder builder(model, out);
  for (const Tree& tree : model.trees) CLOPS_TRY(builder.add(tree));
  builder.end();
  return out;
}

}  // namespace clops::serving::shap
