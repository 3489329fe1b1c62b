// What one serving thread knows of a variant's calls beside their number and duration: rows, bytes, and how long the
// parts of a call take.
//
// Parts are timed at most once in a millisecond (each costs a look at the clock): a call that is timed stands for those
// since the last one. Up to a thousand calls a second on a thread every call is; above, sums are estimates, and their
// shares are right. Thread rule: one writer; any thread may read. Ownership: none.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "serving/protocol/call_info.h"

namespace clops::serving {

inline constexpr std::array<uint64_t, 11> kRowBounds = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1'000, 10'000};

struct FigureTotals {
  std::array<uint64_t, kRowBounds.size() + 1> rows_buckets{};
  uint64_t rows = 0, request_bytes = 0, response_bytes = 0;
  uint64_t begun = 0, ended = 0;  // the difference: under way
  uint64_t input_ns = 0, infer_ns = 0, output_ns = 0;
};

class CallFigures {
 public:
  // Whether the parts of this call are to be timed.
  [[nodiscard]] bool begin(TimePoint now) {
    bump(begun_, 1);
    return now - timed_at_ >= kEvery;
  }
  void leave() { bump(ended_, 1); }  // another variant goes on with it
  void end(const CallInfo& call, const CallEnd& end);
  void add_to(FigureTotals& totals) const;

 private:
  static constexpr Duration kEvery = std::chrono::milliseconds(1);
  using Cell = std::atomic<uint64_t>;
  // One writer: a plain read and write of the cell, which only has to be whole for those who merge.
  static void bump(Cell& cell, uint64_t by) {
    cell.store(cell.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  TimePoint timed_at_{};  // the writer's, as is the next
  uint64_t untimed_ = 0;  // successful calls since then
  Cell begun_{0}, ended_{0}, rows_{0}, request_bytes_{0}, response_bytes_{0};
  Cell input_ns_{0}, infer_ns_{0}, output_ns_{0};
  std::array<Cell, kRowBounds.size() + 1> rows_buckets_{};
};

}  // namespace clops::serving
