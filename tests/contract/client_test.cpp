// The client's verbs and errors, one by one, as the API answers them.
#include <gtest/gtest.h>

#include "base/file.h"
#include "tests/contract/lines.h"
#include "tests/contract/server.h"
#include "tests/support/eventually.h"

namespace clops::contract {
namespace {

using kube::ListOptions;

class ClientContract : public testing::Test {
 protected:
  ClientContract()
      : connection(*kube::connect(Server::instance().access(), clock)),
        client(*connection.client),
        ns(fresh_namespace(client)) {}
  template <class T>
  static Code code_of(const Result<T>& result) {
    return result ? Code::Internal : result.error().code;
  }
  SystemClock clock;
  kube::Connection connection;
  kube::Client& client;
  std::string ns;
};

TEST_F(ClientContract, creates_reads_updates_and_deletes) {
  const auto made = client.create(kConfigMaps, config_map(ns, "a", {{"k", "1"}}));
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_FALSE(kube::decode_meta(*made).uid.empty());
  auto read = client.get(kConfigMaps, {ns, "a"});
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, *made);
  (*read)["data"]["k"] = "2";
  const auto updated = client.update(kConfigMaps, *read);
  ASSERT_TRUE(updated) << updated.error().message;
  EXPECT_LT(kube::compare_resource_versions(kube::decode_meta(*made).resource_version,
                                            kube::decode_meta(*updated).resource_version),
            0);
  ASSERT_TRUE(client.remove(kConfigMaps, {ns, "a"}));
  EXPECT_EQ(code_of(client.get(kConfigMaps, {ns, "a"})), Code::NotFound);
}

TEST_F(ClientContract, errors_say_what_a_caller_would_do) {
  const auto made = client.create(kConfigMaps, config_map(ns, "a", {{"k", "1"}}));
  ASSERT_TRUE(made);
  EXPECT_EQ(code_of(client.create(kConfigMaps, config_map(ns, "a"))), Code::AlreadyExists);
  Json changed = *made;
  changed["data"]["k"] = "2";
  ASSERT_TRUE(client.update(kConfigMaps, changed));
  EXPECT_EQ(code_of(client.update(kConfigMaps, changed)), Code::Conflict)
      << "the second write was based on the first's past";
  EXPECT_EQ(code_of(client.create(kConfigMaps, config_map(ns, "Not_A_Name"))), Code::InvalidArgument);
  const auto gone = client.remove(kConfigMaps, {ns, "a"}, {.uid = "00000000-0000-0000-0000-000000000000"});
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, Code::Conflict) << "deleting another object of that name";
  EXPECT_EQ(client.remove(kConfigMaps, {ns, "b"}).error().code, Code::NotFound);
  EXPECT_EQ(code_of(client.get({.group = "clops.test", .version = "v1", .kind = "X", .plural = "xs"}, {ns, "a"})),
            Code::NotFound);
}

TEST_F(ClientContract, patches) {
  ASSERT_TRUE(client.create(kConfigMaps, config_map(ns, "a", {{"k", "1"}, {"old", "x"}})));
  auto merged =
      client.patch(kConfigMaps, {ns, "a"}, kube::PatchKind::Merge, {{"data", {{"k", "2"}, {"old", nullptr}}}});
  ASSERT_TRUE(merged) << merged.error().message;
  EXPECT_EQ((*merged)["data"], Json({{"k", "2"}}));
  auto patched = client.patch(kConfigMaps, {ns, "a"}, kube::PatchKind::Json,
                              Json::array({{{"op", "test"}, {"path", "/data/k"}, {"value", "2"}},
                                           {{"op", "add"}, {"path", "/data/n"}, {"value", "3"}}}));
  ASSERT_TRUE(patched) << patched.error().message;
  EXPECT_EQ((*patched)["data"]["n"], "3");
  EXPECT_EQ(code_of(client.patch(kConfigMaps, {ns, "a"}, kube::PatchKind::Json,
                                 Json::array({{{"op", "remove"}, {"path", "/data/none"}}}))),
            Code::InvalidArgument);
}

TEST_F(ClientContract, apply_owns_what_it_wrote_and_nothing_else) {
  const auto first = client.apply(kConfigMaps, config_map(ns, "a", {{"k", "1"}, {"mine", "x"}}),
                                  {.field_manager = "one", .force = false});
  ASSERT_TRUE(first) << first.error().message;
  const auto again = client.apply(kConfigMaps, config_map(ns, "a", {{"k", "1"}, {"mine", "x"}}),
                                  {.field_manager = "one", .force = false});
  ASSERT_TRUE(again);
  EXPECT_EQ(kube::decode_meta(*first).resource_version, kube::decode_meta(*again).resource_version)
      << "applying the same is no write";
  const auto refused =
      client.apply(kConfigMaps, config_map(ns, "a", {{"k", "2"}}), {.field_manager = "two", .force = false});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::Conflict);
  EXPECT_NE(refused.error().message.find("one"), std::string::npos) << refused.error().message;
  ASSERT_TRUE(client.apply(kConfigMaps, config_map(ns, "a", {{"k", "2"}}), {.field_manager = "two", .force = true}));
  const auto left =
      client.apply(kConfigMaps, config_map(ns, "a", {{"extra", "y"}}), {.field_manager = "one", .force = false});
  ASSERT_TRUE(left) << left.error().message;
  EXPECT_EQ((*left)["data"], Json({{"k", "2"}, {"extra", "y"}}))
      << "what a manager stops naming goes, what others own stays";
}

