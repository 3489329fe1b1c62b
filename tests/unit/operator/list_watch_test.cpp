// Every transition of the list/watch machine: the state it starts in, what happens, what it then does.
#include "operator/watch/list_watch.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace clops::op::watch {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint at(Duration after) {
  return TimePoint{1h} + after;
}

State listing(uint64_t attempt = 1) {
  return {.phase = Phase::Listing, .attempt = attempt};
}
State watching(std::string rv = "100") {
  return {.phase = Phase::Watching,
          .resource_version = std::move(rv),
          .attempt = 5,
          .timer = 9,
          .opened_at = at(0s),
          .heard_at = at(0s)};
}
State failed_before(State state, Duration backoff, TimePoint when) {
  state.backoff = backoff;
  state.failed_at = when;
  return state;
}

struct Row {
  const char* why;
  State state;
  Input input;
  Now now{at(10s), 0};
  Phase phase;
  std::vector<Effect> effects;
  std::string resource_version;
};
std::ostream& operator<<(std::ostream& out, const Row& row) {
  return out << row.why;
}

class ListWatch : public testing::TestWithParam<Row> {};

TEST_P(ListWatch, steps) {
  const Row& row = GetParam();
  const Step got = step(row.state, row.input, row.now);
  EXPECT_EQ(got.state.phase, row.phase);
  EXPECT_EQ(got.state.resource_version, row.resource_version);
  EXPECT_TRUE(got.effects == row.effects)
      << "wrong effects (" << got.effects.size() << ", wanted " << row.effects.size() << ")";
}

