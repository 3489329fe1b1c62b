// The REST semantics, request by request: what a client may do, and what it is told when it may not.
#include "tests/unit/local/api/api_fixture.h"

namespace clops::local {
namespace {

std::string widget(const std::string& name, const std::string& spec) {
  return "{apiVersion: test.dev/v1, kind: Widget, metadata: {name: " + name + "}, spec: {" + spec + "}}";
}
std::string map(const std::string& name, const std::string& more = "") {
  return "{apiVersion: v1, kind: ConfigMap, metadata: {name: " + name + more + "}, data: {a: b}}";
}

class Widgets : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    ASSERT_EQ(
        call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", yaml(kWidgetCrd))->response.status,
        201);
  }
  Answer make(const std::string& name, const std::string& spec) {
    return call("POST", kWidgets, yaml(widget(name, spec)));
  }
  Json get(const std::string& name) { return call("GET", std::string(kWidgets) + "/" + name)->json(); }
};

struct RefusedRow {
  const char* why;
  const char *method, *url, *body, *type, *accept;
  int status;
  const char* message;
};

TEST_F(ApiTest, what_is_not_served_is_refused_as_a_real_server_does) {
  const RefusedRow rows[] = {
      {"no such path", "GET", "/nothing", "", "", "application/json", 404,
       "the server could not find the requested resource"},
      {"no such group", "GET", "/apis/none.dev/v1/things", "", "", "application/json", 404,
       "the server could not find the requested resource"},
      {"no such subresource", "GET", "/api/v1/namespaces/default/configmaps/x/status", "", "", "application/json", 404,
       "the server could not find the requested resource"},
      {"openapi v2", "GET", "/openapi/v2", "", "", "application/json", 404,
       "the server could not find the requested resource"},
      {"exec", "POST", "/api/v1/namespaces/default/pods/x/exec", "", "", "application/json", 404,
       "the server could not find the requested resource"},
      {"no such object", "GET", "/api/v1/namespaces/default/configmaps/x", "", "", "application/json", 404,
       "configmaps \"x\" not found"},
      {"no such namespace", "POST", "/api/v1/namespaces/none/configmaps", R"({"metadata":{"name":"x"}})",
       "application/json", "application/json", 404, "namespaces \"none\" not found"},
      {"method", "PUT", "/api/v1/namespaces/default/configmaps", "{}", "application/json", "application/json", 405,
       "the server does not allow this method on the requested resource"},
      {"only protobuf wanted", "GET", "/api/v1/namespaces", "", "", "application/vnd.kubernetes.protobuf", 406,
       "only the following media types are accepted: application/json"},
      {"CBOR sent", "POST", "/api/v1/namespaces/default/configmaps", "x", "application/cbor", "application/json", 415,
       "the body of the request was in an unknown format - accepted media types include: application/json, "
       "application/yaml"},
      {"no protobuf, though it says so", "POST", "/api/v1/namespaces/default/configmaps", "{}",
       "application/vnd.kubernetes.protobuf", "application/json", 400,
       "protobuf: it does not begin as Kubernetes' does"},
      {"no JSON", "POST", "/api/v1/namespaces/default/configmaps", "{", "application/json", "application/json", 400,
       nullptr},
      {"no object", "POST", "/api/v1/namespaces/default/configmaps", "[]", "application/json", "application/json", 400,
       "the body is no object"},
      {"no name", "POST", "/api/v1/namespaces/default/configmaps", "{}", "application/json", "application/json", 422,
       nullptr},
      {"bad selector", "GET", "/api/v1/namespaces/default/configmaps?labelSelector=a%3D%3D%3D,(", "", "",
       "application/json", 400, nullptr},
      {"unknown field selector", "GET", "/api/v1/namespaces/default/configmaps?fieldSelector=data.a%3Db", "", "",
       "application/json", 400, "field label not supported: data.a"},
      {"from the future", "GET", "/api/v1/namespaces?resourceVersion=999999", "", "", "application/json", 504, nullptr},
      {"apply without a manager", "PATCH", "/api/v1/namespaces/default/configmaps/x", "{}",
       "application/apply-patch+yaml", "application/json", 422, nullptr},
      {"dry run spelled wrong", "POST", "/api/v1/namespaces/default/configmaps?dryRun=yes",
       R"({"metadata":{"name":"x"}})", "application/json", "application/json", 422, nullptr},
  };
  for (const auto& row : rows) {
    const auto answer = call(row.method, row.url, row.body, row.type, row.accept);
    EXPECT_EQ(answer->response.status, row.status) << row.why << ": " << answer->response.body;
    EXPECT_EQ(string_at(answer->json(), {"kind"}), "Status") << row.why;
    EXPECT_EQ(int_at(answer->json(), {"code"}), row.status) << row.why;
    if (row.message) {
      EXPECT_EQ(answer->message(), row.message) << row.why;
    }
  }
}

