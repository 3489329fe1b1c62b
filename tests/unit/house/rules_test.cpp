// Proves that the checker complains where it should, and only there.
#include "tests/unit/house/rules.h"

#include <gtest/gtest.h>

#include <string>

namespace clops::house {
namespace {

struct IncludeCase {
  const char* name;
  const char* path;
  const char* line;
  bool allowed;
};

class Includes : public testing::TestWithParam<IncludeCase> {};

TEST_P(Includes, are_judged) {
  const IncludeCase& c = GetParam();
  const Complaints complaints = check_includes({.path = c.path, .text = std::string(c.line) + "\n"});
  EXPECT_EQ(complaints.empty(), c.allowed) << (complaints.empty() ? "no complaint" : complaints.front());
}

INSTANTIATE_TEST_SUITE_P(
    Rules, Includes,
    testing::Values(
        IncludeCase{"own_room", "base/a.cpp", "#include \"base/json.h\"", true},
        IncludeCase{"base_knows_none", "base/a.cpp", "#include \"formats/xgboost.h\"", false},
        IncludeCase{"down", "controllers/md/reconciler.cpp", "#include \"operator/kube/client.h\"", true},
        IncludeCase{"serving_not_operator", "serving/a.cpp", "#include \"operator/kube/client.h\"", false},
        IncludeCase{"operator_not_serving", "operator/a.cpp", "#include \"serving/net/loop.h\"", false},
        IncludeCase{"operator_knows_meta", "operator/a.h", "#include \"crds/meta.h\"", true},
        IncludeCase{"operator_knows_no_kind", "operator/a.h", "#include \"crds/model_version.h\"", false},
        IncludeCase{"serving_config", "serving/a.h", "#include \"crds/serving_config.h\"", true},
        IncludeCase{"serving_not_model_version", "serving/a.h", "#include \"crds/model_version.h\"", false},
        IncludeCase{"local_not_operator", "local/a.cpp", "#include \"operator/kube/client.h\"", false},
        IncludeCase{"cli_not_controllers", "cli/a.cpp", "#include \"controllers/md/plan.h\"", false},
        IncludeCase{"cli_not_cmd", "cli/a.cpp", "#include \"cmd/stop_signal.h\"", false},
        IncludeCase{"cmd_all", "cmd/clops.cpp", "#include \"controllers/md/plan.h\"", true},
        IncludeCase{"api_kube_only", "api/a.cpp", "#include \"operator/queue.h\"", false},
        IncludeCase{"http_not_grpc", "serving/http/a.cpp", "#include \"serving/grpc/b.h\"", false},
        IncludeCase{"front_end_not_engine", "serving/http/a.cpp", "#include \"serving/engines/b.h\"", false},
        IncludeCase{"engine_protocol", "serving/engines/a.cpp", "#include \"serving/protocol/engine.h\"", true},
        IncludeCase{"engine_own_folder", "serving/engines/a.cpp", "#include \"serving/engines/b.h\"", true},
        IncludeCase{"engine_not_routing", "serving/engines/a.cpp", "#include \"serving/routing/b.h\"", false},
        IncludeCase{"no_tree_in_requests", "serving/protocol/a.cpp", "#include \"base/json.h\"", false},
        IncludeCase{"tree_in_lifecycle", "serving/lifecycle/a.cpp", "#include \"base/json.h\"", true},
        IncludeCase{"planner_no_log", "controllers/md/plan.cpp", "#include \"base/log.h\"", false},
        IncludeCase{"planner_no_json", "controllers/md/plan_children.cpp", "#include \"base/json.h\"", false},
        IncludeCase{"planner_no_thread", "controllers/md/traffic.h", "#include <thread>", false},
        IncludeCase{"planner_time", "controllers/md/plan.h", "#include \"base/time.h\"", true},
        IncludeCase{"unrooted", "base/a.cpp", "#include \"json.h\"", false},
        IncludeCase{"unrooted_folder", "serving/http/a.cpp", "#include \"http/b.h\"", false},
        IncludeCase{"indented", "base/a.cpp", "  #  include \"serving/net/loop.h\"", false},
        IncludeCase{"comment", "base/a.cpp", "// #include \"serving/net/loop.h\"", true},
        IncludeCase{"standard", "base/a.cpp", "#include <vector>", true},
        IncludeCase{"system", "serving/net/a.cpp", "#include <sys/epoll.h>", true},
        IncludeCase{"json_door", "base/json.h", "#include <nlohmann/json.hpp>", true},
        IncludeCase{"json_elsewhere", "crds/a.cpp", "#include <nlohmann/json.hpp>", false},
        IncludeCase{"json_in_tests", "tests/unit/crds/a.cpp", "#include <nlohmann/json.hpp>", false},
        IncludeCase{"curl_door", "base/curl_library.h", "#include <curl/curl.h>", true},
        IncludeCase{"curl_header", "base/http_client.h", "#include <curl/curl.h>", false},
        IncludeCase{"boost_door", "base/http_server_beast.cpp", "#include <boost/asio/post.hpp>", true},
        IncludeCase{"boost_elsewhere", "local/a.cpp", "#include <boost/asio/post.hpp>", false},
        IncludeCase{"yaml_elsewhere", "crds/a.cpp", "#include <yaml-cpp/yaml.h>", false},
        IncludeCase{"openssl_door", "base/tls_keys.cpp", "#include <openssl/x509.h>", true},
        IncludeCase{"openssl_elsewhere", "registry/a.cpp", "#include <openssl/evp.h>", false},
        IncludeCase{"sqlite_elsewhere", "local/api.cpp", "#include <sqlite3.h>", false},
        IncludeCase{"simdjson_decoder", "formats/xgboost_json.cpp", "#include <simdjson.h>", true},
        IncludeCase{"simdjson_header", "formats/xgboost_json.h", "#include <simdjson.h>", false},
        IncludeCase{"simdjson_elsewhere", "crds/a.cpp", "#include <simdjson.h>", false},
        IncludeCase{"cli11_door", "cli/command_line.h", "#include <CLI/CLI.hpp>", true},
        IncludeCase{"cli11_elsewhere", "cli/apply.cpp", "#include <CLI/CLI.hpp>", false},
        IncludeCase{"gtest_in_room", "base/a.cpp", "#include <gtest/gtest.h>", false},
        IncludeCase{"no_door", "serving/net/a.cpp", "#include <nghttp2/nghttp2.h>", false},
        IncludeCase{"new_room", "extra/a.cpp", "#include \"base/json.h\"", false}),
    [](const auto& test) { return test.param.name; });

std::string lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "int a" + std::to_string(i) + ";\n";
  return text;
}

TEST(Sizes, are_held) {
  EXPECT_TRUE(check_sizes({"base/a.h", lines(250)}).empty());
  EXPECT_EQ(check_sizes({"base/a.h", lines(251)}).size(), 1u);
  EXPECT_TRUE(check_sizes({"base/a.cpp", lines(600)}).empty());
  EXPECT_EQ(check_sizes({"base/a.cpp", lines(601)}).size(), 1u);
  EXPECT_TRUE(check_sizes({"cmd/a.cpp", lines(150)}).empty());
  EXPECT_EQ(check_sizes({"cmd/a.cpp", lines(151)}).size(), 1u);
  EXPECT_TRUE(check_sizes({"samples/a.yaml", lines(900)}).empty());
}

TEST(Sizes, a_long_function_is_named) {
  const auto function = [](int body) {
    std::string text = "namespace a {\n\nint f(int x) {\n";
    for (int i = 0; i < body; ++i) text += "  ++x;\n";
    return text + "}\n\n}  // namespace a\n";
  };
  EXPECT_TRUE(check_sizes({"base/a.cpp", function(85)}).empty());
  const Complaints complaints = check_sizes({"base/a.cpp", function(86)});
  ASSERT_EQ(complaints.size(), 1u);
  EXPECT_NE(complaints.front().find("base/a.cpp:3:"), std::string::npos) << complaints.front();
  EXPECT_NE(complaints.front().find("f(int x)"), std::string::npos);
}

TEST(Sizes, data_and_types_are_no_functions) {
  std::string body;
  for (int i = 0; i < 200; ++i) body += "  a: 1\n";
  EXPECT_TRUE(check_sizes({"base/a.cpp", "struct A {\n" + body + "};\n"}).empty());
  EXPECT_TRUE(check_sizes({"base/a.cpp", "const char* f() {\n  return R\"x(\n" + body + ")x\";\n}\n"}).empty());
  EXPECT_EQ(check_sizes({"base/a.cpp", "int f() {\n  g(R\"x(a)x\");\n" + body + "}\n"}).size(), 1u);
}

TEST(Words, are_judged) {
  const auto complaints = [](const char* path, const std::string& line) {
    return check_words({path, line + "\n"}).size();
  };
  EXPECT_EQ(complaints("base/a.cpp", std::string("// TO") + "DO: finish"), 1u);
  EXPECT_EQ(complaints("scripts/a.sh", std::string("# good enough for n") + "ow"), 1u);
  EXPECT_EQ(complaints("base/a.cpp", std::string("auto TO") + "DOS = 1;"), 0u) << "a part of a word is no word";
  EXPECT_EQ(complaints("tests/unit/a.cpp", std::string("std::this_thread::sleep") + "_for(1s);"), 1u);
  EXPECT_EQ(complaints("local/a.cpp", std::string("std::this_thread::sleep") + "_for(1s);"), 0u);
  EXPECT_EQ(complaints("tests/unit/a.cpp", std::string("GTEST") + "_SKIP();"), 1u);
  EXPECT_EQ(complaints("local/a.cpp", std::string("System") + "Clock clock;"), 1u);
  EXPECT_EQ(complaints("cmd/a.cpp", std::string("System") + "Clock clock;"), 0u);
  EXPECT_EQ(complaints("cli/a.cpp", std::string("std::get") + "env(\"HOME\");"), 1u);
  EXPECT_EQ(complaints("cmd/a.cpp", std::string("std::get") + "env(\"HOME\");"), 0u);
}

TEST(Readme, a_title_is_not_enough) {
  const std::string title = "# base\n", full = "# base\n\nBelongs: a.\nDoes not: b.\nMay include: c.\nI/O: d.\n";
  EXPECT_EQ(check_room_readme("base", nullptr).size(), 1u);
  EXPECT_EQ(check_room_readme("base", &title).size(), 1u);
  EXPECT_TRUE(check_room_readme("base", &full).empty());
}

TEST(Invariants, have_a_test_or_wait_but_not_both) {
  const std::string page = "# A\nsome_word\n## Named invariants\nfirst_rule · second_rule\n";
  const std::vector<SourceFile> tests = {{"tests/a.cpp", "TEST(Plan, first_rule) {}\n"}};
  EXPECT_TRUE(check_invariants(page, tests, {{"second_rule", "later"}}).empty());
  EXPECT_EQ(check_invariants(page, tests, {}).size(), 1u) << "second_rule has neither";
  EXPECT_EQ(check_invariants(page, tests, {{"first_rule", "x"}, {"second_rule", "x"}}).size(), 1u)
      << "first_rule has both";
  EXPECT_EQ(check_invariants(page, tests, {{"second_rule", "x"}, {"third_rule", "x"}}).size(), 1u)
      << "third_rule is unknown";
  EXPECT_EQ(check_invariants("# A\n", tests, {}).size(), 1u);
}

}  // namespace
}  // namespace clops::house