INSTANTIATE_TEST_SUITE_P(
    Table, ListWatch,
    testing::Values(
        Row{.why = "it begins with the first page of a quorum list",
            .state = {},
            .input = Start{},
            .phase = Phase::Listing,
            .effects = {ListPage{1, "", 500}}},
        Row{.why = "a second start changes nothing",
            .state = listing(),
            .input = Start{},
            .phase = Phase::Listing,
            .effects = {}},
        Row{.why = "page after page while there is a token",
            .state = listing(),
            .input = PageCame{1, "100", "more"},
            .phase = Phase::Listing,
            .effects = {ListPage{2, "more", 500}}},
        Row{.why = "an answer to an earlier page is nobody's",
            .state = listing(2),
            .input = PageCame{1, "100", ""},
            .phase = Phase::Listing,
            .effects = {}},
        Row{.why = "the last page makes the list whole, and the watch goes on from it",
            .state = listing(),
            .input = PageCame{1, "100", ""},
            .now = {at(10s), 0.5},
            .phase = Phase::Watching,
            .effects = {Commit{"100"}, OpenWatch{2, "100", 450s}, SetTimer{1, 180s}},
            .resource_version = "100"},
        Row{.why = "a failed list is tried again after the first backoff, with up to as much again of jitter",
            .state = listing(),
            .input = ListFailed{1, Code::Unavailable},
            .now = {at(10s), 0.5},
            .phase = Phase::Waiting,
            .effects = {SetTimer{1, 150ms}}},
        Row{.why = "an expired token starts the list over, after the same wait",
            .state = listing(3),
            .input = ListFailed{3, Code::Expired},
            .phase = Phase::Waiting,
            .effects = {SetTimer{1, 100ms}}},
        Row{.why = "the wait doubles",
            .state = failed_before(listing(), 1600ms, at(0s)),
            .input = ListFailed{1, Code::Unavailable},
            .phase = Phase::Waiting,
            .effects = {SetTimer{1, 3200ms}}},
        Row{.why = "up to four seconds, jitter included",
            .state = failed_before(listing(), 4s, at(0s)),
            .input = ListFailed{1, Code::Unavailable},
            .now = {at(10s), 0.9},
            .phase = Phase::Waiting,
            .effects = {SetTimer{1, 4s}}},
        Row{.why = "two good minutes start the waits over",
            .state = failed_before(listing(), 4s, at(0s)),
            .input = ListFailed{1, Code::Unavailable},
            .now = {at(121s), 0},
            .phase = Phase::Waiting,
            .effects = {SetTimer{1, 100ms}}},
        Row{.why = "Retry-After is heeded when it is longer",
            .state = listing(),
            .input = ListFailed{1, Code::Unavailable, 32s},
            .phase = Phase::Waiting,
            .effects = {SetTimer{1, 32s}}},
        Row{.why = "the wait over, an empty position lists",
            .state = {.phase = Phase::Waiting, .attempt = 4, .timer = 2},
            .input = TimerFired{2},
            .phase = Phase::Listing,
            .effects = {ListPage{5, "", 500}}},
        Row{.why = "the wait over, a position is watched from",
            .state = {.phase = Phase::Waiting, .resource_version = "7", .attempt = 4, .timer = 2},
            .input = TimerFired{2},
            .phase = Phase::Watching,
            .effects = {OpenWatch{5, "7", 300s}, SetTimer{3, 180s}},
            .resource_version = "7"},
        Row{.why = "a timer set earlier is ignored",
            .state = {.phase = Phase::Waiting, .timer = 2},
            .input = TimerFired{1},
            .phase = Phase::Waiting,
            .effects = {}},
        Row{.why = "a frame moves the position",
            .state = watching(),
            .input = FrameCame{5, "104"},
            .phase = Phase::Watching,
            .effects = {},
            .resource_version = "104"},
        Row{.why = "a frame of an earlier watch does not",
            .state = watching(),
            .input = FrameCame{4, "99"},
            .phase = Phase::Watching,
            .effects = {},
            .resource_version = "100"},
        Row{.why = "a watch that ran its time is opened again at once where it was",
            .state = watching("120"),
            .input = WatchEnded{5},
            .phase = Phase::Watching,
            .effects = {CloseWatch{}, OpenWatch{6, "120", 300s}, SetTimer{10, 180s}},
            .resource_version = "120"},
        Row{.why = "one that ends at once with nothing on it waits",
            .state = watching(),
            .input = WatchEnded{5},
            .now = {at(100ms), 0},
            .phase = Phase::Waiting,
            .effects = {CloseWatch{}, SetTimer{10, 100ms}},
            .resource_version = "100"},
        Row{.why = "a broken connection keeps the position",
            .state = watching(),
            .input = WatchEnded{5, Code::Unavailable},
            .phase = Phase::Waiting,
            .effects = {CloseWatch{}, SetTimer{10, 100ms}},
            .resource_version = "100"},
        Row{.why = "however often it failed before, a watch that worked is tried again soon",
            .state = failed_before(watching(), 3200ms, at(5s)),
            .input = WatchEnded{5, Code::Unavailable},
            .phase = Phase::Waiting,
            .effects = {CloseWatch{}, SetTimer{10, 100ms}},
            .resource_version = "100"},
        Row{.why = "one that was refused at once is not one that worked",
            .state = failed_before(watching(), 1600ms, at(0s)),
            .input = WatchEnded{5, Code::Unavailable},
            .now = {at(100ms), 0},
            .phase = Phase::Waiting,
            .effects = {CloseWatch{}, SetTimer{10, 3200ms}},
            .resource_version = "100"},
        Row{.why = "429 on a watch waits as long as asked",
            .state = watching(),
            .input = WatchEnded{5, Code::Unavailable, 5s},
            .phase = Phase::Waiting,
            .effects = {CloseWatch{}, SetTimer{10, 5s}},
            .resource_version = "100"},
        Row{.why = "410, as a status or in the stream, lists again at once the first time",
            .state = watching(),
            .input = WatchEnded{5, Code::Expired},
            .phase = Phase::Listing,
            .effects = {CloseWatch{}, ListPage{6, "", 500}}},
        Row{.why = "410 after 410 waits: a server that expires everything is left in peace",
            .state = failed_before(watching(), 800ms, at(5s)),
            .input = WatchEnded{5, Code::Expired},
            .phase = Phase::Waiting,
            .effects = {CloseWatch{}, SetTimer{10, 1600ms}}},
        Row{.why = "silence for too long is a dead watch",
            .state = watching(),
            .input = TimerFired{9},
            .now = {at(180s), 0},
            .phase = Phase::Waiting,
            .effects = {CloseWatch{}, SetTimer{10, 100ms}},
            .resource_version = "100"},
        Row{.why = "a frame within it only winds the watchdog up again",
            .state =
                [] {
                  State s = watching();
                  s.heard = true;
                  s.heard_at = at(60s);
                  return s;
                }(),
            .input = TimerFired{9},
            .now = {at(180s), 0},
            .phase = Phase::Watching,
            .effects = {SetTimer{10, 60s}},
            .resource_version = "100"},
        Row{.why = "stop closes what is open",
            .state = watching(),
            .input = Stop{},
            .phase = Phase::Stopped,
            .effects = {CloseWatch{}},
            .resource_version = "100"},
        Row{.why = "stop while listing", .state = listing(), .input = Stop{}, .phase = Phase::Stopped, .effects = {}},
        Row{.why = "nothing happens after stop",
            .state = {.phase = Phase::Stopped, .attempt = 3},
            .input = PageCame{3, "1", ""},
            .phase = Phase::Stopped,
            .effects = {}}));