TEST_F(ApiTest, a_wrong_token_is_refused_and_health_needs_none) {
  ServerRequest request;
  request.http.url = "/api/v1/namespaces";
  request.http.headers.set("Authorization", "Bearer other");
  auto answer = std::make_shared<RecordedAnswer>();
  server_->handle(request, answer);
  EXPECT_EQ(answer->response.status, 401);
  request.http.url = "/readyz";
  answer = std::make_shared<RecordedAnswer>();
  server_->handle(request, answer);
  EXPECT_EQ(answer->response.body, "ok");
}

TEST_F(ApiTest, an_object_gets_its_identity_and_keeps_it) {
  const auto made = call("POST", kMaps, yaml(map("x", ", uid: mine, generation: 9")))->json();
  EXPECT_EQ(string_at(made, {"metadata", "creationTimestamp"}), "2026-11-22T10:00:00Z");
  EXPECT_NE(string_at(made, {"metadata", "uid"}), "mine");
  EXPECT_EQ(string_at(made, {"metadata", "namespace"}), "default");
  Json changed = made;
  changed["data"]["a"] = "c";
  changed["metadata"]["creationTimestamp"] = "2000-01-01T00:00:00Z";
  const auto updated = call("PUT", std::string(kMaps) + "/x", dump_json(changed));
  EXPECT_EQ(updated->response.status, 200) << updated->response.body;
  EXPECT_EQ(string_at(updated->json(), {"metadata", "creationTimestamp"}), "2026-11-22T10:00:00Z");
  EXPECT_EQ(string_at(updated->json(), {"data", "a"}), "c");
  const auto stale = call("PUT", std::string(kMaps) + "/x", dump_json(changed));  // still names the first version
  EXPECT_EQ(stale->response.status, 409);
  EXPECT_EQ(stale->message(),
            "Operation cannot be fulfilled on configmaps \"x\": the object has been modified; please apply your "
            "changes to the latest version and try again");
  const auto again = call("POST", kMaps, yaml(map("x")));
  EXPECT_EQ(again->response.status, 409);
  EXPECT_EQ(string_at(again->json(), {"reason"}), "AlreadyExists");
  const auto generated = call("POST", kMaps, R"({"metadata":{"generateName":"g-"}})")->json();
  EXPECT_EQ(string_at(generated, {"metadata", "name"}).size(), 7u);
}

TEST_F(ApiTest, a_write_without_effect_leaves_the_version_alone) {
  const auto made = call("POST", kMaps, yaml(map("x")))->json();
  const auto same = merge(std::string(kMaps) + "/x", "{data: {a: b}}")->json();
  EXPECT_EQ(made, same);
}

TEST_F(ApiTest, lists_select_and_continue) {
  for (const char* name : {"a", "b", "c", "d"})
    call("POST", kMaps,
         yaml(map(name, std::string(", labels: {odd: ") + (name[0] % 2 == 1 ? "\"yes\"" : "\"no\"") + "}")));
  const auto names = [](const Json& list) {
    std::string out;
    for (const auto& item : list["items"]) out += string_at(item, {"metadata", "name"});
    return out;
  };
  const std::string url = kMaps;
  EXPECT_EQ(names(call("GET", url)->json()), "abcd");
  EXPECT_EQ(names(call("GET", url + "?labelSelector=odd%3Dyes")->json()), "ac");
  EXPECT_EQ(names(call("GET", url + "?labelSelector=odd+notin+(yes)")->json()), "bd");
  EXPECT_EQ(names(call("GET", url + "?labelSelector=!odd")->json()), "");
  EXPECT_EQ(names(call("GET", url + "?fieldSelector=metadata.name!%3Da,metadata.namespace%3Ddefault")->json()), "bcd");
  const auto first = call("GET", url + "?limit=3")->json();
  EXPECT_EQ(names(first), "abc");
  EXPECT_EQ(int_at(first, {"metadata", "remainingItemCount"}), 1);
  const auto rest =
      call("GET", url + "?limit=3&continue=" + url_encode(string_at(first, {"metadata", "continue"})))->json();
  EXPECT_EQ(names(rest), "d");
  EXPECT_EQ(string_at(rest, {"metadata", "resourceVersion"}), string_at(first, {"metadata", "resourceVersion"}));
  EXPECT_FALSE(find_path(rest, {"metadata", "continue"}));
}

