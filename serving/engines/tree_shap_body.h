// The kernel of exact SHAP contributions, over vectors of rows. Included by one translation unit per instruction set,
// each with an Isa of its own: a vector V of kLanes numbers, a mask M of kLanes rows, and operations on them. Inner.
//
// Every operation on a row's numbers is the same one, in the same order, whatever the lanes: all give the same bits.
#pragma once

#include <cmath>
#include <cstdint>

#include "serving/engines/category_place.h"
#include "serving/engines/tree_shap.h"
#include "serving/engines/tree_shap_layout.h"

namespace clops::serving::shap {
namespace {  // a copy per instruction set: the linker must not choose among them

inline bool goes_left(const Layout& layout, const Node& node, double x) {
  constexpr double kZero = 1e-35F;  // LightGBM's: the float, widened
  if (std::isnan(x) || (node.zero_is_missing && std::fabs(x) <= kZero)) return node.default_left;
  if (!node.in_set) return x < node.threshold;
  const auto& words = layout.sets[node.set].words;
  if (layout.category_of == formats::CategoryOf::Listed) {
    const auto& values = layout.category_values[layout.features[node.slot]];
    const auto count = static_cast<uint32_t>(values.size());
    const uint32_t place = category_place(values.data(), count, x);
    x = place < count ? static_cast<double>(place) : -1;
  }
  if (layout.category_of == formats::CategoryOf::Chop ? x <= -1 : x < 0) return false;
  if (!(x < static_cast<double>(words.size() * 32))) return false;
  const auto category = static_cast<size_t>(x < 0 ? 0 : x);
  return (words[category / 32] >> (category % 32) & 1) != 0;
}

// Up to eight vectors added up in halves, as the lanes of one are.
template <class Isa, uint32_t kParts>
typename Isa::V added(const typename Isa::V* parts) {
  typename Isa::V sums[4];
  constexpr uint32_t kSums = kParts < 4 ? kParts : 4;
  for (uint32_t q = 0; q < kSums; ++q) sums[q] = q + 4 < kParts ? Isa::add(parts[q], parts[q + 4]) : parts[q];
  if constexpr (kSums > 2) sums[0] = Isa::add(sums[0], sums[2]);
  if constexpr (kSums > 3) sums[1] = Isa::add(sums[1], sums[3]);
  if constexpr (kSums > 1) sums[0] = Isa::add(sums[0], sums[1]);
  return sums[0];
}

template <class Isa, uint32_t kPoints>
class Walk {
 public:
  using V = typename Isa::V;
  using M = typename Isa::M;

  // A pass may point into a table that this model has nothing in.
  static const double* part(const std::vector<double>& table, size_t first) {
    return table.empty() ? nullptr : table.data() + first;
  }

  Walk(const Layout& layout, const Pass& pass, const double* rows, double* sums)
      : layout_(layout),
        nodes_(layout.nodes.data()),
        values_(part(layout.values, pass.values)),
        times_(part(layout.times[pass.points], pass.first)),
        repeats_(part(layout.repeats, pass.first)),
        rows_(rows),
        sums_(sums),
        points_(pass.points) {
    V product[kPoints], given[kPoints];
    for (uint32_t q = 0; q < kPoints; ++q) product[q] = Isa::all(layout.weights[pass.points][pass.first + q]);
    visit(nodes_[pass.run.first + pass.run.nodes - 1], 0, product, given);
  }

 private:
  void visit(const Node& node, uint32_t depth, const V* product, V* given) {
    const M left = test(node);
    if (node.repeat != kFresh)
      repeated(node, depth, left, product, given);
    else if (node.left < 0 && node.right < 0)
      two_leaves(node, left, product, given);
    else
      fresh(node, depth, left, product, given);
  }

  M test(const Node& node) const {
    const double* row = rows_ + size_t{node.slot} * kBlock;
    if (node.test == Test::Less) return Isa::less(Isa::load(row), Isa::all(node.threshold));
    if (node.test == Test::LessOrMissing) return Isa::not_at_least(Isa::load(row), Isa::all(node.threshold));
    bool left[Isa::kLanes];
    for (uint32_t lane = 0; lane < Isa::kLanes; ++lane) left[lane] = goes_left(layout_, node, row[lane]);
    return Isa::mask(left);
  }

