#include "serving/engines/tree_shap.h"

#include <algorithm>
#include <cmath>

#include "serving/engines/tree_shap_layout.h"

namespace clops::serving {
namespace {

constexpr size_t kBlocks = 4;  // of rows, over which a tree is walked while it is in the nearest cache
constexpr size_t kWorkBytes = 256u << 10;

Status check_covers(const formats::Tree& tree, const std::string& where) {
  if (tree.covers.size() != tree.nodes.size())
    return fail(Code::Unsupported, where + " has no covers (how much training data came by each node)");
  for (const double cover : tree.covers)
    if (!(cover >= 0) || !std::isfinite(cover))
      return fail(Code::Unsupported, where + " has a cover that is negative or no number");
  return {};
}

// Edges on the longest path, from the nodes themselves: children come after their parents.
uint32_t depth_of(const formats::Tree& tree) {
  std::vector<uint32_t> depths(tree.nodes.size(), 0);
  for (size_t at = tree.nodes.size(); at-- > 0;) {
    const formats::TreeNode& node = tree.nodes[at];
    if (!node.leaf())
      depths[at] = 1 + std::max(depths[static_cast<size_t>(node.left)], depths[static_cast<size_t>(node.right)]);
  }
  return depths[0];
}

Result<const shap::Kernels*> choose(ShapInstructions instructions) {
  const shap::Kernels* kernels = nullptr;
  switch (instructions) {
    case ShapInstructions::Portable:
      kernels = shap::portable_kernels();
      break;
    case ShapInstructions::Avx2:
      kernels = shap::avx2_kernels();
      break;
    case ShapInstructions::Avx512:
      kernels = shap::avx512_kernels();
      break;
    case ShapInstructions::Best:
      kernels = shap::avx512_kernels();
      if (kernels == nullptr) kernels = shap::avx2_kernels();
      if (kernels == nullptr) kernels = shap::portable_kernels();
      break;
  }
  if (kernels == nullptr) return fail(Code::Unsupported, "this processor does not have these instructions");
  return kernels;
}

}  // namespace

class TreeShap::Work {
 public:
  std::vector<double> rows, sums;
  shap::RowWork row;
};
void TreeShap::WorkDelete::operator()(Work* work) const {
  delete work;
}

struct TreeShap::Inner {
  explicit Inner(shap::Layout made) : shared(std::make_shared<const shap::Layout>(std::move(made))), layout(*shared) {}

  std::shared_ptr<const shap::Layout> shared;
  const shap::Layout& layout;
  const shap::Kernels* kernels = nullptr;
  uint32_t features = 0, outputs = 0;
  size_t blocks = 1;
  double divisor = 1;
  bool narrow = false;  // the model compares float32

  size_t row_numbers() const { return layout.features.size() * shap::kBlock; }  // of one block
  size_t sum_numbers() const { return row_numbers() * outputs; }

  template <class In, class Out>
  void explain(const In* rows, size_t count, Work& work, Out* out) const {
    const size_t wide = size_t{outputs} * (size_t{features} + 1);
    // A forest of stumps uses no feature: there is still a place.
    work.rows.resize(row_numbers() * blocks + shap::kBlock);
    work.sums.resize(sum_numbers() * blocks + shap::kBlock);
    size_t first = 0;
    while (count - first > kernels->rows_alone) {
      const size_t left = count - first, last = left % shap::kBlock;
      size_t here = std::min(left, blocks * shap::kBlock);
      if (here == left && last != 0 && last <= kernels->rows_alone) here -= last;
      explain_blocks(rows + first * features, here, work, out + first * wide);
      first += here;
    }
    for (; first < count; ++first) explain_row(rows + first * features, work, out + first * wide);
  }

  template <class In, class Out>
  void explain_blocks(const In* rows, size_t count, Work& work, Out* out) const {
    const size_t used = (count + shap::kBlock - 1) / shap::kBlock;
    for (size_t block = 0; block < used; ++block) {
      const size_t at = block * shap::kBlock;
      gather(rows + at * features, std::min<size_t>(shap::kBlock, count - at),
             work.rows.data() + block * row_numbers());
    }
    std::fill_n(work.sums.begin(), used * sum_numbers(), 0.0);
    for (const shap::Pass& pass : layout.passes) {
      for (size_t block = 0; block < used; ++block)
        kernels->block[pass.count](layout, pass, work.rows.data() + block * row_numbers(),
                                   work.sums.data() + block * sum_numbers() + pass.output * row_numbers());
    }
    for (size_t row = 0; row < count; ++row)
      scatter(work.sums.data() + row / shap::kBlock * sum_numbers() + row % shap::kBlock, shap::kBlock,
              out + row * size_t{outputs} * (size_t{features} + 1));
  }

