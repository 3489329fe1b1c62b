#include "controllers/model_version/plan.h"

#include <algorithm>

#include "crds/codec.h"

namespace clops::controllers::model_version {
namespace {

using crds::ConditionStatus;
using crds::Reason;
using std::chrono::seconds;

constexpr size_t kSchemaBytesMax = 32u << 10;
constexpr seconds kPodDeadline{600};     // fetching and reading; the pod is ended then
constexpr seconds kPendingStalled{120};  // a pod that has not started for this long needs somebody's help
// The report is there before the kubelet says that the pod has ended, which it finds out once a second: whoever waits
// for a small model would wait for that.
constexpr seconds kSoon{10};
constexpr Duration kLookSoon = std::chrono::milliseconds{200}, kLookLater = seconds{10};
constexpr seconds kRetryFirst{5}, kRetryMax{600};

bool is_final(const crds::ModelVersionStatus& status) {
  const crds::Condition* ready = crds::find_condition(status.conditions, crds::kReady);
  if (!ready || ready->status == ConditionStatus::Unknown) return false;
  return ready->status == ConditionStatus::True || !crds::worth_retrying(crds::inspection_reason(ready->reason));
}

// The delay before the next try doubles by itself: it is how long the tries have failed so far.
Duration retry_delay(const crds::ModelVersionStatus& status, WallTime finished) {
  const crds::Condition* ready = crds::find_condition(status.conditions, crds::kReady);
  const auto since = ready && ready->status == ConditionStatus::False ? from_rfc3339(ready->last_transition_time)
                                                                      : Result<WallTime>(finished);
  const Duration failing = since ? Duration(finished - *since) : Duration(0);
  return std::clamp<Duration>(failing, kRetryFirst, kRetryMax);
}

Json pod_object(const crds::ModelVersion& object, const Options& options) {
  const auto& spec = object.spec;
  const std::string& digest = spec.digest.empty() ? object.status.resolved_digest : spec.digest;
  std::vector<std::string> args{"inspect", "--uri=" + literal_argument(spec.storage_uri)};
  if (!digest.empty()) args.push_back("--digest=" + digest);
  args.push_back("--format=" + spec.model_format.name);
  args.emplace_back("--cache=/var/cache/clops");  // nothing else may be written to
  const std::string claim = claim_of(spec.storage_uri);
  ClaimParts claims = claim_parts(claim.empty() ? std::vector<std::string>{} : std::vector<std::string>{claim});
  args.insert(args.end(), claims.flags.begin(), claims.flags.end());
  if (options.allow_file_uris) args.emplace_back("--allow-file-uris");

  Json container{{"name", "inspect"},
                 {"image", options.server_image},
                 {"imagePullPolicy", options.image_pull_policy},
                 {"args", args},
                 {"securityContext", restricted_container_security()},
                 {"resources", {{"requests", {{"cpu", "100m"}, {"memory", "64Mi"}}}, {"limits", {{"memory", "1Gi"}}}}}};
  claims.mounts.push_back({{"name", "cache"}, {"mountPath", "/var/cache/clops"}});
  claims.volumes.push_back({{"name", "cache"}, {"emptyDir", {{"sizeLimit", "10Gi"}}}});
  container["volumeMounts"] = claims.mounts;
  Json pod = frame(kPods, pod_name(object), crds::kModelVersionType, object.meta,
                   {{kNameLabel, kServerName}, {kManagedByLabel, "clops-operator"}, {kVersionLabel, object.meta.name}});
  pod["spec"] = {{"restartPolicy", "Never"},
                 {"activeDeadlineSeconds", kPodDeadline.count()},
                 {"automountServiceAccountToken", false},
                 {"enableServiceLinks", false},
                 {"terminationGracePeriodSeconds", 5},
                 {"securityContext", restricted_pod_security()},
                 {"containers", Json::array({std::move(container)})}};
  if (!spec.service_account_name.empty()) pod["spec"]["serviceAccountName"] = spec.service_account_name;
  pod["spec"]["volumes"] = claims.volumes;
  return pod;
}

class Planner {
 public:
  Planner(const Observed& observed, const Options& options, WallTime now)
      : observed_(observed), object_(observed.object), options_(options), now_(now), now_text_(to_rfc3339(now)) {
    plan_.status = object_.status;
    plan_.status.observed_generation = object_.meta.generation;
  }

