// Whether computing calls together pays for a variant, from what they took.
//
// A call that takes less alone than a call costs in being kept and taken up again is never kept. Others are tried, and
// kept as long as one of a batch takes clearly less than one alone; where it does not, it is tried again now and then.
// Thread rule: one thread's. Ownership: values. Errors: none.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace clops::serving {

class BatchGain {
 public:
  void alone(Duration spent);
  void batch(Duration spent, size_t calls);  // more than one
  [[nodiscard]] bool pays();
  [[nodiscard]] Duration mean_in_batch() const { return batched_; }

 private:
  Duration alone_{}, batched_{};  // of a call, of late
  uint32_t alone_seen_ = 0, batches_seen_ = 0, passed_ = 0;
};

}  // namespace clops::serving