TEST_F(Widgets, a_schema_prunes_defaults_and_refuses) {
  EXPECT_EQ(int_at(make("a", "color: red")->json(), {"spec", "replicas"}), 1);
  EXPECT_EQ(make("b", "color: pink")->message(),
            "Widget.test.dev \"b\" is invalid: spec.color: Unsupported value: \"pink\": supported values: \"red\", "
            "\"green\"");
  EXPECT_EQ(make("b", "replicas: -1")->message(),
            "Widget.test.dev \"b\" is invalid: [spec.color: Required value, spec.replicas: Invalid value: -1: "
            "spec.replicas in body should be greater than or equal to 0, .spec.replicas: Invalid value: -1: should be "
            "a non-negative integer]");
  EXPECT_EQ(make("b", "color: red, tags: [x, x]")->message(),
            "Widget.test.dev \"b\" is invalid: spec.tags[1]: Duplicate value: \"x\"");
  const auto strict =
      call("POST", std::string(kWidgets) + "?fieldValidation=Strict", yaml(widget("c", "color: red, colour: red")));
  EXPECT_EQ(strict->response.status, 400);
  EXPECT_EQ(strict->message(), "strict decoding error: unknown field \"spec.colour\"");
  const auto warned =
      call("POST", std::string(kWidgets) + "?fieldValidation=Warn", yaml(widget("c", "color: red, colour: red")));
  EXPECT_EQ(warned->response.headers.get("Warning"), "299 - \"unknown field \\\"spec.colour\\\"\"");
  EXPECT_FALSE(find_path(warned->json(), {"spec", "colour"}));
}

// As a newer plane does with the definitions that an older one left in its folder.
TEST_F(Widgets, a_definition_that_was_changed_from_inside_is_in_force_at_once) {
  const std::string strict = std::string(kWidgets) + "?fieldValidation=Strict";
  EXPECT_EQ(call("POST", strict, yaml(widget("c", "color: red, weight: 3")))->response.status, 400);
  const auto changed = api_->mutate(types::kCustomResourceDefinitions, {"", "widgets.test.dev"}, "", [](Json& crd) {
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["weight"] = {
        {"type", "integer"}};
    return Status();
  });
  ASSERT_TRUE(changed) << changed.error().message;
  EXPECT_EQ(call("POST", strict, yaml(widget("c", "color: red, weight: 3")))->response.status, 201);
}

TEST_F(Widgets, status_and_spec_are_written_apart_and_only_spec_counts_generations) {
  make("a", "color: red");
  const std::string url = std::string(kWidgets) + "/a";
  merge(url, "{spec: {color: green}, status: {phase: Bad}}");
  EXPECT_EQ(int_at(get("a"), {"metadata", "generation"}), 2);
  EXPECT_FALSE(find_path(get("a"), {"status"}));
  merge(url + "/status", "{spec: {color: red}, metadata: {labels: {x: y}}, status: {phase: Good}}");
  EXPECT_EQ(string_at(get("a"), {"spec", "color"}), "green");
  EXPECT_EQ(string_at(get("a"), {"status", "phase"}), "Good");
  merge(url, "{metadata: {labels: {x: y}}}");
  EXPECT_EQ(int_at(get("a"), {"metadata", "generation"}), 2);
  const auto unversioned = call("PUT", url, yaml(widget("a", "color: red")));
  EXPECT_EQ(
      unversioned->message(),
      "widgets.test.dev \"a\" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update");
}

