// The plane as a whole over a folder: what it keeps, what it refuses, and what a new one finds again.
#include "local/plane/plane.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <thread>

#include "base/file.h"
#include "base/http_client.h"
#include "local/plane/plane_files.h"
#include "tests/support/eventually.h"
#include "tests/support/paths.h"

namespace clops::local {
namespace {

namespace fs = std::filesystem;

class PlaneTest : public ::testing::Test {
 protected:
  PlaneTest() {
    std::string pattern = (fs::temp_directory_path() / "clops-plane-XXXXXX").string();
    dir_ = ::mkdtemp(pattern.data());
  }
  ~PlaneTest() override {
    if (plane_) plane_->end_pods(std::chrono::seconds(2));
    plane_.reset();
    fs::remove_all(dir_);
  }
  Result<std::unique_ptr<Plane>> start() {
    return start_plane({.state_dir = dir_,
                        .programs_dir = fs::path(clops::test::binary_dir()) / "bin",
                        .environment = {{"PATH", "/usr/bin:/bin"}},
                        .run_operator = false},
                       clock_, *log_);
  }
  void up() {
    auto plane = start();
    ASSERT_TRUE(plane) << plane.error().message;
    plane_ = std::move(*plane);
  }
  HttpResponse call(const std::string& method, const std::string& path, const std::string& body = "") {
    const auto http = make_curl_client({.tls = {.ca_file = (dir_ / "ca.crt").string()}, .proxy = "-"});
    HttpRequest request{
        .method = method, .url = "https://127.0.0.1:" + std::to_string(plane_->port()) + path, .body = body};
    std::string token = read_file(dir_ / "token").value_or("");
    token.erase(token.find_last_not_of('\n') + 1);
    request.headers.set("Authorization", "Bearer " + token);
    if (!body.empty()) request.headers.set("Content-Type", "application/json");
    const auto answer = (*http)->send(request, {});
    return answer ? *answer : HttpResponse{.body = answer.error().message};
  }
  std::string phase(const std::string& pod) {
    const auto object = parse_json(call("GET", "/api/v1/namespaces/default/pods/" + pod).body);
    return object ? string_at(*object, {"status", "phase"}) : "";
  }
  bool wait(const std::function<bool()>& done) { return eventually(done); }
  SystemClock clock_;
  std::unique_ptr<Log> log_ = make_null_log();
  fs::path dir_;
  std::unique_ptr<Plane> plane_;
};

std::string pod_json(const std::string& name, const std::string& script) {
  const Json container = {{"name", "c"}, {"image", "host"}, {"command", {"/bin/sh", "-c", script}}};
  return dump_json({{"apiVersion", "v1"},
                    {"kind", "Pod"},
                    {"metadata", {{"name", name}}},
                    {"spec", {{"containers", Json::array({container})}, {"terminationGracePeriodSeconds", 1}}}});
}

TEST_F(PlaneTest, one_plane_to_a_folder_and_its_secrets_are_its_own) {
  up();
  const auto second = start();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::Conflict);
  EXPECT_NE(second.error().message.find(std::to_string(::getpid())), std::string::npos);
  EXPECT_EQ(running_plane(PlanePaths{dir_}.lock()), ::getpid());
  for (const char* file : {"kubeconfig", "token", "server.key"}) {
    struct stat st{};
    ASSERT_EQ(::stat((dir_ / file).c_str(), &st), 0) << file;
    EXPECT_EQ(st.st_mode & 0777, 0600U) << file;
  }
  plane_.reset();
  EXPECT_EQ(running_plane(PlanePaths{dir_}.lock()), std::nullopt);
}

TEST_F(PlaneTest, a_kubeconfig_stays_good_over_restarts) {
  up();
  const auto before = read_file(plane_->kubeconfig());
  EXPECT_EQ(call("GET", "/api/v1/nodes/clops-local").status, 200);
  plane_.reset();
  up();
  EXPECT_EQ(read_file(plane_->kubeconfig()), before);
  EXPECT_EQ(call("GET", "/api/v1/nodes/clops-local").status, 200);
}

TEST_F(PlaneTest, pods_outlive_a_plane_and_their_logs_are_read_by_the_next) {
  up();
  ASSERT_EQ(call("POST", "/api/v1/namespaces/default/pods", pod_json("p", "echo hello; exec sleep 60")).status, 201);
  ASSERT_TRUE(wait([&] { return call("GET", "/api/v1/namespaces/default/pods/p/log").body == "hello\n"; }));
  ASSERT_TRUE(wait([&] { return phase("p") == "Running"; }));
  const std::string before = call("GET", "/api/v1/namespaces/default/pods/p").body;
  plane_.reset();
  up();
  EXPECT_EQ(call("GET", "/api/v1/namespaces/default/pods/p/log?timestamps=true").body.substr(19, 1), ".");
  EXPECT_EQ(call("GET", "/api/v1/namespaces/default/pods/p/log?tailLines=0").body, "");
  EXPECT_EQ(call("GET", "/api/v1/namespaces/default/pods/p").body, before);
  EXPECT_EQ(call("GET", "/api/v1/namespaces/default/pods/p/log?previous=true").status, 400);
}

TEST_F(PlaneTest, a_followed_log_goes_on_to_the_end) {
  up();
  ASSERT_EQ(call("POST", "/api/v1/namespaces/default/pods",
                 pod_json("p", "for i in 1 2 3 4 5; do echo $i; sleep 0.02; done; exec sleep 60"))
                .status,
            201);
  ASSERT_TRUE(wait([&] { return phase("p") == "Running"; }));
  std::thread remover([&] {
    ASSERT_TRUE(wait([&] { return call("GET", "/api/v1/namespaces/default/pods/p/log").body == "1\n2\n3\n4\n5\n"; }));
    EXPECT_EQ(call("DELETE", "/api/v1/namespaces/default/pods/p").status, 200);
  });
  EXPECT_EQ(call("GET", "/api/v1/namespaces/default/pods/p/log?follow=true").body, "1\n2\n3\n4\n5\n");
  remover.join();
}

TEST_F(PlaneTest, a_deployment_runs_and_is_replaced_when_it_changes) {
  up();
  const auto deployment = [](const std::string& script) {
    Json pod = *parse_json(pod_json("x", script));
    const Json labels = {{"app", "d"}};
    return Json({{"apiVersion", "apps/v1"},
                 {"kind", "Deployment"},
                 {"metadata", {{"name", "d"}}},
                 {"spec",
                  {{"replicas", 2},
                   {"selector", {{"matchLabels", labels}}},
                   {"template", {{"metadata", {{"labels", labels}}}, {"spec", pod["spec"]}}}}}});
  };
  const std::string path = "/apis/apps/v1/namespaces/default/deployments";
  ASSERT_EQ(call("POST", path, dump_json(deployment("exec sleep 60"))).status, 201);
  const auto settled = [&](int64_t generation) {
    const auto object = parse_json(call("GET", path + "/d").body);
    return object && int_at(*object, {"status", "observedGeneration"}) >= generation &&
           int_at(*object, {"status", "updatedReplicas"}) == 2 &&
           int_at(*object, {"status", "availableReplicas"}) == 2 && int_at(*object, {"status", "replicas"}) == 2;
  };
  ASSERT_TRUE(wait([&] { return settled(1); }));
  ASSERT_EQ(call("PUT", path + "/d", dump_json(deployment("exec sleep 61"))).status, 200);
  ASSERT_TRUE(wait([&] { return settled(2); }));
  ASSERT_TRUE(wait([&] {
    const auto pods = parse_json(call("GET", "/api/v1/namespaces/default/pods").body);
    return pods && (*pods)["items"].size() == 2;
  }));
  ASSERT_EQ(call("DELETE", path + "/d").status, 200);
  ASSERT_TRUE(wait([&] {
    const auto pods = parse_json(call("GET", "/api/v1/namespaces/default/pods").body);
    return pods && (*pods)["items"].empty();
  }));
}

}  // namespace
}  // namespace clops::local
