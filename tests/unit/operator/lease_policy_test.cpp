// Each row: what was seen, and the one decision it leads to. Times are milliseconds after an arbitrary start.
#include "operator/election/lease_policy.h"

#include <gtest/gtest.h>

namespace clops::op::election {
namespace {

constexpr TimePoint at(int ms) {
  return TimePoint{} + std::chrono::milliseconds{ms};
}

struct Row {
  const char* why;
  std::optional<Seen> seen;
  std::optional<TimePoint> last_renewed;
  int now_ms;
  Decision want;
};
std::ostream& operator<<(std::ostream& out, const Row& row) {
  return out << row.why;
}

class LeasePolicy : public testing::TestWithParam<Row> {};

TEST_P(LeasePolicy, decides) {
  const Row& row = GetParam();
  EXPECT_EQ(decide(row.seen, "me", row.last_renewed, at(row.now_ms), Limits{}), row.want) << row.why;
}

INSTANTIATE_TEST_SUITE_P(
    Table, LeasePolicy,
    testing::Values(
        Row{.why = "no lease yet", .seen = {}, .last_renewed = {}, .now_ms = 0, .want = {Act::Acquire, at(2'000)}},
        Row{.why = "given back",
            .seen = Seen{"", "t1", at(0)},
            .last_renewed = {},
            .now_ms = 1,
            .want = {Act::Acquire, at(2'001)}},
        Row{.why = "another holds it and has just renewed",
            .seen = Seen{"other", "t1", at(900)},
            .last_renewed = {},
            .now_ms = 1'000,
            .want = {Act::Wait, at(3'000)}},
        Row{.why = "another has been silent for almost a lease",
            .seen = Seen{"other", "t1", at(0)},
            .last_renewed = {},
            .now_ms = 14'999,
            .want = {Act::Wait, at(16'999)}},
        Row{.why = "another has been silent for a whole lease",
            .seen = Seen{"other", "t1", at(0)},
            .last_renewed = {},
            .now_ms = 15'000,
            .want = {Act::Acquire, at(17'000)}},
        Row{.why = "ours from before a restart under the same name",
            .seen = Seen{"me", "t1", at(0)},
            .last_renewed = {},
            .now_ms = 10,
            .want = {Act::Acquire, at(2'010)}},
        Row{.why = "we hold it, renewal is due",
            .seen = Seen{"me", "t2", at(0)},
            .last_renewed = at(0),
            .now_ms = 2'000,
            .want = {Act::Renew, at(4'000)}},
        Row{.why = "we could not renew in time: stop writing before anyone else may start",
            .seen = Seen{"me", "t2", at(0)},
            .last_renewed = at(0),
            .now_ms = 10'000,
            .want = {Act::StepDown, at(12'000)}},
        Row{.why = "the lease was deleted under us",
            .seen = {},
            .last_renewed = at(0),
            .now_ms = 100,
            .want = {Act::StepDown, at(2'100)}},
        Row{.why = "someone else took it while we thought we led",
            .seen = Seen{"other", "t9", at(5'000)},
            .last_renewed = at(4'000),
            .now_ms = 5'000,
            .want = {Act::StepDown, at(7'000)}}));

}  // namespace
}  // namespace clops::op::election
