// The commands against an API server with scripted answers: what is sent, what is printed, how it ends.
#include <gtest/gtest.h>

#include "tests/unit/cli/fake_cluster.h"

namespace clops::cli {
namespace {

using testing::Test;

const std::string kDeployments = "/apis/clops.dev/v1alpha1/namespaces/risk/modeldeployments";
const std::string kFraud =
    "apiVersion: clops.dev/v1alpha1\nkind: ModelDeployment\nmetadata: {name: fraud}\nspec: {variants: []}\n";

Json fraud(const std::string& resource_version = "1") {
  return {{"apiVersion", "clops.dev/v1alpha1"},
          {"kind", "ModelDeployment"},
          {"metadata",
           {{"name", "fraud"},
            {"namespace", "risk"},
            {"generation", 2},
            {"resourceVersion", resource_version},
            {"creationTimestamp", "2026-11-21T09:58:30Z"}}},
          {"spec", {{"variants", Json::array()}}}};
}

Json with_ready(Json object, const std::string& status, const std::string& message, int observed_generation = 2) {
  object["status"] = {{"observedGeneration", observed_generation},
                      {"conditions",
                       {{{"type", "Ready"},
                         {"status", status},
                         {"reason", "SomeReason"},
                         {"message", message},
                         {"lastTransitionTime", "2026-11-21T09:59:00Z"}}}}};
  return object;
}

Json refusal(int code, const std::string& reason, const std::string& message) {
  return {{"kind", "Status"}, {"apiVersion", "v1"}, {"status", "Failure"},
          {"reason", reason}, {"code", code},       {"message", message}};
}

TEST(CommandLine, usage_errors_end_with_2_and_help_with_0) {
  FakeCluster cluster;
  EXPECT_EQ(cluster.run({}).exit_code, 2);
  EXPECT_EQ(cluster.run({"aply"}).exit_code, 2);
  EXPECT_EQ(cluster.run({"apply"}).exit_code, 2);
  EXPECT_EQ(cluster.run({"get", "md", "-o", "xml"}).exit_code, 2);
  const auto help = cluster.run({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const char* text : {"apply", "clops local up", "Exit codes", "predict"})
    EXPECT_NE(help.out.find(text), std::string::npos) << text;
}

TEST(CommandLine, finds_its_kubeconfig_in_order) {
  FakeCluster cluster;
  cluster.answer("GET " + kDeployments + "/fraud", 200, fraud());
  EXPECT_EQ(cluster.run({"get", "md", "fraud", "-o", "name"}).out, "modeldeployment.clops.dev/fraud\n")
      << "$KUBECONFIG";

  const std::string config = cluster.kubeconfig_text();
  cluster.env["KUBECONFIG"] = "/nowhere/kubeconfig";
  EXPECT_EQ(cluster.run({"get", "md", "fraud", "-o", "name"}).exit_code, 4)
      << "a file named but absent is never passed over";
  const std::string given = cluster.write("given", config).string();
  EXPECT_EQ(cluster.run({"get", "md", "fraud", "-o", "name", "--kubeconfig", given}).exit_code, 0);

  cluster.env.erase("KUBECONFIG");
  const auto none = cluster.run({"get", "md"});
  EXPECT_EQ(none.exit_code, 4);
  EXPECT_NE(none.err.find("clops local up"), std::string::npos) << none.err;
  (void)cluster.write(".kube/config", config);
  EXPECT_EQ(cluster.run({"get", "md", "fraud", "-o", "name"}).exit_code, 0) << "~/.kube/config";
  (void)cluster.write(".local/state/clops/local/kubeconfig", "apiVersion: v1\nkind: Config\n");
  EXPECT_NE(cluster.run({"get", "md", "fraud", "-o", "name"}).exit_code, 0)
      << "the embedded plane's comes before ~/.kube/config";
}

TEST(CommandLine, says_what_to_do_when_the_embedded_plane_does_not_answer) {
  FakeCluster cluster;
  cluster.env.erase("KUBECONFIG");
  std::string config = cluster.kubeconfig_text();
  config.replace(config.find(cluster.url()), cluster.url().size(), "http://127.0.0.1:1");
  (void)cluster.write(".local/state/clops/local/kubeconfig", config);
  const auto outcome = cluster.run({"get", "md"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.err.find("start it with `clops local up`"), std::string::npos) << outcome.err;
}

TEST(Apply, says_created_configured_or_unchanged) {
  FakeCluster cluster;
  const std::string file = cluster.write("fraud.yaml", kFraud).string(), path = kDeployments + "/fraud";
  cluster.answer("PATCH " + path, 201, fraud("1"));
  EXPECT_EQ(cluster.run({"apply", "-f", file}).out, "modeldeployment.clops.dev/fraud created\n");
  const auto sent = cluster.requests("PATCH " + path);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].headers.get("Content-Type").value_or(""), "application/apply-patch+yaml");
  EXPECT_NE(sent[0].url.find("fieldManager=clops-cli"), std::string::npos) << sent[0].url;

  cluster.answer("GET " + path, 200, fraud("1"));
  EXPECT_EQ(cluster.run({"apply", "-f", "-"}, kFraud).out, "modeldeployment.clops.dev/fraud unchanged\n");
  FakeCluster changed;
  changed.answer("GET " + path, 200, fraud("1"));
  changed.answer("PATCH " + path, 200, fraud("2"));
  EXPECT_EQ(changed.run({"apply", "-f", "-"}, kFraud).out, "modeldeployment.clops.dev/fraud configured\n");
}

TEST(Apply, what_is_refused_does_not_keep_the_rest_from_being_applied) {
  FakeCluster cluster;
  const std::string folder =
      cluster.write("models/a.yaml", kFraud + "---\n" + std::string(kFraud).replace(kFraud.find("fraud"), 5, "other"))
          .parent_path();
  cluster.answer("PATCH " + kDeployments + "/fraud", 422,
                 refusal(422, "Invalid", "spec.variants: the weights must total 100"));
  cluster.answer("PATCH " + kDeployments + "/other", 201, fraud());
  const auto outcome = cluster.run({"apply", "-f", folder});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.out, "modeldeployment.clops.dev/other created\n");
  EXPECT_NE(
      outcome.err.find("models/a.yaml: modeldeployment.clops.dev/fraud: spec.variants: the weights must total 100"),
      std::string::npos)
      << outcome.err;
  EXPECT_NE(outcome.err.find("1 of 2 documents were not applied"), std::string::npos) << outcome.err;
}

struct BadFile {
  const char* name;
  const char* text;
  const char* message;
};
class ApplyFile : public testing::TestWithParam<BadFile> {};

TEST_P(ApplyFile, is_refused_with_its_name) {
  FakeCluster cluster;
  const std::string file = cluster.write("bad.yaml", GetParam().text).string();
  const auto outcome = cluster.run({"apply", "-f", file});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
  EXPECT_NE(outcome.err.find("bad.yaml"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find(GetParam().message), std::string::npos) << outcome.err;
}

INSTANTIATE_TEST_SUITE_P(
    Bad, ApplyFile,
    testing::Values(BadFile{"empty", "# nothing\n", "no document"}, BadFile{"not_yaml", "a: [\n", "line"},
                    BadFile{"a_list", "- a\n", "not an object"}, BadFile{"no_kind", "a: 1\n", "apiVersion and kind"},
                    BadFile{"no_name", "apiVersion: v1\nkind: ConfigMap\n", "metadata.name"},
                    BadFile{"unknown", "apiVersion: x/v1\nkind: Gadget\nmetadata: {name: a}\n", "no kind Gadget"}),
    [](const auto& test) { return test.param.name; });

TEST(Get, prints_the_servers_columns) {
  FakeCluster cluster;
  cluster.answer(
      "GET " + kDeployments, 200,
      {{"kind", "Table"},
       {"columnDefinitions",
        {{{"name", "Name"}, {"priority", 0}}, {{"name", "URL"}, {"priority", 0}}, {{"name", "More"}, {"priority", 1}}}},
       {"rows", {{{"cells", {"fraud", "http://a:8080", "x"}}}, {{"cells", {"churn-eu", nullptr, "y"}}}}}});
  EXPECT_EQ(cluster.run({"get", "md"}).out, "NAME       URL\nfraud      http://a:8080\nchurn-eu   <none>\n");
  EXPECT_EQ(cluster.run({"get", "modeldeployments", "-o", "wide"}).out,
            "NAME       URL             MORE\nfraud      http://a:8080   x\nchurn-eu   <none>          y\n");
  const auto sent = cluster.requests("GET " + kDeployments);
  ASSERT_FALSE(sent.empty());
  EXPECT_NE(sent[0].headers.get("Accept").value_or("").find("as=Table"), std::string_view::npos);
  EXPECT_EQ(sent[0].headers.get("Authorization").value_or(""), "Bearer secret");
}

TEST(Get, prints_whole_objects) {
  FakeCluster cluster;
  Json object = fraud();
  object["metadata"]["managedFields"] = Json::array({1});
  cluster.answer("GET " + kDeployments + "/fraud", 200, object);
  const std::string yaml = cluster.run({"get", "md", "fraud", "-o", "yaml"}).out;
  EXPECT_NE(yaml.find("kind: ModelDeployment"), std::string::npos) << yaml;
  EXPECT_EQ(yaml.find("managedFields"), std::string::npos) << yaml;
  EXPECT_EQ(cluster.run({"get", "md", "absent", "-o", "yaml"}).exit_code, 4);
  const auto unknown = cluster.run({"get", "gadgets"});
  EXPECT_NE(unknown.exit_code, 0);
}

TEST(Describe, shows_conditions_and_events) {
  FakeCluster cluster;
  cluster.answer("GET " + kDeployments + "/fraud", 200,
                 with_ready(fraud(), "False", "spec.variants[1].modelVersion: fraud-9 does not exist"));
  const auto event = [](const char* name, const char* reason) {
    return Json{{"type", "Warning"},
                {"reason", reason},
                {"message", "because"},
                {"count", 3},
                {"lastTimestamp", "2026-11-21T09:59:30Z"},
                {"involvedObject", {{"kind", "ModelDeployment"}, {"name", name}}}};
  };
  cluster.answer("GET /api/v1/namespaces/risk/events", 200,
                 {{"metadata", {{"resourceVersion", "9"}}},
                  {"items", {event("fraud", "ModelVersionNotFound"), event("other", "Else")}}});
  const std::string out = cluster.run({"describe", "md", "fraud"}).out;
  for (const char* text : {"fraud-9 does not exist", "ModelVersionNotFound", "90s", "60s", "30s"})
    EXPECT_NE(out.find(text), std::string::npos) << text << "\n" << out;
  EXPECT_EQ(out.find("Else"), std::string::npos) << out;
}

TEST(Wait, ends_when_the_condition_holds_for_this_generation) {
  FakeCluster cluster;
  cluster.answer("GET " + kDeployments + "/fraud", 200, fraud());
  cluster.answer("GET " + kDeployments + "/fraud", 200, with_ready(fraud(), "True", "", 1));
  cluster.answer("GET " + kDeployments + "/fraud", 200, with_ready(fraud(), "True", ""));
  const auto outcome = cluster.run({"wait", "md/fraud", "--for=condition=Ready"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(cluster.requests("GET " + kDeployments + "/fraud").size(), 3u)
      << "the first has no condition, the second is of the generation before";
}

TEST(Wait, says_what_is_so_instead_when_time_is_up) {
  FakeCluster cluster;
  cluster.answer("GET " + kDeployments + "/fraud", 200, with_ready(fraud(), "False", "no such file"));
  const auto outcome = cluster.run({"wait", "md", "fraud", "--timeout", "500ms"});
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_NE(outcome.err.find("Ready is False: SomeReason: no such file"), std::string::npos) << outcome.err;
  EXPECT_EQ(cluster.run({"wait", "md/gone", "--for=delete"}).exit_code, 0);
  EXPECT_EQ(cluster.run({"wait", "md/fraud", "--for=ready"}).exit_code, 1);
  EXPECT_EQ(cluster.run({"wait", "md/fraud", "--timeout=soon"}).exit_code, 1);
}

TEST(Delete, by_name_or_by_file) {
  FakeCluster cluster;
  cluster.answer("DELETE " + kDeployments + "/fraud", 200, fraud());
  EXPECT_EQ(cluster.run({"delete", "md", "fraud"}).out, "modeldeployment.clops.dev/fraud deleted\n");
  EXPECT_EQ(cluster.run({"delete", "-f", "-"}, kFraud).exit_code, 0);
  EXPECT_EQ(cluster.run({"delete", "md", "absent"}).exit_code, 4);
  EXPECT_EQ(cluster.run({"delete", "md", "absent", "--ignore-not-found"}).exit_code, 0);
  EXPECT_EQ(cluster.run({"delete", "md"}).exit_code, 2);
  EXPECT_EQ(cluster.run({"delete"}).exit_code, 1);
}

TEST(Predict, sends_rows_and_prints_who_answered) {
  FakeCluster cluster;
  Json object = fraud();
  object["status"] = {{"url", cluster.url()}};
  cluster.answer("GET " + kDeployments + "/fraud", 200, object);
  cluster.answer("GET /v2/models/fraud", 200,
                 {{"name", "fraud"}, {"inputs", {{{"name", "input-0"}, {"datatype", "FP32"}, {"shape", {-1, 2}}}}}});
  cluster.answer("POST /v2/models/fraud/infer", 200,
                 {{"model_version", "7"},
                  {"parameters", {{"variant", "champion"}}},
                  {"outputs", {{{"name", "output-0"}, {"shape", {2}}, {"data", {0.25, 0.5}}}}}});
  const std::string rows = cluster.write("rows.csv", "a,b\n1,2.5\n,3\n").string();
  const auto outcome = cluster.run({"predict", "fraud", "--rows", rows, "-H", "x-user-id: u1"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(
      outcome.out,
      "ROW   PREDICTION   VARIANT    VERSION\n1     0.25         champion   7\n2     0.5          champion   7\n");
  const auto sent = cluster.requests("POST /v2/models/fraud/infer");
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].headers.get("x-user-id").value_or(""), "u1");
  EXPECT_EQ(sent[0].body, R"({"inputs":[{"name":"input-0","datatype":"FP64","shape":[2,2],"data":[1,2.5,null,3]}]})");
}

TEST(Predict, repeats_what_the_server_said) {
  FakeCluster cluster;
  cluster.answer("POST /v2/models/fraud/infer", 400, {{"error", "inputs[0].shape: 3 columns, 2 expected"}});
  const auto outcome = cluster.run({"predict", "fraud", "--url", cluster.url(), "--rows", "-"}, R"({"inputs":[]})");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.err.find("HTTP 400: inputs[0].shape: 3 columns, 2 expected"), std::string::npos) << outcome.err;
}

TEST(Logs, of_every_pod_of_a_deployment) {
  FakeCluster cluster;
  const auto pod = [](const char* name) { return Json{{"metadata", {{"name", name}}}}; };
  cluster.answer("GET /api/v1/namespaces/risk/pods", 200,
                 {{"metadata", {{"resourceVersion", "9"}}}, {"items", {pod("fraud-a"), pod("fraud-b")}}});
  cluster.answer("GET /api/v1/namespaces/risk/pods/fraud-a/log", 200, "one");
  cluster.answer("GET /api/v1/namespaces/risk/pods/fraud-b/log", 200, "two");
  const auto outcome = cluster.run({"logs", "md/fraud", "--tail", "5"});
  EXPECT_EQ(outcome.out, "== fraud-a\n\"one\"\n== fraud-b\n\"two\"\n") << outcome.err;
  EXPECT_NE(cluster.requests("GET /api/v1/namespaces/risk/pods/fraud-a/log").at(0).url.find("tailLines=5"),
            std::string::npos);
}

}  // namespace
}  // namespace clops::cli
