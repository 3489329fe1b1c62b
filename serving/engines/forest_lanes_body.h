// Kernels "heap" and "bits": a row through as many trees at once as a vector has bytes (see forest_kernels_body.h).
// `Isa` is a set of instructions: vectors of bytes, and comparisons of them to choose and clear by.
#pragma once

#include "serving/engines/forest_kernels_body.h"

namespace clops::serving::forest {
namespace {

// ---- heap
// The entry of each tree's node on level D: earlier decisions choose first, so that the latest, which is waited for,
// has only one choice left. `low` is what the J latest decisions are taken to be.
template <class Isa, uint32_t D, uint32_t J>
CLOPS_INLINE typename Isa::Bytes choose(const int8_t* level, const typename Isa::Chosen* right, uint32_t low) {
  if constexpr (J == D) {
    return Isa::load(level + size_t{low} * Isa::kLanes);
  } else {
    return Isa::select(right[D - 1 - J], choose<Isa, D, J + 1>(level, right, low),
                       choose<Isa, D, J + 1>(level, right, low + (1U << J)));
  }
}

template <class Isa, class Row, uint32_t depth, uint32_t D = 0>
CLOPS_INLINE typename Isa::Bytes descend(const int8_t* nodes, const Row& row, typename Isa::Chosen* right,
                                         typename Isa::Bytes leaf) {
  if constexpr (D == depth) {
    return leaf;
  } else {
    const auto slot = choose<Isa, D, 0>(nodes, right, 0);
    const auto rank = choose<Isa, D, 0>(nodes + (size_t{Isa::kLanes} << D), right, 0);
    right[D] = Isa::above(row.look_up(slot), rank);
    leaf = Isa::add_where(leaf, right[D], static_cast<int8_t>(1U << (depth - 1 - D)));
    return descend<Isa, Row, depth, D + 1>(nodes + (size_t{2 * Isa::kLanes} << D), row, right, leaf);
  }
}

template <class Isa, class Row, class Value, class Sink, uint32_t depth>
__attribute__((noinline)) void heap_group(const HeapView& view, const HeapGroup& group, const Row& row, Sink& sink) {
  typename Isa::Chosen right[depth];
  uint8_t leaves[Isa::kLanes];
  Isa::store(leaves, descend<Isa, Row, depth>(view.nodes + size_t{group.nodes_at} * 64, row, right, Isa::zero()));
  const Value* values = static_cast<const Value*>(view.leaves) + group.leaves_at;
  Sink local = sink;
#pragma GCC unroll 8
  for (uint32_t i = 0; i < group.trees; ++i)
    local.add(view.trees, group.tree_first + i, values[(size_t{i} << depth) + leaves[i]]);
  sink = local;
}

template <class Isa, class Row, class Value, class Sink>
CLOPS_INLINE void heap_row(const HeapView& view, const int8_t* slots, void* out) {
  const Row row(slots);
  Sink sink(out);
  for (uint32_t g = 0; g < view.group_count; ++g) {
    const HeapGroup& group = view.groups[g];
    switch (group.depth) {
      case 1:
        heap_group<Isa, Row, Value, Sink, 1>(view, group, row, sink);
        break;
      case 2:
        heap_group<Isa, Row, Value, Sink, 2>(view, group, row, sink);
        break;
      case 3:
        heap_group<Isa, Row, Value, Sink, 3>(view, group, row, sink);
        break;
      case 4:
        heap_group<Isa, Row, Value, Sink, 4>(view, group, row, sink);
        break;
      case 5:
        heap_group<Isa, Row, Value, Sink, 5>(view, group, row, sink);
        break;
      case 6:
        heap_group<Isa, Row, Value, Sink, 6>(view, group, row, sink);
        break;
      case 7:
        heap_group<Isa, Row, Value, Sink, 7>(view, group, row, sink);
        break;
      default:
        heap_group<Isa, Row, Value, Sink, 8>(view, group, row, sink);
        break;
    }
  }
  sink.end(out);
}

// ---- bits
template <class Isa, class Row, class Word>
CLOPS_INLINE void clear_bits(const BitsView& view, const BitsGroup& group, const Row& row, Word* words) {
  constexpr uint32_t kVectors = sizeof(Word);
  typename Isa::Bytes open[kVectors];
#pragma GCC unroll 8
  for (uint32_t v = 0; v < kVectors; ++v) open[v] = Isa::ones();
  const int8_t* at = view.nodes + group.nodes_at;
  for (uint32_t n = 0; n < group.nodes; ++n) {
    const auto right = Isa::above(row.look_up(Isa::load(at)), Isa::load(at + Isa::kLanes));
    Isa::template clear<Word>(open, right, at + size_t{2} * Isa::kLanes);
    at += size_t{2 + kVectors} * Isa::kLanes;
  }
#pragma GCC unroll 8
  for (uint32_t v = 0; v < kVectors; ++v)
    Isa::store(reinterpret_cast<uint8_t*>(words) + size_t{v} * Isa::kLanes, open[v]);
}

template <class Isa, class Row, class Value, class Sink, class Word>
__attribute__((noinline)) void bits_group(const BitsView& view, const BitsGroup& group, const Row& row, Sink& sink) {
  Word words[Isa::kLanes];
  clear_bits<Isa>(view, group, row, words);
  constexpr uint32_t kBits = 8 * sizeof(Word);
  const Value* values = static_cast<const Value*>(view.leaves) + group.leaves_at;
  Sink local = sink;
#pragma GCC unroll 8
  for (uint32_t i = 0; i < group.trees; ++i) {
    const uint32_t leaf = kBits == 64
                              ? static_cast<uint32_t>(__builtin_clzll(words[i]))
                              : static_cast<uint32_t>(__builtin_clz(static_cast<uint32_t>(words[i]))) - (32 - kBits);
    local.add(view.trees, group.tree_first + i, values[size_t{i} * kBits + leaf]);
  }
  sink = local;
}

template <class Isa, class Row, class Value, class Sink>
CLOPS_INLINE void bits_row(const BitsView& view, const int8_t* slots, void* out) {
  const Row row(slots);
  Sink sink(out);
  for (uint32_t g = 0; g < view.group_count; ++g) {
    const BitsGroup& group = view.groups[g];
    switch (group.bits) {
      case 8:
        bits_group<Isa, Row, Value, Sink, uint8_t>(view, group, row, sink);
        break;
      case 16:
        bits_group<Isa, Row, Value, Sink, uint16_t>(view, group, row, sink);
        break;
      case 32:
        bits_group<Isa, Row, Value, Sink, uint32_t>(view, group, row, sink);
        break;
      default:
        bits_group<Isa, Row, Value, Sink, uint64_t>(view, group, row, sink);
        break;
    }
  }
  sink.end(out);
}

// ---- which sink, and how many vectors of slots a row has
template <class Isa, class Row, class Value>
struct HeapOf {
  using View = HeapView;
  template <class Sink>
  static CLOPS_INLINE void run(const HeapView& view, const int8_t* slots, void* out) {
    heap_row<Isa, Row, Value, Sink>(view, slots, out);
  }
};
template <class Isa, class Row, class Value>
struct BitsOf {
  using View = BitsView;
  template <class Sink>
  static CLOPS_INLINE void run(const BitsView& view, const int8_t* slots, void* out) {
    bits_row<Isa, Row, Value, Sink>(view, slots, out);
  }
};

template <class Run, class Value>
void with_sink(const void* any, const int8_t* slots, void* out) {
  const auto& view = *static_cast<const typename Run::View*>(any);
  if constexpr (Of<Value>::kNotes) {
    Run::template run<Note>(view, slots, out);
  } else {
    if (view.outputs == 1)
      Run::template run<AddOne<Value>>(view, slots, out);
    else
      Run::template run<AddMany<Value>>(view, slots, out);
  }
}

template <template <class, class, class> class Kernel, class Isa, class Value>
void with_row(const void* any, const int8_t* slots, void* out) {
  const uint32_t count = static_cast<const typename Kernel<Isa, typename Isa::Row1, Value>::View*>(any)->slots;
  if (count <= Isa::Row1::kSlots)
    with_sink<Kernel<Isa, typename Isa::Row1, Value>, Value>(any, slots, out);
  else if (count <= Isa::Row2::kSlots)
    with_sink<Kernel<Isa, typename Isa::Row2, Value>, Value>(any, slots, out);
  else
    with_sink<Kernel<Isa, typename Isa::Row4, Value>, Value>(any, slots, out);
}

template <class Isa>
void fill_lanes(Kernels& kernels) {
  kernels.lookup_slots = Isa::Row4::kSlots;
  kernels.heap[kFloatSums] = with_row<HeapOf, Isa, float>;
  kernels.heap[kDoubleSums] = with_row<HeapOf, Isa, double>;
  kernels.heap[kLeaves] = with_row<HeapOf, Isa, uint32_t>;
  kernels.bits[kFloatSums] = with_row<BitsOf, Isa, float>;
  kernels.bits[kDoubleSums] = with_row<BitsOf, Isa, double>;
  kernels.bits[kLeaves] = with_row<BitsOf, Isa, uint32_t>;
}

}  // namespace
}  // namespace clops::serving::forest
