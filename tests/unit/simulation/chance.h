// Seeded choices of a simulation. Values; one thread. The same seed gives the same choices on every machine.
#pragma once

#include <cstddef>
#include <cstdint>

namespace clops::sim {

class Chance {
 public:
  explicit Chance(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15ull + 0x1234567) {}
  uint64_t next() {  // splitmix64
    uint64_t z = (state_ += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  uint64_t below(uint64_t n) { return n == 0 ? 0 : next() % n; }
  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(below(static_cast<uint64_t>(high - low + 1)));
  }
  bool one_in(uint64_t n) { return below(n) == 0; }
  bool with(double probability) { return static_cast<double>(next() >> 11) * 0x1.0p-53 < probability; }
  Chance fork() { return Chance(next()); }

 private:
  uint64_t state_;
};

}  // namespace clops::sim
