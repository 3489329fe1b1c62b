// The node with real processes of this machine, over an API in memory.
#include "local/node/node.h"
#include "tests/support/eventually.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

#include "base/file.h"
#include "local/api/types.h"
#include "tests/support/paths.h"
#include "tests/unit/local/node/fake_api.h"

namespace clops::local {
namespace {

namespace fs = std::filesystem;
using testing::FakeApi;

class NodeTest : public ::testing::Test {
 protected:
  NodeTest() {
    std::string pattern = (fs::temp_directory_path() / "clops-node-XXXXXX").string();
    dir_ = ::mkdtemp(pattern.data());
  }
  ~NodeTest() override {
    if (!node_) start();
    node_->end_pods(std::chrono::seconds(2));
    node_.reset();
    fs::remove_all(dir_);
  }
  void start() {
    NodeOptions options{.state_dir = dir_,
                        .shim = fs::path(clops::test::binary_dir()) / "bin" / "clops-shim",
                        .pod_network = "127.251",
                        .programs = {.by_image = {{"host", ""}}, .search_path = "/usr/bin:/bin"},
                        .base_env = {{"PATH", "/usr/bin:/bin"}},
                        .token = "the-token"};
    options.backoff.first = std::chrono::milliseconds(20);
    options.ends_last = "last";
    node_ = start_node(api_, clock_, *log_, std::move(options));
  }
  // The state is the same as if the plane had been killed: nothing is told to the containers.
  void lose_plane() { node_.reset(); }

  void make_pod(const std::string& name, const std::string& script, Json more = Json::object(),
                Json container = Json::object()) {
    Json one = {{"name", "main"}, {"image", "x/host:1"}, {"command", {"/bin/sh", "-c", script}}};
    one.update(container);
    Json spec = {{"containers", Json::array({one})}, {"restartPolicy", "Never"}, {"terminationGracePeriodSeconds", 1}};
    spec.update(more);
    ASSERT_TRUE(api_.create(types::kPods, {{"metadata", {{"name", name}, {"namespace", ns_}}}, {"spec", spec}}, {}));
  }
  Json pod(const std::string& name) {
    const auto got = api_.get(types::kPods, {ns_, name});
    return got ? (*got)->json : Json();
  }
  bool wait(const std::function<bool()>& done) { return eventually(done); }
  bool wait_phase(const std::string& name, const std::string& phase) {
    return wait([&] { return string_at(pod(name), {"status", "phase"}) == phase; });
  }
  Json container_status(const std::string& name) {
    const Json object = pod(name);
    const Json* all = find_path(object, {"status", "containerStatuses"});
    return all != nullptr && !all->empty() ? all->at(0) : Json();
  }
  bool ready(const std::string& name) { return bool_at(container_status(name), {"ready"}); }
  fs::path run_dir(const std::string& name, int run) {
    return dir_ / "pods" / string_at(pod(name), {"metadata", "uid"}) / "containers" / "main" / std::to_string(run);
  }
  std::string output(const std::string& name, int run = 0) {
    std::string out;
    const std::string text = read_file(run_dir(name, run) / "log").value_or("");
    for (size_t at = 0; at < text.size();) {
      const size_t end = text.find('\n', at);
      out += text.substr(at + 31, end - at - 30);
      at = end + 1;
    }
    return out;
  }
  pid_t pid_in_state(const std::string& name, int run, int field) {
    std::istringstream in(read_file(run_dir(name, run) / "state").value_or(""));
    pid_t pid = 0, start = 0, shim = 0;
    in >> pid >> start >> shim;
    return field == 0 ? pid : shim;
  }

