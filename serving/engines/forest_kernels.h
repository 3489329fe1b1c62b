// The kernels of one instruction set, as a table of functions. Each set is a translation unit of its own, compiled with
// its own flags; none of their code is shared (forest_kernels_body.h is all unnamed namespaces).
//
// Every kernel adds a row's leaves in tree order, so all give the framework's bits. None allocates.
// Thread rule: pure functions on what is passed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "serving/engines/forest_views.h"
#include "serving/engines/vector_exp.h"

namespace clops::serving::forest {

// Where a walk's end goes: added to sums of float or double, or noted as leaf numbers (uint32, by tree).
enum Into : uint8_t { kFloatSums, kDoubleSums, kLeaves, kIntos };

struct Kernels {
  const char* name = "";
  uint32_t lanes = 16;        // bytes of a vector
  uint32_t lookup_slots = 0;  // the most slots that "heap" and "bits" can look up

  // Numbers of a row → ranks. float rows; double rows of a model that compares in float32; double rows.
  void (*rank_row_float)(const RankView&, const float* row, int8_t* slots) = nullptr;
  void (*rank_row_narrowed)(const RankView&, const double* row, int8_t* slots) = nullptr;
  void (*rank_row_double)(const RankView&, const double* row, int8_t* slots) = nullptr;
  // Up to kBlock rows → columns: numeric slots, then two columns a category search.
  void (*rank_block_float)(const RankView&, const float* rows, uint32_t count, int8_t* columns) = nullptr;
  void (*rank_block_narrowed)(const RankView&, const double* rows, uint32_t count, int8_t* columns) = nullptr;
  void (*rank_block_double)(const RankView&, const double* rows, uint32_t count, int8_t* columns) = nullptr;

  // Whether so many numbers are float32 each (NaN is); if they are, they are written. Rows that a client sent as
  // float32 can then be ranked as such.
  bool (*narrow)(const double* from, size_t count, float* to) = nullptr;

  // One row. `slots` is readable up to the next 256 bytes. `out`: sums, one an output, or leaves, one a tree.
  using Single = void (*)(const void* view, const int8_t* slots, void* out);
  Single walk_small[kIntos] = {}, walk_large[kIntos] = {};  // WalkView
  Single heap[kIntos] = {};                                 // HeapView; null: this set has none
  Single bits[kIntos] = {};                                 // BitsView
  // One row, not ranked, to sums: values added as leaves are found, or apart, behind all. Null: this set has none.
  using Direct = void (*)(const DirectView& view, const float* row, float* sums);
  Direct direct = nullptr, direct_apart = nullptr;

  // A block of rows. `walk`: ranked rows, view.slots bytes apart. Sums: [output][kBlock]; leaves: [tree][kBlock].
  // `masks`: columns, and any number of blocks, one behind the other; each tree then is fetched once for all of them.
  using Block = void (*)(const void* view, const int8_t* ranks, uint32_t count, void* out);
  Block walk_block_small[kIntos] = {}, walk_block_large[kIntos] = {};
  Block masks[kIntos] = {};
  // Up to kPlaneRows rows: columns as for `masks`, all blocks there; `planes`: memory for them, kPlaneRows bits each,
  // and 64 bytes aligned. Sums: [output][kPlaneRows], which begin alike for all rows of an output.
  using Planes = void (*)(const PlaneView& view, const int8_t* columns, uint8_t* planes, uint32_t count, void* sums);
  Planes planes[kLeaves] = {};
  // The same of rows that are not ranked yet; `columns` is memory for what is ranked of them. `ahead`: rows that come
  // behind these and will be asked for next. Null: there is none.
  using RowPlanes = void (*)(const RankView& ranks, const PlaneView& view, const float* rows, uint32_t count,
                             size_t ahead, int8_t* columns, uint8_t* planes, void* sums);
  RowPlanes row_planes[kLeaves] = {};
  // Of any numbers, see vector_exp.h; null: this set has none.
  VectorExp exp = nullptr, sigmoid = nullptr;
  Values values = Values::Whole;  // as `planes` looks them up
};

[[nodiscard]] const Kernels& portable_kernels();
[[nodiscard]] const Kernels* avx2_kernels();    // null: not built for, or not this processor
[[nodiscard]] const Kernels* avx512_kernels();  // F, BW, VL, DQ, VBMI, VBMI2, BITALG, GFNI

// Of the translation units themselves, which must not run on other processors; false: built without the set.
bool fill_avx2(Kernels& kernels);
bool fill_avx512(Kernels& kernels);

}  // namespace clops::serving::forest
