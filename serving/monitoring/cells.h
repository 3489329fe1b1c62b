// A number that one thread counts up and any thread reads.
//
// Thread rule: one writer.
#pragma once

#include <atomic>
#include <cstdint>

namespace clops::serving {

using Cell = std::atomic<uint64_t>;

// A plain read and write, which only has to be whole for those who merge.
inline void count_up(Cell& cell, uint64_t by = 1) {
  cell.store(cell.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}
inline uint64_t value_of(const Cell& cell) {
  return cell.load(std::memory_order_relaxed);
}

}  // namespace clops::serving