  SystemClock clock_;
  std::unique_ptr<Log> log_ = make_null_log();
  FakeApi api_;
  fs::path dir_;
  std::string ns_ = "ns";  // of the pods that are made and asked for
  std::unique_ptr<Node> node_;
};

TEST_F(NodeTest, runs_a_pod_to_its_end_and_tells_how_it_ended) {
  start();
  make_pod("good", "echo hello");
  make_pod("bad", "echo sorry >&2; exit 7");
  ASSERT_TRUE(wait_phase("good", "Succeeded"));
  ASSERT_TRUE(wait_phase("bad", "Failed"));
  EXPECT_EQ(output("good"), "hello\n");
  EXPECT_EQ(output("bad"), "sorry\n");
  EXPECT_EQ(int_at(container_status("bad"), {"state", "terminated", "exitCode"}), 7);
  EXPECT_EQ(string_at(container_status("bad"), {"state", "terminated", "reason"}), "Error");
  EXPECT_EQ(string_at(pod("good"), {"spec", "nodeName"}), "clops-local");
}

TEST_F(NodeTest, every_pod_has_an_address_and_knows_it) {
  start();
  const Json env = {
      {"env", Json::array({{{"name", "POD_IP"}, {"valueFrom", {{"fieldRef", {{"fieldPath", "status.podIP"}}}}}}})},
      {"command", {"/bin/echo", "$(POD_IP)"}}};
  make_pod("a", "", Json::object(), env);
  make_pod("b", "", Json::object(), env);
  ASSERT_TRUE(wait_phase("a", "Succeeded"));
  ASSERT_TRUE(wait_phase("b", "Succeeded"));
  EXPECT_EQ(output("a"), string_at(pod("a"), {"status", "podIP"}) + "\n");
  EXPECT_TRUE(string_at(pod("a"), {"status", "podIP"}).starts_with("127.251."));
  EXPECT_NE(string_at(pod("a"), {"status", "podIP"}), string_at(pod("b"), {"status", "podIP"}));
}

TEST_F(NodeTest, a_pod_waits_for_its_config_map_and_sees_it_change) {
  start();
  make_pod("p", "cat /etc/thing/key; until grep -q two /etc/thing/key; do sleep 0.02; done; cat /etc/thing/key",
           {{"volumes", Json::array({{{"name", "thing"}, {"configMap", {{"name", "cm"}}}}})}},
           {{"volumeMounts", Json::array({{{"name", "thing"}, {"mountPath", "/etc/thing"}}})}});
  ASSERT_TRUE(wait([&] {
    return string_at(container_status("p"), {"state", "waiting", "message"}).find("\"cm\" not found") !=
           std::string::npos;
  }));
  ASSERT_TRUE(api_.create(types::kConfigMaps,
                          {{"metadata", {{"name", "cm"}, {"namespace", "ns"}}}, {"data", {{"key", "one\n"}}}}, {}));
  ASSERT_TRUE(wait([&] { return output("p") == "one\n"; }));
  ASSERT_TRUE(api_.mutate(types::kConfigMaps, {"ns", "cm"}, "",
                          [](Json& object) -> Status {
                            object["data"]["key"] = "two\n";
                            return {};
                          },
                          {}));
  ASSERT_TRUE(wait_phase("p", "Succeeded"));
  EXPECT_EQ(output("p"), "one\ntwo\n");
}

TEST_F(NodeTest, restarts_what_crashes_at_once_then_backs_off) {
  start();
  make_pod("p", "exit 3", {{"restartPolicy", "Always"}});
  ASSERT_TRUE(wait([&] { return int_at(container_status("p"), {"restartCount"}) >= 3; }));
  EXPECT_EQ(int_at(container_status("p"), {"lastState", "terminated", "exitCode"}), 3);
  EXPECT_EQ(string_at(pod("p"), {"status", "phase"}), "Running");
}

TEST_F(NodeTest, an_unknown_image_is_said_in_the_status) {
  start();
  make_pod("p", "", Json::object(), {{"image", "registry.example/nginx:1"}});
  ASSERT_TRUE(
      wait([&] { return string_at(container_status("p"), {"state", "waiting", "reason"}) == "ErrImageNeverPull"; }));
  EXPECT_EQ(string_at(pod("p"), {"status", "phase"}), "Pending");
}

TEST_F(NodeTest, readiness_follows_its_probe) {
  start();
  const fs::path flag = dir_ / "flag";
  make_pod(
      "p", "sleep 60", Json::object(),
      {{"readinessProbe",
        {{"exec", {{"command", {"/bin/test", "-e", flag.string()}}}}, {"periodSeconds", 1}, {"failureThreshold", 1}}}});
  ASSERT_TRUE(wait_phase("p", "Running"));
  EXPECT_FALSE(ready("p"));
  const auto before = std::chrono::steady_clock::now();
  ASSERT_TRUE(write_file_atomic(flag, ""));
  ASSERT_TRUE(wait([&] { return ready("p"); }));
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(900));  // long before a period is over
  fs::remove(flag);
  ASSERT_TRUE(wait([&] { return !ready("p"); }));
}

TEST_F(NodeTest, a_failing_liveness_probe_restarts_the_container) {
  start();
  make_pod(
      "p", "exec sleep 60", {{"restartPolicy", "Always"}},
      {{"livenessProbe", {{"exec", {{"command", {"/bin/false"}}}}, {"periodSeconds", 1}, {"failureThreshold", 1}}}});
  ASSERT_TRUE(wait([&] { return int_at(container_status("p"), {"restartCount"}) >= 1; }));
}

TEST_F(NodeTest, deleting_ends_politely_then_by_force) {
  start();
  make_pod("polite", "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done");
  make_pod("stubborn", "trap '' TERM; echo up; while :; do sleep 0.01; done");
  ASSERT_TRUE(wait([&] { return output("polite") == "up\n" && output("stubborn") == "up\n"; }));
  const pid_t pid = pid_in_state("stubborn", 0, 0);
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_TRUE(api_.remove(types::kPods, {"ns", "polite"}, {}));
  ASSERT_TRUE(api_.remove(types::kPods, {"ns", "stubborn"}, {}));
  ASSERT_TRUE(wait([&] { return pod("polite").is_null(); }));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(900));
  ASSERT_TRUE(wait([&] { return pod("stubborn").is_null(); }));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(1000));
  EXPECT_NE(::kill(pid, 0), 0);
  ASSERT_TRUE(wait([&] { return fs::is_empty(dir_ / "pods"); }));
}

