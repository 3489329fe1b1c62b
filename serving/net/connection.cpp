#include "serving/net/connection.h"

#include <sys/ioctl.h>

#include <chrono>
#include <cmath>
#include <utility>

namespace clops::serving {

Due due(const Connection& c, TimePoint now, const LoopLimits& limits, bool ending) {
  constexpr std::chrono::seconds kLinger{2};
  const auto cut_if = [](bool late) { return late ? Due::Cut : Due::No; };
  if (c.lingering) return cut_if(now - c.written > kLinger);
  if (!c.out.empty()) return cut_if(now - c.written > limits.write);
  if (c.waiting) return Due::No;  // its handler knows how long
  if (c.mid_message) return cut_if(now - c.message_began > limits.message);
  return ending || now - c.active > limits.idle ? Due::Farewell : Due::No;
}

bool has_unread(const Connection& c) {
  int bytes = 0;
  return ::ioctl(c.socket, FIONREAD, &bytes) == 0 && bytes > 0;
}

size_t counted(Connection& c, TimePoint now) {
  constexpr size_t kHeavyBytes = 4 * kKeepBytes;
  const size_t holds = c.in.capacity() + c.out.capacity() + c.handler->held_bytes();
  if (holds <= kHeavyBytes) {
    c.heavy_since = {};
  } else if (c.heavy_since == TimePoint{}) {
    c.heavy_since = now;
  }
  return holds - std::exchange(c.holds, holds);
}

Connection* longest_heavy(std::span<const std::unique_ptr<Connection>> slots) {
  Connection* first = nullptr;
  for (const auto& slot : slots) {
    if (slot->socket < 0 || slot->heavy_since == TimePoint{}) continue;
    if (first == nullptr || slot->heavy_since < first->heavy_since) first = slot.get();
  }
  return first;
}

// Spread, so that what came together does not come back together: multiples of the golden ratio never bunch.
Duration life_of(const Connection& c, std::chrono::milliseconds age) {
  const double turn = 0.6180339887498949 * static_cast<double>(c.slot + c.generation);
  const double share = 0.9 + 0.2 * (turn - std::floor(turn));
  return std::chrono::duration_cast<Duration>(age * share);
}

}  // namespace clops::serving
