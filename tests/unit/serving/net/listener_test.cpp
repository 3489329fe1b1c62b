// Thread counts from the quotas of cgroup v1 and v2, and what can be listened on.
#include "serving/net/listener.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"

namespace clops::serving {
namespace {

struct Row {
  const char* why;
  std::vector<std::pair<std::string, std::string>> files;
  std::string proc;
  int online, want;
};
class Quota : public testing::TestWithParam<Row> {};
TEST_P(Quota, gives_threads) {
  const Row& row = GetParam();
  const std::filesystem::path root =
      std::filesystem::path(testing::TempDir()) / ("clops_cgroup_" + std::to_string(::getpid()));
  std::filesystem::remove_all(root);
  for (const auto& [path, text] : row.files) {
    std::filesystem::create_directories((root / path).parent_path());
    ASSERT_TRUE(write_file_atomic(root / path, text));
  }
  EXPECT_EQ(threads_by_quota(root, row.proc, row.online), row.want) << row.why;
  std::filesystem::remove_all(root);
}
INSTANTIATE_TEST_SUITE_P(
    Table, Quota,
    testing::Values(Row{"no cgroup at all", {}, "", 8, 8},
                    Row{"v2, two processors", {{"pod/cpu.max", "200000 100000\n"}}, "0::/pod\n", 8, 2},
                    Row{"v2, half a processor", {{"pod/cpu.max", "50000 100000\n"}}, "0::/pod\n", 8, 1},
                    Row{"v2, one and a half", {{"pod/cpu.max", "150000 100000\n"}}, "0::/pod\n", 8, 2},
                    Row{"v2, unlimited", {{"pod/cpu.max", "max 100000\n"}}, "0::/pod\n", 8, 8},
                    Row{"v2, a parent throttles",
                        {{"a/b/cpu.max", "max 100000\n"}, {"a/cpu.max", "300000 100000\n"}},
                        "0::/a/b\n",
                        8,
                        3},
                    Row{"v2, seen from inside", {{"cpu.max", "100000 100000\n"}}, "0::/\n", 8, 1},
                    Row{"v1",
                        {{"cpu,cpuacct/pod/cpu.cfs_quota_us", "400000\n"},
                         {"cpu,cpuacct/pod/cpu.cfs_period_us", "100000\n"}},
                        "5:memory:/pod\n4:cpu,cpuacct:/pod\n",
                        8,
                        4},
                    Row{"v1, unlimited",
                        {{"cpu/pod/cpu.cfs_quota_us", "-1\n"}, {"cpu/pod/cpu.cfs_period_us", "100000\n"}},
                        "4:cpu:/pod\n",
                        8,
                        8},
                    Row{"more quota than processors", {{"pod/cpu.max", "900000 100000\n"}}, "0::/pod\n", 2, 2}));

TEST(Listener, takes_any_free_port_and_refuses_what_is_none) {
  const auto first = Listener::open("127.0.0.1", 0);
  ASSERT_TRUE(first);
  EXPECT_GT(first->port(), 0);
  EXPECT_EQ(Listener::open("127.0.0.1", first->port()).error().code, Code::Unavailable);
  EXPECT_EQ(Listener::open("localhost", 0).error().code, Code::InvalidArgument);
  EXPECT_EQ(Listener::open("127.0.0.1", 70000).error().code, Code::InvalidArgument);
}

}  // namespace
}  // namespace clops::serving