TEST_F(Widgets, scale_is_a_view_of_the_object) {
  make("a", "color: red");
  const std::string url = std::string(kWidgets) + "/a/scale";
  EXPECT_EQ(int_at(call("GET", url)->json(), {"spec", "replicas"}), 1);
  const auto scaled = merge(url, "{spec: {replicas: 4}}")->json();
  EXPECT_EQ(string_at(scaled, {"kind"}), "Scale");
  EXPECT_EQ(int_at(get("a"), {"spec", "replicas"}), 4);
  EXPECT_EQ(int_at(get("a"), {"metadata", "generation"}), 2);
  EXPECT_EQ(merge(url, "{spec: {replicas: -1}}")->response.status, 422);
}

TEST_F(Widgets, injected_rules_are_asked_with_the_old_object) {
  start([](const std::string& kind, const Json& object, const Json* old) -> std::vector<Violation> {
    if (kind == "Widget" && old && (*old)["spec"]["color"] != object["spec"]["color"])
      return {{"spec.color", "may not change"}};
    return {};
  });
  call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", yaml(kWidgetCrd));
  EXPECT_EQ(make("a", "color: red")->response.status, 201);
  const auto refused = merge(std::string(kWidgets) + "/a", "{spec: {color: green}}");
  EXPECT_EQ(refused->message(),
            "Widget.test.dev \"a\" is invalid: spec.color: Invalid value: \"string\": may not change");
  EXPECT_EQ(string_at(refused->json()["details"]["causes"][0], {"field"}), "spec.color");
  EXPECT_EQ(merge(std::string(kWidgets) + "/a/status", "{status: {phase: Good}}")->response.status, 200);
}

TEST_F(Widgets, tables_have_the_columns_of_the_definition) {
  make("a", "color: red");
  clock_.passed += std::chrono::seconds(90);
  const char* accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
  const auto table = call("GET", kWidgets, "", "", accept)->json();
  EXPECT_EQ(string_at(table, {"kind"}), "Table");
  EXPECT_EQ(table["rows"][0]["cells"], Json({"a", "red", "90s"}));
  EXPECT_EQ(string_at(table["rows"][0], {"object", "kind"}), "PartialObjectMetadata");
  EXPECT_EQ(string_at(call("GET", std::string(kWidgets) + "?includeObject=Object", "", "", accept)->json()["rows"][0],
                      {"object", "kind"}),
            "Widget");
  EXPECT_TRUE(call("GET", std::string(kWidgets) + "/a?includeObject=None", "", "", accept)
                  ->json()["rows"][0]["object"]
                  .is_null());
}

TEST_F(ApiTest, deployments_default_and_their_selector_is_fixed) {
  const char* text =
      R"({metadata: {name: web}, spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}},
    spec: {containers: [{name: c, image: "x:1", ports: [{containerPort: 80}], readinessProbe: {httpGet: {port: 80}}}]}}}})";
  const auto made = call("POST", kDeployments, yaml(text));
  ASSERT_EQ(made->response.status, 201) << made->response.body;
  const Json spec = made->json()["spec"];
  EXPECT_EQ(spec["strategy"]["rollingUpdate"]["maxSurge"], "25%");
  const Json container = spec["template"]["spec"]["containers"][0];
  EXPECT_EQ(container["ports"][0]["protocol"], "TCP");
  EXPECT_EQ(container["readinessProbe"]["httpGet"]["scheme"], "HTTP");
  EXPECT_EQ(container["imagePullPolicy"], "IfNotPresent");
  const auto moved = merge(std::string(kDeployments) + "/web",
                           "{spec: {selector: {matchLabels: {a: c}}, template: {metadata: {labels: {a: c}}}}}");
  EXPECT_EQ(moved->response.status, 422);
  EXPECT_NE(moved->message().find("field is immutable"), std::string::npos);
  const auto typed = call("POST", kDeployments, R"({"metadata":{"name":"y"},"spec":{"replicas":"two"}})");
  EXPECT_EQ(typed->response.status, 400);
  EXPECT_NE(typed->message().find("cannot unmarshal string into field spec.replicas of type integer"),
            std::string::npos)
      << typed->message();
}

