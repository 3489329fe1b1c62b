// What the kernels of exact SHAP contributions walk. Inner to serving/engines.
//
// With D distinct features on a tree's longest path, the contributions are integrals over [0, 1] of polynomials below
// degree D, taken exactly at `points` = ceil(D / 2) Gauss-Legendre points t. On a path, a feature that the row agrees
// with weighs t + (1 - t) z and one that it does not (1 - t) z, z being the share of cover that its splits let by. At a
// node, with B what a child gives, M = z_left B_left + z_right B_right and D = B(the row's way) - M:
//   what the node gives = M + g D;   its feature gets P k D;   P(child) = P (z_child (1 - g) + [the row's way] g)
// where P is the product of weights above. A feature new to the path has g = t, k = 1; one seen before, with share s
// and the row agreeing so far, has g = t / (t + (1 - t) s), k = s / (t + (1 - t) s)^2; with the row not agreeing g = k
// = 0. Thread rule: values.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "formats/ensemble.h"

namespace clops::serving::shap {

inline constexpr uint32_t kBlock = 8;      // rows side by side
inline constexpr uint32_t kPointsMax = 8;  // of one pass over a tree; more points are more passes
inline constexpr uint32_t kFresh = UINT32_MAX;

enum class Test : uint8_t { Less, LessOrMissing, Odd };  // Odd: categories, zeros that are missing

struct Node {
  double threshold = 0;
  double left_share = 0, right_share = 0;
  int32_t left = 0, right = 0;               // in Layout::nodes, or ~(leaf of the tree)
  uint32_t left_place = 0, right_place = 0;  // in its tree's run: a node, or after the nodes a leaf
  uint32_t slot = 0;                         // which of Layout::features
  uint32_t set = 0;                          // of Layout::sets, for a split by category
  uint32_t repeat = kFresh;  // in Layout::repeats: g of every point, then k; kFresh: the feature is new to the path
  uint32_t agrees = 0;       // of one row, if not: 1 + 2 (node of its tree that had it last) + (the path goes right)
  uint16_t seen = 0;         // of rows in blocks, if not: depth of that node
  Test test = Test::Less;
  bool in_set = false, default_left = false, zero_is_missing = false;
};
static_assert(sizeof(Node) == 64);

// A tree's nodes lie in a run: first those whose children are both leaves and whose feature is new to the path, then
// all others, the deepest first and the root last: neighbours do not wait for each other.
struct Run {
  uint32_t first = 0, nodes = 0, pairs = 0, leaves = 0;  // pairs: of two leaves
};

struct Pass {  // some points of one tree for one output
  Run run;
  uint32_t values = 0;  // where its leaves begin
  uint32_t output = 0;
  uint32_t points = 0, first = 0, count = 0;  // of the rule of `points` points, these
};

struct Layout {
  std::vector<Node> nodes;
  std::vector<uint32_t> order;          // by place: the node of its tree's run that comes back there
  std::vector<double> values, repeats;  // kPointsMax more than are used: a vector reads on
  std::vector<formats::CategorySet> sets;
  std::vector<Pass> passes;  // in the order of trees
  std::vector<uint32_t> features;
  // By points, then kPointsMax zeros. After the times as many ones, as a node's k follow its g in `repeats`.
  std::vector<std::vector<double>> times, weights;
  std::vector<double> bias;   // per output: what is expected of no row
  std::vector<double> fixed;  // per output: margins, and trees that are one leaf
  formats::CategoryOf category_of = formats::CategoryOf::Floor;
  std::vector<std::vector<double>> category_values;  // as Ensemble's
  uint32_t points_max = 0;
  size_t run_max = 0;  // nodes and leaves of the largest tree
  [[nodiscard]] size_t bytes() const;
};

// The model passes check_explainable(); where its trees have no covers, shares and bias mean nothing.
[[nodiscard]] Result<Layout> lay_out(const formats::Ensemble& model);

// What one row alone needs beside its numbers and sums.
struct alignas(64) Vector {
  std::array<double, kPointsMax> points;
};
struct RowWork {
  std::vector<Vector> given;    // run_max: what comes down to a node or leaf, then what it gives
  std::vector<double> totals;   // run_max: what a node's feature gets
  std::vector<uint8_t> agrees;  // 1 + 2 run_max
};

// One pass over kBlock rows: `rows` slot by slot, kBlock numbers each, and `sums` likewise, of the pass's output. Or
// over one row, a number a slot: its points lie side by side in a vector where a block has its rows. Both give the same
// bits.
struct Kernels {
  using Block = void (*)(const Layout& layout, const Pass& pass, const double* rows, double* sums);
  using Row = void (*)(const Layout& layout, const Pass& pass, const double* row, RowWork& work, double* sums);
  const char* name;
  std::array<Block, kPointsMax + 1> block;  // by Pass::count
  std::array<Row, kPointsMax + 1> row;
  uint32_t rows_alone = 1;  // so many rows are faster one by one than as a block
};
// Null where the build or the processor does not have them.
[[nodiscard]] const Kernels* portable_kernels();
[[nodiscard]] const Kernels* avx2_kernels();
[[nodiscard]] const Kernels* avx512_kernels();

}  // namespace clops::serving::shap
