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

}  // namespace clops::serving
