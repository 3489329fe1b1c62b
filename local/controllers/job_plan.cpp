#include "local/controllers/job_plan.h"

#include <algorithm>

namespace clops::local {
namespace {

using std::chrono::seconds;

constexpr seconds kRetryFirst{10}, kRetryMost{360};

const Json* condition_of(const Json& status, const std::string& type) {
  const Json* all = find_path(status, {"conditions"});
  if (all == nullptr || !all->is_array()) return nullptr;
  for (const Json& condition : *all) {
    if (string_at(condition, {"type"}) == type && string_at(condition, {"status"}) == "True") return &condition;
  }
  return nullptr;
}

struct Count {
  int active = 0, ready = 0, succeeded = 0, failed = 0;
  std::vector<std::string> active_names;
  WallTime last_failure{};
};

Count count(const std::vector<JobPod>& pods) {
  Count out;
  for (const JobPod& pod : pods) {
    if (pod.phase == "Succeeded") {
      ++out.succeeded;
    } else if (pod.phase == "Failed") {
      ++out.failed;
      out.last_failure = std::max(out.last_failure, pod.finished);
    } else if (!pod.terminating) {
      ++out.active;
      out.ready += pod.ready ? 1 : 0;
      out.active_names.push_back(pod.name);
    }
  }
  return out;
}

void look_within(JobPlan& plan, seconds delay) {
  plan.look_again = std::min(plan.look_again.value_or(seconds::max()), std::max(delay, seconds(1)));
}

void add_condition(Json& status, const std::string& type, const std::string& reason, const std::string& message,
                   const std::string& now) {
  if (!status.contains("conditions")) status["conditions"] = Json::array();
  status["conditions"].push_back({{"type", type},
                                  {"status", "True"},
                                  {"reason", reason},
                                  {"message", message},
                                  {"lastProbeTime", now},
                                  {"lastTransitionTime", now}});
}

// After its end: only its pods that still run, and its time to live.
void plan_finished(const crds::Job& job, const Count& have, const Json& condition, WallTime now, JobPlan& plan) {
  plan.status = job.status;
  plan.remove = have.active_names;
  if (!job.ttl_seconds_after_finished) return;
  const auto ended = from_rfc3339(string_at(condition, {"lastTransitionTime"}));
  if (!ended) return;
  const auto left = std::chrono::ceil<seconds>(*ended + seconds(*job.ttl_seconds_after_finished) - now);
  if (left <= seconds(0))
    plan.remove_job = true;
  else
    look_within(plan, left);
}

seconds retry_delay(int failures) {
  auto delay = kRetryFirst;
  for (int i = 1; i < failures && delay < kRetryMost; ++i) delay *= 2;
  return std::min(delay, kRetryMost);
}

}  // namespace

JobPlan plan_job(const crds::Job& job, const std::vector<JobPod>& pods, WallTime now) {
  JobPlan plan;
  const Count have = count(pods);
  for (const char* ended : {"Complete", "Failed"}) {
    if (const Json* condition = condition_of(job.status, ended)) {
      plan_finished(job, have, *condition, now, plan);
      return plan;
    }
  }
  const std::string time = to_rfc3339(now);
  Json status = job.status.is_object() ? job.status : Json::object();
  if (!job.suspend && !status.contains("startTime")) status["startTime"] = time;
  const auto started = from_rfc3339(string_at(status, {"startTime"}));
  const auto fail_job = [&](const std::string& reason, const std::string& message) {
    plan.remove = have.active_names;
    add_condition(status, "FailureTarget", reason, message, time);
    add_condition(status, "Failed", reason, message, time);
  };
  int active = have.active;
  if (have.succeeded >= job.completions) {
    plan.remove = have.active_names;
    active = 0;
    status["completionTime"] = time;
    add_condition(status, "SuccessCriteriaMet", "CompletionsReached", "Reached expected number of succeeded pods",
                  time);
    add_condition(status, "Complete", "CompletionsReached", "Reached expected number of succeeded pods", time);
    if (job.ttl_seconds_after_finished) look_within(plan, seconds(*job.ttl_seconds_after_finished));
  } else if (have.failed > job.backoff_limit) {
    fail_job("BackoffLimitExceeded", "Job has reached the specified backoff limit");
    active = 0;
  } else if (job.active_deadline_seconds && started && now - *started >= seconds(*job.active_deadline_seconds)) {
    fail_job("DeadlineExceeded", "Job was active longer than specified deadline");
    active = 0;
  } else if (job.suspend) {
    plan.remove = have.active_names;
    active = 0;
  } else {
    if (job.active_deadline_seconds && started)
      look_within(plan, std::chrono::ceil<seconds>(*started + seconds(*job.active_deadline_seconds) - now));
    const int wanted = std::min(job.parallelism, job.completions - have.succeeded);
    const auto retry_at = have.last_failure + retry_delay(have.failed);
    if (have.active > wanted) {
      plan.remove.assign(have.active_names.begin() + wanted, have.active_names.end());
      active = wanted;
    } else if (have.active < wanted && have.failed > 0 && now < retry_at) {
      look_within(plan, std::chrono::ceil<seconds>(retry_at - now));
    } else {
      plan.create = wanted - have.active;
      active = wanted;
    }
  }
  const auto set = [&](const char* field, int value) {
    if (value > 0)
      status[field] = value;
    else
      status.erase(field);
  };
  set("active", active);
  set("ready", active == 0 ? 0 : have.ready);
  set("succeeded", have.succeeded);
  set("failed", have.failed);
  plan.status = std::move(status);
  return plan;
}

Json pod_of(const crds::Job& job, const std::string& node_name) {
  Json pod = {{"apiVersion", "v1"}, {"kind", "Pod"}};
  const Json* meta = find_path(job.pod_template, {"metadata"});
  pod["metadata"] = meta != nullptr && meta->is_object() ? *meta : Json::object();
  pod["metadata"]["generateName"] = job.meta.name + "-";
  pod["metadata"]["namespace"] = job.meta.ns;
  Json& labels = pod["metadata"]["labels"];
  for (const char* name : {"job-name", "batch.kubernetes.io/job-name"}) labels[name] = job.meta.name;
  for (const char* name : {"controller-uid", "batch.kubernetes.io/controller-uid"}) labels[name] = job.meta.uid;
  pod["metadata"]["ownerReferences"] = Json::array({{{"apiVersion", "batch/v1"},
                                                     {"kind", "Job"},
                                                     {"name", job.meta.name},
                                                     {"uid", job.meta.uid},
                                                     {"controller", true},
                                                     {"blockOwnerDeletion", true}}});
  const Json* spec = find_path(job.pod_template, {"spec"});
  pod["spec"] = spec != nullptr ? *spec : Json::object();
  pod["spec"]["nodeName"] = node_name;
  return pod;
}

}  // namespace clops::local
