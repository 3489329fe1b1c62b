// The kernel of exact SHAP contributions for one row alone: the points of the rule side by side in a vector, where
// tree_shap_body.h has eight rows. Included as that one is, with the same Isa. Inner.
//
// No recursion and hardly a branch: down the tree's run of nodes, from the root, for what comes down to each; the
// leaves; then up, for what each gives. A node's operations are those of a block, in its order, so that the bits are
// the same; what features get is therefore put by, and added in the order in which a recursion comes back.
#pragma once

#include <algorithm>
#include <cstdint>

#include "serving/engines/tree_shap_body.h"

namespace clops::serving::shap {
namespace {  // a copy per instruction set: the linker must not choose among them

template <class Isa, uint32_t kPoints>
class RowWalk {
 public:
  RowWalk(const Layout& layout, const Pass& pass, const double* row, RowWork& work)
      : layout_(layout),
        run_(pass.run),
        nodes_(layout.nodes.data() + pass.run.first),
        row_(row),
        given_(work.given.data()->points.data()),
        totals_(work.totals.data()),
        agrees_(work.agrees.data()),
        values_(layout.values.data() + pass.values),
        times_(layout.times[pass.points].data() + pass.first),
        repeats_(layout.repeats.data() + pass.first),
        points_(pass.points) {
    for (uint32_t v = 0; v < kVectors; ++v) {
      const uint32_t from = v * Isa::kLanes;
      live_[v] = Isa::first(std::min(kPoints - from, Isa::kLanes));
      put(run_.nodes - 1, v, Isa::load(layout.weights[pass.points].data() + pass.first + from));
    }
  }

  void run(double* sums) {
    agrees_[0] = 1;
    for (uint32_t n = run_.nodes; n-- > run_.pairs;) down(n);
    for (uint32_t leaf = 0; leaf < run_.leaves; ++leaf)
      for (uint32_t v = 0; v < kVectors; ++v) put(run_.nodes + leaf, v, Isa::all(values_[leaf]));
    for (uint32_t n = 0; n < run_.pairs; ++n) two_leaves(n);
    for (uint32_t n = run_.pairs; n < run_.nodes; ++n) up(n);
    const uint32_t* order = layout_.order.data() + run_.first;
    for (uint32_t i = 0; i < run_.nodes; ++i) sums[nodes_[order[i]].slot] += totals_[order[i]];
  }

 private:
  using V = typename Isa::V;
  using M = typename Isa::M;
  static constexpr uint32_t kVectors = (kPoints + Isa::kLanes - 1) / Isa::kLanes;
  static constexpr size_t kWide = size_t{kVectors} * Isa::kLanes;

  V get(uint32_t at, uint32_t v) const { return Isa::load(given_ + at * kWide + v * Isa::kLanes); }
  void put(uint32_t at, uint32_t v, V what) { Isa::store(given_ + at * kWide + v * Isa::kLanes, what); }

  bool left(const Node& node) const {
    const double x = row_[node.slot];
    if (node.test == Test::Odd) [[unlikely]]
      return goes_left(layout_, node, x);
    const bool less = x < node.threshold, not_at_least = !(x >= node.threshold);
    return node.test == Test::Less ? less : not_at_least;
  }

  // g of every point, then k.
  const double* shares(const Node& node) const { return node.repeat == kFresh ? times_ : repeats_ + node.repeat; }

  void down(uint32_t n) {
    const Node& node = nodes_[n];
    const bool goes = left(node), in = agrees_[node.agrees] != 0;
    agrees_[2 * n + 1] = static_cast<uint8_t>(goes && in);
    agrees_[2 * n + 2] = static_cast<uint8_t>(!goes && in);
    const double* g = shares(node);
    const M both = Isa::flag(in), to_left = Isa::flag(goes && in), to_right = Isa::flag(!goes && in);
    const uint32_t lefts = node.left_place, rights = node.right_place;
    for (uint32_t v = 0; v < kVectors; ++v) {
      const V times = Isa::only(both, Isa::load(g + v * Isa::kLanes)), rest = Isa::sub(Isa::all(1.0), times);
      const V product = get(n, v);
      put(lefts, v, Isa::mul(product, Isa::add_where(to_left, Isa::mul(Isa::all(node.left_share), rest), times)));
      put(rights, v, Isa::mul(product, Isa::add_where(to_right, Isa::mul(Isa::all(node.right_share), rest), times)));
    }
  }

  void up(uint32_t n) {
    const Node& node = nodes_[n];
    const bool goes = left(node);
    const double* g = shares(node);
    const double* k = g + points_;
    const M in = Isa::flag(agrees_[node.agrees] != 0), way = Isa::flag(goes);
    const uint32_t at_left = node.left_place, at_right = node.right_place;
    V parts[kVectors];
    for (uint32_t v = 0; v < kVectors; ++v) {
      const V lefts = get(at_left, v), rights = get(at_right, v);
      const V mean = Isa::add(Isa::mul(Isa::all(node.left_share), lefts), Isa::mul(Isa::all(node.right_share), rights));
      const V more = Isa::only(in, Isa::sub(Isa::choose(way, lefts, rights), mean));
      const V times = Isa::only(in, Isa::load(g + v * Isa::kLanes));
      parts[v] = Isa::only(live_[v], Isa::mul(get(n, v), Isa::mul(Isa::load(k + v * Isa::kLanes), more)));
      put(n, v, Isa::add(mean, Isa::mul(times, more)));
    }
    totals_[n] = Isa::sum(added<Isa, kVectors>(parts));
  }

  void two_leaves(uint32_t n) {
    const Node& node = nodes_[n];
    const double left_value = values_[~node.left], right_value = values_[~node.right];
    const double mean = node.left_share * left_value + node.right_share * right_value;
    const double more = values_[~(left(node) ? node.left : node.right)] - mean;  // an index: no branch to mispredict
    V product[kVectors];
    for (uint32_t v = 0; v < kVectors; ++v) {
      product[v] = Isa::only(live_[v], get(n, v));
      put(n, v, Isa::add(Isa::all(mean), Isa::mul(Isa::load(times_ + v * Isa::kLanes), Isa::all(more))));
    }
    totals_[n] = Isa::sum(added<Isa, kVectors>(product)) * more;
  }

  const Layout& layout_;
  const Run run_;
  const Node* nodes_;
  const double* row_;
  double *given_, *totals_;
  uint8_t* agrees_;
  const double *values_, *times_, *repeats_;
  uint32_t points_;
  M live_[kVectors];  // lanes that have a point
};

template <class Isa, uint32_t kPoints>
void run_row(const Layout& layout, const Pass& pass, const double* row, RowWork& work, double* sums) {
  RowWalk<Isa, kPoints>(layout, pass, row, work).run(sums);
}

template <class Isa>
constexpr std::array<Kernels::Row, kPointsMax + 1> kRows{nullptr,         run_row<Isa, 1>, run_row<Isa, 2>,
                                                         run_row<Isa, 3>, run_row<Isa, 4>, run_row<Isa, 5>,
                                                         run_row<Isa, 6>, run_row<Isa, 7>, run_row<Isa, 8>};

}  // namespace
}  // namespace clops::serving::shap
