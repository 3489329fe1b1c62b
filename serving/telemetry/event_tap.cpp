#include "serving/telemetry/event_tap.h"

#include <algorithm>
#include <cstring>

namespace clops::serving {
namespace {

constexpr size_t kIdBytesMax = 128;

uint64_t events_per_call(crds::LogMode mode) {
  return mode == crds::LogMode::All ? 2 : 1;
}

}  // namespace

// The caller's own, as KServe's agent takes it, or a new UUID.
std::string EventTap::id_of(const CallInfo& call) {
  for (const HeaderView& header : call.headers) {
    if (!same_header_name(header.name, "ce-id")) continue;
    const bool plain = std::ranges::all_of(header.value, [](char c) { return c > ' ' && c < 0x7f; });
    if (plain && !header.value.empty() && header.value.size() <= kIdBytesMax) return std::string(header.value);
  }
  std::array<uint8_t, 16> bytes{};
  const uint64_t high = random_.next(), low = random_.next();
  std::memcpy(bytes.data(), &high, sizeof high);
  std::memcpy(bytes.data() + sizeof high, &low, sizeof low);
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);
  std::string out;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    append_hex(out, std::span(bytes).subspan(i, 1));
  }
  return out;
}

void EventTap::after(const CallInfo& call, const CallEnd& end) {
  const crds::Logger& logger = end.events->logger;
  if (logger.percent < 100 && random_.next() % 100 >= static_cast<uint64_t>(logger.percent)) return;
  const size_t bytes = event_bytes(end);
  std::unique_ptr<CallEvent>* slot = nullptr;
  if (budget_.take(bytes)) {
    slot = ring_.claim();
    if (slot == nullptr) budget_.give(bytes);
  }
  if (slot == nullptr) {
    counts_.queue_full.fetch_add(events_per_call(logger.mode), std::memory_order_relaxed);
    return;
  }
  *slot = take_event(call, end, id_of(call));
  (*slot)->bytes = bytes;
  ring_.publish();
  if (!first_) return;
  first_();
  first_ = nullptr;
}

}  // namespace clops::serving
