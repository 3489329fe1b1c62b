// One epoll loop on one thread: sockets, buffers, time limits. Everything a request needs happens on the thread that
// read it, from bytes to bytes; there is no queue between. A round handles all that is ready, beginning at another
// place each time, so that whoever comes last in one is not last in all.
//
// Thread rule: run() is the loop's thread; stop(), wake(), adopt(), drain() and stats() may be called from any other.
// Ownership: borrows clock, protocol, observer and the listening socket, which outlive it; owns its connections.
// Errors: make() Unavailable (no descriptors). A connection's failure closes that connection and nothing else.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "serving/net/stream.h"
#include "serving/net/turn.h"

namespace clops::serving {

struct LoopLimits {
  // Of this loop, give or take a few. At the limit, and out of descriptors, a newcomer takes the place of the
  // connection that deserves its own least: first those that never brought a whole message, the oldest first; then by
  // when the last one was answered. Who came, or was answered, within `grace` stays: newcomers wait to be accepted.
  size_t connections_max = 4096;
  std::chrono::milliseconds grace{250};
  // What all of its connections hold together: requests that are not whole yet, answers that are not taken. Beyond it
  // those that have held much for the longest time are cut.
  size_t held_bytes_max = 256u << 20;
  size_t in_bytes_max = 64u << 20;            // unread bytes kept per connection; the protocol's own limits are lower
  size_t out_bytes_max = 1u << 20;            // unsent bytes after which a connection is not read until they are gone
  std::chrono::milliseconds idle{120'000};    // between messages
  std::chrono::milliseconds message{30'000};  // from a message's first byte to its last
  std::chrono::milliseconds write{30'000};    // without the client taking a byte
  // A connection older than this, give or take a tenth, is told to end with its next answer, so that clients that keep
  // connections come to know new pods; 0: never.
  std::chrono::milliseconds age{0};
};

// Called on the loop's thread.
class LoopObserver {
 public:
  virtual ~LoopObserver() = default;
  virtual void on_start() {}
  virtual void on_wake() {}           // after wake(), between requests
  virtual void on_tick(TimePoint) {}  // about every 250 ms
  virtual void on_stop() {}           // the last call
  // While there are handlers that have said Later: whether they are to be called again at once, and not only at the
  // round's end.
  [[nodiscard]] virtual bool due() const { return false; }
  virtual void on_later() {}     // they are called again now,
  virtual void on_taken_up() {}  // and have been
};

struct LoopStats {
  uint64_t busy_ns = 0;     // time spent not waiting, since the start
  uint64_t lag_max_ns = 0;  // worst wait of a ready event in the last two seconds or so
  uint32_t connections = 0;
  uint32_t in_hand = 0;  // events of this round that are not handled yet
  bool active = false;   // takes new connections
  uint64_t evicted = 0;  // connections that made room for others, or held too much
};

class Loop {
 public:
  struct Parts {
    const Clock& clock;
    StreamProtocol& protocol;
    LoopObserver& observer;
    int listener = -1;     // shared between loops; -1: only adopt() brings connections
    Turn* turn = nullptr;  // kept up to date for the handlers; null: nobody asks
  };
  [[nodiscard]] static Result<std::unique_ptr<Loop>> make(Parts parts, LoopLimits limits);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // New connections go to the active loop of `peers` that has the fewest. Before run().
  void share_with(std::vector<Loop*> peers);
  // Whether it takes connections; not at first. One that is told to cease ends those it has with their next answer, as
  // when they are old.
  void set_active(bool active);
  void run();
  void stop();  // closes what is open and returns from run()
  void wake();
  // Takes ownership. `came`: since when the client has waited for it.
  void adopt(int socket, TimePoint came = TimePoint::max());
  void drain();  // accepts no more; closes connections as they fall idle
  [[nodiscard]] LoopStats stats() const;

 private:
  struct Impl;
  explicit Loop(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace clops::serving
