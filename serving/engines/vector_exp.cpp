#include "serving/engines/vector_exp.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <limits>
#include <vector>

namespace clops::serving::forest {
namespace {

constexpr uint32_t kEvery = 10'007;  // of the numbers from 2^-20 to 256, and their negatives

std::vector<float> asked_numbers() {
  constexpr float kEdges[] = {0.0F, 1e-45F, 1e-38F, 1e-8F, 88.69F, 88.7F, 88.73F, 103.27F, 103.28F, 103.97F, 103.98F};
  std::vector<float> numbers(std::begin(kEdges), std::end(kEdges));
  for (uint32_t bits = std::bit_cast<uint32_t>(0x1p-20F); bits < std::bit_cast<uint32_t>(256.0F); bits += kEvery)
    numbers.push_back(std::bit_cast<float>(bits));
  numbers.push_back(std::numeric_limits<float>::infinity());
  numbers.push_back(std::numeric_limits<float>::quiet_NaN());
  const size_t count = numbers.size();
  for (size_t i = 0; i < count; ++i) numbers.push_back(-numbers[i]);
  return numbers;
}

}  // namespace

const ExpTable& exp_table() {
  static const ExpTable table = [] {
    ExpTable made;
    for (uint64_t i = 0; i < std::size(made.powers); ++i) {
      const auto power = static_cast<double>(std::exp2(static_cast<long double>(i) / 32));
      made.powers[i] = std::bit_cast<uint64_t>(power) - (i << 47);
    }
    return made;
  }();
  return table;
}

bool agrees(VectorExp kernel, float (*own)(float)) {
  std::vector<float> numbers = asked_numbers(), expected;
  for (const float x : numbers) expected.push_back(own(std::min(-x, kExpMost)));
  kernel(exp_table(), numbers.data(), static_cast<uint32_t>(numbers.size()));
  return std::ranges::equal(numbers, expected, [](float a, float b) {
    return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (std::isnan(a) && std::isnan(b));
  });
}

VectorExp if_exact(VectorExp kernel) {
  if (kernel == nullptr) return nullptr;
  const auto own = [](float x) { return std::exp(x); };
  static const VectorExp first = kernel;
  static const bool exact = agrees(kernel, own);  // that one's: a process has one set of instructions
  if (kernel == first) return exact ? kernel : nullptr;
  return agrees(kernel, own) ? kernel : nullptr;
}

}  // namespace clops::serving::forest
