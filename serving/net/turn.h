// When what a loop handles now came, as far as it can know. There is no queue in the program: what waits, waits
// readable in epoll. A loop asks for all of it at once, so nothing of a round was ready when the round before was
// taken.
//
// Thread rule: written by its loop, read by handlers on the same thread. Ownership: a value. Errors: none.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace clops::serving {

struct Turn {
  // Exact where the loop had been waiting; else the middle of the round before, the likeliest of what may be.
  TimePoint arrived{};
  uint32_t in_hand = 0;  // events of this round that are not handled yet, the one in hand among them
};

}  // namespace clops::serving
