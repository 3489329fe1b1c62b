// What a pod's status says, computed from what its containers are doing, and when a container that ended runs again.
// Pure.
//
// Thread rule: free functions over values. Source: the kubelet's rules for phase, conditions and restarts.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "crds/workload.h"

namespace clops::local {

struct ContainerView {
  enum class State { Waiting, Running, Terminated } state = State::Waiting;
  std::string reason = "ContainerCreating", message;  // Waiting and Terminated
  std::string started_at, finished_at;
  int exit_code = 0, signal = 0;
  int restarts = 0;
  bool started = false, ready = false;  // startup probe passed; readiness
  Json last_state;                      // as status.containerStatuses[].lastState; null = none
  std::string run;                      // names the run: "POD_UID/NAME/N"
  bool operator==(const ContainerView&) const = default;
};

struct PodView {
  std::vector<ContainerView> init, main;  // as in the spec
  std::string ip;
  std::string start_time;
  bool terminating = false;
  std::optional<std::string> failed_reason;  // the pod as a whole failed: DeadlineExceeded, ...
  std::string failed_message;
  bool operator==(const PodView&) const = default;
};

// Will a container that ended with `exit_code` be started again?
[[nodiscard]] bool restarts(crds::RestartPolicy policy, bool is_init, int exit_code);

// Pending, Running, Succeeded, Failed.
[[nodiscard]] std::string pod_phase(const crds::PodSpec& spec, const PodView& view);

// The whole status. Times of conditions move only when their status does: `before` is the status written last.
[[nodiscard]] Json pod_status(const crds::Pod& pod, const PodView& view, const Json& before, const std::string& now);

struct Backoff {
  std::chrono::milliseconds first{1'000}, most{60'000}, forget_after{600'000};
};

// How long a container waits before its next run, having been restarted `restarts` times; at once the first time.
[[nodiscard]] std::chrono::milliseconds restart_delay(int restarts, const Backoff& backoff);

}  // namespace clops::local