// k/k#104171: an expired watch of Events has come back as 200 and empty, again and again.
TEST(ListWatch, a_watch_that_keeps_ending_empty_is_not_trusted) {
  State state = watching();
  int lists = 0;
  TimePoint now = at(0s);
  for (int i = 0; i < 3; ++i) {
    Step ended = step(std::move(state), WatchEnded{state.attempt}, {now, 0});
    for (const Effect& effect : ended.effects) lists += std::holds_alternative<ListPage>(effect);
    state = std::move(ended.state);
    if (state.phase == Phase::Waiting) {
      now += 31s;
      Step opened = step(state, TimerFired{state.timer}, {now, 0});
      for (const Effect& effect : opened.effects) lists += std::holds_alternative<ListPage>(effect);
      state = std::move(opened.state);
    }
  }
  EXPECT_EQ(lists, 1);
  EXPECT_EQ(state.phase, Phase::Listing);
}

// Whatever happens in whatever order: a machine that is not stopped always has exactly one way on (an answer it waits
// for, or a timer), and never two lists or watches at once.
TEST(ListWatch, never_gets_stuck_and_never_runs_two) {
  const auto random = make_random(7);
  for (int history = 0; history < 300; ++history) {
    State state = step({}, Start{}, {at(0s), 0}).state;
    TimePoint now = at(0s);
    bool watch_open = false;
    for (int i = 0; i < 60; ++i) {
      now += std::chrono::milliseconds{static_cast<int64_t>(random->unit() * 60'000)};
      const Code codes[] = {Code::Unavailable, Code::Expired, Code::DataLoss, Code::DeadlineExceeded};
      const uint64_t attempt = random->unit() < 0.2 ? state.attempt - 1 : state.attempt;
      Input input = TimerFired{random->unit() < 0.2 ? state.timer - 1 : state.timer};
      const double pick = random->unit();
      if (pick < 0.15)
        input = PageCame{attempt, "5", random->unit() < 0.5 ? "t" : ""};
      else if (pick < 0.3)
        input = ListFailed{attempt, codes[random->next() % 4]};
      else if (pick < 0.5)
        input = FrameCame{attempt, "6"};
      else if (pick < 0.7)
        input = WatchEnded{attempt, random->unit() < 0.4 ? std::nullopt : std::optional(codes[random->next() % 4])};
      Step next = step(state, input, {now, random->unit()});
      for (const Effect& effect : next.effects) {
        if (std::holds_alternative<CloseWatch>(effect)) {
          EXPECT_TRUE(watch_open);
          watch_open = false;
        } else if (std::holds_alternative<OpenWatch>(effect) || std::holds_alternative<ListPage>(effect)) {
          EXPECT_FALSE(watch_open);
          watch_open = std::holds_alternative<OpenWatch>(effect);
        }
      }
      EXPECT_EQ(watch_open, next.state.phase == Phase::Watching);
      if (next.state.phase != state.phase) {
        const bool way_on = !next.effects.empty();
        EXPECT_TRUE(way_on) << "phase changed without anything that could move it on";
      }
      state = std::move(next.state);
    }
  }
}

}  // namespace
}  // namespace clops::op::watch
