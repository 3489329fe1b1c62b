// What a Job needs next, from the pods it has: pure.
//
// Thread rule: free functions over values. Source: the Job controller's rules for completions, retries and conditions.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "crds/workload.h"

namespace clops::local {

struct JobPod {
  std::string name, phase;
  bool ready = false, terminating = false;
  WallTime finished;  // when it failed or succeeded
  bool operator==(const JobPod&) const = default;
};

struct JobPlan {
  int create = 0;
  std::vector<std::string> remove;  // pods
  bool remove_job = false;          // its time to live after the end is over
  Json status;
  std::optional<std::chrono::seconds> look_again;
  bool operator==(const JobPlan&) const = default;
};

[[nodiscard]] JobPlan plan_job(const crds::Job& job, const std::vector<JobPod>& pods, WallTime now);
[[nodiscard]] Json pod_of(const crds::Job& job, const std::string& node_name);

}  // namespace clops::local