TEST_F(NodeTest, a_new_plane_adopts_what_runs_and_notices_what_ended) {
  start();
  make_pod("stays", "echo up; exec sleep 60", {{"restartPolicy", "Always"}});
  make_pod("ends", "echo up; until [ -e go ]; do sleep 0.01; done; exit 5");
  ASSERT_TRUE(
      wait([&] { return output("stays") == "up\n" && output("ends") == "up\n" && ready("stays") && ready("ends"); }));
  const pid_t pid = pid_in_state("stays", 0, 0);
  const Json before = pod("stays")["status"];
  const fs::path ended = run_dir("ends", 0);
  lose_plane();
  ASSERT_EQ(::kill(pid, 0), 0);
  ASSERT_TRUE(write_file_atomic(ended.parent_path().parent_path().parent_path() / "work" / "go", ""));
  ASSERT_TRUE(wait([&] { return fs::exists(ended / "exit"); }));
  start();
  ASSERT_TRUE(wait_phase("ends", "Failed"));
  EXPECT_EQ(int_at(container_status("ends"), {"state", "terminated", "exitCode"}), 5);
  EXPECT_EQ(pid_in_state("stays", 0, 0), pid);
  ASSERT_EQ(::kill(pid, 0), 0);
  EXPECT_EQ(pod("stays")["status"], before);  // nothing about it has changed, so nothing is written
  ::kill(pid, SIGKILL);                       // and its end is seen, though it is not this plane's child
  ASSERT_TRUE(wait([&] { return int_at(container_status("stays"), {"restartCount"}) == 1; }));
}

