// Kernel "masks" in compiler vectors of N bytes, for the sets without mask registers (see forest_kernels_body.h).
#pragma once

#include "serving/engines/forest_kernels_body.h"

namespace clops::serving::forest {
namespace {

// Which of N rows' classes are in a set: byte class / 8 has bit class % 8. A set of instructions may know a faster way.
template <class Bytes>
struct LookUp {
  static CLOPS_INLINE Bytes member(const uint8_t* set, const int8_t* high, const int8_t* bit) {
    int8_t found[sizeof(Bytes)];
    for (uint32_t i = 0; i < sizeof(Bytes); ++i)
      found[i] = (set[static_cast<uint8_t>(high[i])] & static_cast<uint8_t>(bit[i])) != 0 ? -1 : 0;
    Bytes out;
    __builtin_memcpy(&out, found, sizeof out);
    return out;
  }
};

template <class Bytes>
CLOPS_INLINE Bytes load_bytes(const void* from) {
  Bytes out;
  __builtin_memcpy(&out, from, sizeof out);
  return out;
}

template <class Bytes>
CLOPS_INLINE Bytes four_times(uint32_t byte4) {
  typedef uint32_t Words __attribute__((vector_size(sizeof(Bytes))));
  return reinterpret_cast<Bytes>(Words{} + byte4);
}

// The leaf of each of sizeof(Bytes) rows. Who reaches a node is a vector of bytes, all bits or none.
template <class Bytes, template <class> class Member>
CLOPS_INLINE Bytes mask_leaves(const MaskView& view, const TreeView& tree, const int8_t* columns, Bytes* reach) {
  Bytes leaf{};
  reach[0] = ~Bytes{};
  const MaskNode* nodes = view.nodes + tree.first;
  for (uint32_t i = 0; i < tree.count; ++i) {
    const MaskNode& node = nodes[i];
    const Bytes here = reach[i];
    Bytes right;
    if (node.set == kNoSet) {
      right = here & reinterpret_cast<Bytes>(load_bytes<Bytes>(columns + node.column) > four_times<Bytes>(node.rank4));
    } else {
      right =
          here & ~Member<Bytes>::member(view.sets + node.set, columns + node.column, columns + node.column + kBlock);
    }
    reach[node.left] = here ^ right;
    reach[node.right] = right;
    leaf = (leaf & ~right) | (four_times<Bytes>(node.leaf4) & right);
  }
  return leaf;
}

template <class Bytes, template <class> class Member, class Value>
void masks(const void* any, const int8_t* columns, uint32_t count, void* out) {
  const auto& view = *static_cast<const MaskView*>(any);
  Bytes reach[kMaskLeaves + 1];
  for (uint32_t t = 0; t < view.tree_count; ++t) {
    const TreeView& tree = view.trees[t];
    for (uint32_t first = 0; first < count; first += sizeof(Bytes)) {
      const Bytes leaf = mask_leaves<Bytes, Member>(view, tree, columns + first, reach);
      uint8_t leaves[sizeof(Bytes)];
      __builtin_memcpy(leaves, &leaf, sizeof leaf);
      if constexpr (Of<Value>::kNotes) {
        Value* to = static_cast<Value*>(out) + size_t{t} * kBlock + first;
        for (uint32_t i = 0; i < sizeof(Bytes); ++i) to[i] = leaves[i];
      } else {
        const Value* values = static_cast<const Value*>(view.values) + tree.leaf_first;
        Value* to = static_cast<Value*>(out) + size_t{tree.output} * kBlock + first;
        for (uint32_t i = 0; i < sizeof(Bytes); ++i) to[i] += values[leaves[i]];
      }
    }
  }
}

template <class Bytes, template <class> class Member>
void fill_masks(Kernels& kernels) {
  kernels.masks[kFloatSums] = masks<Bytes, Member, float>;
  kernels.masks[kDoubleSums] = masks<Bytes, Member, double>;
  kernels.masks[kLeaves] = masks<Bytes, Member, uint32_t>;
}

}  // namespace
}  // namespace clops::serving::forest
