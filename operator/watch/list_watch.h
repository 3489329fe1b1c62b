// When to list, when to watch, when to wait: the whole of list/watch as one pure function.
//
// A quorum list in pages of 500, then a watch from its resourceVersion, with bookmarks; the watch is opened again where
// it ended, and everything is listed again only when the position is gone (410 as an HTTP status, in the stream,
// between pages, or a resourceVersion the server has never reached). Failures wait 0.1 s, doubled up to 4 s, with
// jitter, or as long as the server asked; two good minutes, or a watch that worked, reset that. (client-go waits 0.8 s
// to 30 s, for clients by the thousand; of us there is one, and whoever changes something after an outage waits for
// it.) A watch on which nothing came for `silence` (bookmarks come each minute) is taken for dead. Pure: no clock, no
// I/O, no chance of its own: `Now` carries the time and one random number. Timers carry an id; one that is not the last
// set for its purpose is ignored, so the driver never needs to cancel any.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace clops::op::watch {

enum class Phase { Idle, Listing, Watching, Waiting, Stopped };

struct Settings {
  int page = 500;
  Duration backoff_first = std::chrono::milliseconds{100}, backoff_max = std::chrono::seconds{4};
  Duration good_time = std::chrono::minutes{2};  // without failure: the backoff starts over
  Duration silence = std::chrono::minutes{3};
  std::chrono::seconds watch_least{300}, watch_most{600};
  Duration short_watch = std::chrono::seconds{1};  // a watch that ends sooner, without a frame, counts as failed
  int empty_max = 3;                               // so many of those in a row: the position is not trusted any more
  bool operator==(const Settings&) const = default;
};

struct State {
  Settings settings;
  Phase phase = Phase::Idle;
  std::string resource_version;  // watch from here; empty: list first
  uint64_t attempt = 0;          // of list page or watch: answers to an earlier one are ignored
  uint64_t timer = 0;            // the last set
  Duration backoff{0};           // the last one used; 0 = none
  TimePoint failed_at, opened_at, heard_at;
  bool heard = false;  // a frame on this watch
  int empty_watches = 0;
  bool operator==(const State&) const = default;
};

struct Now {
  TimePoint time;
  double unit = 0;  // random, [0, 1)
};

// What happened.
struct Start {};
struct Stop {};
struct PageCame {
  uint64_t attempt = 0;
  std::string resource_version, continue_token;
};
struct ListFailed {
  uint64_t attempt = 0;
  Code code = Code::Unavailable;
  Duration retry_after{0};
};
struct FrameCame {  // an object or a bookmark
  uint64_t attempt = 0;
  std::string resource_version;
};
struct WatchEnded {  // by HTTP status, by an ERROR frame, or by the stream's end; code empty = ended in order
  uint64_t attempt = 0;
  std::optional<Code> code;
  Duration retry_after{0};
};
struct TimerFired {
  uint64_t timer = 0;
};
using Input = std::variant<Start, Stop, PageCame, ListFailed, FrameCame, WatchEnded, TimerFired>;

// What to do, in order.
struct ListPage {  // first page: continue_token empty; pages collected before are thrown away then
  uint64_t attempt = 0;
  std::string continue_token;
  int limit = 0;
  bool operator==(const ListPage&) const = default;
};
struct Commit {  // the collected pages are the whole truth at this resourceVersion
  std::string resource_version;
  bool operator==(const Commit&) const = default;
};
struct OpenWatch {
  uint64_t attempt = 0;
  std::string resource_version;
  std::chrono::seconds timeout{0};
  bool operator==(const OpenWatch&) const = default;
};
struct CloseWatch {
  bool operator==(const CloseWatch&) const = default;
};
struct SetTimer {
  uint64_t timer = 0;
  Duration after{0};
  bool operator==(const SetTimer&) const = default;
};
using Effect = std::variant<ListPage, Commit, OpenWatch, CloseWatch, SetTimer>;

struct Step {
  State state;
  std::vector<Effect> effects;
  bool operator==(const Step&) const = default;
};
[[nodiscard]] Step step(State state, const Input& input, const Now& now);

}  // namespace clops::op::watch
