// Independent pieces of work of a test, spread over the machine's processors.
//
// Thread rule: `work` runs on several threads at once, each index once, and must not use GoogleTest's assertions: it
// returns what the test looks at afterwards.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace clops {

// The results in the order of their indices. `enough(result)` true: no more are begun; those not begun are absent from
// the end or stay default-made.
template <class Result, class Work, class Enough>
[[nodiscard]] std::vector<Result> in_parallel(size_t count, Work work, Enough enough) {
  std::vector<Result> results(count);
  std::atomic<size_t> next{0};
  std::atomic<bool> stop{false};
  {
    std::vector<std::jthread> threads;
    const size_t processors = std::max<size_t>(1, std::min<size_t>(std::thread::hardware_concurrency(), 8));
    for (size_t i = 0; i < processors; ++i) {
      threads.emplace_back([&] {
        for (size_t at = next++; at < count && !stop; at = next++) {
          results[at] = work(at);
          if (enough(results[at])) stop = true;
        }
      });
    }
  }
  return results;
}

}  // namespace clops
