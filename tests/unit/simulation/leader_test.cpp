// Two operators and one Lease: who may write, when the leader is frozen in the middle of what it does.
#include <gtest/gtest.h>

#include "tests/unit/simulation/history.h"

namespace clops::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string digest(char c) {
  return "sha256:" + std::string(64, c);
}

std::string holder(World& world) {
  const Snapshot lease = world.api.get({"leases.coordination.k8s.io", "clops-system", "clops-operator"});
  return lease == nullptr ? "" : string_at(*lease, {"spec", "holderIdentity"});
}

TEST(Leader, one_writer_at_a_time_when_the_leader_is_frozen_in_the_middle_of_a_write) {
  // The leader is frozen just before each of its first writes; the other takes over; then the frozen write arrives.
  for (uint64_t frozen = 0; frozen < 12; ++frozen) {
    World world({.seed = 40 + frozen, .operators = 2, .election = true});
    world.truths["https://models.sim/a"] = {.digest = digest('a')};
    world.truths["https://models.sim/b"] = {.digest = digest('b')};
    world.start(0);
    world.run_for(seconds(2));
    world.start(1);
    world.run_for(seconds(1));
    const std::string first = holder(world);
    ASSERT_FALSE(first.empty());
    world.write_fate = [&](uint64_t write) -> std::optional<Fate> {
      if (write != frozen) return std::nullopt;
      world.pause(0, seconds(25));  // longer than the lease; this very write is under way for as long
      return Fate{.kind = Fate::Kind::Done, .to_server = seconds(25)};
    };
    (void)world.apply(version_yaml("v1", "https://models.sim/a"));
    (void)world.apply(deployment_yaml("a", {{"champion", "v1", 100}}, 2));
    // A task of the world, so that it happens while the frozen write is still under way.
    world.loop.post(kWorld, seconds(20), [&] {
      (void)world.apply(version_yaml("v2", "https://models.sim/b"));
      (void)world.apply(deployment_yaml("a", {{"champion", "v1", 50}, {"challenger", "v2", 50}}, 1));
    });
    world.run_for(seconds(60));
    EXPECT_TRUE(world.writes() <= frozen || holder(world) != first) << "write " << frozen;
    ASSERT_TRUE(world.settle());
    world.judge.at_rest();
    for (const std::string& what : world.judge.found()) ADD_FAILURE() << "frozen at write " << frozen << ": " << what;
  }
}

TEST(Leader, a_leader_that_stops_in_order_hands_over_at_once) {
  World world({.seed = 3, .operators = 2, .election = true});
  world.start(0);
  world.run_for(seconds(2));
  world.start(1);
  world.run_for(seconds(5));
  const std::string first = holder(world);
  world.stop(0);
  world.run_for(milliseconds(2'500));
  EXPECT_NE(holder(world), first);
  EXPECT_NE(holder(world), "");
}

TEST(Leader, slow_lease_writes_do_not_end_a_leader_that_can_still_renew_in_time) {
  World world({.seed = 5, .operators = 2, .election = true});
  world.start(0);
  world.run_for(seconds(2));
  world.start(1);
  const std::string first = holder(world);
  world.outage(seconds(6));  // less than `renew`
  world.run_for(seconds(20));
  EXPECT_EQ(holder(world), first);
  EXPECT_TRUE(world.op(0)->leading());
}

TEST(Leader, a_leader_cut_off_for_long_stops_writing_and_takes_over_again) {
  World world({.seed = 6, .operators = 1, .election = true});
  world.truths["https://models.sim/a"] = {.digest = digest('a')};
  world.start(0);
  world.run_for(seconds(2));
  world.outage(seconds(40));
  world.run_for(seconds(12));
  EXPECT_FALSE(world.op(0)->leading());
  world.run_for(seconds(35));
  (void)world.apply(version_yaml("v1", "https://models.sim/a"));
  ASSERT_TRUE(world.settle());
  EXPECT_TRUE(world.op(0)->leading());
  world.judge.at_rest();
  EXPECT_TRUE(world.judge.found().empty()) << world.judge.found().front();
}

}  // namespace
}  // namespace clops::sim
