#include "serving/load/batch_gain.h"

#include <chrono>

namespace clops::serving {
namespace {

using namespace std::chrono_literals;

constexpr Duration kKeeping = 3us;  // a call is copied, its head read again, its answer written later
constexpr Duration kLeast = 10us;   // below it, what is gained is not worth what keeping costs
constexpr int64_t kMeanOver = 8;
constexpr uint32_t kEnough = 4;         // before a mean is believed
constexpr uint32_t kTryAgainIn = 1024;  // chances

void take_in(Duration& mean, uint32_t& seen, Duration spent) {
  mean = seen == 0 ? spent : mean + (spent - mean) / kMeanOver;
  if (seen < kEnough) ++seen;
}

}  // namespace

void BatchGain::alone(Duration spent) {
  take_in(alone_, alone_seen_, spent);
}

void BatchGain::batch(Duration spent, size_t calls) {
  take_in(batched_, batches_seen_, spent / static_cast<int64_t>(calls));
}

bool BatchGain::pays() {
  if (alone_seen_ < kEnough || alone_ < kLeast) return false;
  if (batches_seen_ < kEnough || batched_ + kKeeping < alone_) return true;
  if (++passed_ < kTryAgainIn) return false;
  passed_ = 0;
  batches_seen_ = 0;  // enough of them are tried to change the opinion
  return true;
}

}  // namespace clops::serving
