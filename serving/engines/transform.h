// Sums of a row → what the framework predicts, in the framework's own arithmetic. Inner to serving/engines.
// Thread rule: pure functions.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "formats/ensemble.h"
#include "formats/pairwise_sum.h"

namespace clops::serving {

// 1 / (1 + sigmoid_power) is the sigmoid.
template <class Sum>
Sum sigmoid_power(Sum x, double scale) {
  if constexpr (sizeof(Sum) == 4)
    return std::exp(std::min(-x, 88.7F));  // XGBoost: e^88.7 is the last that float32 holds
  else
    return std::exp(-scale * x);  // LightGBM; scikit-learn (scipy's expit) with a scale of 1
}
template <class Sum>
Sum sigmoid(Sum x, double scale) {
  return Sum{1} / (Sum{1} + sigmoid_power(x, scale));
}

// Of rows side by side.
template <class Sum>
void sigmoids(Sum* x, uint32_t count, double scale) {
  constexpr uint32_t kSide = 16;  // a number known to the compiler, so that it divides several at once
  Sum each[kSide];
  for (uint32_t first = 0; first < count; first += kSide) {
    const uint32_t some = std::min(kSide, count - first);
    std::copy_n(x + first, some, each);
    std::fill(each + some, each + kSide, Sum{0});
    for (Sum& e : each) e = sigmoid_power(e, scale);
    for (Sum& e : each) e = Sum{1} / (Sum{1} + e);
    std::copy_n(each, some, x + first);
  }
}

// `sums` may be changed; `out` gets output_columns() numbers and is not `sums`.
template <class Sum, class Out>
void transform_row(formats::Transform transform, double scale, Sum* sums, uint32_t outputs, Out* out) {
  using formats::Transform;
  const auto each = [&](const auto& function) {
    for (uint32_t i = 0; i < outputs; ++i) out[i] = static_cast<Out>(function(sums[i]));
  };
  switch (transform) {
    case Transform::Identity:
      return each([](Sum x) { return x; });
    case Transform::Sigmoid:
      return each([scale](Sum x) { return sigmoid(x, scale); });
    case Transform::Exp:
      return each([](Sum x) { return std::exp(x); });
    case Transform::Step:
      return each([](Sum x) { return x > 0 ? 1 : 0; });
    case Transform::SignSquare:
      return each([](Sum x) { return static_cast<Sum>((x > 0) - (x < 0)) * x * x; });
    case Transform::Log1pExp:
      return each([](Sum x) { return std::log1p(std::exp(x)); });
    case Transform::OneVsRest:
    case Transform::OneVsRestUniform:
    case Transform::OneVsRestZero: {
      for (uint32_t i = 0; i < outputs; ++i) sums[i] = sigmoid(sums[i], scale);
      const Sum total = formats::pairwise_total(sums, outputs);
      if (total == 0 && transform == Transform::OneVsRestZero) return each([](Sum) { return Sum{0}; });
      if (total == 0 && transform == Transform::OneVsRestUniform)
        return each([outputs](Sum) { return Sum{1} / static_cast<Sum>(outputs); });
      return each([total](Sum x) { return x / total; });
    }
    case Transform::PathLength:
      return each([](Sum x) { return -std::pow(Sum{2}, -x); });
    case Transform::Argmax:
      out[0] = static_cast<Out>(std::max_element(sums, sums + outputs) - sums);
      return;
    case Transform::Ascending:
      std::sort(sums, sums + outputs);
      return each([](Sum x) { return x; });
    case Transform::Expectiles:  // XGBoost: the first, then each softplus(sum) + 1e-6 above the one before
      for (uint32_t i = 1; i < outputs; ++i) {
        const Sum x = sums[i];
        const Sum softplus = x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
        sums[i] = sums[i - 1] + (static_cast<Sum>(1e-6F) + softplus);
      }
      return each([](Sum x) { return x; });
    case Transform::Pair: {
      const Sum p = sigmoid(sums[0], scale);
      out[0] = static_cast<Out>(1 - p);
      out[1] = static_cast<Out>(p);
      return;
    }
    case Transform::Normalize: {
      Sum total = 0;
      for (uint32_t i = 0; i < outputs; ++i) total += sums[i];
      return each([total](Sum x) { return total != 0 ? x / total : x; });
    }
    case Transform::Softmax: {
      const Sum top = *std::max_element(sums, sums + outputs);
      double total = 0;
      for (uint32_t i = 0; i < outputs; ++i) total += static_cast<double>(sums[i] = std::exp(sums[i] - top));
      return each([total](Sum x) { return x / static_cast<Sum>(total); });
    }
    case Transform::SoftmaxPairwise: {
      const Sum top = *std::max_element(sums, sums + outputs);
      for (uint32_t i = 0; i < outputs; ++i) sums[i] = std::exp(sums[i] - top);
      const Sum total = formats::pairwise_total(sums, outputs);
      return each([total](Sum x) { return x / total; });
    }
  }
}

// The same of models of one output, for the transforms that most have; false: not of these.
template <class Sum, class Out>
bool transform_column(formats::Transform transform, double scale, Sum* sums, uint32_t rows, Out* out) {
  using formats::Transform;
  if (transform != Transform::Identity && transform != Transform::Sigmoid) return false;
  if (transform == Transform::Sigmoid) sigmoids(sums, rows, scale);
  for (uint32_t row = 0; row < rows; ++row) out[row] = static_cast<Out>(sums[row]);
  return true;
}

}  // namespace clops::serving
