#include "base/random.h"

#include <atomic>
#include <random>

namespace clops {
namespace {

class SplitMix final : public Random {  // a counter, so that any thread may draw without a lock
 public:
  explicit SplitMix(uint64_t seed) : state_(seed) {}
  uint64_t next() override {
    return SplitMix64::mixed(state_.fetch_add(SplitMix64::kStep, std::memory_order_relaxed) + SplitMix64::kStep);
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