  Plan run() {
    if (object_.spec.storage_uri.starts_with("file://") && !options_.allow_file_uris) {
      fail(Reason::UnsupportedUri,
           "spec.storageUri: file:// is read only where the operator runs with --allow-file-uris, as on the embedded "
           "plane; write pvc://, "
           "http:// or https:// instead");
    } else if (is_final(object_.status) && object_.status.observed_generation == object_.meta.generation) {
      if (observed_.pod && observed_.pod->owner == Owner::Us && !observed_.pod->deleting)
        plan_.delete_pod_uid = observed_.pod->uid;
    } else if (observed_.refused) {
      fail(Reason::ChildRefused, "pod " + pod_name(object_) + ": " + observed_.refused->message, Reconcile::Goes);
    } else if (!observed_.pod) {
      start();
    } else {
      follow(*observed_.pod);
    }
    return std::move(plan_);
  }

 private:
  enum class Reconcile { Goes, Stalls };

  void start() {
    plan_.create_pod = pod_object(object_, options_);
    if (!failing()) progress("verifying " + object_.spec.storage_uri);
  }

  void follow(const VerifyingPod& pod) {
    if (pod.owner == Owner::Former || (pod.owner == Owner::Us && pod.deleting)) {
      if (!failing()) progress("waiting for an earlier pod " + pod.name + " to go");
      plan_.again = seconds{5};
    } else if (pod.owner != Owner::Us) {
      fail(Reason::ChildConflict, "pod " + pod.name + " exists and is not this ModelVersion's: rename or remove it");
      plan_.again = seconds{30};
    } else if (pod.phase == PodPhase::Waiting || (pod.phase == PodPhase::Running && !observed_.report)) {
      wait(pod);
    } else {
      finish(pod);
    }
  }

  void wait(const VerifyingPod& pod) {
    const Duration age = now_ - pod.created;
    if (pod.phase == PodPhase::Waiting && !pod.trouble.empty() && age >= kPendingStalled) {
      fail(Reason::VerifyingPodFailed, "pod " + pod.name + " does not start: " + pod.trouble);
      return;
    }
    plan_.again = pod.phase == PodPhase::Waiting ? std::max<Duration>(kPendingStalled - age, seconds{5})
                  : age < kSoon                  ? kLookSoon
                                                 : kLookLater;
    if (!failing()) progress("verifying " + object_.spec.storage_uri + (pod.trouble.empty() ? "" : ": " + pod.trouble));
  }

  void finish(const VerifyingPod& pod) {
    if (observed_.report && *observed_.report) {
      const crds::Inspection& found = **observed_.report;
      if (!found.ok) return fail_from_pod(crds::inspection_reason(found.reason), found.message, pod);
      const std::string pinned = object_.spec.digest.empty() ? object_.status.resolved_digest : object_.spec.digest;
      if (!pinned.empty() && pinned != found.digest) {
        return fail_from_pod(Reason::DigestMismatch,
                             object_.spec.storage_uri + " is " + found.digest + ", must be " + pinned, pod);
      }
      return accept(found, pod);
    }
    if (pod.deadline_exceeded) {
      return fail_from_pod(
          Reason::Timeout,
          "reading " + object_.spec.storage_uri + " took longer than " + std::to_string(kPodDeadline.count()) + " s",
          pod);
    }
    std::string why = "pod " + pod.name + " gave no report";
    if (!pod.trouble.empty()) why += ": " + pod.trouble;
    if (observed_.report) why += " (" + observed_.report->error().message + ")";
    fail_from_pod(Reason::VerifyingPodFailed, why, pod);
  }

