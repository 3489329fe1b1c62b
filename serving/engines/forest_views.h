// What forest kernels read: plain data only, so that translation units compiled for different processors share no code.
//
// A row is ranked once: every number becomes a byte per slot, saying how many of the slot's thresholds (255 at most, in
// order) are not above it, less 128. `x < threshold[j]` is then `!(rank > j)`, exactly, whatever the number type, and
// 64 of them are one instruction. A slot stands for a feature, a run of 255 of its thresholds and a way of treating
// missing values: a missing value becomes the rank that sends every node of the slot its default way. A category test
// has a slot per distinct set, holding "goes left" or "goes right". Leaves are numbered from left to right in a tree.
//
// Thread rule: immutable once made. Ownership: views into a ForestLayout.
#pragma once

#include <cstddef>
#include <cstdint>

namespace clops::serving::forest {

inline constexpr uint32_t kBlock = 64;        // rows of a block; a column of ranks is as many bytes
inline constexpr uint32_t kFan = 16;          // thresholds compared at once when a value is ranked
inline constexpr uint32_t kLevelsMax = 8;     // of a search: 16^8 thresholds
inline constexpr uint32_t kRunMax = 255;      // thresholds of one slot
inline constexpr uint32_t kMaskLeaves = 256;  // of a tree whose leaves a byte numbers
inline constexpr uint32_t kNoSet = UINT32_MAX;
inline constexpr int8_t kNever = 127;  // a rank that nothing is above: such a node sends all left

struct Slot {
  int32_t base = 0;  // thresholds of the feature before this slot's
  int8_t missing = 0;
};

// One feature whose thresholds one slot holds, 255 at most: two levels. Most features are such.
struct ShortSearch {
  uint32_t feature = 0, top = 0, low = 0;  // top: one block; low: blocks
  uint32_t heap = 0, levels = 0;  // of RankView::heaps: the same thresholds as a full search tree of so many levels
  uint32_t slot = 0;
  uint32_t blocks = 0;  // low ones that are full, 15 at most; 0: the top need not be asked
  int8_t missing = 0;
  bool zero_is_missing = false;
};

// Ranks any feature's numbers: a tree of blocks of 16 thresholds, filled up with NaN, top level first.
struct Search {
  uint32_t feature = 0, first_slot = 0, slots = 0, levels = 0;
  uint32_t at[kLevelsMax] = {};  // where each level's blocks begin
  bool zero_is_missing = false;
};

// Classifies one feature's categories: those that no set tells apart are one class.
struct CategorySearch {
  uint32_t feature = 0,
           codes = 0;     // codes below this have an entry in class_of; the next two are "beyond" and "missing"
  uint32_t class_at = 0;  // into class_of
  uint32_t first_slot = 0, sets = 0;
  uint32_t rows_at = 0;                // into set_rows: a row of `sets` bytes for each class
  uint32_t column = 0;                 // of a block: class / 8; the next one is 1 << class % 8
  uint32_t values_at = 0, values = 0;  // of RankView::category_values
  bool zero_is_missing = false;
};

struct RankView {
  const ShortSearch* shorts = nullptr;
  const Search* searches = nullptr;  // the others
  const CategorySearch* categories = nullptr;
  uint32_t short_count = 0, search_count = 0, category_count = 0, features = 0;
  const Slot* slots = nullptr;
  const float* narrow = nullptr;  // thresholds for float32 rows: the least float32 that is not below each
  // ShortSearches' for float32 rows, in blocks of 16: levels 0 to 3 (one block, from its second on), then each level's.
  // In a threshold's place stands the float32 before it, zero always as +0, so that `x >= threshold` is the sign of
  // `before - x`, also of infinities; at the end of the order +infinity, of which only +infinity is right.
  const float* heaps = nullptr;
  const double* wide = nullptr;  // for float64 rows, where the model compares in float64
  const uint16_t* class_of = nullptr;
  const int8_t* set_rows = nullptr;
  const double* category_values = nullptr;  // CategoryOf::Listed: codes are places in here; else none
  bool chop = false;                        // CategoryOf::Chop
  bool zero_is_missing = false;             // of a short search
};

struct TreeView {
  uint32_t first = 0, count = 0;        // of its nodes
  uint32_t leaf_first = 0, leaves = 0;  // of its values
  uint32_t output = 0, depth = 0;
};

// Kernel "walk": children side by side, left first; a leaf goes to itself.
struct SmallNode {
  uint16_t slot = 0;
  int8_t rank = kNever;
  uint8_t skip = 0;
};
struct LargeNode {
  uint32_t slot = 0, skip = 0;
  int8_t rank = kNever;
};
struct WalkView {
  const TreeView* trees = nullptr;
  const void* nodes = nullptr;        // SmallNode or LargeNode
  const uint32_t* leaf_of = nullptr;  // of a node that is a leaf: its number
  const void* values = nullptr;       // of leaves: float or double
  uint32_t tree_count = 0, outputs = 1, slots = 0;
};

// Kernel "masks": every node of a tree against a block of rows; inner nodes only, parents first. A tree that nearly
// fills its depth is filled up and needs no word of where its children are: its nodes are FullNodes, in the order of a
// heap, and its TreeView's depth is its depth; else that is 0.
struct FullNode {
  uint32_t rank4 = 0, column = 0;
};
struct MaskNode {
  uint32_t rank4 = 0, leaf4 = 0;  // four times the byte: the rank, the first leaf of the right side
  uint32_t column = 0;            // in bytes
  uint32_t set = kNoSet;          // of the set pool, in bytes: a category test
  uint16_t left = 0, right = 0;   // nodes of the tree that hear who goes there; kMaskLeaves: nobody
};
// What a node that sends a row right clears: leaves of its left side, a bit each, eight leaves in turn. The first leaf
// left is the answer. A tree's nodes lie eight leaves by eight, the last first; those of no leaf there are left out.
struct ClearNode {
  uint32_t rank4 = 0, clear4 = 0, column = 0;
};
enum class MaskTree : uint8_t { Any, Full, Cleared };
struct MaskTreeView {
  uint32_t first = 0;                   // of its nodes, of whichever kind
  uint32_t count = 0;                   // Any: nodes; Full: the depth; Cleared: eights of leaves
  uint32_t counts_at = 0;               // Cleared: into counts, the nodes of each eight
  uint32_t leaf_first = 0, leaves = 0;  // of the view's values
  uint32_t output = 0;
  MaskTree kind = MaskTree::Any;
};
struct MaskView {
  const MaskTreeView* trees = nullptr;
  const ClearNode* cleared = nullptr;
  const uint32_t* counts = nullptr;
  const MaskNode* nodes = nullptr;
  const FullNode* full = nullptr;
  const uint8_t* sets = nullptr;  // 64 bytes each: the classes that go left
  const void* values = nullptr;   // a full tree's: one for each of its 2^depth leaves
  uint32_t tree_count = 0, outputs = 1;
  uint32_t column_bytes = 0;  // of a block
};

// Kernel "planes": every test of the model, however many nodes ask it, is made once for a block of up to kPlaneRows
// rows, and kept as a plane: a bit a row that says "goes right". A node then is one load, whose vector holds as many
// rows as it has bits. A slot's planes are its thresholds, in order; after all slots come the sets' planes.
inline constexpr uint32_t kPlaneRows = 512;
struct PlaneSlot {
  uint32_t column = 0, first = 0, count = 0;  // column: of ranks, in bytes; its planes
  bool straight = false;                      // a ShortSearch's, with so few thresholds that rows need no rank first
};
struct PlaneSet {
  uint32_t column = 0, set = 0;  // in bytes, of ranks and of the set pool
};
// Of a tree that is not full, parents first. Who comes by a node is parted in two: part 1 + 2 n goes left at node n,
// the next one right; part 0 is all, kNoPart nobody.
inline constexpr uint16_t kNoPart = 2 * kMaskLeaves - 1;
inline constexpr uint32_t kTurns = 8;  // taken at once
struct PlaneNode {
  uint32_t plane16 = 0;  // sixteen times the plane
  uint32_t from = 0;     // the part that comes by
};
struct PlaneTree {
  uint32_t first = 0;                  // of `full`, or of `nodes`
  uint32_t count = 0;                  // full: the depth, else nodes
  uint32_t turns_at = 0;               // not full: of `turns`
  uint32_t values_at = 0, leaves = 0;  // leaves: full: 2^depth
  uint32_t output = 0;
  bool full = false;
};
// How a kernel wants the values of a tree's leaves: whole, or in parts by place in a value, as many of each part as the
// tree has room for. Few are kFew or less, of doubles that are to be Wide kFewWideDoubles.
inline constexpr uint32_t kFew = 64, kFewWideDoubles = 32;
enum class Values : uint8_t {
  Whole,
  Bytes,  // of few leaves bytes (room 16, 32 or 64), else whole
  Wide,   // of few leaves words of 32 bits (room 16 or 32) or halves of those (room 64), else bytes (64, 128 or 256)
};
struct PlaneView {
  const PlaneSlot* slots = nullptr;
  const PlaneSet* plane_sets = nullptr;
  const uint8_t* sets = nullptr;  // as MaskView's
  const PlaneTree* trees = nullptr;
  const uint32_t* full = nullptr;  // a plane for each node, in the order of a heap, sixteen times
  const PlaneNode* nodes = nullptr;
  // Of each bit of the leaves' numbers: how many kTurns of parts turn it, and which. Leaves are numbered from left to
  // right, and a row's number is turned from that of the first leaf to that of the right side's first one wherever it
  // goes right.
  const uint16_t* turns = nullptr;
  // Of leaves, see Values. `few`: no tree has more than few of them.
  const void* values = nullptr;
  bool few = false;
  uint32_t slot_count = 0, set_count = 0, set_first = 0;  // set_first: the first one's plane
  uint32_t tree_count = 0, outputs = 1;
  uint32_t column_bytes = 0;  // of a block
};

// Kernel "heap": as many trees as a vector has bytes, filled up to full trees. Level d of a group: 2^d vectors of
// slots, then as many of ranks.
struct HeapGroup {
  uint32_t nodes_at = 0, leaves_at = 0, depth = 0, trees = 0, tree_first = 0;
};
struct HeapView {
  const HeapGroup* groups = nullptr;
  const int8_t* nodes = nullptr;
  const void* leaves = nullptr;  // tree by tree, 2^depth values each: of sums, or leaf numbers (uint32)
  const TreeView* trees = nullptr;
  uint32_t group_count = 0, outputs = 1, slots = 0;
};

// Kernel "bits": as many trees as a vector has bytes, each with one bit a leaf, the first leaf in the highest. A node
// that sends the row right clears its left side's leaves; the first one left is the answer. Node n of a group: a vector
// of slots, one of ranks, then the bits to clear, `bits` for each tree.
struct BitsGroup {
  size_t nodes_at = 0;
  uint32_t leaves_at = 0, nodes = 0, bits = 8, trees = 0, tree_first = 0;
};
struct BitsView {
  const BitsGroup* groups = nullptr;
  const int8_t* nodes = nullptr;
  const void* leaves = nullptr;  // tree by tree, `bits` values each: of sums, or leaf numbers (uint32)
  const TreeView* trees = nullptr;
  uint32_t group_count = 0, outputs = 1, slots = 0;
};

// Kernel "direct": small trees, a row of float32 at once. It ranks for itself: runs of thresholds, as alike in length
// as may be, each in a lane of up to four vectors, whose levels are compared one after the other, two at a time. A
// tree's leaves are bits as in "bits", but the first one in the lowest; 16 of up to 64 trees (`words`), or 8 of 64. Of
// words a tree may have two lanes, 32 apart, each with half of its nodes. Step n of a group: a vector of bytes of
// ranks, one of what they must exceed, then the bits to clear, one vector or, of words, one of low and one of high
// bytes.
inline constexpr uint32_t kDirectRuns = 64, kDirectFeatures = 64, kDirectTrees = 1024;
struct DirectGroup {
  uint32_t nodes_at = 0, steps = 0;  // nodes_at: in vectors
  uint32_t trees = 0, tree_first = 0, values_at = 0;
  uint32_t twice = 0;  // words: the lanes below that have a second one
  bool words = false;
  int8_t lanes[64] = {};  // words: of each tree
};
struct DirectView {
  const DirectGroup* groups = nullptr;
  const uint32_t* features_of = nullptr;  // of runs
  const float* thresholds = nullptr;      // vector by vector, level by level; NaN where a run is shorter
  const uint32_t* missing = nullptr;      // of runs: the rank
  const int8_t* nodes = nullptr;
  const float* values = nullptr;  // tree by tree, as many as it has bits
  const TreeView* trees = nullptr;
  uint32_t levels[4] = {};  // even
  uint32_t features = 0, group_count = 0, outputs = 1;
};

}  // namespace clops::serving::forest
