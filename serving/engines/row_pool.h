// Threads that help with one large batch at a time: its rows are shared out in chunks, whoever is free takes the next.
//
// Most calls are small and never come here: waking a thread costs tens of microseconds, so a caller asks only for work
// that takes much longer. Thread rule: run() may be called from any thread; one job has the helpers at a time, others
// are told at once that they are taken. Ownership: `work` is borrowed for the call. Errors: none.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace clops::serving {

class RowPool {
 public:
  explicit RowPool(size_t helpers);
  ~RowPool();  // no job is under way
  RowPool(const RowPool&) = delete;
  RowPool& operator=(const RowPool&) = delete;

  // Rows first to first + count; `worker`: who does it, 0 to workers() - 1, so that each has memory of its own.
  using Work = std::function<void(size_t worker, size_t first, size_t count)>;
  // Has work() done for all rows, in chunks of `chunk`, by the caller and by helpers as they wake. False: the helpers
  // are at another job, and nothing was done.
  [[nodiscard]] bool run(size_t rows, size_t chunk, const Work& work);
  [[nodiscard]] size_t workers() const;  // the helpers and the caller
  [[nodiscard]] size_t jobs() const;     // done so far

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clops::serving
