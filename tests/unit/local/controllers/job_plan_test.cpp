// Each row: the pods a Job has, and what comes next.
#include "local/controllers/job_plan.h"

#include <gtest/gtest.h>

namespace clops::local {
namespace {

using std::chrono::seconds;
const WallTime kNow = WallTime(seconds(1'000'000));

crds::Job job() {
  return {.meta = {.name = "j", .ns = "ns", .uid = "u"}, .status = Json::object()};
}
JobPod pod(const std::string& name, const std::string& phase, WallTime finished = {}) {
  return {.name = name, .phase = phase, .finished = finished};
}

std::string ended_as(const JobPlan& plan) {
  std::string out;
  for (const Json& condition : plan.status.value("conditions", Json::array()))
    out = condition.at("type").get<std::string>() + "/" + condition.at("reason").get<std::string>();
  return out;
}

struct Row {
  const char* why;
  crds::Job job;
  std::vector<JobPod> pods;
  int create = 0;
  std::vector<std::string> remove;
  std::string ended;
  std::optional<seconds> look_again;
};
class JobPlanTable : public testing::TestWithParam<Row> {};

TEST_P(JobPlanTable, decides) {
  const Row& row = GetParam();
  const JobPlan plan = plan_job(row.job, row.pods, kNow);
  EXPECT_EQ(plan.create, row.create) << row.why;
  EXPECT_EQ(plan.remove, row.remove) << row.why;
  EXPECT_EQ(ended_as(plan), row.ended) << row.why;
  EXPECT_EQ(plan.look_again, row.look_again) << row.why;
}

template <class Change>
crds::Job job_with(Change change) {
  auto out = job();
  change(out);
  return out;
}

INSTANTIATE_TEST_SUITE_P(
    Table, JobPlanTable,
    testing::Values(
        Row{.why = "begins", .job = job(), .pods = {}, .create = 1},
        Row{.why = "runs", .job = job(), .pods = {pod("a", "Running")}},
        Row{.why = "done", .job = job(), .pods = {pod("a", "Succeeded")}, .ended = "Complete/CompletionsReached"},
        Row{.why = "several, two at a time",
            .job = job_with([](auto& it) {
              it.completions = 3;
              it.parallelism = 2;
            }),
            .pods = {pod("a", "Succeeded")},
            .create = 2},
        Row{.why = "the last of several alone",
            .job = job_with([](auto& it) {
              it.completions = 3;
              it.parallelism = 2;
            }),
            .pods = {pod("a", "Succeeded"), pod("b", "Succeeded")},
            .create = 1},
        Row{.why = "a retry waits",
            .job = job(),
            .pods = {pod("a", "Failed", kNow - seconds(3))},
            .look_again = seconds(7)},
        Row{.why = "and comes", .job = job(), .pods = {pod("a", "Failed", kNow - seconds(10))}, .create = 1},
        Row{.why = "too many failures",
            .job = job_with([](auto& it) { it.backoff_limit = 0; }),
            .pods = {pod("a", "Failed", kNow)},
            .ended = "Failed/BackoffLimitExceeded"},
        Row{.why = "too long",
            .job = job_with([](auto& it) {
              it.active_deadline_seconds = 5;
              it.status = {{"startTime", to_rfc3339(kNow - seconds(5))}};
            }),
            .pods = {pod("a", "Running")},
            .remove = {"a"},
            .ended = "Failed/DeadlineExceeded"},
        Row{.why = "suspended",
            .job = job_with([](auto& it) { it.suspend = true; }),
            .pods = {pod("a", "Running")},
            .remove = {"a"}}));

TEST(JobPlan, is_deleted_when_its_time_after_the_end_is_over) {
  auto it = job();
  it.ttl_seconds_after_finished = 30;
  it.status = plan_job(it, {pod("a", "Succeeded")}, kNow).status;
  EXPECT_FALSE(plan_job(it, {pod("a", "Succeeded")}, kNow + seconds(10)).remove_job);
  EXPECT_EQ(plan_job(it, {pod("a", "Succeeded")}, kNow + seconds(10)).look_again, seconds(20));
  EXPECT_TRUE(plan_job(it, {pod("a", "Succeeded")}, kNow + seconds(30)).remove_job);
}

TEST(JobPlan, an_ended_job_stays_ended_whatever_its_pods_do) {
  auto it = job();
  it.status = plan_job(it, {pod("a", "Succeeded")}, kNow).status;
  const JobPlan plan = plan_job(it, {}, kNow);
  EXPECT_EQ(plan.create, 0);
  EXPECT_EQ(plan.status, it.status);
}

}  // namespace
}  // namespace clops::local
