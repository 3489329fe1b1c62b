// What a loop knows of one socket, and what time does to it. Thread rule: its loop's thread. Ownership: the loop closes
// the socket. Values; no errors.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <string>

#include "base/time.h"
#include "serving/net/loop.h"
#include "serving/net/stream.h"

namespace clops::serving {

using Queue = std::list<uint32_t>;        // slots
constexpr size_t kKeepBytes = 64u << 10;  // a connection's buffers keep at most this between messages
// After a round that was longer it is asked whether anything is ready before it is waited for: then, and only then, the
// events may have waited.
constexpr std::chrono::microseconds kLongRound{500};

struct Connection {
  int socket = -1;
  uint32_t slot = 0;
  uint32_t generation = 0;  // tells an event of this socket from one of the slot's last
  std::unique_ptr<StreamHandler> handler;
  std::string in, out;
  size_t sent = 0;  // of `out`
  uint32_t interest = 0;
  bool waiting = false, later = false, closing = false, lingering = false, ended = false, mid_message = false,
       retired = false;
  bool proven = false;  // it has had an answer
  Queue::iterator place;
  TimePoint active{}, message_began{}, written{}, retire_at{}, merit{}, heavy_since{};
  size_t holds = 0;    // bytes, as last counted
  TimePoint came{};    // as a Turn says it
  uint64_t added = 0;  // in which round; 0: it has been heard since

  // Tells an event of this connection from one of the slot's last.
  [[nodiscard]] uint64_t tag() const { return (uint64_t{generation} << 32) | slot; }
};

enum class Due : uint8_t { No, Farewell, Cut };
// `ending`: the loop drains.
[[nodiscard]] Due due(const Connection& c, TimePoint now, const LoopLimits& limits, bool ending);
// Whether something has come that was not read yet.
[[nodiscard]] bool has_unread(const Connection& c);
// Counts what it holds, and since when that is much: by how much (modulo 2^64) it holds more than at the last time.
[[nodiscard]] size_t counted(Connection& c, TimePoint now);
// Who has held much for the longest time; null: nobody.
[[nodiscard]] Connection* longest_heavy(std::span<const std::unique_ptr<Connection>> slots);
// How long it may live, of `age`, give or take a tenth.
[[nodiscard]] Duration life_of(const Connection& c, std::chrono::milliseconds age);

}  // namespace clops::serving
