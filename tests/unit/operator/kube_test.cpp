// kubeconfigs, Status bodies, and the client's requests and second tries, over an HTTP client that a test answers for.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/digest.h"
#include "base/file.h"
#include "operator/kube/client.h"
#include "operator/kube/config.h"
#include "tests/unit/operator/fakes.h"

namespace clops::kube {
namespace {

using namespace std::chrono_literals;
using op::FakeHttp;
using op::HandClock;
using op::json;
using op::refusal;

const ResourceType kConfigMaps{.group = "", .version = "v1", .kind = "ConfigMap", .plural = "configmaps"};
const ResourceType kDeployments{.group = "apps", .version = "v1", .kind = "Deployment", .plural = "deployments"};

std::string config_with(const std::string& cluster, const std::string& user) {
  return "apiVersion: v1\nkind: Config\ncurrent-context: main\ncontexts:\n- {name: main, context: {cluster: c, user: "
         "u, namespace: team}}\n- {name: bare, context: {cluster: c}}\n"
         "clusters:\n- name: c\n  cluster: " +
         cluster + "\nusers:\n- name: u\n  user: " + user + "\n";
}

TEST(Kubeconfig, reads_what_kubectl_writes) {
  const auto access =
      parse_kubeconfig(config_with("{server: 'https://h:6443/', certificate-authority: pki/ca.crt, tls-server-name: "
                                   "api.test, proxy-url: 'http://p:1'}",
                                   "{client-certificate-data: " + base64_encode("CERT") + ", client-key: /abs/key}"),
                       "/etc/kube");
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(access->server, "https://h:6443");
  EXPECT_EQ(access->tls.ca_file, "/etc/kube/pki/ca.crt") << "relative to the file";
  EXPECT_EQ(access->tls.cert_pem, "CERT");
  EXPECT_EQ(access->tls.key_file, "/abs/key");
  EXPECT_EQ(access->tls.server_name, "api.test");
  EXPECT_EQ(access->proxy, "http://p:1");
  EXPECT_EQ(access->ns, "team");
  const auto bare =
      parse_kubeconfig(config_with("{server: 'https://h', insecure-skip-tls-verify: true}", "{token: t}"), "/", "bare");
  ASSERT_TRUE(bare);
  EXPECT_TRUE(bare->tls.insecure_skip_verify);
  EXPECT_EQ(bare->token, "") << "the context names no user";
  EXPECT_EQ(bare->ns, "default");
}

struct BadConfig {
  const char* cluster;
  const char* user;
  const char* context;
  Code code;
  const char* says;
};
TEST(Kubeconfig, what_is_not_done_is_refused_by_name) {
  const char* good = "{server: 'https://h'}";
  for (const BadConfig& row : {BadConfig{good, "{exec: {command: aws}}", "", Code::Unsupported, "users[u]: exec:"},
                               BadConfig{good, "{auth-provider: {name: gcp}}", "", Code::Unsupported, "auth-provider"},
                               BadConfig{good, "{username: a, password: b}", "", Code::Unsupported, "username"},
                               BadConfig{good, "{token: t, as: admin}", "", Code::Unsupported, "impersonation"},
                               BadConfig{good, "{client-certificate-data: '***', client-key: k}", "",
                                         Code::InvalidArgument, "client-certificate-data"},
                               BadConfig{good, "{client-certificate: c}", "", Code::InvalidArgument, "client-key"},
                               BadConfig{good, "{token: 123}", "", Code::InvalidArgument, "token: must be text"},
                               BadConfig{"{server: 'https://h', insecure-skip-tls-verify: 'true'}", "{}", "",
                                         Code::InvalidArgument, "insecure-skip-tls-verify"},
                               BadConfig{"{}", "{}", "", Code::InvalidArgument, "server"},
                               BadConfig{"{server: 'ftp://h'}", "{}", "", Code::InvalidArgument, "server"},
                               BadConfig{good, "{}", "elsewhere", Code::NotFound, "elsewhere"}}) {
    const auto access = parse_kubeconfig(config_with(row.cluster, row.user), "/", row.context);
    ASSERT_FALSE(access) << row.says;
    EXPECT_EQ(access.error().code, row.code) << access.error().message;
    EXPECT_NE(access.error().message.find(row.says), std::string::npos) << access.error().message;
  }
  for (const char* text : {"", "7", "[]", "a: 1", "contexts: 7\ncurrent-context: x"})
    EXPECT_FALSE(parse_kubeconfig(text, "/")) << text;
  EXPECT_EQ(load_kubeconfig("/no/such/file").error().code, Code::NotFound);
}

class InPod : public testing::Test {
 protected:
  InPod() { std::filesystem::create_directories(folder); }
  ~InPod() override { std::filesystem::remove_all(folder); }
  std::filesystem::path folder = std::filesystem::temp_directory_path() / ("clops-pod-" + random_hex(6));
};

TEST_F(InPod, finds_its_service_account) {
  EXPECT_EQ(in_cluster("", "", folder).error().code, Code::NotFound);
  EXPECT_FALSE(in_cluster("10.0.0.1", "443", folder)) << "no token is mounted";
  ASSERT_TRUE(write_file_atomic(folder / "token", "t1\n"));
  ASSERT_TRUE(write_file_atomic(folder / "namespace", "clops-system"));
  const auto access = in_cluster("fd00::1", "443", folder);
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(access->server, "https://[fd00::1]:443");
  EXPECT_EQ(access->ns, "clops-system");
}

TEST_F(InPod, its_token_is_read_again_each_minute_and_when_it_was_refused) {
  HandClock clock;
  ASSERT_TRUE(write_file_atomic(folder / "token", "t1\n"));
  const auto credentials = make_credentials(*in_cluster("h", "1", folder), clock);
  EXPECT_EQ(credentials->bearer_token(), "t1");
  ASSERT_TRUE(write_file_atomic(folder / "token", "t2"));
  clock.at += 59s;
  EXPECT_EQ(credentials->bearer_token(), "t1");
  clock.at += 1s;
  EXPECT_EQ(credentials->bearer_token(), "t2");
  ASSERT_TRUE(write_file_atomic(folder / "token", "t3"));
  credentials->rejected();
  EXPECT_EQ(credentials->bearer_token(), "t3");
  for (const char* damaged : {"", "\n"}) {  // half-written, or gone: the last good one stays
    ASSERT_TRUE(write_file_atomic(folder / "token", damaged));
    credentials->rejected();
    EXPECT_EQ(credentials->bearer_token(), "t3");
  }
  std::filesystem::remove(folder / "token");
  credentials->rejected();
  EXPECT_EQ(credentials->bearer_token(), "t3");
}

struct StatusRow {
  int http;
  const char* body;
  Code code;
};
TEST(StatusBody, becomes_the_error_a_caller_acts_on) {
  for (
      const StatusRow& row :
      {StatusRow{409, R"({"kind":"Status","reason":"AlreadyExists","message":"m"})", Code::AlreadyExists},
       StatusRow{409, R"({"kind":"Status","reason":"Conflict","message":"m"})", Code::Conflict},
       StatusRow{409, "", Code::Conflict}, StatusRow{410, "gone", Code::Expired},
       StatusRow{422, "{}", Code::InvalidArgument}, StatusRow{400, "x", Code::InvalidArgument},
       StatusRow{401, "", Code::Unauthenticated}, StatusRow{403, "", Code::PermissionDenied},
       StatusRow{404, "", Code::NotFound}, StatusRow{405, "", Code::Unsupported}, StatusRow{415, "", Code::Unsupported},
       StatusRow{413, "", Code::TooLarge}, StatusRow{429, "", Code::Unavailable}, StatusRow{500, "", Code::Unavailable},
       StatusRow{503, "", Code::Unavailable}, StatusRow{504, "", Code::DeadlineExceeded},
       StatusRow{302, "", Code::Internal},
       StatusRow{
           504,
           R"({"kind":"Status","reason":"Timeout","message":"m","details":{"causes":[{"reason":"ResourceVersionTooLarge"}]}})",
           Code::Expired}}) {
    const Error error = decode_status(row.http, row.body);
    EXPECT_EQ(error.code, row.code) << row.http << " " << row.body;
    EXPECT_FALSE(error.message.empty());
  }
  EXPECT_EQ(decode_status(409, R"({"kind":"Status","reason":"Conflict","message":"the server's words"})").message,
            "the server's words");
  EXPECT_EQ(decode_status(503, std::string(10'000, 'x')).message.size(), 210u) << "a page of HTML is cut";
}

struct VersionRow {
  const char *a, *b;
  int order;
};
TEST(ResourceVersions, compare_as_integers_of_any_length) {
  for (const VersionRow& row :
       {VersionRow{"9", "10", -1}, VersionRow{"10", "9", 1}, VersionRow{"7", "7", 0}, VersionRow{"007", "7", 0},
        VersionRow{"99999999999999999999998", "99999999999999999999999", -1}, VersionRow{"", "1", -1},
        VersionRow{"x", "1", -1}, VersionRow{"", "x", 0}}) {
    EXPECT_EQ(compare_resource_versions(row.a, row.b), row.order) << row.a << " and " << row.b;
  }
}

class ClientOverHttp : public testing::Test {
 protected:
  struct Tokens final : Credentials {
    std::string bearer_token() override { return "token-" + std::to_string(refused); }
    void rejected() override { ++refused; }
    int refused = 0;
  };
  HandClock clock;
  FakeHttp http;
  Tokens tokens;
  std::unique_ptr<Client> client = make_client({.server = "https://api:1/", .limits = {}}, http, clock, &tokens);
};

TEST_F(ClientOverHttp, addresses_every_verb_as_the_api_does) {
  http.answer = [](const HttpRequest&) { return json(200, {{"metadata", {{"name", "a"}}}}); };
  const Json object{{"apiVersion", "apps/v1"},
                    {"kind", "Deployment"},
                    {"metadata", {{"name", "a"}, {"namespace", "n"}, {"resourceVersion", "3"}}}};
  (void)client->get(kDeployments, {"n", "a"});
  (void)client->create(kDeployments, object);
  (void)client->update(kDeployments, object, "status");
  (void)client->patch(kDeployments, {"n", "a"}, PatchKind::Json, Json::array());
  (void)client->apply(kDeployments, object, {.field_manager = "me", .force = true, .subresource = "scale"});
  (void)client->remove(kDeployments, {"n", "a"}, {.uid = "u"});
  (void)client->list(kConfigMaps, "", {.label_selector = "a=b,c!=d", .limit = 5});
  (void)client->logs({"n", "p"}, {.container = "c", .tail_lines = 10});
  const std::vector<std::string> want = {
      "GET https://api:1/apis/apps/v1/namespaces/n/deployments/a",
      "POST https://api:1/apis/apps/v1/namespaces/n/deployments",
      "PUT https://api:1/apis/apps/v1/namespaces/n/deployments/a/status",
      "PATCH https://api:1/apis/apps/v1/namespaces/n/deployments/a",
      "PATCH https://api:1/apis/apps/v1/namespaces/n/deployments/a/scale?fieldManager=me&force=true",
      "DELETE https://api:1/apis/apps/v1/namespaces/n/deployments/a",
      "GET https://api:1/api/v1/configmaps?labelSelector=a%3Db%2Cc%21%3Dd&limit=5",
      "GET https://api:1/api/v1/namespaces/n/pods/p/log?container=c&tailLines=10"};
  ASSERT_EQ(http.requests.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) EXPECT_EQ(http.requests[i].method + " " + http.requests[i].url, want[i]);
  EXPECT_EQ(http.requests[3].headers.get("content-type"), "application/json-patch+json");
  EXPECT_EQ(http.requests[4].headers.get("content-type"), "application/apply-patch+yaml");
  EXPECT_EQ(parse_json(http.requests[5].body)->at("preconditions"), Json({{"uid", "u"}}));
  EXPECT_EQ(http.requests[0].headers.get("authorization"), "Bearer token-0");
}

TEST_F(ClientOverHttp, a_blind_update_is_not_sent) {
  const auto refused = client->update(kConfigMaps, {{"metadata", {{"name", "a"}, {"namespace", "n"}}}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::InvalidArgument);
  EXPECT_TRUE(http.requests.empty());
}

TEST_F(ClientOverHttp, reads_are_tried_twice_on_a_broken_connection_writes_never) {
  http.answer = [](const HttpRequest&) -> Result<HttpResponse> { return fail(Code::Unavailable, "reset"); };
  EXPECT_FALSE(client->get(kConfigMaps, {"n", "a"}));
  EXPECT_EQ(http.requests.size(), 2u);
  EXPECT_FALSE(client->create(kConfigMaps, {{"metadata", {{"name", "a"}}}}));
  EXPECT_EQ(http.requests.size(), 3u) << "it may have happened";
}

TEST_F(ClientOverHttp, a_refused_token_is_fetched_again_once) {
  http.answer = [](const HttpRequest& request) {
    return request.headers.get("authorization") == "Bearer token-1" ? json(200, Json::object())
                                                                    : refusal(401, "Unauthorized");
  };
  EXPECT_TRUE(client->create(kConfigMaps, {{"metadata", {{"name", "a"}}}}))
      << "a request that was not authenticated was not done";
  http.answer = [](const HttpRequest&) { return refusal(401, "Unauthorized"); };
  http.requests.clear();
  EXPECT_EQ(client->get(kConfigMaps, {"n", "a"}).error().code, Code::Unauthenticated);
  EXPECT_EQ(http.requests.size(), 2u);
}

struct RetryRow {
  int status;
  const char* header;
  Duration want;
};
TEST_F(ClientOverHttp, retry_after_is_remembered_never_slept) {
  for (const RetryRow& row :
       {RetryRow{429, "1", 1s}, RetryRow{503, "32", 32s}, RetryRow{503, "100000", 60s}, RetryRow{429, "soon", 0s},
        RetryRow{429, "-5", 0s}, RetryRow{429, "", 0s}, RetryRow{404, "7", 0s}}) {
    clock.at += 1h;
    http.answer = [&](const HttpRequest&) {
      HttpResponse out = refusal(row.status, "TooManyRequests");
      if (*row.header) out.headers.set("Retry-After", row.header);
      return out;
    };
    EXPECT_FALSE(client->get(kConfigMaps, {"n", "a"}));
    EXPECT_EQ(client->retry_after(), row.want) << row.status << " " << row.header;
  }
  clock.at += 1h;
  EXPECT_EQ(client->retry_after(), 0s);
}

TEST_F(ClientOverHttp, damaged_answers_are_errors) {
  for (const char* body : {"", "not json", "[1", "\xff\xfe"}) {
    http.answer = [&](const HttpRequest&) { return HttpResponse{.status = 200, .headers = {}, .body = body}; };
    EXPECT_FALSE(client->get(kConfigMaps, {"n", "a"})) << body;
    EXPECT_FALSE(client->list(kConfigMaps, "n")) << body;
  }
  http.answer = [](const HttpRequest&) { return json(200, {{"items", 7}}); };
  EXPECT_FALSE(client->list(kConfigMaps, "n"));
}

}  // namespace
}  // namespace clops::kube
