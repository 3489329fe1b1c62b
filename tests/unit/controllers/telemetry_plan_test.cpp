// What pods are told of where to tell of their calls.
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/controllers/model_deployment_world.h"

namespace clops::controllers::model_deployment {
namespace {

// Where pods tell of their calls: the collector is the operator's to say, the logger the deployment's.
TEST(ModelDeploymentPlan, pods_are_told_where_to_tell_of_their_calls) {
  World world;
  world.options.otlp_endpoint = "http://collector:4318";
  world.options.otlp_headers_secret = "collector";
  world.options.trace_ratio = 0.25;
  world.seen.object.spec.logger = crds::Logger{.url = "http://broker/x"};
  EXPECT_GE(world.settle(), 0);
  const auto child = [&](const std::string& kind) {
    return std::ranges::find(world.seen.children, kind, [](const LiveChild& c) { return c.type.kind; })->body;
  };
  const Json server = child("Deployment").at("spec").at("template").at("spec").at("containers").at(0);
  std::set<std::string> args = server.at("args").get<std::set<std::string>>();
  EXPECT_TRUE(args.contains("--otlp-endpoint=http://collector:4318"));
  EXPECT_TRUE(args.contains("--otlp-service-name=fraud"));
  EXPECT_TRUE(args.contains("--trace-ratio=0.25"));
  const Json& secret = server.at("env").back();
  EXPECT_EQ(string_at(secret, {"name"}), "OTEL_EXPORTER_OTLP_HEADERS");
  EXPECT_EQ(string_at(secret, {"valueFrom", "secretKeyRef", "name"}), "collector");
  const auto config = crds::decode_serving_config(string_at(child("ConfigMap"), {"data", "serving.json"}));
  ASSERT_TRUE(config);
  ASSERT_TRUE(config->models.front().logger);
  EXPECT_EQ(config->models.front().logger->url, "http://broker/x");
  EXPECT_EQ(config->models.front().logger->ns, "risk");
}

}  // namespace
}  // namespace clops::controllers::model_deployment