  template <class In, class Out>
  void explain_row(const In* row, Work& work, Out* out) const {
    work.row.given.resize(layout.run_max);
    work.row.totals.resize(layout.run_max);
    work.row.agrees.resize(1 + 2 * layout.run_max);
    const size_t slots = layout.features.size();
    for (size_t slot = 0; slot < slots; ++slot) work.rows[slot] = number(row[layout.features[slot]]);
    std::fill_n(work.sums.begin(), slots * outputs, 0.0);
    for (const shap::Pass& pass : layout.passes)
      kernels->row[pass.count](layout, pass, work.rows.data(), work.row, work.sums.data() + pass.output * slots);
    scatter(work.sums.data(), 1, out);
  }

  template <class In>
  double number(In x) const {
    return narrow ? static_cast<double>(static_cast<float>(x)) : static_cast<double>(x);
  }

  template <class In>
  void gather(const In* rows, size_t count, double* to) const {
    for (size_t lane = 0; lane < shap::kBlock; ++lane) {
      const In* row = rows + std::min(lane, count - 1) * features;  // idle lanes walk the last row again, unheard
      for (size_t slot = 0; slot < layout.features.size(); ++slot)
        to[slot * shap::kBlock + lane] = number(row[layout.features[slot]]);
    }
  }

  template <class Out>
  void scatter(const double* sums, size_t step, Out* out) const {
    std::fill_n(out, size_t{outputs} * (size_t{features} + 1), Out{0});
    for (uint32_t o = 0; o < outputs; ++o, out += features + 1) {
      for (const uint32_t feature : layout.features) {
        out[feature] = static_cast<Out>(divisor == 1 ? *sums : *sums / divisor);
        sums += step;
      }
      out[features] = static_cast<Out>(divisor == 1 ? layout.bias[o] : layout.bias[o] / divisor);
    }
  }
};

double explained_divisor(const formats::Ensemble& model) {
  return model.format == "lightgbm" ? 1 : model.divisor;  // its raw scores and contributions are of the sum
}

Status check_explainable(const formats::Ensemble& model, bool covers) {
  for (size_t t = 0; t < model.trees.size(); ++t) {
    const formats::Tree& tree = model.trees[t];
    const std::string where = "tree " + std::to_string(t);
    if (!tree.linear.empty())
      return fail(Code::Unsupported, where + " has linear leaves: what they add has no exact contributions");
    const uint32_t depth = depth_of(tree);
    if (depth > kShapDepthMax)
      return fail(Code::Unsupported, where + " is " + std::to_string(depth) + " deep: contributions are given to " +
                                         std::to_string(kShapDepthMax));
    if (covers && !tree.nodes[0].leaf()) CLOPS_TRY(check_covers(tree, where));
  }
  return {};
}

Result<TreeShap> TreeShap::make(const formats::Ensemble& model, ShapInstructions instructions) {
  CLOPS_TRY(check_explainable(model));
  CLOPS_ASSIGN(const shap::Kernels* kernels, choose(instructions));
  CLOPS_ASSIGN(shap::Layout layout, shap::lay_out(model));
  auto inner = std::make_unique<Inner>(std::move(layout));
  inner->kernels = kernels;
  inner->features = model.features;
  inner->outputs = model.outputs;
  inner->divisor = explained_divisor(model);
  inner->narrow = model.rows == formats::Number::Float32;
  const size_t bytes = (inner->row_numbers() + inner->sum_numbers()) * sizeof(double);
  inner->blocks = bytes * kBlocks <= kWorkBytes ? kBlocks : 1;
  return TreeShap(std::move(inner));
}

TreeShap::TreeShap(std::unique_ptr<const Inner> inner) : inner_(std::move(inner)) {}
TreeShap::TreeShap(TreeShap&&) noexcept = default;
TreeShap& TreeShap::operator=(TreeShap&&) noexcept = default;
TreeShap::~TreeShap() = default;

TreeShap::WorkPtr TreeShap::make_work() {
  return WorkPtr(new Work);
}
void TreeShap::explain(const float* rows, size_t count, Work& work, float* out) const {
  inner_->explain(rows, count, work, out);
}
void TreeShap::explain(const float* rows, size_t count, Work& work, double* out) const {
  inner_->explain(rows, count, work, out);
}
void TreeShap::explain(const double* rows, size_t count, Work& work, float* out) const {
  inner_->explain(rows, count, work, out);
}
void TreeShap::explain(const double* rows, size_t count, Work& work, double* out) const {
  inner_->explain(rows, count, work, out);
}

Result<InterventionalShap> TreeShap::against(std::span<const double> background) const {
  return InterventionalShap::make({inner_->shared, inner_->features, inner_->outputs, inner_->divisor, inner_->narrow},
                                  background);
}

uint32_t TreeShap::features() const {
  return inner_->features;
}
uint32_t TreeShap::outputs() const {
  return inner_->outputs;
}
size_t TreeShap::bytes() const {
  return inner_->layout.bytes();
}
std::string TreeShap::evaluator() const {
  return std::string("exact contributions, ") + inner_->kernels->name + ", at most " +
         std::to_string(inner_->layout.points_max) + " points a tree";
}

}  // namespace clops::serving
