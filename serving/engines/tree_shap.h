// Exact SHAP contributions of a tree ensemble: how much each feature of a row moved the raw score (before the
// objective's transform) away from what the model says on average. They add up to the raw score.
//
// Two questions, by what a feature that is left out becomes:
// - path-dependent: both ways of its splits, weighted by Tree::covers. What XGBoost's pred_contribs and LightGBM's
//   pred_contrib compute.
// - interventional: the values of each row of a background, averaged over the background.
//
// Path-dependent values are integrals of polynomials: with the features of a path drawn in at "time" t of [0, 1], a
// leaf's weight is a product of linear functions of t. n Gauss-Legendre points are exact up to degree 2n - 1, so a tree
// takes (features on its longest path) / 2 points, whatever its depth, and each node costs a few operations a point.
// All arithmetic is float64: within 1e-13 of the exact value on the models tested, relative to the sum of a row's
// magnitudes. XGBoost computes in float32, 1e-6 off on the same models, by recursion to 3.2 and in 3.4 by eight points
// of a rule that is not exact beyond eight features a path: its bits are not to be had from one algorithm.
//
// A forest averaged by LightGBM is explained as LightGBM does it, before the division (as its raw score is); one of
// scikit-learn's after it. Refused as Unsupported: linear leaves (so does LightGBM), trees without covers or deeper
// than kShapDepthMax. A node without cover passes half to each side, as XGBoost 3.4 has it.
// Thread rule: immutable once made; explain() may run on any number of threads, each with work of its own. It does not
// allocate once the work has been used. Every instruction set, single rows and batches give the same bits.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "formats/ensemble.h"

namespace clops::serving {

namespace shap {
struct Layout;
}
class InterventionalShap;

inline constexpr uint32_t kShapDepthMax = 512;

enum class ShapInstructions : uint8_t { Best, Portable, Avx2, Avx512 };

// Whether `model` can be explained, without making anything; `covers`: path-dependently.
[[nodiscard]] Status check_explainable(const formats::Ensemble& model, bool covers = true);
// What a row's sums, and so its contributions, are divided by.
[[nodiscard]] double explained_divisor(const formats::Ensemble& model);

class TreeShap {
 public:
  class Work;  // of one thread
  struct WorkDelete {
    void operator()(Work* work) const;
  };
  using WorkPtr = std::unique_ptr<Work, WorkDelete>;

  // Unsupported also where the processor has not the instructions asked for.
  [[nodiscard]] static Result<TreeShap> make(const formats::Ensemble& model,
                                             ShapInstructions instructions = ShapInstructions::Best);
  TreeShap(TreeShap&&) noexcept;
  TreeShap& operator=(TreeShap&&) noexcept;
  ~TreeShap();

  [[nodiscard]] static WorkPtr make_work();
  // Rows: row-major, count x features, NaN = missing. Out: row-major, count x outputs x (features + 1); the last column
  // is the bias: margins (XGBoost's base_score) and what the trees give on average.
  void explain(const float* rows, size_t count, Work& work, float* out) const;
  void explain(const float* rows, size_t count, Work& work, double* out) const;
  void explain(const double* rows, size_t count, Work& work, float* out) const;
  void explain(const double* rows, size_t count, Work& work, double* out) const;

  // Of the same trees, which are shared; errors as InterventionalShap::make's.
  [[nodiscard]] Result<InterventionalShap> against(std::span<const double> background) const;

  [[nodiscard]] uint32_t features() const;
  [[nodiscard]] uint32_t outputs() const;
  [[nodiscard]] size_t bytes() const;
  [[nodiscard]] std::string evaluator() const;  // for people

 private:
  struct Inner;
  explicit TreeShap(std::unique_ptr<const Inner> inner);
  std::unique_ptr<const Inner> inner_;
};

// Interventional contributions, exact: each row is held against each row of the background, and only the nodes that one
// of the two reaches are walked. Needs no covers. `background`: row-major, count x features, NaN = missing.
class InterventionalShap {
 public:
  // InvalidArgument: an empty background, or one that is not whole rows. Unsupported: linear leaves, too deep.
  [[nodiscard]] static Result<InterventionalShap> make(const formats::Ensemble& model,
                                                       std::span<const double> background);
  InterventionalShap(InterventionalShap&&) noexcept;
  InterventionalShap& operator=(InterventionalShap&&) noexcept;
  ~InterventionalShap();

  // Out as TreeShap's; the bias is the mean raw score of the background. Allocates (a few vectors a call).
  void explain(const float* rows, size_t count, double* out) const;
  void explain(const double* rows, size_t count, double* out) const;

 private:
  friend class TreeShap;
  struct Of {  // a model
    std::shared_ptr<const shap::Layout> layout;
    uint32_t features, outputs;
    double divisor;
    bool narrow;  // it compares float32
  };
  [[nodiscard]] static Result<InterventionalShap> make(Of model, std::span<const double> background);
  struct Inner;
  explicit InterventionalShap(std::unique_ptr<const Inner> inner);
  std::unique_ptr<const Inner> inner_;
};

}  // namespace clops::serving
