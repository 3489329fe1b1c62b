#include <algorithm>

#include "serving/engines/tree_shap.h"
#include "serving/engines/tree_shap_body.h"

namespace clops::serving {
namespace {

// Of n! m! / (n + m + 1)!: the share of orders in which a feature comes after n given ones and before m others.
class OrderShares {
 public:
  explicit OrderShares(size_t most) : wide_(most + 1), shares_(wide_ * wide_) {
    for (size_t m = 0; m < wide_; ++m) {
      shares_[m] = 1.0 / static_cast<double>(m + 1);
      for (size_t n = 1; n < wide_; ++n)
        shares_[n * wide_ + m] = shares_[(n - 1) * wide_ + m] * static_cast<double>(n) / static_cast<double>(n + m + 1);
    }
  }
  double of(size_t n, size_t m) const { return shares_[n * wide_ + m]; }

 private:
  size_t wide_;
  std::vector<double> shares_;
};

}  // namespace

struct InterventionalShap::Inner {
  explicit Inner(Of of)
      : model(std::move(of)),
        layout(*model.layout),
        orders(size_t{2} * layout.points_max),
        features(model.features),
        outputs(model.outputs) {}

  Of model;
  const shap::Layout& layout;
  OrderShares orders;
  uint32_t features, outputs;
  std::vector<double> background;  // row by row, a number each slot
  std::vector<double> bias;

  // One row against one of the background, over one tree.
  struct Pair {
    const Inner& inner;
    const double *row, *other;   // by slot
    const double* values;        // of the tree's leaves
    double* sums;                // by slot
    std::vector<uint8_t>& side;  // by slot: 0: both rows took the same way; 1: on the row's way; 2: on the other's

    struct Given {
      double by_row, by_other;  // what the leaves below add to each feature on the row's side, and on the other's
    };

    // `own` features are on the row's side here, `others` on the other's.
    Given visit(int32_t at, uint32_t own, uint32_t others) {
      if (at < 0) {
        const double value = values[~at];
        return {own > 0 ? value * inner.orders.of(own - 1, others) : 0,
                others > 0 ? -value * inner.orders.of(own, others - 1) : 0};
      }
      const shap::Node& node = inner.layout.nodes[static_cast<size_t>(at)];
      uint8_t& here = side[node.slot];
      const int32_t way = shap::goes_left(inner.layout, node, row[node.slot]) ? node.left : node.right;
      const int32_t other_way = shap::goes_left(inner.layout, node, other[node.slot]) ? node.left : node.right;
      if (here != 0 || way == other_way) return visit(here == 2 ? other_way : way, own, others);
      here = 1;
      const Given a = visit(way, own + 1, others);
      here = 2;
      const Given b = visit(other_way, own, others + 1);
      here = 0;
      sums[node.slot] += a.by_row + b.by_other;
      return {a.by_row + b.by_row, a.by_other + b.by_other};
    }
  };

  size_t slots() const { return layout.features.size(); }
  size_t background_rows() const { return background.size() / std::max<size_t>(slots(), 1); }

  template <class In>
  void gather(const In* row, double* to) const {
    for (const uint32_t feature : layout.features)
      *to++ = model.narrow ? static_cast<double>(static_cast<float>(row[feature])) : static_cast<double>(row[feature]);
  }

  static int32_t root_of(const shap::Pass& tree) { return static_cast<int32_t>(tree.run.first + tree.run.nodes - 1); }

  double leaf_of(const shap::Pass& tree, const double* row) const {
    auto at = root_of(tree);
    while (at >= 0) {
      const shap::Node& node = layout.nodes[static_cast<size_t>(at)];
      at = shap::goes_left(layout, node, row[node.slot]) ? node.left : node.right;
    }
    return layout.values[tree.values + static_cast<size_t>(~at)];
  }

  template <class In>
  void explain(const In* rows, size_t count, double* out) const {
    const size_t others = background_rows();
    std::vector<double> row(slots()), sums(slots() * outputs);
    std::vector<uint8_t> side(slots(), 0);
    std::fill_n(out, count * outputs * (size_t{features} + 1), 0.0);
    for (size_t r = 0; r < count; ++r) {
      gather(rows + r * features, row.data());
      std::ranges::fill(sums, 0.0);
      for (const shap::Pass& tree : layout.passes) {
        if (tree.first != 0) continue;  // a tree's other points
        for (size_t other = 0; other < others; ++other) {
          Pair pair{*this,
                    row.data(),
                    background.data() + other * slots(),
                    layout.values.data() + tree.values,
                    sums.data() + tree.output * slots(),
                    side};
          (void)pair.visit(root_of(tree), 0, 0);
        }
      }
      for (uint32_t o = 0; o < outputs; ++o, out += features + 1) {
        for (size_t slot = 0; slot < slots(); ++slot)
          out[layout.features[slot]] = sums[o * slots() + slot] / static_cast<double>(others) / model.divisor;
        out[features] = bias[o] / model.divisor;
      }
    }
  }
};

Result<InterventionalShap> InterventionalShap::make(const formats::Ensemble& model,
                                                    std::span<const double> background) {
  CLOPS_TRY(check_explainable(model, false));
  CLOPS_ASSIGN(shap::Layout layout, shap::lay_out(model));
  return make({std::make_shared<const shap::Layout>(std::move(layout)), model.features, model.outputs,
               explained_divisor(model), model.rows == formats::Number::Float32},
              background);
}

Result<InterventionalShap> InterventionalShap::make(Of model, std::span<const double> background) {
  if (background.empty() || model.features == 0 || background.size() % model.features != 0)
    return fail(Code::InvalidArgument,
                "the background is not one or more whole rows of " + std::to_string(model.features) + " features");
  auto inner = std::make_unique<Inner>(std::move(model));
  const size_t columns = inner->features, rows = background.size() / columns, slots = inner->slots();
  inner->background.resize(rows * slots);
  for (size_t row = 0; row < rows; ++row)
    inner->gather(background.data() + row * columns, inner->background.data() + row * slots);
  inner->bias = inner->layout.fixed;
  for (const shap::Pass& tree : inner->layout.passes) {
    if (tree.first != 0) continue;
    double sum = 0;
    for (size_t row = 0; row < rows; ++row) sum += inner->leaf_of(tree, inner->background.data() + row * slots);
    inner->bias[tree.output] += sum / static_cast<double>(rows);
  }
  return InterventionalShap(std::move(inner));
}

InterventionalShap::InterventionalShap(std::unique_ptr<const Inner> inner) : inner_(std::move(inner)) {}
InterventionalShap::InterventionalShap(InterventionalShap&&) noexcept = default;
InterventionalShap& InterventionalShap::operator=(InterventionalShap&&) noexcept = default;
InterventionalShap::~InterventionalShap() = default;

void InterventionalShap::explain(const float* rows, size_t count, double* out) const {
  inner_->explain(rows, count, out);
}
void InterventionalShap::explain(const double* rows, size_t count, double* out) const {
  inner_->explain(rows, count, out);
}

}  // namespace clops::serving
