// Workloads decoded from API objects: Kubernetes' defaults, and errors that name the field.
#include "crds/workload.h"

#include <gtest/gtest.h>

namespace clops::crds {
namespace {

TEST(Workload, fills_in_what_kubernetes_would) {
  const auto spec = decode_pod_spec(
      Json{{"containers",
            Json::array({{{"name", "c"}, {"image", "i"}, {"livenessProbe", {{"httpGet", {{"port", 80}}}}}}})}});
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->restart_policy, RestartPolicy::Always);
  EXPECT_EQ(spec->termination_grace_seconds, 30);
  EXPECT_EQ(spec->containers[0].liveness->path, "/");
  EXPECT_EQ(spec->containers[0].liveness->port, "80");
  EXPECT_EQ(spec->containers[0].liveness->period_seconds, 10);
  const auto deployment = decode_deployment(
      {{"metadata", {{"name", "d"}}}, {"spec", {{"strategy", {{"rollingUpdate", {{"maxSurge", 2}}}}}}}});
  ASSERT_TRUE(deployment);
  EXPECT_EQ(deployment->replicas, 1);
  EXPECT_EQ(deployment->max_surge, (IntOrPercent{2, false}));
  EXPECT_EQ(deployment->max_unavailable, (IntOrPercent{25, true}));
}

TEST(Workload, names_the_field_at_fault) {
  const Json good = {{"name", "c"}};
  const std::vector<std::pair<Json, std::string>> rows = {
      {Json::object(), "spec.containers: is required"},
      {{{"containers", Json::array({Json::object()})}}, "spec.containers[0].name: is required"},
      {{{"containers", "x"}}, "spec.containers: must be a list"},
      {{{"containers", Json::array({good})}, {"restartPolicy", "Sometimes"}},
       "spec.restartPolicy: must be Always, OnFailure or Never"},
      {{{"containers", Json::array({good})},
        {"volumes", Json::array({{{"name", "v"}, {"hostPath", {{"path", "/"}}}}})}},
       "spec.volumes[0]: volume \"v\" is none of emptyDir, configMap, secret, persistentVolumeClaim, projected, "
       "downwardAPI"},
      {{{"containers", Json::array({{{"name", "c"}, {"readinessProbe", {{"grpc", {{"port", 1}}}}}}})}},
       "spec.containers[0].readinessProbe: only httpGet, tcpSocket and exec probes are known here"}};
  for (const auto& [spec, message] : rows) {
    const auto decoded = decode_pod_spec(spec);
    ASSERT_FALSE(decoded) << message;
    EXPECT_EQ(decoded.error().message, message);
  }
}

TEST(Workload, quantities) {
  EXPECT_EQ(parse_cpu_millis("500m"), 500);
  EXPECT_EQ(parse_cpu_millis("2"), 2000);
  EXPECT_EQ(parse_cpu_millis("0.1"), 100);
  EXPECT_EQ(parse_bytes("64Mi"), 64 << 20);
  EXPECT_EQ(parse_bytes("1G"), 1'000'000'000);
  for (const char* bad : {"", "x", "-1", "1Zi", "inf"}) EXPECT_FALSE(parse_bytes(bad)) << bad;
}

}  // namespace
}  // namespace clops::crds
