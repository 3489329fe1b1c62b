// What to do about one ModelVersion, decided from what was seen of it and of its verifying pod.
//
// The pod's life is the only state: none yet → make one; finished → its report becomes status; final → the pod is
// removed; worth another try → the pod stays (its log too) until the next try is due, so that a restarted operator
// knows when that is. Whoever deletes such a pod gets the next try at once. Pure: no clock, no I/O.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "controllers/common/objects.h"
#include "controllers/options.h"
#include "crds/inspection.h"
#include "crds/model_version.h"

namespace clops::controllers::model_version {

enum class PodPhase { Waiting, Running, Succeeded, Failed };

struct VerifyingPod {
  std::string name, uid;
  Owner owner = Owner::Us;
  bool deleting = false;
  PodPhase phase = PodPhase::Waiting;
  std::string trouble;  // why it waits or how it failed, as Kubernetes says
  bool deadline_exceeded = false;
  WallTime created, finished;
  bool operator==(const VerifyingPod&) const = default;
};

struct Observed {
  crds::ModelVersion object;
  std::optional<VerifyingPod> pod;
  std::optional<Result<crds::Inspection>>
      report;                    // of a pod of ours: its last log line; of a finished one, or why there is none
  std::optional<Error> refused;  // the API would not take the pod
};

struct Plan {
  std::optional<Json> create_pod;
  std::string delete_pod_uid;  // empty: none
  crds::ModelVersionStatus status;
  std::vector<PlannedEvent> events;
  std::optional<Duration> again;
  bool operator==(const Plan&) const = default;
};

[[nodiscard]] std::string pod_name(const crds::ModelVersion& object);
[[nodiscard]] Plan plan(const Observed& observed, const Options& options, WallTime now);

}  // namespace clops::controllers::model_version
