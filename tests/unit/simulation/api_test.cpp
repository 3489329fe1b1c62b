// The in-memory API keeps Kubernetes' rules where the operator depends on them.
#include "tests/unit/simulation/api.h"

#include <gtest/gtest.h>

#include "tests/unit/simulation/loop.h"
#include "tests/unit/simulation/network.h"

namespace clops::sim {
namespace {

class ApiTest : public ::testing::Test {
 protected:
  ApiTest() : clock_(loop_), api_(clock_), network_(loop_, api_, 1) {
    api_.on_event = [this](const ApiEvent& event) { events_.push_back(event), network_.on_event(event); };
  }
  HttpResponse call(const std::string& method, const std::string& url, const Json& body = Json(),
                    const std::string& type = "application/json") {
    HttpRequest request{.method = method, .url = url, .body = body.is_null() ? "" : dump_json(body)};
    request.headers.set("Content-Type", type);
    return api_.handle("test", request);
  }
  HttpResponse apply(const std::string& url, const Json& body, const std::string& manager, bool force = true) {
    return call("PATCH", url + "?fieldManager=" + manager + (force ? "&force=true" : ""), body,
                "application/apply-patch+yaml");
  }
  static Json config_map(const Json& data) {
    return {
        {"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"name", "a"}, {"namespace", "n"}}}, {"data", data}};
  }
  static constexpr const char* kOne = "/api/v1/namespaces/n/configmaps/a";

  Loop loop_{1};
  LoopClock clock_;
  Api api_;
  Network network_;
  std::vector<ApiEvent> events_;
};

TEST_F(ApiTest, apply_creates_changes_and_takes_back_its_own_fields_only) {
  EXPECT_EQ(apply(kOne, config_map({{"x", "1"}, {"y", "1"}}), "one").status, 201);
  EXPECT_EQ(apply(kOne, config_map({{"z", "1"}}), "two").status, 200);
  const HttpResponse last = apply(kOne, config_map({{"x", "2"}}), "one");
  const Json object = *parse_json(last.body);
  EXPECT_EQ(object["data"], (Json{{"x", "2"}, {"z", "1"}}));
}

TEST_F(ApiTest, apply_without_change_writes_nothing) {
  apply(kOne, config_map({{"x", "1"}}), "one");
  const int64_t before = api_.revision();
  EXPECT_EQ(apply(kOne, config_map({{"x", "1"}}), "one").status, 200);
  EXPECT_EQ(api_.revision(), before);
}

TEST_F(ApiTest, apply_without_force_conflicts_with_another_manager) {
  apply(kOne, config_map({{"x", "1"}}), "one");
  EXPECT_EQ(apply(kOne, config_map({{"x", "1"}}), "two", false).status, 200) << "equal values are shared";
  EXPECT_EQ(apply(kOne, config_map({{"x", "2"}}), "two", false).status, 409);
  EXPECT_EQ(apply(kOne, config_map({{"x", "2"}}), "two", true).status, 200);
}

TEST_F(ApiTest, preconditions_are_kept) {
  apply(kOne, config_map({{"x", "1"}}), "one");
  Json stale = config_map({{"x", "2"}});
  stale["metadata"]["resourceVersion"] = "1";
  EXPECT_EQ(apply(kOne, stale, "one").status, 409);
  EXPECT_EQ(call("PUT", kOne, stale).status, 409);
  EXPECT_EQ(call("DELETE", kOne, {{"preconditions", {{"uid", "other"}}}}).status, 409);
  EXPECT_EQ(call("DELETE", kOne).status, 200);
  EXPECT_EQ(call("GET", kOne).status, 404);
}

TEST_F(ApiTest, generation_moves_with_the_spec_and_status_is_written_apart) {
  const std::string url = "/apis/clops.dev/v1alpha1/namespaces/n/modeldeployments/m";
  Json object{{"apiVersion", "clops.dev/v1alpha1"},
              {"kind", "ModelDeployment"},
              {"metadata", {{"name", "m"}}},
              {"spec", {{"replicas", 1}}},
              {"status", {{"url", "x"}}}};
  const Json created = *parse_json(apply(url, object, "user").body);
  EXPECT_EQ(created["metadata"]["generation"], 1);
  EXPECT_FALSE(created.contains("status"));
  const Json with_status = *parse_json(apply(url + "/status",
                                             {{"apiVersion", "clops.dev/v1alpha1"},
                                              {"kind", "ModelDeployment"},
                                              {"metadata", {{"name", "m"}}},
                                              {"spec", {{"replicas", 7}}},
                                              {"status", {{"url", "y"}}}},
                                             "status")
                                           .body);
  EXPECT_EQ(with_status["status"]["url"], "y");
  EXPECT_EQ(with_status["spec"]["replicas"], 1);
  EXPECT_EQ(with_status["metadata"]["generation"], 1);
  object["spec"]["replicas"] = 2;
  EXPECT_EQ((*parse_json(apply(url, object, "user").body))["metadata"]["generation"], 2);
}

TEST_F(ApiTest, finalizers_hold_a_deletion) {
  Json object = config_map({{"x", "1"}});
  object["metadata"]["finalizers"] = {"clops.dev/test"};
  apply(kOne, object, "one");
  EXPECT_EQ(call("DELETE", kOne).status, 200);
  EXPECT_NE(find_path(*api_.get({"configmaps", "n", "a"}), {"metadata", "deletionTimestamp"}), nullptr);
  EXPECT_EQ(call("PATCH", kOne, {{"metadata", {{"finalizers", nullptr}}}}, "application/merge-patch+json").status, 200);
  EXPECT_EQ(api_.get({"configmaps", "n", "a"}), nullptr);
  EXPECT_EQ(events_.back().what, Happened::Deleted);
}

TEST_F(ApiTest, lists_come_in_pages_and_by_selector) {
  for (const char* name : {"a", "b", "c"}) {
    (void)api_.create("test", "configmaps",
                      {{"apiVersion", "v1"},
                       {"kind", "ConfigMap"},
                       {"metadata", {{"name", name}, {"namespace", "n"}, {"labels", {{"of", name}}}}}});
  }
  const Json first = *parse_json(call("GET", "/api/v1/configmaps?limit=2").body);
  EXPECT_EQ(first["items"].size(), 2u);
  const Json second = *parse_json(
      call("GET", "/api/v1/configmaps?limit=2&continue=" + url_encode(first["metadata"]["continue"].get<std::string>()))
          .body);
  EXPECT_EQ(second["items"].size(), 1u);
  EXPECT_FALSE(second["metadata"].contains("continue"));
  EXPECT_EQ((*parse_json(call("GET", "/api/v1/configmaps?labelSelector=of%3Db").body))["items"].size(), 1u);
  EXPECT_EQ((*parse_json(call("GET", "/api/v1/configmaps?fieldSelector=metadata.name%3Dc").body))["items"].size(), 1u);
  EXPECT_EQ(call("GET", "/apis/nobody.dev/v1/things").status, 404);
}

struct Collected final : StreamSink {
  bool on_head(int s, const Headers&) override { return status = s, true; }
  bool on_data(std::string_view bytes) override { return text += bytes, true; }
  void on_end(Status s) override { ended = true, end = s; }
  int status = 0;
  std::string text;
  bool ended = false;
  Status end;
};

TEST_F(ApiTest, watches_begin_where_asked_and_end_with_410_when_that_is_gone) {
  Wire wire(network_, "test", 1, 2);
  apply(kOne, config_map({{"x", "1"}}), "one");
  const int64_t then = api_.revision();
  apply(kOne, config_map({{"x", "2"}}), "one");
  const auto watch = [&](int64_t from, Collected& sink) {
    return wire.open(
        {.url = std::string(kApiUrl) + "/api/v1/configmaps?watch=1&resourceVersion=" + std::to_string(from)}, {}, sink);
  };
  Collected sink;
  const auto stream = watch(then, sink);
  loop_.run_for(std::chrono::seconds(1));
  EXPECT_EQ(sink.status, 200);
  EXPECT_NE(sink.text.find(R"("x":"2")"), std::string::npos);
  call("DELETE", kOne);
  loop_.run_for(std::chrono::seconds(1));
  EXPECT_NE(sink.text.find(R"("type":"DELETED")"), std::string::npos);
  EXPECT_FALSE(sink.ended);
  api_.compact();
  Collected late;
  const auto gone = watch(then, late);
  loop_.run_for(std::chrono::seconds(1));
  EXPECT_NE(late.text.find("410"), std::string::npos);
  EXPECT_TRUE(late.ended);
}

TEST_F(ApiTest, an_answer_may_be_lost_after_the_write) {
  Wire wire(network_, "test", 1, 2);
  wire.fate = [](const HttpRequest&) { return Fate{.kind = Fate::Kind::AnswerLost}; };
  const auto answer = wire.send({.method = "POST",
                                 .url = std::string(kApiUrl) + "/api/v1/namespaces/n/configmaps",
                                 .body = dump_json(config_map({}))},
                                {});
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, Code::Unavailable);
  EXPECT_NE(api_.get({"configmaps", "n", "a"}), nullptr);
}

}  // namespace
}  // namespace clops::sim
