// An evaluator of formats::Ensemble so plain that its correctness can be seen: one row, one node at a time, every sum
// in the model's number and in the model's order. The kernels of serving/engines are held to its bits.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "formats/ensemble.h"
#include "formats/model.h"

namespace clops::test {

constexpr double kZero = 1e-35F;  // as LightGBM's kZeroThreshold: the float, widened

template <class Real>  // of the rows
bool goes_left(const formats::Ensemble& model, const formats::Tree& tree, const formats::TreeNode& node, Real x) {
  if (std::isnan(x)) return node.default_left;
  if (node.zero_is_missing && std::fabs(static_cast<double>(x)) <= kZero) return node.default_left;
  if (node.split == formats::Split::Less) return x < static_cast<Real>(node.value);
  const auto& words = tree.sets[node.side].words;
  if (model.category_of == formats::CategoryOf::Listed) {
    const auto& values = model.category_values[node.feature];
    const auto at = static_cast<size_t>(std::ranges::find(values, static_cast<double>(x)) - values.begin());
    return at < values.size() && at / 32 < words.size() && (words[at / 32] >> (at % 32) & 1) != 0;
  }
  if (model.category_of == formats::CategoryOf::Floor ? x < 0 : x <= -1) return false;
  if (words.empty() || !(x < static_cast<Real>(words.size() * 32))) return false;
  const auto category = static_cast<size_t>(x < 0 ? 0 : x);
  return (words[category / 32] >> (category % 32) & 1) != 0;
}

template <class Real, class Sum>
void add_tree(const formats::Ensemble& model, const formats::Tree& tree, const Real* row, std::vector<Sum>& sums) {
  size_t at = 0;
  while (!tree.nodes[at].leaf()) {
    const formats::TreeNode& node = tree.nodes[at];
    at = static_cast<size_t>(goes_left(model, tree, node, row[node.feature]) ? node.left : node.right);
  }
  const formats::TreeNode& leaf = tree.nodes[at];
  if (!tree.vectors.empty()) {
    for (uint32_t o = 0; o < model.outputs; ++o)
      sums[o] += static_cast<Sum>(tree.vectors[size_t{leaf.side} * model.outputs + o]);
    return;
  }
  double value = leaf.value;
  if (!tree.linear.empty()) {
    const formats::LinearLeaf& linear = tree.linear[leaf.side];
    double line = linear.constant;
    bool missing = false;
    for (size_t i = 0; i < linear.features.size(); ++i) {
      const auto x = static_cast<double>(row[linear.features[i]]);
      missing = missing || std::isnan(x);
      line += linear.coefficients[i] * (std::fabs(x) <= kZero ? 0.0 : x);
    }
    if (!missing) value = line;
  }
  sums[tree.output] += static_cast<Sum>(value);
}

// Of neighbours, up to 128 of them: every eighth one by one, those in pairs, then what is over.
template <class Sum>
Sum numpy_sum(const std::vector<Sum>& x) {
  std::vector<Sum> parts(8, 0);
  const size_t whole = x.size() / 8 * 8;
  for (size_t i = 0; i < whole; ++i) parts[i % 8] += x[i];
  for (size_t width : {4, 2, 1})
    for (size_t i = 0; i < width; ++i) parts[i] = parts[2 * i] + parts[2 * i + 1];
  for (size_t i = whole; i < x.size(); ++i) parts[0] += x[i];
  return parts[0];
}

template <class Sum>
std::vector<Sum> transformed(const formats::Ensemble& model, std::vector<Sum> sums) {
  using formats::Transform;
  if (model.divisor != 1)
    for (Sum& sum : sums) sum /= static_cast<Sum>(model.divisor);
  const auto sigmoid = [&](Sum x) {
    if constexpr (sizeof(Sum) == 4)
      return 1.0F / (std::exp(std::min(-x, 88.7F)) + 1.0F);  // as XGBoost
    else
      return 1.0 / (1.0 + std::exp(-model.scale * x));  // as LightGBM
  };
  switch (model.transform) {
    case Transform::Identity:
      break;
    case Transform::Sigmoid:
      for (Sum& sum : sums) sum = sigmoid(sum);
      break;
    case Transform::Exp:
      for (Sum& sum : sums) sum = std::exp(sum);
      break;
    case Transform::Step:
      for (Sum& sum : sums) sum = sum > 0 ? 1 : 0;
      break;
    case Transform::SignSquare:
      for (Sum& sum : sums) sum = static_cast<Sum>((sum > 0) - (sum < 0)) * sum * sum;
      break;
    case Transform::Log1pExp:
      for (Sum& sum : sums) sum = std::log1p(std::exp(sum));
      break;
    case Transform::OneVsRest:
    case Transform::OneVsRestUniform:
    case Transform::OneVsRestZero: {
      for (Sum& sum : sums) sum = sigmoid(sum);
      const Sum total = numpy_sum(sums);
      const auto nothing =
          model.transform == Transform::OneVsRestZero ? Sum{0} : Sum{1} / static_cast<Sum>(sums.size());
      for (Sum& sum : sums) sum = total == 0 && model.transform != Transform::OneVsRest ? nothing : sum / total;
      break;
    }
    case Transform::PathLength:
      for (Sum& sum : sums) sum = -std::pow(Sum{2}, -sum);
      break;
    case Transform::Argmax:
      return {static_cast<Sum>(std::ranges::max_element(sums) - sums.begin())};
    case Transform::Pair: {
      const Sum p = sigmoid(sums[0]);
      return {1 - p, p};
    }
    case Transform::Ascending:
      std::ranges::sort(sums);
      break;
    case Transform::Expectiles:
      for (size_t i = 1; i < sums.size(); ++i) {
        const Sum x = sums[i];
        const Sum softplus = x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
        sums[i] = sums[i - 1] + (static_cast<Sum>(1e-6F) + softplus);
      }
      break;
    case Transform::Normalize: {
      Sum total = 0;
      for (const Sum sum : sums) total += sum;
      if (total != 0)
        for (Sum& sum : sums) sum /= total;
      break;
    }
    case Transform::Softmax: {
      const Sum top = *std::ranges::max_element(sums);
      double total = 0;
      for (Sum& sum : sums) total += static_cast<double>(sum = std::exp(sum - top));
      for (Sum& sum : sums) sum /= static_cast<Sum>(total);
      break;
    }
    case Transform::SoftmaxPairwise: {
      const Sum top = *std::ranges::max_element(sums);
      for (Sum& sum : sums) sum = std::exp(sum - top);
      const Sum total = numpy_sum(sums);
      for (Sum& sum : sums) sum /= total;
      break;
    }
  }
  return sums;
}

template <class Real, class Sum>
std::vector<Sum> reference_sums(const formats::Ensemble& model, const Real* row) {
  std::vector<Sum> sums;
  for (const double margin : model.margins) sums.push_back(static_cast<Sum>(margin));
  for (const formats::Tree& tree : model.trees) add_tree(model, tree, row, sums);
  return sums;
}

template <class Real, class Sum>
std::vector<Sum> reference_predict(const formats::Ensemble& model, const Real* row) {
  return transformed(model, reference_sums<Real, Sum>(model, row));
}

}  // namespace clops::test
