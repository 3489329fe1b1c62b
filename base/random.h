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

// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014) for one thread, where a call of
// a virtual function or a shared counter would be too much: even, and not unguessable.
class SplitMix64 {
 public:
  static constexpr uint64_t kStep = 0x9e3779b97f4a7c15u;
  explicit SplitMix64(uint64_t seed) : state_(seed) {}
  [[nodiscard]] uint64_t next() { return mixed(state_ += kStep); }
  [[nodiscard]] static uint64_t mixed(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_;
};

[[nodiscard]] std::unique_ptr<Random> make_random(uint64_t seed);  // the same seed gives the same numbers
[[nodiscard]] std::unique_ptr<Random> make_system_random();        // seeded by the system

}  // namespace clops
