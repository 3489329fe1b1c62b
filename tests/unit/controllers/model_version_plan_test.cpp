// Each row mutates one thing in what was seen of a ModelVersion; the whole plan is looked at.
#include <gtest/gtest.h>

#include "controllers/model_version/plan.h"
#include "crds/codec.h"

namespace clops::controllers::model_version {
namespace {

using crds::ConditionStatus;
using std::chrono::seconds;

const std::string kDigest = "sha256:" + std::string(64, 'a');
const WallTime kNow = *from_rfc3339("2026-11-21T12:00:00Z");

crds::ModelVersion version() {
  crds::ModelVersion mv;
  mv.meta = {.name = "fraud-7",
             .ns = "risk",
             .uid = "mv-uid",
             .resource_version = "5",
             .generation = 1,
             .creation_timestamp = "",
             .deletion_timestamp = "",
             .labels = {},
             .annotations = {},
             .owners = {}};
  mv.spec.model = "fraud";
  mv.spec.version = "7";
  mv.spec.model_format = {"xgboost", ""};
  mv.spec.storage_uri = "pvc://models/fraud/7/model.json";
  return mv;
}

crds::Inspection good_report() {
  return {.ok = true,
          .reason = "",
          .message = "",
          .digest = kDigest,
          .bytes = 10,
          .files = {{"model.json", kDigest, 10}},
          .format = "xgboost-json",
          .framework = "xgboost 3.2.0",
          .schema = {{{"input", "FP32", {-1, 2}}}, {}, {"a", "b"}}};
}

VerifyingPod pod(PodPhase phase) {
  return {.name = "fraud-7-inspect",
          .uid = "pod-uid",
          .owner = Owner::Us,
          .deleting = false,
          .phase = phase,
          .trouble = "",
          .deadline_exceeded = false,
          .created = kNow - seconds{3},
          .finished = kNow - seconds{1}};
}

Observed seen(std::optional<VerifyingPod> verifying = {}) {
  return {.object = version(), .pod = std::move(verifying), .report = {}, .refused = {}};
}

Observed failed_with(const std::string& reason) {
  Observed out = seen(pod(PodPhase::Succeeded));
  out.report = crds::Inspection{.ok = false,
                                .reason = reason,
                                .message = "model.json: it is so",
                                .digest = "",
                                .bytes = 0,
                                .files = {},
                                .format = "",
                                .framework = "",
                                .schema = {}};
  return out;
}

std::string text(const Plan& p) {
  std::string out = p.create_pod ? "create " : "";
  if (!p.delete_pod_uid.empty()) out += "delete ";
  for (const auto& c : p.status.conditions)
    out += c.type + "=" + std::string(crds::to_string(c.status)) + "/" + c.reason + " ";
  for (const auto& e : p.events)
    out += std::string(e.warning ? "!" : "+") + std::string(crds::to_string(e.reason)) + " ";
  if (p.again) out += "again";
  return out;
}

struct Row {
  const char* why;
  Observed seen;
  std::string want;
};

TEST(ModelVersionPlan, decides) {
  Options options;
  auto with = [](Observed o, auto change) {
    change(o);
    return o;
  };
  const std::vector<Row> table{
      {"nothing yet", seen(), "create Ready=Unknown/Verifying Reconciling=True/Verifying +Verifying "},
      {"pod pending", seen(pod(PodPhase::Waiting)),
       "Ready=Unknown/Verifying Reconciling=True/Verifying +Verifying again"},
      {"pod running", seen(pod(PodPhase::Running)),
       "Ready=Unknown/Verifying Reconciling=True/Verifying +Verifying again"},
      {"pod cannot start, for long",
       with(seen(pod(PodPhase::Waiting)),
            [](Observed& o) {
              o.pod->trouble = "ErrImagePull: no";
              o.pod->created = kNow - seconds{500};
            }),
       "Ready=False/VerifyingPodFailed Stalled=True/VerifyingPodFailed !VerifyingPodFailed "},
      {"verified", with(seen(pod(PodPhase::Succeeded)), [](Observed& o) { o.report = good_report(); }),
       "delete Ready=True/Verified +Verified "},
      {"verified, as pinned",
       with(seen(pod(PodPhase::Succeeded)),
            [](Observed& o) {
              o.report = good_report();
              o.object.spec.digest = kDigest;
            }),
       "delete Ready=True/Verified +Verified "},
      {"another artifact than pinned",
       with(seen(pod(PodPhase::Succeeded)),
            [](Observed& o) {
              o.report = good_report();
              o.object.spec.digest = "sha256:" + std::string(64, 'b');
            }),
       "delete Ready=False/DigestMismatch Stalled=True/DigestMismatch !DigestMismatch "},
      {"digest mismatch", failed_with("DigestMismatch"),
       "delete Ready=False/DigestMismatch Stalled=True/DigestMismatch !DigestMismatch "},
      {"a pickle", failed_with("UnsupportedFormat"),
       "delete Ready=False/UnsupportedFormat Stalled=True/UnsupportedFormat !UnsupportedFormat "},
      {"truncated", failed_with("InvalidModel"),
       "delete Ready=False/InvalidModel Stalled=True/InvalidModel !InvalidModel "},
      {"absent file: may still come", failed_with("NotFound"),
       "Ready=False/NotFound Stalled=True/NotFound !NotFound again"},
      {"source is down", failed_with("SourceUnavailable"),
       "Ready=False/SourceUnavailable Reconciling=True/SourceUnavailable !SourceUnavailable again"},
      {"unknown reason", failed_with("Martian"), "Ready=False/Internal Reconciling=True/Internal !Internal again"},
      {"source was down, and it is time to try again",
       with(failed_with("SourceUnavailable"), [](Observed& o) { o.pod->finished = kNow - seconds{60}; }),
       "delete Ready=False/SourceUnavailable Reconciling=True/SourceUnavailable !SourceUnavailable "},
      {"no report",
       with(seen(pod(PodPhase::Failed)), [](Observed& o) { o.report = fail(Code::NotFound, "its log is empty"); }),
       "Ready=False/VerifyingPodFailed Reconciling=True/VerifyingPodFailed !VerifyingPodFailed again"},
      {"took too long", with(seen(pod(PodPhase::Failed)), [](Observed& o) { o.pod->deadline_exceeded = true; }),
       "Ready=False/Timeout Reconciling=True/Timeout !Timeout again"},
      {"somebody else's pod", with(seen(pod(PodPhase::Running)), [](Observed& o) { o.pod->owner = Owner::Another; }),
       "Ready=False/ChildConflict Stalled=True/ChildConflict !ChildConflict again"},
      {"pod of an earlier ModelVersion",
       with(seen(pod(PodPhase::Running)), [](Observed& o) { o.pod->owner = Owner::Former; }),
       "Ready=Unknown/Verifying Reconciling=True/Verifying +Verifying again"},
      {"pod refused", with(seen(), [](Observed& o) { o.refused = Error{Code::PermissionDenied, "quota"}; }),
       "Ready=False/ChildRefused Reconciling=True/ChildRefused !ChildRefused "},
      {"file:// where it is not allowed", with(seen(), [](Observed& o) { o.object.spec.storage_uri = "file:///m"; }),
       "Ready=False/UnsupportedUri Stalled=True/UnsupportedUri !UnsupportedUri "},
  };
  for (const auto& row : table) {
    const Plan got = plan(row.seen, options, kNow);
    EXPECT_EQ(text(got), row.want) << row.why;
    for (const auto& c : got.status.conditions) EXPECT_EQ(c.observed_generation, 1) << row.why;
    EXPECT_EQ(got.status.observed_generation, 1) << row.why;
  }
}

TEST(ModelVersionPlan, what_is_written_plans_nothing_again) {  // no_write_when_converged
  Options options;
  for (const char* reason : {"DigestMismatch", "NotFound", "SourceUnavailable", "InvalidModel"}) {
    Observed o = failed_with(reason);
    o.object.status = plan(o, options, kNow).status;
    const Plan again = plan(o, options, kNow + std::chrono::milliseconds{200});
    EXPECT_EQ(again.status, o.object.status) << reason;
    EXPECT_TRUE(again.events.empty()) << reason;
    EXPECT_FALSE(again.create_pod) << reason;
  }
  Observed o = seen(pod(PodPhase::Succeeded));
  o.report = good_report();
  o.object.status = plan(o, options, kNow).status;
  o.pod.reset();
  o.report.reset();
  const Plan again = plan(o, options, kNow + seconds{1'000'000});
  EXPECT_EQ(again,
            (Plan{.create_pod = {}, .delete_pod_uid = "", .status = o.object.status, .events = {}, .again = {}}));
}

TEST(ModelVersionPlan, the_digest_stays_pinned) {
  Observed o = seen();
  o.object.status.resolved_digest = kDigest;  // status without its conditions: something was lost
  const Plan next = plan(o, {}, kNow);
  ASSERT_TRUE(next.create_pod);
  EXPECT_NE(dump_json(*next.create_pod).find("--digest=" + kDigest), std::string::npos);
}

TEST(ModelVersionPlan, tries_grow_further_apart) {
  Options options;
  Observed o = failed_with("SourceUnavailable");
  o.pod->finished = kNow;
  Plan p = plan(o, options, kNow);
  EXPECT_EQ(p.again, Duration(seconds{5}));
  o.object.status = p.status;
  o.pod->finished = kNow + seconds{40};  // it has failed for 40 s by now
  p = plan(o, options, kNow + seconds{40});
  EXPECT_EQ(p.again, Duration(seconds{40}));
  o.pod->finished = kNow + seconds{100'000};
  EXPECT_EQ(plan(o, options, kNow + seconds{100'000}).again, Duration(seconds{600}));
}

TEST(ModelVersionPlan, the_pod_is_restricted_and_the_objects_own) {
  Observed o = seen();
  o.object.spec.service_account_name = "reader";
  o.object.spec.digest = kDigest;
  o.object.spec.storage_uri = "pvc://models/a$(b)/model.json";
  Options options;
  options.allow_file_uris = true;
  options.server_image = "clops-server:1";
  const Json pod_json = *plan(o, options, kNow).create_pod;
  EXPECT_EQ(pod_json["metadata"]["ownerReferences"][0]["uid"], "mv-uid");
  EXPECT_EQ(pod_json["metadata"]["labels"]["clops.dev/model-version"], "fraud-7");
  EXPECT_EQ(pod_json["spec"]["serviceAccountName"], "reader");
  EXPECT_EQ(pod_json["spec"]["securityContext"]["runAsNonRoot"], true);
  EXPECT_EQ(pod_json["spec"]["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
  const Json& container = pod_json["spec"]["containers"][0];
  EXPECT_EQ(container["securityContext"]["capabilities"]["drop"], Json::array({"ALL"}));
  EXPECT_EQ(container["args"],
            Json::array({"inspect", "--uri=pvc://models/a$$(b)/model.json", "--digest=" + kDigest, "--format=xgboost",
                         "--cache=/var/cache/clops", "--pvc=models=/mnt/pvc/models", "--allow-file-uris"}));
  EXPECT_EQ(pod_json["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"], "models");
  // Its root file system is read-only: what it writes to is a volume.
  EXPECT_EQ(pod_json["spec"]["volumes"][1]["emptyDir"]["sizeLimit"], "10Gi");
  EXPECT_EQ(container["volumeMounts"][1]["mountPath"], "/var/cache/clops");
}

TEST(ModelVersionPlan, what_a_running_pod_has_reported_is_taken) {
  Observed o = seen(pod(PodPhase::Running));
  o.report = good_report();
  const Plan next = plan(o, {}, kNow);
  EXPECT_EQ(crds::find_condition(next.status.conditions, crds::kReady)->status, crds::ConditionStatus::True);
  EXPECT_EQ(next.delete_pod_uid, o.pod->uid);
}

TEST(ModelVersionPlan, a_schema_over_its_limit_loses_its_column_names) {
  Observed o = seen(pod(PodPhase::Succeeded));
  crds::Inspection report = good_report();
  report.schema.feature_names.assign(4'000, "a_rather_long_column_name");
  o.report = report;
  const Plan next = plan(o, {}, kNow);
  EXPECT_TRUE(next.status.schema.feature_names.empty());
  EXPECT_NE(crds::find_condition(next.status.conditions, crds::kReady)->message.find("32 KiB"), std::string::npos);
}

}  // namespace
}  // namespace clops::controllers::model_version
