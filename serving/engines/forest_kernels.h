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

#include "formats/ensemble.h"
#include "serving/engines/forest_layout.h"

namespace clops::serving {

inline constexpr uint32_t kLanes = 8;  // walks in lockstep: enough to hide two dependent loads
inline constexpr uint32_t kRowsPerBlock = 64;

inline void gather(std::span<const Slot> slots, const float* row, float* out) {
  for (const Slot slot : slots) {
    const float value = row[slot.feature];
    const bool missing = value != value;
    *out++ = missing && slot.missing_left ? -std::numeric_limits<float>::infinity() : value;
  }
}

// kLanes walks at once: lane i walks nodes[i] over row[i]. A deep, thin tree stops when no lane moves any more.
template <class Node>
inline void walk(const Node* const (&nodes)[kLanes], const float* const (&rows)[kLanes], uint32_t depth,
                 uint32_t (&at)[kLanes]) {
  for (uint32_t lane = 0; lane < kLanes; ++lane) at[lane] = 0;
  const auto step = [&] {
    for (uint32_t lane = 0; lane < kLanes; ++lane) {
      const Node node = nodes[lane][at[lane]];
      at[lane] = node.child + static_cast<uint32_t>(rows[lane][node.slot] < node.threshold);
    }
  };
  while (depth > 8) {
    uint32_t before[kLanes];
    for (uint32_t level = 0; level < 3; ++level) step();
    std::copy(std::begin(at), std::end(at), std::begin(before));
    step();
    depth -= 4;
    uint32_t moved = 0;
    for (uint32_t lane = 0; lane < kLanes; ++lane) moved |= before[lane] ^ at[lane];
    if (moved == 0) return;
  }
  for (; depth != 0; --depth) step();
}

// One row: neighbouring trees in lockstep. `slots` holds the gathered row, `sums` one float per output.
template <class Node>
void sum_row(const ForestLayout<Node>& forest, const float* slots, float* sums) {
  std::copy(forest.margins.begin(), forest.margins.end(), sums);
  const auto count = static_cast<uint32_t>(forest.trees.size());
  const TreeRef* trees = forest.trees.data();
  const float* rows[kLanes];
  std::fill(std::begin(rows), std::end(rows), slots);
  for (uint32_t first = 0; first < count; first += kLanes) {
    const uint32_t lanes = std::min(kLanes, count - first);
    const Node* nodes[kLanes];
    uint32_t depth = 0;
    for (uint32_t lane = 0; lane < kLanes; ++lane) {  // lanes without a tree walk the last one again, unheard
      const TreeRef& tree = trees[first + std::min(lane, lanes - 1)];
      nodes[lane] = forest.nodes.data() + tree.first;
      depth = std::max(depth, tree.depth);
    }
    uint32_t at[kLanes];
    walk(nodes, rows, depth, at);
    for (uint32_t lane = 0; lane < lanes; ++lane) {
      const TreeRef& tree = trees[first + lane];
      sums[tree.output] += forest.values[tree.first + at[lane]];
    }
  }
}

// Up to kRowsPerBlock rows: one tree at a time over all of them, so that it stays in the nearest cache. `slots` is
// row-major, `sums` row-major of count x outputs.
template <class Node>
void sum_block(const ForestLayout<Node>& forest, const float* slots, uint32_t count, float* sums) {
  const size_t width = forest.slots.size();
  const uint32_t outputs = forest.outputs;
  for (uint32_t row = 0; row < count; ++row)
    std::copy(forest.margins.begin(), forest.margins.end(), sums + size_t{row} * outputs);
  for (const TreeRef& tree : forest.trees) {
    const Node* nodes[kLanes];
    std::fill(std::begin(nodes), std::end(nodes), forest.nodes.data() + tree.first);
    const float* values = forest.values.data() + tree.first;
    for (uint32_t first = 0; first < count; first += kLanes) {
      const uint32_t lanes = std::min(kLanes, count - first);
      const float* rows[kLanes];
      for (uint32_t lane = 0; lane < kLanes; ++lane) rows[lane] = slots + (first + std::min(lane, lanes - 1)) * width;
      uint32_t at[kLanes];
      walk(nodes, rows, tree.depth, at);
      float* out = sums + size_t{first} * outputs + tree.output;
      for (uint32_t lane = 0; lane < lanes; ++lane) out[size_t{lane} * outputs] += values[at[lane]];
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