  void fresh(const Node& node, uint32_t depth, M left, const V* product, V* given) {
    V times[kPoints], rest[kPoints];
    for (uint32_t q = 0; q < kPoints; ++q) {
      times[q] = Isa::all(times_[q]);
      rest[q] = Isa::sub(Isa::all(1.0), times[q]);
    }
    V lefts[kPoints], rights[kPoints];
    child(node.left, node.left_share, left, depth, product, times, rest, lefts);
    child(node.right, node.right_share, Isa::no(left), depth, product, times, rest, rights);
    const V left_share = Isa::all(node.left_share), right_share = Isa::all(node.right_share);
    V parts[kPoints];
    for (uint32_t q = 0; q < kPoints; ++q) {
      const V mean = Isa::add(Isa::mul(left_share, lefts[q]), Isa::mul(right_share, rights[q]));
      const V more = Isa::sub(Isa::choose(left, lefts[q], rights[q]), mean);
      parts[q] = Isa::mul(product[q], more);
      given[q] = Isa::add(mean, Isa::mul(times[q], more));
    }
    add(node, added<Isa, kPoints>(parts));
  }

  // As fresh(), of what does not depend on the point.
  void two_leaves(const Node& node, M left, const V* product, V* given) {
    const double left_value = values_[~node.left], right_value = values_[~node.right];
    const double mean = node.left_share * left_value + node.right_share * right_value;
    const V more = Isa::choose(left, Isa::all(left_value - mean), Isa::all(right_value - mean));
    for (uint32_t q = 0; q < kPoints; ++q) given[q] = Isa::add(Isa::all(mean), Isa::mul(Isa::all(times_[q]), more));
    add(node, Isa::mul(added<Isa, kPoints>(product), more));
  }

  void repeated(const Node& node, uint32_t depth, M left, const V* product, V* given) {
    const M in = went_[node.seen];
    const double* g = repeats_ + node.repeat;
    const double* k = g + points_;
    V times[kPoints], rest[kPoints];
    for (uint32_t q = 0; q < kPoints; ++q) {
      times[q] = Isa::only(in, Isa::all(g[q]));
      rest[q] = Isa::sub(Isa::all(1.0), times[q]);
    }
    V lefts[kPoints], rights[kPoints];
    child(node.left, node.left_share, Isa::both(left, in), depth, product, times, rest, lefts);
    child(node.right, node.right_share, Isa::both(Isa::no(left), in), depth, product, times, rest, rights);
    const V left_share = Isa::all(node.left_share), right_share = Isa::all(node.right_share);
    V parts[kPoints];
    for (uint32_t q = 0; q < kPoints; ++q) {
      const V mean = Isa::add(Isa::mul(left_share, lefts[q]), Isa::mul(right_share, rights[q]));
      const V more = Isa::only(in, Isa::sub(Isa::choose(left, lefts[q], rights[q]), mean));
      parts[q] = Isa::mul(product[q], Isa::mul(Isa::all(k[q]), more));
      given[q] = Isa::add(mean, Isa::mul(times[q], more));
    }
    add(node, added<Isa, kPoints>(parts));
  }

  void child(int32_t at, double share, M in, uint32_t depth, const V* product, const V* times, const V* rest,
             V* given) {
    if (at < 0) {
      for (uint32_t q = 0; q < kPoints; ++q) given[q] = Isa::all(values_[~at]);
      return;
    }
    V below[kPoints];
    for (uint32_t q = 0; q < kPoints; ++q)
      below[q] = Isa::mul(product[q], Isa::add_where(in, Isa::mul(Isa::all(share), rest[q]), times[q]));
    went_[depth] = in;
    visit(nodes_[at], depth + 1, below, given);
  }

  void add(const Node& node, V what) {
    double* sum = sums_ + size_t{node.slot} * kBlock;
    Isa::store(sum, Isa::add(Isa::load(sum), what));
  }

  const Layout& layout_;
  const Node* nodes_;
  const double *values_, *times_, *repeats_;
  const double* rows_;
  double* sums_;
  uint32_t points_;
  M went_[kShapDepthMax];  // by depth: the rows that agree with every split of that feature so far
};

template <class Isa, uint32_t kPoints>
void run_pass(const Layout& layout, const Pass& pass, const double* rows, double* sums) {
  for (uint32_t lane = 0; lane < kBlock; lane += Isa::kLanes)
    Walk<Isa, kPoints>(layout, pass, rows + lane, sums + lane);
}

template <class Isa>
constexpr std::array<Kernels::Block, kPointsMax + 1> kBlocks{nullptr,          run_pass<Isa, 1>, run_pass<Isa, 2>,
                                                             run_pass<Isa, 3>, run_pass<Isa, 4>, run_pass<Isa, 5>,
                                                             run_pass<Isa, 6>, run_pass<Isa, 7>, run_pass<Isa, 8>};

}  // namespace
}  // namespace clops::serving::shap
