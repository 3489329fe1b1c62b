// From a declaration to what runs: images, variables, paths, files.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "local/node/container_setup.h"
#include "local/node/pod_status.h"
#include "local/node/volumes.h"

namespace clops::local {
namespace {

namespace fs = std::filesystem;

TEST(ContainerSetup, the_image_names_the_program) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"clops-server", "clops-server"},
      {"clops-server:local", "clops-server"},
      {"registry.example:5000/team/clops-server:1.2", "clops-server"},
      {"registry.example/clops-server@sha256:abc", "clops-server"},
      {"a/b:1@sha256:abc", "b"}};
  for (const auto& [image, program] : rows) EXPECT_EQ(image_program(image), program) << image;
}

TEST(ContainerSetup, variables_expand_as_kubernetes_says) {
  const std::map<std::string, std::string> env = {{"A", "1"}, {"B", "$(A)"}};
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"$(A)", "1"}, {"x$(A)y$(A)", "x1y1"}, {"$$(A)", "$(A)"}, {"$(C)", "$(C)"}, {"$A", "$A"},
      {"$", "$"},    {"$(B)", "$(A)"},       {"$(A", "$(A"}};
  for (const auto& [text, want] : rows) EXPECT_EQ(expand_variables(text, env), want) << text;
}

TEST(ContainerSetup, paths_are_replaced_whole_and_the_longest_first) {
  const PathMap paths = {{"/etc/clops", "/p/1"}, {"/etc/clops-push", "/p/2"}, {"/etc/clops/inner", "/p/3"}};
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"--config=/etc/clops/serving.json", "--config=/p/1/serving.json"},
      {"/etc/clops", "/p/1"},
      {"/etc/clops-push/key", "/p/2/key"},
      {"/etc/clops/inner/x", "/p/3/x"},
      {"/etc/clopsed", "/etc/clopsed"},
      {"/other/etc/clops", "/other/etc/clops"},
      {"a=/etc/clops:b=/etc/clops-push", "a=/p/1:b=/p/2"},
      {"file:///etc/clops/x", "file:///etc/clops/x"}};
  for (const auto& [text, want] : rows) EXPECT_EQ(replace_paths(text, paths), want) << text;
}

DataLookup lookup() {
  const auto none = [](const std::string& name) -> Result<std::map<std::string, std::string>> {
    if (name == "there") return std::map<std::string, std::string>{{"k", "v"}};
    return fail(Code::NotFound, "\"" + name + "\" not found");
  };
  return {.config_map = none, .secret = none};
}

TEST(ContainerSetup, builds_what_is_executed) {
  crds::Container container{.name = "c",
                            .image = "x/clops-server:1",
                            .args = {"serve", "--listen=$(POD_IP)", "--config=/etc/clops/s.json", "--k=$(K)"}};
  container.env = {{.name = "POD_IP", .field_path = "status.podIP"},
                   {.name = "K", .secret = crds::KeyRef{"there", "k", false}},
                   {.name = "DIR", .value = "/etc/clops"}};
  const PodFacts facts{.meta = {.name = "p", .ns = "ns"}, .ip = "127.9.0.1"};
  const Programs programs{.by_image = {{"clops-server", "/bin/clops-server"}}, .search_path = "/bin"};
  const auto made =
      build_execution(container, facts, lookup(), {{"/etc/clops", "/pod/v"}}, programs, {{"PATH", "/bin"}}, "/work");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->program, "/bin/clops-server");
  EXPECT_EQ(made->argv, (std::vector<std::string>{"clops-server", "serve", "--listen=127.9.0.1",
                                                  "--config=/pod/v/s.json", "--k=v"}));
  EXPECT_EQ(made->env, (std::vector<std::string>{"DIR=/pod/v", "HOME=/work", "HOSTNAME=p", "K=v", "PATH=/bin",
                                                 "POD_IP=127.9.0.1"}));
  EXPECT_EQ(made->cwd, "/work");
  container.env.push_back({.name = "M", .config_map = crds::KeyRef{"missing", "k", false}});
  EXPECT_EQ(build_execution(container, facts, lookup(), {}, programs, {}, "/work").error().code, Code::NotFound);
  container.env.back().config_map->optional = true;
  EXPECT_TRUE(build_execution(container, facts, lookup(), {}, programs, {}, "/work"));
}

class VolumesTest : public ::testing::Test {
 protected:
  VolumesTest() {
    std::string pattern = (fs::temp_directory_path() / "clops-volumes-XXXXXX").string();
    dir_ = ::mkdtemp(pattern.data());
  }
  ~VolumesTest() override { fs::remove_all(dir_); }
  fs::path dir_;
};