  void accept(const crds::Inspection& found, const VerifyingPod& pod) {
    auto& status = plan_.status;
    status.resolved_digest = found.digest;
    status.files = found.files;
    status.bytes = found.bytes;
    status.format = found.format;
    status.framework = found.framework;
    status.schema = found.schema;
    std::string message = found.format + ", " + std::to_string(found.bytes) + " bytes, " + found.digest;
    if (dump_json(crds::encode(status)["schema"]).size() > kSchemaBytesMax) {
      status.schema.feature_names.clear();
      message += "; the column names are left out of status.schema, which would be over 32 KiB";
    }
    set(ConditionStatus::True, Reason::Verified, message);
    crds::remove_condition(status.conditions, crds::kReconciling);
    crds::remove_condition(status.conditions, crds::kStalled);
    plan_.delete_pod_uid = pod.uid;
  }

  void fail_from_pod(Reason reason, const std::string& message, const VerifyingPod& pod) {
    const bool slow =
        reason == Reason::NotFound || reason == Reason::PermissionDenied;  // somebody must act, then it may work
    const Duration delay = retry_delay(plan_.status, pod.finished);
    fail(reason, message, crds::worth_retrying(reason) && !slow ? Reconcile::Goes : Reconcile::Stalls);
    if (!crds::worth_retrying(reason)) {
      plan_.delete_pod_uid = pod.uid;
      return;
    }
    const Duration left = pod.finished + delay - now_;
    if (left <= Duration(0)) {
      plan_.delete_pod_uid = pod.uid;
    } else {
      plan_.again = left;
    }
  }

  // Known to have failed before: what is said of it stays until the next try has ended.
  bool failing() const {
    const crds::Condition* ready = crds::find_condition(object_.status.conditions, crds::kReady);
    return ready && ready->status == ConditionStatus::False &&
           object_.status.observed_generation == object_.meta.generation;
  }

  void progress(const std::string& message) {
    set(ConditionStatus::Unknown, Reason::Verifying, message);
    crds::remove_condition(plan_.status.conditions, crds::kStalled);
    crds::set_condition(plan_.status.conditions,
                        make(crds::kReconciling, ConditionStatus::True, Reason::Verifying, message));
  }

  void fail(Reason reason, const std::string& message, Reconcile reconcile = Reconcile::Stalls) {
    set(ConditionStatus::False, reason, message);
    const char* on = reconcile == Reconcile::Goes ? crds::kReconciling : crds::kStalled;
    crds::remove_condition(plan_.status.conditions, reconcile == Reconcile::Goes ? crds::kStalled : crds::kReconciling);
    crds::set_condition(plan_.status.conditions, make(on, ConditionStatus::True, reason, message));
  }

  crds::Condition make(const char* type, ConditionStatus status, Reason reason, const std::string& message) {
    return condition(type, status, reason, message, object_.meta.generation, now_text_);
  }

  void set(ConditionStatus status, Reason reason, const std::string& message) {
    const crds::Condition next = make(crds::kReady, status, reason, message);
    const crds::Condition* before = crds::find_condition(object_.status.conditions, crds::kReady);
    const bool told =
        before && before->reason == next.reason && (before->message == next.message || reason == Reason::Verifying);
    crds::set_condition(plan_.status.conditions, next);
    if (!told) plan_.events.push_back({status == ConditionStatus::False, reason, next.message});
  }

  const Observed& observed_;
  const crds::ModelVersion& object_;
  const Options& options_;
  const WallTime now_;
  const std::string now_text_;
  Plan plan_;
};

}  // namespace

std::string pod_name(const crds::ModelVersion& object) {
  return object.meta.name + "-inspect";
}

Plan plan(const Observed& observed, const Options& options, WallTime now) {
  return Planner(observed, options, now).run();
}

}  // namespace clops::controllers::model_version
