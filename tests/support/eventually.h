// Waiting in tests: for a condition, with a deadline, and nowhere else a sleep (tests/unit/house holds tests to it).
#pragma once

#include <chrono>
#include <thread>

namespace clops {

// True as soon as `condition` holds, false when it still does not at the deadline.
template <class Condition>
[[nodiscard]] bool eventually(Condition condition, std::chrono::milliseconds deadline = std::chrono::seconds(10)) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return condition();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace clops