TEST_F(VolumesTest, a_payload_changes_as_a_whole_and_leaves_nothing_old) {
  ASSERT_EQ(write_payload(dir_ / "v", {{"a", "1"}, {"b", "2"}}), true);
  EXPECT_EQ(read_file(dir_ / "v" / "a"), "1");
  EXPECT_EQ(write_payload(dir_ / "v", {{"a", "1"}, {"b", "2"}}), false);
  ASSERT_EQ(write_payload(dir_ / "v", {{"a", "3"}, {"deep/c", "4"}}), true);

  EXPECT_EQ(read_file(dir_ / "v" / "a"), "3");
  EXPECT_EQ(read_file(dir_ / "v" / "deep" / "c"), "4");
  EXPECT_FALSE(fs::exists(fs::symlink_status(dir_ / "v" / "b")));
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_ / "v"), fs::directory_iterator()),
            4);  // a, deep, ..data and its target
}

TEST_F(VolumesTest, a_key_cannot_leave_the_folder) {
  for (const char* path : {"../x", "/x", "a/../../x", ""})
    EXPECT_FALSE(write_payload(dir_ / "v", {{path, "1"}})) << path;
  EXPECT_FALSE(fs::exists(dir_ / "x"));
}

TEST_F(VolumesTest, a_projection_joins_its_sources) {
  using Kind = crds::VolumePart::Kind;
  const crds::Volume volume{.name = "p",
                            .parts = {{.kind = Kind::ConfigMap, .name = "there", .items = {{"k", "renamed"}}},
                                      {.kind = Kind::Token, .name = "token"},
                                      {.kind = Kind::DownwardApi, .items = {{"metadata.name", "who"}}},
                                      {.kind = Kind::Secret, .name = "missing", .optional = true}}};
  const VolumeSources sources{.lookup = lookup(),
                              .facts = {.meta = {.name = "pod"}},
                              .token = "t",
                              .claims_dir = dir_ / "claims",
                              .check_claim = [](const std::string&) { return Status{}; }};
  const auto made = materialise(volume, dir_, sources);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(read_file(*made / "renamed"), "v");
  EXPECT_EQ(read_file(*made / "token"), "t");
  EXPECT_EQ(read_file(*made / "who"), "pod");
}

using State = ContainerView::State;
struct PhaseRow {
  crds::RestartPolicy policy;
  std::vector<std::pair<State, int>> containers;
  std::string phase;
};
TEST(PodStatus, phases) {
  using enum crds::RestartPolicy;
  const std::vector<PhaseRow> rows = {{Always, {{State::Waiting, 0}}, "Pending"},
                                      {Always, {{State::Running, 0}}, "Running"},
                                      {Never, {{State::Running, 0}, {State::Terminated, 1}}, "Running"},
                                      {Never, {{State::Terminated, 0}, {State::Terminated, 0}}, "Succeeded"},
                                      {Never, {{State::Terminated, 0}, {State::Terminated, 2}}, "Failed"},
                                      {OnFailure, {{State::Terminated, 2}}, "Running"},
                                      {OnFailure, {{State::Terminated, 0}}, "Succeeded"},
                                      {Always, {{State::Terminated, 0}}, "Running"}};
  for (const auto& row : rows) {
    crds::PodSpec spec{.restart_policy = row.policy};
    PodView view;
    for (const auto& [state, code] : row.containers) view.main.push_back({.state = state, .exit_code = code});
    EXPECT_EQ(pod_phase(spec, view), row.phase);
  }
}

TEST(PodStatus, the_times_of_conditions_move_only_with_their_status) {
  crds::Pod pod{.meta = {.name = "p"}};
  pod.spec.containers = {{.name = "c"}};
  PodView view{.main = {{.state = State::Running}}, .ip = "127.9.0.1"};
  const Json first = pod_status(pod, view, Json::object(), "T1");
  view.main[0].ready = true;
  const Json second = pod_status(pod, view, first, "T2");
  EXPECT_EQ(pod_status(pod, view, second, "T3"), second);
  EXPECT_EQ(second["conditions"][0]["lastTransitionTime"], "T1");
  EXPECT_EQ(second["conditions"][3]["lastTransitionTime"], "T2");
  EXPECT_EQ(second["conditions"][3]["status"], "True");
}

TEST(PodStatus, the_first_restart_is_at_once_and_later_ones_wait_longer_up_to_a_limit) {
  const Backoff backoff{};
  std::vector<int64_t> delays;
  for (int i = 0; i < 9; ++i) delays.push_back(restart_delay(i, backoff).count());
  EXPECT_EQ(delays, (std::vector<int64_t>{0, 1'000, 2'000, 4'000, 8'000, 16'000, 32'000, 60'000, 60'000}));
}

}  // namespace
}  // namespace clops::local
