// The two walks over a ForestLayout, and the objective's transform. Inner to serving/engines.
//
// Both add a row's leaves in tree order, so both give the framework's float32 sums. Neither allocates.
// Thread rule: pure functions on what is passed.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include "formats/ensemble.h"
#include "serving/engines/forest_layout.h"

namespace clops::serving {

inline constexpr uint32_t kLanes =
    8;  // walks in lockstep: enough to hide two dependent loads, few enough for registers
using Lanes = std::make_index_sequence<kLanes>;

// A row into its slots, `stride` floats apart.
inline void gather(std::span<const Slot> slots, const float* row, float* out, size_t stride) {
  for (const Slot slot : slots) {
    const float value = row[slot.feature];
    const bool missing = value != value;
    *out = missing && slot.missing_left ? -std::numeric_limits<float>::infinity() : value;
    out += stride;
  }
}

// kLanes walks at once, from at[lane] down to a leaf; value(lane, slot) is what a lane's row holds. Spelled out lane by
// lane, so that the pointers stay in registers. A deep, thin tree stops when no lane moves any more.
template <class Node, class Value, size_t... lane>
inline void walk(const Node* (&at)[kLanes], uint32_t depth, const Value& value, std::index_sequence<lane...>) {
  const Node* node[] = {at[lane]...};
  const auto step = [&]() __attribute__((always_inline)) {  // as a call it would keep the pointers in memory
    ((node[lane] += node[lane]->skip + static_cast<size_t>(value(lane, node[lane]->slot) < node[lane]->threshold)),
     ...);
  };
  while (depth > 8) {
    step(), step(), step();
    const Node* const before[] = {node[lane]...};
    step();
    depth -= 4;
    if (((before[lane] == node[lane]) && ...)) depth = 0;
  }
  for (; depth != 0; --depth) step();
  ((at[lane] = node[lane]), ...);
}

// One row: neighbouring trees in lockstep. `slots` holds the gathered row, `sums` one float per output.
template <class Node>
void sum_row(const ForestLayout<Node>& forest, const float* slots, float* sums) {
  std::copy(forest.margins.begin(), forest.margins.end(), sums);
  const auto count = static_cast<uint32_t>(forest.trees.size());
  const TreeRef* trees = forest.trees.data();
  const Node* nodes = forest.nodes.data();
  const float* values = forest.values.data();
  const auto value = [slots](size_t, size_t slot) { return slots[slot]; };
  for (uint32_t first = 0; first < count; first += kLanes) {
    const uint32_t lanes = std::min(kLanes, count - first);
    const Node* at[kLanes];
    uint32_t depth = 0;
    for (uint32_t lane = 0; lane < kLanes; ++lane) {  // lanes without a tree walk the last one again, unheard
      const TreeRef& tree = trees[first + std::min(lane, lanes - 1)];
      at[lane] = nodes + tree.first;
      depth = std::max(depth, tree.depth);
    }
    walk(at, depth, value, Lanes{});
    for (uint32_t lane = 0; lane < lanes; ++lane) sums[trees[first + lane].output] += values[at[lane] - nodes];
  }
}

// Up to kRows rows: one tree at a time over all of them, so that it stays in the nearest cache. `slots` holds kRows
// rows, column by column (what lies beyond `count` is walked, unheard); `sums` is row-major of count x outputs.
template <uint32_t kRows, class Node>
void sum_block(const ForestLayout<Node>& forest, const float* slots, uint32_t count, float* sums) {
  static_assert(kRows % kLanes == 0);
  const uint32_t outputs = forest.outputs;
  for (uint32_t row = 0; row < count; ++row)
    std::copy(forest.margins.begin(), forest.margins.end(), sums + size_t{row} * outputs);
  const Node* nodes = forest.nodes.data();
  const float* values = forest.values.data();
  for (const TreeRef& tree : forest.trees) {
    for (uint32_t first = 0; first < count; first += kLanes) {
      const uint32_t lanes = std::min(kLanes, count - first);
      const Node* at[kLanes];
      std::fill(std::begin(at), std::end(at), nodes + tree.first);
      const float* rows = slots + first;
      walk(at, tree.depth, [rows](size_t lane, size_t slot) { return rows[slot * kRows + lane]; }, Lanes{});
      float* out = sums + size_t{first} * outputs + tree.output;
      for (uint32_t lane = 0; lane < lanes; ++lane) out[size_t{lane} * outputs] += values[at[lane] - nodes];
    }
  }
}

// Sums of one row → what the framework predicts, in its own float32 arithmetic. `out` may be `sums`.
inline void transform_row(formats::Transform transform, const float* sums, uint32_t outputs, float* out) {
  using formats::Transform;
  switch (transform) {
    case Transform::Identity:
      out[0] = sums[0];
      return;
    case Transform::Exp:
      out[0] = std::exp(sums[0]);
      return;
    case Transform::Step:
      out[0] = sums[0] > 0.0F ? 1.0F : 0.0F;
      return;
    case Transform::Sigmoid: {
      const float exponent = std::min(-sums[0], 88.7F);  // e^88.7 is the last that float32 holds
      out[0] = 1.0F / (std::exp(exponent) + 1.0F);
      return;
    }
    case Transform::Argmax:
      out[0] = static_cast<float>(std::max_element(sums, sums + outputs) - sums);
      return;
    case Transform::Softmax:
    default:
      break;
  }
  const float top = *std::max_element(sums, sums + outputs);
  double total = 0;
  for (uint32_t i = 0; i < outputs; ++i) {
    out[i] = std::exp(sums[i] - top);
    total += static_cast<double>(out[i]);
  }
  for (uint32_t i = 0; i < outputs; ++i) out[i] /= static_cast<float>(total);
}

}  // namespace clops::serving
