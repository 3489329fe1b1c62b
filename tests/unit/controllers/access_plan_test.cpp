// What pods are told of certificates and callers.
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/controllers/model_deployment_world.h"

namespace clops::controllers::model_deployment {
namespace {

TEST(ModelDeploymentPlan, tls_and_callers_become_flags_and_volumes_of_the_pods) {
  World world;
  crds::ModelDeploymentSpec& spec = world.seen.object.spec;
  spec.tls = crds::TlsSpec{.secret_name = "fraud-tls", .client_auth = "", .client_ca_secret_name = ""};
  spec.auth = crds::AuthSpec{.bearer_secret_name = "callers",
                             .jwt = crds::JwtSpec{.jwks_secret_name = "",
                                                  .jwks_config_map_name = "issuer",
                                                  .issuer = "https://i/$(X)",
                                                  .audiences = {"a", "b"},
                                                  .required_claims = {{"role", "scorer"}}}};
  world.settle();
  EXPECT_EQ(world.seen.object.status.url, "https://fraud.risk.svc:8080");
  EXPECT_EQ(world.seen.object.status.grpc_url, "grpcs://fraud.risk.svc:8080");
  Json pod = world.child(kDeployments)->body["spec"]["template"]["spec"];
  const Json& server = pod["containers"][0];
  const std::string args = dump_json(server["args"]);
  for (const char* flag :
       {"--tls-cert=/etc/clops-tls/tls.crt", "--tls-key=/etc/clops-tls/tls.key", "--auth-callers=/etc/clops-callers",
        "--auth-jwks=/etc/clops-jwks/jwks.json", "--auth-issuer=https://i/$$(X)", "--auth-audience=a",
        "--auth-audience=b", "--auth-claim=role=scorer"})
    EXPECT_NE(args.find("\"" + std::string(flag) + "\""), std::string::npos) << flag << " in " << args;
  EXPECT_EQ(args.find("client-ca"), std::string::npos);
  const std::string volumes = dump_json(pod["volumes"]);
  EXPECT_NE(volumes.find(R"("secretName":"fraud-tls")"), std::string::npos) << volumes;
  EXPECT_NE(volumes.find(R"("items":[{"key":"jwks.json","path":"jwks.json"}],"name":"issuer")"), std::string::npos)
      << volumes;
  EXPECT_EQ(server["readinessProbe"]["httpGet"]["scheme"], "HTTPS");
  EXPECT_EQ(server["readinessProbe"]["httpGet"]["port"], "http");
  EXPECT_EQ(server["livenessProbe"]["httpGet"]["scheme"], "HTTP");
  // The pods of before keep their endpoints while the new ones come: the port's name in the pod is what it was.
  EXPECT_EQ(server["ports"][0]["name"], "http");
  const Json port = world.child(kServices)->body["spec"]["ports"][0];
  EXPECT_EQ(port["name"], "https");
  EXPECT_EQ(port["targetPort"], "http");
}

TEST(ModelDeploymentPlan, where_clients_need_certificates_the_kubelet_asks_the_admin_port) {
  World world;
  world.seen.object.spec.tls =
      crds::TlsSpec{.secret_name = "fraud-tls", .client_auth = "Require", .client_ca_secret_name = "clients"};
  world.settle();
  const Json pod = world.child(kDeployments)->body["spec"]["template"]["spec"];
  const std::string args = dump_json(pod["containers"][0]["args"]);
  EXPECT_NE(args.find("--tls-client-ca=/etc/clops-client-ca/ca.crt\",\"--tls-client-auth=require"), std::string::npos)
      << args;
  EXPECT_NE(dump_json(pod["volumes"]).find(R"("secretName":"clients")"), std::string::npos);
  EXPECT_EQ(pod["containers"][0]["readinessProbe"]["httpGet"],
            (Json{{"path", "/readyz"}, {"port", "admin"}, {"scheme", "HTTP"}}));
}

}  // namespace
}  // namespace clops::controllers::model_deployment
