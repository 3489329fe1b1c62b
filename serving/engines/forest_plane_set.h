// Sets of instructions for kernel "planes" without special ones: compiler vectors, leaves' numbers made and looked up
// one by one (see forest_planes_body.h).
#pragma once

#include "serving/engines/forest_rank_body.h"

namespace clops::serving::forest {
namespace {

// Eight bytes of eight bits turned: bit i of byte k becomes bit k of byte i.
template <class Words>
CLOPS_INLINE Words turned(Words x) {
  Words t = (x ^ (x >> 7)) & (Words{} + 0x00aa00aa00aa00aaU);
  x = x ^ t ^ (t << 7);
  t = (x ^ (x >> 14)) & (Words{} + 0x0000cccc0000ccccU);
  x = x ^ t ^ (t << 14);
  t = (x ^ (x >> 28)) & (Words{} + 0x00000000f0f0f0f0U);
  return x ^ t ^ (t << 28);
}

template <uint32_t rows>
struct PlaneSetOf {
  static constexpr uint32_t kRows = rows;
  static constexpr bool kFew = false;
  static constexpr uint32_t kTrees = 4096 / rows;  // that are numbered before their values are added
  static constexpr uint32_t kSide = 1;             // planes that are made side by side
  typedef uint64_t Bits __attribute__((vector_size(rows / 8)));
  static CLOPS_INLINE Bits load(const uint8_t* from) {
    Bits bits;
    __builtin_memcpy(&bits, from, sizeof bits);
    return bits;
  }
  static CLOPS_INLINE void store(uint8_t* to, Bits bits) { __builtin_memcpy(to, &bits, sizeof bits); }
  static CLOPS_INLINE Bits none() { return Bits{}; }
  static CLOPS_INLINE Bits all() { return ~Bits{}; }
  static CLOPS_INLINE Bits or_(Bits a, Bits b) { return a | b; }
  static CLOPS_INLINE Bits and_(Bits a, Bits b) { return a & b; }
  static CLOPS_INLINE Bits and_not(Bits a, Bits b) { return a & ~b; }
  static CLOPS_INLINE Bits and_or(Bits a, Bits b, Bits c) { return (a & b) | c; }
  static CLOPS_INLINE Bits or_and(Bits a, Bits b, Bits c) { return (a | b) & c; }
  static CLOPS_INLINE Bits choose(Bits by, Bits left, Bits right) { return left ^ ((left ^ right) & by); }
  static CLOPS_INLINE Bits xor_(Bits a, Bits b) { return a ^ b; }
  // Planes of the ranks' bits, as unsigned numbers; `column` is the first block's, the others lie behind it.
  static CLOPS_INLINE void rank_bits(const int8_t* column, size_t column_bytes, Bits* bits) {
    uint8_t bytes[8][rows / 8];
    for (uint32_t group = 0; group < rows / 8; ++group) {
      uint64_t ranks;
      __builtin_memcpy(&ranks, column + group / 8 * column_bytes + size_t{8} * (group % 8), sizeof ranks);
      ranks = turned(ranks ^ 0x8080808080808080U);
      for (uint32_t b = 0; b < 8; ++b) bytes[b][group] = static_cast<uint8_t>(ranks >> (8 * b));
    }
    for (uint32_t b = 0; b < 8; ++b) bits[b] = load(bytes[b]);
  }
  // The planes of a rank's two lowest bits, and that of nobody.
  static CLOPS_INLINE void keep(Bits a, Bits b, Bits c, Bits* planes) {
    planes[0] = a;
    planes[1] = b;
    planes[2] = c;
    planes[3] = none();
  }
  // Who of 64 rows is not in the set: byte class / 8 of it has not bit class % 8. Rows that are not there: any class.
  static CLOPS_INLINE uint64_t outside(const uint8_t* set, const int8_t* high, const int8_t* bit) {
    uint64_t out = 0;
    for (uint32_t i = 0; i < kBlock; ++i)
      if ((set[static_cast<uint8_t>(high[i]) & 63] & static_cast<uint8_t>(bit[i])) == 0) out |= uint64_t{1} << i;
    return out;
  }
  static CLOPS_INLINE void number(const Bits* bits, uint8_t* numbers) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(bits);
    for (uint32_t group = 0; group < rows / 8; ++group) {
      uint64_t x = 0;
      for (uint32_t b = 0; b < 8; ++b) x |= uint64_t{bytes[b * sizeof(Bits) + group]} << (8 * b);
      x = turned(x);
      __builtin_memcpy(numbers + size_t{8} * group, &x, sizeof x);
    }
  }
  template <class Value>
  static CLOPS_INLINE void add_values(const uint8_t* bytes, uint32_t, const uint8_t* numbers, Value* sums) {
    for (uint32_t first = 0; first < rows; first += 16) {
      Value found[16];
#pragma GCC unroll 16
      for (uint32_t i = 0; i < 16; ++i)
        __builtin_memcpy(&found[i], bytes + size_t{numbers[first + i]} * sizeof(Value), sizeof(Value));
      for (uint32_t i = 0; i < 16; ++i) sums[first + i] += found[i];
    }
  }
  template <bool, class Value>
  static CLOPS_INLINE void add_run(const PlaneTree* trees, uint32_t count, const uint8_t* values,
                                   const uint8_t* numbers, Value* sums) {
    for (uint32_t t = 0; t < count; ++t) add_values(values + trees[t].values_at, 0, numbers + size_t{t} * rows, sums);
  }
  template <bool, class Value>
  static CLOPS_INLINE void put_in_order(Value*) {}
};

}  // namespace
}  // namespace clops::serving::forest
