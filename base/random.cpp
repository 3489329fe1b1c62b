#include "base/random.h"

#include <atomic>
#include <random>

namespace clops {
namespace {

class SplitMix final : public Random {  // a counter, so that any thread may draw without a lock
 public:
  explicit SplitMix(uint64_t seed) : state_(seed) {}
  uint64_t next() override {
    uint64_t z = state_.fetch_add(0x9e3779b97f4a7c15u, std::memory_order_relaxed) + 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

 private:
  std::atomic<uint64_t> state_;
};

}  // namespace

std::unique_ptr<Random> make_random(uint64_t seed) {
  return std::make_unique<SplitMix>(seed);
}

std::unique_ptr<Random> make_system_random() {
  std::random_device device;
  return std::make_unique<SplitMix>((static_cast<uint64_t>(device()) << 32) ^ device());
}

}  // namespace clops
