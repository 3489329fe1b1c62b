// Random histories by the hundred (by the thousand when asked); each holds to every named invariant that can be seen
// from here.
//
// A failure prints the seed and what happened. SIM_SEED=n replays one history with its trace; CLOPS_SIM_HISTORIES=n
// runs so many.
#include "tests/unit/simulation/history.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <iostream>

#include "tests/support/parallel.h"

namespace clops::sim {
namespace {

constexpr uint64_t kHistories = 2'000;

uint64_t number_from(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

void print(const Verdict& verdict, size_t lines_max) {
  const size_t from = verdict.trace.size() > lines_max ? verdict.trace.size() - lines_max : 0;
  if (from > 0) std::cout << "... " << from << " lines before\n";
  for (size_t i = from; i < verdict.trace.size(); ++i) std::cout << verdict.trace[i] << "\n";
}

TEST(History, crash_at_any_write_converges__and_all_other_invariants_hold_in_random_histories) {
  const uint64_t only = number_from("SIM_SEED", 0);
  const uint64_t first = only != 0 ? only : 1, count = only != 0 ? 1 : number_from("CLOPS_SIM_HISTORIES", kHistories);
  std::atomic<int> broken{0};
  const auto verdicts = in_parallel<Verdict>(
      count, [&](size_t at) { return run_history(first + at, only != 0); },
      [&](const Verdict& verdict) { return !verdict.broken.empty() && ++broken >= 5; });
  uint64_t writes = 0, steps = 0, most = 0;
  int failures = 0;
  for (uint64_t at = 0; at < count; ++at) {
    const Verdict& verdict = verdicts[at];
    writes += verdict.writes, steps += verdict.steps, most = std::max(most, verdict.writes);
    if (only != 0) print(verdict, 100'000);
    if (verdict.broken.empty()) continue;
    std::string all;
    for (const std::string& what : verdict.broken) all += "\n  " + what;
    ADD_FAILURE() << "history " << first + at << " (replay: SIM_SEED=" << first + at << "):" << all;
    if (++failures == 1 && only == 0) print(run_history(first + at, true), 60);
  }
  std::cout << count << " histories, " << writes << " writes (at most " << most << " in one), " << steps << " steps\n";
}

TEST(History, the_same_seed_gives_the_same_history) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    const Verdict one = run_history(seed, true), two = run_history(seed, true);
    ASSERT_EQ(one.trace, two.trace) << "seed " << seed;
    ASSERT_EQ(one.steps, two.steps);
  }
  EXPECT_NE(run_history(1, true).trace, run_history(2, true).trace);
}

}  // namespace
}  // namespace clops::sim