TEST_F(ApiTest, services_get_addresses_of_their_own) {
  std::set<std::string> given;
  for (const char* name : {"a", "b", "c"}) {
    const auto made = call("POST", "/api/v1/namespaces/default/services",
                           yaml("{metadata: {name: " + std::string(name) + "}, spec: {ports: [{port: 80}]}}"))
                          ->json();
    const std::string ip = string_at(made, {"spec", "clusterIP"});
    EXPECT_TRUE(ip.starts_with("127.96.")) << ip;
    EXPECT_EQ(int_at(made["spec"]["ports"][0], {"targetPort"}), 80);
    given.insert(ip);
  }
  EXPECT_EQ(given.size(), 3u);
  const auto headless =
      call("POST", "/api/v1/namespaces/default/services", yaml("{metadata: {name: h}, spec: {clusterIP: None}}"));
  EXPECT_EQ(string_at(headless->json(), {"spec", "clusterIP"}), "None");
  EXPECT_EQ(call("POST", "/api/v1/namespaces/default/services",
                 yaml("{metadata: {name: np}, spec: {type: NodePort, ports: [{port: 80}]}}"))
                ->response.status,
            422);
}

TEST_F(ApiTest, a_running_pod_is_ended_by_its_node) {
  const auto pod = crds::ObjectKey{"default", "p"};
  ASSERT_TRUE(api_->create(
      types::kPods,
      parse_yaml("{metadata: {name: p, namespace: default}, spec: {nodeName: n1, containers: [{name: c, image: x}]}}")
          .value()[0]));
  const auto deleting = call("DELETE", "/api/v1/namespaces/default/pods/p?gracePeriodSeconds=5")->json();
  EXPECT_EQ(string_at(deleting, {"metadata", "deletionTimestamp"}), "2026-11-22T10:00:05Z");
  EXPECT_TRUE(api_->get(types::kPods, pod));
  DeleteOptions now;
  now.grace_seconds = 0;
  ASSERT_TRUE(api_->remove(types::kPods, pod, now));
  EXPECT_EQ(api_->get(types::kPods, pod).error().code, Code::NotFound);
}

TEST_F(ApiTest, deletion_checks_what_it_is_told_to) {
  const auto made = call("POST", kMaps, yaml(map("x")))->json();
  EXPECT_EQ(call("DELETE", std::string(kMaps) + "/x", R"({"preconditions":{"uid":"other"}})")->response.status, 409);
  EXPECT_EQ(call("DELETE", std::string(kMaps) + "/x?dryRun=All")->response.status, 200);
  EXPECT_EQ(call("GET", std::string(kMaps) + "/x")->response.status, 200);
  const auto gone =
      call("DELETE", std::string(kMaps) + "/x", dump_json({{"preconditions", {{"uid", made["metadata"]["uid"]}}}}))
          ->json();
  EXPECT_EQ(string_at(gone, {"status"}), "Success");
  EXPECT_EQ(string_at(gone, {"details", "name"}), "x");
  EXPECT_EQ(call("DELETE", "/api/v1/namespaces/default")->response.status, 403);
}

TEST_F(ApiTest, finalizers_hold_an_object_until_the_last_is_gone) {
  call("POST", kMaps, yaml(map("x", ", finalizers: [a.dev/hold]")));
  call("DELETE", std::string(kMaps) + "/x");
  EXPECT_TRUE(find_path(call("GET", std::string(kMaps) + "/x")->json(), {"metadata", "deletionTimestamp"}));
  merge(std::string(kMaps) + "/x", "{metadata: {finalizers: null}}");
  EXPECT_EQ(call("GET", std::string(kMaps) + "/x")->response.status, 404);
}

TEST_F(ApiTest, what_describes_the_api_hangs_together) {
  const auto groups = call("GET", "/apis")->json();
  for (const auto& group : groups["groups"]) {
    for (const auto& version : group["versions"]) {
      const std::string at = string_at(version, {"groupVersion"});
      EXPECT_FALSE(call("GET", "/apis/" + at)->json()["resources"].empty()) << at;
      EXPECT_TRUE(find_path(call("GET", "/openapi/v3")->json(), {"paths", "apis/" + at})) << at;
    }
  }
  const auto document = call("GET", "/openapi/v3/apis/apps/v1")->json();
  const std::string text = dump_json(document["components"]["schemas"]);
  for (size_t at = text.find("#/components/schemas/"); at != std::string::npos;
       at = text.find("#/components/schemas/", at + 1)) {
    const std::string name = text.substr(at + 21, text.find('"', at) - at - 21);
    ASSERT_TRUE(document["components"]["schemas"].contains(name)) << name;
  }
  EXPECT_EQ(string_at(call("GET", "/version")->json(), {"gitVersion"}), "v1.34.4+clops");
}

}  // namespace
}  // namespace clops::local