TEST_F(ClientContract, lists_in_pages_and_by_label) {
  for (int i = 0; i < 12; ++i) {
    Json object = config_map(ns, "n" + std::to_string(100 + i));
    object["metadata"]["labels"]["odd"] = i % 2 ? "yes" : "no";
    ASSERT_TRUE(client.create(kConfigMaps, object));
  }
  std::vector<std::string> names;
  ListOptions options{.label_selector = "odd", .limit = 5};
  int pages = 0;
  do {
    const auto page = client.list(kConfigMaps, ns, options);
    ASSERT_TRUE(page) << page.error().message;
    EXPECT_LE(page->items.size(), 5u);
    for (const Json& item : page->items) names.push_back(string_at(item, {"metadata", "name"}));
    options.continue_token = page->continue_token;
    ++pages;
  } while (!options.continue_token.empty() && pages < 10);
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(names.size(), 12u);
  EXPECT_TRUE(std::ranges::is_sorted(names));
  EXPECT_EQ(client.list(kConfigMaps, ns, {.label_selector = "odd=yes"})->items.size(), 6u);
  EXPECT_EQ(client.list(kConfigMaps, ns, {.field_selector = "metadata.name=n101"})->items.size(), 1u);
}

TEST_F(ClientContract, a_large_list_comes_compressed_and_whole) {
  const std::string text(100'000, 'x');
  for (int i = 0; i < 4; ++i)
    ASSERT_TRUE(client.create(kConfigMaps, config_map(ns, "big" + std::to_string(i), {{"k", text}})));
  const auto all = client.list(kConfigMaps, ns);
  ASSERT_TRUE(all) << all.error().message;
  int whole = 0;
  for (const Json& item : all->items) whole += string_at(item, {"data", "k"}) == text;
  EXPECT_EQ(whole, 4);
}

TEST_F(ClientContract, watches_from_a_revision_with_a_bookmark_before_the_end) {
  const auto before = client.create(kConfigMaps, config_map(ns, "a"));
  ASSERT_TRUE(before);
  ASSERT_TRUE(client.create(kConfigMaps, config_map(ns, "b")));
  Lines lines;
  const auto stream = client.watch(
      kConfigMaps, ns,
      {.resource_version = kube::decode_meta(*before).resource_version, .timeout = std::chrono::seconds(4)}, lines);
  ASSERT_TRUE(eventually([&] { return lines.read().find("\"name\":\"b\"") != std::string::npos; }));
  ASSERT_TRUE(client.remove(kConfigMaps, {ns, "b"}));
  EXPECT_TRUE(eventually([&] { return lines.ended.load(); }));
  const std::string text = lines.read();
  EXPECT_EQ(text.find("\"name\":\"a\""), std::string::npos) << "the revision itself is not news";
  EXPECT_NE(text.find("\"type\":\"DELETED\""), std::string::npos);
  EXPECT_NE(text.find("\"type\":\"BOOKMARK\""), std::string::npos) << text;
}

TEST_F(ClientContract, a_pod_is_hardly_changed_in_place) {
  const crds::ResourceType pods{.group = "", .version = "v1", .kind = "Pod", .plural = "pods"};
  const auto made = client.create(
      pods, {{"apiVersion", "v1"},
             {"kind", "Pod"},
             {"metadata", {{"name", "p"}, {"namespace", ns}}},
             {"spec",
              {{"containers", Json::array({{{"name", "c"}, {"image", "no.such/image:1"}, {"args", {"x"}}}})},
               {"tolerations", Json::array({{{"key", "a"}, {"operator", "Exists"}}})}}}});
  ASSERT_TRUE(made) << made.error().message;
  const auto change = [&](const Json& operations) {
    return client.patch(pods, {ns, "p"}, kube::PatchKind::Json, operations);
  };
  const auto set = [](const char* path, const Json& value) {
    return Json::array({{{"op", "add"}, {"path", path}, {"value", value}}});
  };
  EXPECT_TRUE(change(set("/spec/containers/0/image", "no.such/image:2")));
  EXPECT_TRUE(change(set("/spec/tolerations/-", {{"key", "b"}, {"operator", "Exists"}})));
  EXPECT_TRUE(change(set("/spec/activeDeadlineSeconds", 1'000)));
  for (const auto& [path, value] : {std::pair<const char*, Json>{"/spec/containers/0/args", Json::array({"y"})},
                                    {"/spec/terminationGracePeriodSeconds", 5},
                                    {"/spec/tolerations", Json::array()},
                                    {"/spec/activeDeadlineSeconds", 2'000},
                                    {"/spec/volumes/-", {{"name", "v"}, {"emptyDir", Json::object()}}},
                                    {"/spec/nodeSelector", {{"disk", "ssd"}}}}) {
    const auto refused = change(set(path, value));
    EXPECT_EQ(code_of(refused), Code::InvalidArgument) << path;
  }
  const auto refused = change(set("/spec/containers/0/args", Json::array({"y"})));
  EXPECT_NE(refused.error().message.find("spec: Forbidden: pod updates may not change fields other than"),
            std::string::npos)
      << refused.error().message;
}

TEST_F(ClientContract, a_token_that_is_not_known_is_unauthenticated) {
  kube::Access access = Server::instance().access();
  access.tls.cert_file = access.tls.key_file = access.tls.cert_pem = access.tls.key_pem = "";
  access.token_file.clear();
  access.token = "no-such-token";
  auto other = kube::connect(access, clock);
  ASSERT_TRUE(other);
  EXPECT_EQ(code_of(other->client->get(kConfigMaps, {ns, "a"})), Code::Unauthenticated);
}

class ClientContractOnOurOwn : public ClientContract {};

TEST_F(ClientContractOnOurOwn, a_rotated_token_file_is_read_again_after_a_401) {
  kube::Access access = Server::instance().access("token");
  EXPECT_EQ(access.token, "contract-token");
  const auto file = Server::instance().kubeconfig().parent_path() / "rotated";
  ASSERT_TRUE(write_file_atomic(file, "outdated\n"));
  access.token.clear();
  access.token_file = file.string();
  auto other = kube::connect(access, clock);
  ASSERT_TRUE(other);
  EXPECT_EQ(code_of(other->client->list(kConfigMaps, ns)), Code::Unauthenticated);
  ASSERT_TRUE(write_file_atomic(file, "contract-token\n"));
  EXPECT_TRUE(other->client->list(kConfigMaps, ns)) << "well within the minute for which a token is trusted";
}

TEST_F(ClientContractOnOurOwn, a_known_user_without_rights_is_denied) {
  kube::Access access = Server::instance().access("token");
  access.token = "other-token";
  auto other = kube::connect(access, clock);
  EXPECT_EQ(code_of(other->client->get(kConfigMaps, {ns, "a"})), Code::PermissionDenied);
}

TEST_F(ClientContractOnOurOwn, the_certificate_may_be_for_another_name) {
  kube::Access access = Server::instance().access();
  access.tls.server_name = "kubernetes.test";
  EXPECT_TRUE(kube::connect(access, clock)->client->list(kConfigMaps, ns));
  access.tls.server_name = "elsewhere.test";
  const auto refused = kube::connect(access, clock)->client->list(kConfigMaps, ns);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::Unavailable);
}

TEST_F(ClientContractOnOurOwn, an_expired_page_and_an_expired_watch_say_so) {
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(client.create(kConfigMaps, config_map(ns, "n" + std::to_string(i))));
  const auto page = client.list(kConfigMaps, ns, {.limit = 2});
  ASSERT_TRUE(page);
  ASSERT_TRUE(client.remove(kConfigMaps, {ns, "n0"}));
  const auto now = client.create(kConfigMaps, config_map(ns, "last"));
  ASSERT_TRUE(now);
  const std::string revision = kube::decode_meta(*now).resource_version;
  const auto compacted = connection.http->send({.method = "POST",
                                                .url = Server::instance().etcd_url() + "/v3/kv/compaction",
                                                .headers = {},
                                                .body = "{\"revision\":\"" + revision + "\",\"physical\":true}"},
                                               {});
  ASSERT_TRUE(compacted && compacted->status == 200) << (compacted ? compacted->body : compacted.error().message);
  ASSERT_TRUE(Server::instance().restart_api_server()) << "its watch cache still remembers what etcd has forgotten";
  EXPECT_EQ(code_of(client.list(kConfigMaps, ns, {.continue_token = page->continue_token, .limit = 2})), Code::Expired);
  Lines lines;
  const auto stream =
      client.watch(kConfigMaps, ns, {.resource_version = "1", .timeout = std::chrono::seconds(5)}, lines);
  EXPECT_TRUE(eventually([&] { return lines.ended.load() || lines.read().find("\"code\":410") != std::string::npos; }));
  EXPECT_TRUE(lines.status == 410 || lines.read().find("\"code\":410") != std::string::npos)
      << lines.status << " " << lines.read();
}

}  // namespace
}  // namespace clops::contract
