// An ensemble laid out for walking. Inner to serving/engines.
//
// A row is first gathered into slots: one per (feature, default direction) that the model tests. A missing value in a
// slot that goes left by default becomes -inf, in one that goes right it stays NaN; `slot < threshold` then needs no
// further look at missing values, as thresholds are finite. Children lie side by side, right then left, so a step is
// `child + (slot < threshold)`; a leaf's threshold is NaN and its child itself, so walking past the end stays there.
// Trees are laid out level by level: what most rows touch shares cache lines. Thread rule: immutable once made. Errors:
// Unsupported (more nodes than 32 bits hold).
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "formats/ensemble.h"

namespace clops::serving {

struct CompactNode {  // eight to a cache line; for trees and slots that 16 bits can number
  float threshold = 0;
  uint16_t slot = 0, skip = 0;
};
struct WideNode {
  float threshold = 0;
  uint32_t slot = 0, skip = 0;
};

struct Slot {
  uint32_t feature = 0;
  bool missing_left = false;
};

struct TreeRef {
  uint32_t first = 0;  // of its nodes
  uint32_t output = 0;
  uint32_t depth = 0;
};

template <class Node>
struct ForestLayout {
  std::vector<Slot> slots;
  std::vector<TreeRef> trees;  // in summing order
  std::vector<Node> nodes;
  std::vector<float> values;  // of leaves, by node
  uint32_t outputs = 1;
  std::vector<float> margins;
  [[nodiscard]] size_t bytes() const {
    return slots.size() * sizeof(Slot) + trees.size() * sizeof(TreeRef) + nodes.size() * sizeof(Node) +
           values.size() * sizeof(float);
  }
};

// Whether 16 bits number this model's slots and every tree's nodes.
[[nodiscard]] bool fits_compact(const formats::Ensemble& model);

template <class Node>
[[nodiscard]] Result<ForestLayout<Node>> lay_out(const formats::Ensemble& model);
extern template Result<ForestLayout<CompactNode>> lay_out<CompactNode>(const formats::Ensemble&);
extern template Result<ForestLayout<WideNode>> lay_out<WideNode>(const formats::Ensemble&);

}  // namespace clops::serving
