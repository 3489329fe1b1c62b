// The arithmetic of a linear model over one row, in any pair of numbers. Inner to serving/engines.
//
// A product is rounded before it is added: neither framework's build for x86-64 fuses the two.
// Thread rule: pure functions on what is passed; no allocation.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

#include "formats/linear.h"

namespace clops::serving {

// sums[o], o < outputs. `weights` is by feature, then output; `intercepts` by output.
template <class Sum, class Real>
void linear_sums(formats::LinearModel::Order order, std::span<const Sum> weights, std::span<const Sum> intercepts,
                 std::span<const Real> row, std::span<Sum> sums) {
  using Order = formats::LinearModel::Order;
  const size_t outputs = intercepts.size();
  if (order == Order::InterceptFirst)
    std::ranges::copy(intercepts, sums.begin());
  else
    std::ranges::fill(sums, Sum{0});
  const Sum* weight = weights.data();
  for (const Real x : row) {
    if (order == Order::Dot || !std::isnan(x))
      for (size_t o = 0; o < outputs; ++o) {
        const Sum product = static_cast<Sum>(x) * weight[o];
        sums[o] += product;
      }
    weight += outputs;
  }
  if (order == Order::Dot)
    for (size_t o = 0; o < outputs; ++o) sums[o] += intercepts[o];
}

// 1 / (1 + exp(-x)), as XGBoost does it in float32, and as scikit-learn (scipy's expit) does in float64.
inline float sigmoid(float x) {
  return 1.0F / (std::exp(std::min(-x, 88.7F)) + 1.0F);
}
inline double sigmoid(double x) {
  return 1.0 / (1.0 + std::exp(-x));
}

// In place for as many outputs; Argmax and Pair write one and two. False: not a transform of linear models.
template <class Sum>
bool linear_transform(formats::Transform transform, std::span<Sum> sums, Sum* out) {
  using formats::Transform;
  const auto each = [&](const auto& change) {
    for (size_t o = 0; o < sums.size(); ++o) out[o] = change(sums[o]);
    return true;
  };
  switch (transform) {
    case Transform::Identity:
      return each([](Sum x) { return x; });
    case Transform::Sigmoid:
      return each([](Sum x) { return sigmoid(x); });
    case Transform::Exp:
      return each([](Sum x) { return std::exp(x); });
    case Transform::Step:
      return each([](Sum x) { return x > 0 ? Sum{1} : Sum{0}; });
    case Transform::Argmax:
      out[0] = static_cast<Sum>(std::ranges::max_element(sums) - sums.begin());
      return true;
    case Transform::Pair: {
      const Sum p = sigmoid(sums[0]);
      out[0] = 1 - p, out[1] = p;
      return true;
    }
    case Transform::Ascending:
      std::ranges::sort(sums);
      return each([](Sum x) { return x; });
    case Transform::Expectiles: {
      Sum above = out[0] = sums[0];
      for (size_t o = 1; o < sums.size(); ++o) {
        const Sum x = sums[o];
        const Sum softplus = x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
        out[o] = above += static_cast<Sum>(1e-6F) + softplus;
      }
      return true;
    }
    case Transform::Softmax: {
      const Sum top = *std::ranges::max_element(sums);
      double total = 0;
      for (size_t o = 0; o < sums.size(); ++o) total += static_cast<double>(out[o] = std::exp(sums[o] - top));
      for (size_t o = 0; o < sums.size(); ++o) out[o] /= static_cast<Sum>(total);
      return true;
    }
    default:
      return false;
  }
}

}  // namespace clops::serving
