// An ensemble laid out for the kernels: forest_views.h says what the parts mean. Inner to serving/engines.
//
// rank() gives every test its slot and rank, once for all kernels; lay_out_* then arrange the nodes for one of them.
// Thread rule: values; immutable once made. Errors: Unsupported (more nodes, slots or categories than the parts
// number); such a model is left to the plain walk.
#pragma once

#include <cstdint>
#include <new>
#include <vector>

#include "base/result.h"
#include "formats/ensemble.h"
#include "serving/engines/forest_views.h"

namespace clops::serving::forest {

template <class T>
struct CacheAligned {
  using value_type = T;
  CacheAligned() = default;
  template <class U>
  CacheAligned(const CacheAligned<U>&) {}
  T* allocate(size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t{64})); }
  void deallocate(T* at, size_t) { ::operator delete(at, std::align_val_t{64}); }
  bool operator==(const CacheAligned&) const = default;
};
template <class T>
using Aligned = std::vector<T, CacheAligned<T>>;

// A node as the kernels see it, still in the order of formats::Tree.
struct RankedNode {
  int32_t left = -1, right = -1;
  uint32_t slot = 0;
  int8_t rank = kNever;
  uint32_t column = 0;      // in bytes
  uint32_t set = kNoSet;    // in the set pool, in bytes
  uint32_t leaf = 0;        // a leaf's number; else the number of the first leaf on the right
  uint32_t first_leaf = 0;  // the number of the first leaf below it
  [[nodiscard]] bool is_leaf() const { return left < 0; }
};

struct Ranked {
  std::vector<ShortSearch> shorts;
  std::vector<Search> searches;
  std::vector<CategorySearch> categories;
  std::vector<Slot> slots;
  Aligned<float> narrow, heaps;
  Aligned<double> wide;
  std::vector<uint16_t> class_of;
  std::vector<int8_t> set_rows;
  Aligned<uint8_t> sets;                // 64 bytes each
  bool sets_fit = true;                 // every class of categories has a bit in 64 bytes
  std::vector<double> category_values;  // of a RankView
  bool chop = false, listed = false;
  uint32_t features = 0, slot_count = 0, column_bytes = 0;
  std::vector<TreeView> trees;  // first: of `nodes`
  std::vector<RankedNode> nodes;
  Aligned<float> float_values;  // of leaves, in the sums' number: one of the two is filled
  Aligned<double> double_values;
  [[nodiscard]] RankView view() const;
  [[nodiscard]] const void* values() const {
    return float_values.empty() ? static_cast<const void*>(double_values.data()) : float_values.data();
  }
  [[nodiscard]] size_t bytes() const;
};
[[nodiscard]] Result<Ranked> rank(const formats::Ensemble& model);

// Nodes of a tree level by level: place → node. Left child first.
void breadth_first(const RankedNode* nodes, std::vector<int32_t>& order);

struct WalkLayout {
  std::vector<TreeView> trees;
  Aligned<SmallNode> small;  // one of the two
  Aligned<LargeNode> large;
  std::vector<uint32_t> leaf_of;
  [[nodiscard]] WalkView view(const Ranked& ranked, uint32_t outputs) const;
  [[nodiscard]] size_t bytes() const;
};
[[nodiscard]] WalkLayout lay_out_walk(const Ranked& ranked, bool large = false);

struct MaskLayout {
  std::vector<MaskTreeView> trees;
  Aligned<ClearNode> cleared;
  std::vector<uint32_t> counts;
  Aligned<MaskNode> nodes;
  Aligned<FullNode> full;
  Aligned<float> float_values;  // as the trees name them; empty where leaves are numbered
  Aligned<double> double_values;
  [[nodiscard]] MaskView view(const Ranked& ranked, uint32_t outputs) const;
  [[nodiscard]] size_t bytes() const;
};
[[nodiscard]] bool fits_masks(const Ranked& ranked);
// `numbers`: leaves are asked for by number, not summed.
[[nodiscard]] MaskLayout lay_out_masks(const Ranked& ranked, bool numbers);

struct PlaneLayout {
  std::vector<PlaneSlot> slots;
  std::vector<PlaneSet> plane_sets;
  std::vector<PlaneTree> trees;
  Aligned<uint32_t> full;
  std::vector<PlaneNode> nodes;
  std::vector<uint16_t> turns;
  Aligned<uint8_t> values;
  uint32_t plane_count = 0;
  bool few = false;  // as PlaneView's
  [[nodiscard]] PlaneView view(const Ranked& ranked, uint32_t outputs) const;
  [[nodiscard]] size_t bytes() const;
};
// Leaves are summed, not asked for by number.
[[nodiscard]] bool fits_planes(const Ranked& ranked);
[[nodiscard]] PlaneLayout lay_out_planes(const Ranked& ranked, Values values);

// Leaves in an order of a kernel's own: values of sums, or numbers where a leaf is more than a number.
struct LeafValues {
  Aligned<float> floats;
  Aligned<double> doubles;
  Aligned<uint32_t> numbers;
  void resize(const Ranked& ranked, bool as_numbers, size_t count);
  void put(const Ranked& ranked, const TreeView& tree, uint32_t leaf, size_t at);
  [[nodiscard]] const void* data() const;
  [[nodiscard]] size_t bytes() const;
};

struct HeapLayout {
  std::vector<HeapGroup> groups;
  Aligned<int8_t> nodes;
  LeafValues leaves;
  [[nodiscard]] HeapView view(const Ranked& ranked, uint32_t outputs) const;
  [[nodiscard]] size_t bytes() const;
};
[[nodiscard]] bool fits_heap(const Ranked& ranked, uint32_t lookup_slots);
[[nodiscard]] HeapLayout lay_out_heap(const Ranked& ranked, uint32_t lanes, bool numbers);

struct BitsLayout {
  std::vector<BitsGroup> groups;
  Aligned<int8_t> nodes;
  LeafValues leaves;
  [[nodiscard]] BitsView view(const Ranked& ranked, uint32_t outputs) const;
  [[nodiscard]] size_t bytes() const;
};
[[nodiscard]] bool fits_bits(const Ranked& ranked, uint32_t lookup_slots);
[[nodiscard]] BitsLayout lay_out_bits(const Ranked& ranked, uint32_t lanes, bool numbers);

struct DirectLayout {
  std::vector<DirectGroup> groups;
  Aligned<uint32_t> features_of, missing;
  Aligned<float> thresholds, values;
  Aligned<int8_t> nodes;
  uint32_t levels[kDirectRuns / 16] = {};
  [[nodiscard]] DirectView view(const Ranked& ranked, uint32_t outputs) const;
  [[nodiscard]] size_t bytes() const;
};
// Where a run's rank is among the bytes that a step picks from: four vectors of 16 are packed by quarters.
constexpr uint32_t direct_byte(uint32_t run) {
  return run % 16 / 4 * 16 + run / 16 * 4 + run % 4;
}
// Rows and sums are float32, leaves are summed.
[[nodiscard]] bool fits_direct(const Ranked& ranked);
[[nodiscard]] DirectLayout lay_out_direct(const Ranked& ranked);

}  // namespace clops::serving::forest