TEST_F(NodeTest, a_killed_supervisor_takes_its_container_along_and_it_runs_again) {
  start();
  make_pod("p", "echo up; exec sleep 60", {{"restartPolicy", "Always"}});
  ASSERT_TRUE(wait([&] { return output("p") == "up\n"; }));
  const pid_t container = pid_in_state("p", 0, 0);
  ::kill(pid_in_state("p", 0, 1), SIGKILL);
  ASSERT_TRUE(wait([&] { return int_at(container_status("p"), {"restartCount"}) == 1 && ready("p"); }));
  EXPECT_TRUE(wait([&] {
    return ::kill(container, 0) != 0 ||
           read_file("/proc/" + std::to_string(container) + "/stat").value_or("").find(") Z ") != std::string::npos;
  }));
}

TEST_F(NodeTest, a_pod_deleted_while_no_plane_ran_leaves_nothing_behind) {
  start();
  make_pod("p", "echo up; exec sleep 60");
  ASSERT_TRUE(wait([&] { return output("p") == "up\n"; }));
  const pid_t pid = pid_in_state("p", 0, 0);
  lose_plane();
  ASSERT_TRUE(api_.remove(types::kPods, {"ns", "p"}, {.grace_seconds = 0}));
  start();
  ASSERT_TRUE(wait([&] { return fs::is_empty(dir_ / "pods"); }));
  EXPECT_TRUE(wait([&] {
    return ::kill(pid, 0) != 0 ||
           read_file("/proc/" + std::to_string(pid) + "/stat").value_or("").find(") Z ") != std::string::npos;
  }));
}

TEST_F(NodeTest, init_containers_come_first_and_one_after_the_other) {
  start();
  const Json init = Json::array({{{"name", "one"},
                                  {"image", "host"},
                                  {"command", {"/bin/sh", "-c", "echo 1 >> /shared/f"}},
                                  {"volumeMounts", Json::array({{{"name", "s"}, {"mountPath", "/shared"}}})}},
                                 {{"name", "two"},
                                  {"image", "host"},
                                  {"command", {"/bin/sh", "-c", "echo 2 >> /shared/f"}},
                                  {"volumeMounts", Json::array({{{"name", "s"}, {"mountPath", "/shared"}}})}}});
  make_pod("p", "cat /shared/f",
           {{"initContainers", init}, {"volumes", Json::array({{{"name", "s"}, {"emptyDir", Json::object()}}})}},
           {{"volumeMounts", Json::array({{{"name", "s"}, {"mountPath", "/shared"}}})}});
  ASSERT_TRUE(wait_phase("p", "Succeeded"));
  EXPECT_EQ(output("p"), "1\n2\n");
}

TEST_F(NodeTest, what_is_ended_for_a_shutdown_says_so_and_whoever_looks_after_it_is_ended_last) {
  start();
  const char* script = "trap 'exit 0' TERM; echo up; while :; do sleep 0.02; done";
  make_pod("served", script, {{"restartPolicy", "Always"}});
  ns_ = "last";
  make_pod("operator", script, {{"restartPolicy", "Always"}});
  ASSERT_TRUE(wait([&] { return ready("operator") && output("operator") == "up\n"; }));
  ns_ = "ns";
  ASSERT_TRUE(wait([&] { return ready("served") && output("served") == "up\n"; }));
  std::mutex mutex;
  std::vector<std::string> ended;
  const auto watch = api_.watch(types::kPods, "", [&](const StoreEvent& event) {
    const Json* status = find_path(event.object->json, {"status", "containerStatuses"});
    if (!status || bool_at((*status)[0], {"ready"})) return;
    const std::lock_guard lock(mutex);
    ended.push_back(event.key.name);
  });
  node_->end_pods(std::chrono::seconds(5));
  const std::lock_guard lock(mutex);
  EXPECT_EQ(ended, (std::vector<std::string>{"served", "operator"}));
  EXPECT_EQ(string_at(container_status("served"), {"state", "terminated", "reason"}), "Completed");
}

TEST_F(NodeTest, a_deadline_ends_the_pod) {
  start();
  make_pod("p", "exec sleep 60", {{"activeDeadlineSeconds", 1}});
  ASSERT_TRUE(wait_phase("p", "Failed"));
  EXPECT_EQ(string_at(pod("p"), {"status", "reason"}), "DeadlineExceeded");
}

}  // namespace
}  // namespace clops::local
