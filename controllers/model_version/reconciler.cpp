#include "controllers/model_version/reconciler.h"

#include <algorithm>

#include "controllers/common/writes.h"
#include "crds/codec.h"

namespace clops::controllers::model_version {
namespace {

// A pod that the cache does not show is asked for this often: what becomes of it no watch may ever tell.
constexpr std::chrono::seconds kUnseenPodAgain{30};

WallTime time_at(const Json& object, std::initializer_list<std::string_view> path, WallTime fallback) {
  const auto time = from_rfc3339(string_at(object, path));
  return time ? *time : fallback;
}

std::string join_reason(const std::string& reason, const std::string& message) {
  return reason.empty() ? message : message.empty() ? reason : reason + ": " + message;
}

Result<crds::Inspection> read_report(op::Context& context, const ObjectKey& pod) {
  CLOPS_ASSIGN(
      const std::string log,
      context.client.logs(pod, {.container = "", .tail_lines = 1, .limit_bytes = 128 << 10, .previous = false}));
  const size_t end = log.find_last_not_of("\r\n");
  if (end == std::string::npos) return fail(Code::NotFound, "its log is empty");
  const size_t begin = log.find_last_of('\n', end);
  const size_t first = begin == std::string::npos ? 0 : begin + 1;
  const std::string line = log.substr(first, end + 1 - first);
  if (line.front() != '{') return fail(Code::InvalidArgument, "its log ends with: " + line.substr(0, 500));
  auto report = crds::decode_inspection(line);
  if (!report) return fail_in("the last line of its log", report.error());
  return report;
}

}  // namespace

VerifyingPod view_of(const Json& pod, const ObjectMeta& meta, const ObjectMeta& owner) {
  VerifyingPod view{.name = meta.name,
                    .uid = meta.uid,
                    .owner = owner_of(meta, crds::kModelVersionType, owner),
                    .deleting = !meta.deletion_timestamp.empty(),
                    .phase = PodPhase::Waiting,
                    .trouble = "",
                    .deadline_exceeded = string_at(pod, {"status", "reason"}) == "DeadlineExceeded",
                    .created = WallTime{},
                    .finished = WallTime{}};
  view.created = time_at(pod, {"metadata", "creationTimestamp"}, WallTime{});
  view.finished = view.created;
  const std::string phase = string_at(pod, {"status", "phase"});
  view.phase = phase == "Running"     ? PodPhase::Running
               : phase == "Succeeded" ? PodPhase::Succeeded
               : phase == "Failed"    ? PodPhase::Failed
                                      : PodPhase::Waiting;
  view.trouble = join_reason(string_at(pod, {"status", "reason"}), string_at(pod, {"status", "message"}));
  const Json* statuses = find_path(pod, {"status", "containerStatuses"});
  if (statuses && statuses->is_array() && !statuses->empty()) {
    const Json& container = statuses->front();
    // A container that has ended before the node first looked: kubelet leaves the phase at Pending for another second.
    if (view.phase == PodPhase::Waiting &&
        (find_path(container, {"state", "terminated"}) || find_path(container, {"state", "running"})))
      view.phase = PodPhase::Running;
    if (find_path(container, {"state", "waiting"})) {
      const std::string reason = string_at(container, {"state", "waiting", "reason"});
      if (reason != "ContainerCreating" && reason != "PodInitializing") {
        view.trouble = join_reason(reason, string_at(container, {"state", "waiting", "message"}));
      }
    } else if (find_path(container, {"state", "terminated"})) {
      view.finished = time_at(container, {"state", "terminated", "finishedAt"}, view.created);
      const int64_t code = int_at(container, {"state", "terminated", "exitCode"});
      if (view.trouble.empty() && code != 0) {
        view.trouble =
            join_reason(string_at(container, {"state", "terminated", "reason"}), "exit code " + std::to_string(code));
      }
    }
  }
  const Json* conditions = find_path(pod, {"status", "conditions"});
  if (view.phase == PodPhase::Waiting && view.trouble.empty() && conditions && conditions->is_array()) {
    for (const auto& item : *conditions) {
      if (string_at(item, {"type"}) == "PodScheduled" && string_at(item, {"status"}) == "False") {
        view.trouble = join_reason(string_at(item, {"reason"}), string_at(item, {"message"}));
      }
    }
  }
  return view;
}

op::Outcome Reconciler::reconcile(const ObjectKey& key, op::Context& context) {
  const op::ObjectPtr cached = context.cache.get(crds::kModelVersionType, key);
  if (!cached || !cached->meta.deletion_timestamp.empty()) return op::Done{};  // the pod goes with its owner
  auto object = crds::decode_model_version(cached->body());
  if (!object) return op::Failed{object.error(), true};

  Observed observed{.object = std::move(*object), .pod = {}, .report = {}, .refused = {}};
  const ObjectMeta& meta = observed.object.meta;
  const ObjectKey pod_key{key.ns, pod_name(observed.object)};
  if (const op::ObjectPtr pod = context.cache.get(kPods, pod_key)) {
    observed.pod = view_of(pod->body(), pod->meta, meta);
    const bool finished = observed.pod->phase == PodPhase::Succeeded || observed.pod->phase == PodPhase::Failed;
    const bool begun = finished || observed.pod->phase == PodPhase::Running;
    if (begun && observed.pod->owner == Owner::Us && !observed.pod->deleting) {
      auto report = read_report(context, pod_key);
      if (finished && !report && report.error().code == Code::Unavailable) return op::Failed{report.error(), false};
      // A report is whole or none. Most models are read before the node has said that the pod runs, and it says only a
      // second later that it has ended.
      if (finished || report) observed.report = std::move(report);
    }
  }
  Plan next = plan(observed, options_, context.clock.wall());
  std::optional<Error> refused;
  if (next.create_pod) {
    if (const Status owner = owner_still_there(context, crds::kModelVersionType, meta); !owner)
      return op::Failed{owner.error(), false};
    const auto created = context.client.create(kPods, *next.create_pod, kFieldManager);
    if (!created && created.error().code == Code::AlreadyExists) {  // not in the cache yet, or not ours
      auto live = context.client.get(kPods, pod_key);
      if (!live) return op::Failed{live.error(), false};
      observed.pod = view_of(*live, kube::decode_meta(*live), meta);
      next = plan(observed, options_, context.clock.wall());
      next.again = std::min<Duration>(next.again.value_or(std::chrono::seconds{1}), kUnseenPodAgain);
    } else if (!created) {
      refused = observed.refused = created.error();
      next = plan(observed, options_, context.clock.wall());
    }
  }
  if (next.status != observed.object.status) {
    if (const Status written = write_status(context, crds::kModelVersionType, meta, crds::encode(next.status));
        !written) {
      return op::Failed{written.error(), false};
    }
    tell(context, crds::kModelVersionType, meta, next.events);
  }
  if (!next.delete_pod_uid.empty()) {
    if (const Status removed = remove_child(context, kPods, pod_key, next.delete_pod_uid); !removed)
      return op::Failed{removed.error(), false};
  }
  if (refused) return op::Failed{*refused, false};
  if (next.again) return op::After{*next.again};
  return op::Done{};
}

}  // namespace clops::controllers::model_version
