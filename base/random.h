// Chance, injected: jitter and identifiers come from here, so that a test or a simulation can replay them. Not for
// secrets (base/digest.h: random_hex). Thread rule: safe from any thread.
#pragma once

#include <cstdint>
#include <memory>

namespace clops {

class Random {
 public:
  virtual ~Random() = default;
  [[nodiscard]] virtual uint64_t next() = 0;                                             // all 64 bits
  [[nodiscard]] double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }  // [0, 1)
};

[[nodiscard]] std::unique_ptr<Random> make_random(uint64_t seed);  // the same seed gives the same numbers
[[nodiscard]] std::unique_ptr<Random> make_system_random();        // seeded by the system

}  // namespace clops
