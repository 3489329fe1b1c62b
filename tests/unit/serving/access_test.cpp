// Who may call, and over what: a whole server with TLS, certificates that are renewed, clients' certificates, tokens.
#include "base/tls.h"
#include "base/tls_stream.h"
#include "tests/support/http2_frames.h"
#include "tests/unit/serving/server_fixture.h"

namespace clops::serving {
namespace {

using Step = TlsSession::Step;
// A client that believes any certificate, on a socket of its own.
class TlsClient {
 public:
  explicit TlsClient(int port, const UnverifiedClientOptions& options = {}) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(static_cast<uint16_t>(port))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    const timeval patience{.tv_sec = 10, .tv_usec = 0};  // what never comes fails the test, and does not hold it up
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    auto made = TlsSession::unverified_client(options);
    EXPECT_TRUE(made);
    session_ = std::move(*made);
    open_ = until([this] { return open_; });
  }
  ~TlsClient() { ::close(socket_); }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;
  [[nodiscard]] bool open() const { return open_; }
  [[nodiscard]] std::string protocol() const { return session_->protocol(); }
  [[nodiscard]] std::string encrypt(std::string_view plain) {
    std::string out;
    session_->attach({}, out);
    EXPECT_EQ(session_->write(plain), Step::Done);
    return out;
  }
  bool send_bytes(std::string_view bytes) const {
    return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }
  // Sends, and reads until the text is there.
  std::string ask(std::string_view plain, std::string_view wanted) {
    EXPECT_TRUE(send_bytes(encrypt(plain)));
    answer.clear();
    (void)until([&] { return answer.find(wanted) != std::string::npos; });
    return answer;
  }
  template <class Done>
  bool until(const Done& done) {
    std::string in;
    for (bool first = true; !done(); first = false) {
      std::string out;
      session_->attach(in, out);
      Step step = open_ ? Step::Done : session_->handshake();
      if (step == Step::Done) {
        open_ = true;
        step = session_->read(answer, SIZE_MAX);
      }
      in.erase(0, session_->taken());
      if (!out.empty() && !send_bytes(out)) return done();
      if (step == Step::Failed || step == Step::Closed) return step == Step::Closed && done();
      if (done()) return true;
      char buffer[16384];
      const ssize_t got = ::recv(socket_, buffer, sizeof buffer, 0);
      if (got <= 0) return done();
      in.append(buffer, static_cast<size_t>(got));
      (void)first;
    }
    return true;
  }
  std::string answer;

 private:
  int socket_ = -1;
  std::unique_ptr<TlsSession> session_;
  bool open_ = false;
};

struct AccessTest : ServerTest {
  void SetUp() override {
    ServerTest::SetUp();
    authority = make("first");
    write_pair(authority);
    credentials.poll = std::chrono::milliseconds(20);
  }
  Certificate make(const std::string& name) const {
    auto made = make_authority(name, clock.wall(), 30);
    EXPECT_TRUE(made);
    return *made;
  }
  void write_pair(const Certificate& by) {
    const auto pair = issue_server_certificate(by, {"localhost"}, {"127.0.0.1"}, clock.wall(), 30);
    ASSERT_TRUE(pair);
    ASSERT_TRUE(write_file_atomic(folder / "tls.crt", pair->cert_pem));
    ASSERT_TRUE(write_file_atomic(folder / "tls.key", pair->key_pem));
  }
  void use_tls() {
    credentials.tls_cert_file = folder / "tls.crt";
    credentials.tls_key_file = folder / "tls.key";
  }
  void use_callers(const std::string& name, const std::string& tokens) {
    fs::create_directories(folder / "callers");
    ASSERT_TRUE(write_file_atomic(folder / "callers" / name, tokens));
    credentials.callers_folder = folder / "callers";
  }
  Result<HttpResponse> get(const std::string& path, TlsClientOptions tls, Headers headers = {}) const {
    auto client = make_curl_client({.tls = std::move(tls)});
    EXPECT_TRUE(client);
    return (*client)->send({.method = "GET",
                            .url = "https://127.0.0.1:" + std::to_string(server->port()) + path,
                            .headers = std::move(headers),
                            .body = {}},
                           {});
  }
  std::string metric(const std::string& series) {
    const std::string all = send("GET", "/metrics", "", {}, true).body;
    const size_t at = all.find("\n" + series + " ");
    return at == std::string::npos
               ? "none"
               : all.substr(at + series.size() + 2, all.find('\n', at + 1) - at - series.size() - 2);
  }
  // Of one call over TLS.
  [[nodiscard]] std::string grpc_status(const std::string& method, const test::HeaderList& more,
                                        std::string_view message = "") const {
    TlsClient client(server->port(), {.protocols = {"h2"}});
    EXPECT_TRUE(client.open());
    test::FrameReader reader;
    EXPECT_TRUE(client.send_bytes(client.encrypt(test::hello() + test::call_headers(1, method, more) +
                                                 test::data(1, test::grpc_message(message)))));
    std::string status = "none";
    (void)client.until([&] {
      for (const test::Frame& frame : reader.read(std::exchange(client.answer, {})))
        if (frame.stream == 1 && frame.headers.contains("grpc-status")) status = frame.headers.at("grpc-status");
      return status != "none";
    });
    return status;
  }
  static std::string row() { return *read_file(golden::root() / "samples/rows/breast-cancer.json"); }
  static Headers bearer(const std::string& token) {
    Headers headers;
    headers.set("Authorization", "Bearer " + token);
    return headers;
  }
  Certificate authority;
};

TEST_F(AccessTest, rest_and_grpc_are_answered_over_tls_on_one_port) {
  use_tls();
  start_ready(two(1));
  const auto answer = get("/v2/health/ready", {.ca_pem = authority.cert_pem});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 200);
  EXPECT_FALSE(get("/v2/health/ready", {.ca_pem = make("another").cert_pem}));

  TlsClient grpc(server->port(), {.protocols = {"h2"}});
  ASSERT_TRUE(grpc.open());
  EXPECT_EQ(grpc.protocol(), "h2");
  const std::string call = test::hello() + test::call_headers(1, "/inference.GRPCInferenceService/ServerMetadata") +
                           test::data(1, test::grpc_message(""));
  EXPECT_NE(grpc.ask(call, "clops").find("clops"), std::string::npos);

  TlsClient rest(server->port(), {.protocols = {"h2", "http/1.1"}});
  EXPECT_EQ(rest.protocol(), "http/1.1");
  const std::string body = row();
  const std::string question = "POST " + infer_path("breast-cancer") +
                               " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                               body;
  EXPECT_NE(rest.ask(question + question, "]}]}").find("\"outputs\":["), std::string::npos);
  EXPECT_EQ(metric("clops_tls_handshakes_total{result=\"ok\"}"), "3");
  EXPECT_EQ(exchange(server->port(), "GET /v2 HTTP/1.1\r\nHost: h\r\n\r\n").find("HTTP/1.1"), std::string::npos);
}

TEST_F(AccessTest, half_a_record_and_then_nothing_harms_nobody) {
  use_tls();
  start_ready(two(1));
  {
    TlsClient half(server->port());
    const std::string record = half.encrypt("GET /v2 HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(half.send_bytes(std::string_view(record).substr(0, record.size() / 2)));
  }
  TlsClient whole(server->port());
  EXPECT_NE(whole.ask("GET /v2 HTTP/1.1\r\nHost: h\r\n\r\n", "extensions").find("200 OK"), std::string::npos);
}

TEST_F(AccessTest, a_renewed_certificate_is_shown_to_new_connections_and_old_ones_go_on) {
  use_tls();
  start_ready(two(1));
  TlsClient old(server->port());
  ASSERT_TRUE(old.open());
  const Certificate second = make("second");
  write_pair(second);
  EXPECT_TRUE(eventually([&] { return get("/v2/health/ready", {.ca_pem = second.cert_pem}).has_value(); }));
  EXPECT_FALSE(get("/v2/health/ready", {.ca_pem = authority.cert_pem}));
  EXPECT_NE(old.ask("GET /v2 HTTP/1.1\r\nHost: h\r\n\r\n", "extensions").find("200 OK"), std::string::npos);
}

TEST_F(AccessTest, a_bad_pair_is_counted_and_the_old_one_stays) {
  use_tls();
  start_ready(two(1));
  ASSERT_TRUE(write_file_atomic(folder / "tls.key", make("other").key_pem));
  const std::string refused = "clops_credential_reloads_total{what=\"certificate\",result=\"refused\"}";
  EXPECT_TRUE(eventually([&] { return metric(refused) == "1"; }));
  EXPECT_TRUE(get("/v2/health/ready", {.ca_pem = authority.cert_pem}));
  ASSERT_TRUE(write_file_atomic(folder / "tls.crt", "nonsense"));
  EXPECT_TRUE(eventually([&] { return metric(refused) == "2"; }));
  EXPECT_TRUE(get("/v2/health/ready", {.ca_pem = authority.cert_pem}));
}

TEST_F(AccessTest, a_server_whose_certificate_comes_later_answers_then) {
  use_tls();
  fs::remove(folder / "tls.key");
  start(two(1));
  TlsClient early(server->port());
  EXPECT_FALSE(early.open());
  write_pair(authority);
  EXPECT_TRUE(eventually([&] { return get("/v2/health/live", {.ca_pem = authority.cert_pem}).has_value(); }));
}

TEST_F(AccessTest, clients_show_their_certificates_where_that_is_required) {
  const Certificate clients = make("clients");
  ASSERT_TRUE(write_file_atomic(folder / "ca.crt", clients.cert_pem));
  const auto known = issue_client_certificate(clients, "batch", clock.wall(), 30);
  const auto strange = issue_client_certificate(authority, "batch", clock.wall(), 30);
  ASSERT_TRUE(known && strange);
  use_tls();
  credentials.client_ca_file = folder / "ca.crt";
  for (const bool required : {true, false}) {
    credentials.client_cert_required = required;
    server.reset();
    fs::remove_all(folder / "cache");
    start_ready(two(1));
    const std::string path = "/v2/models/breast-cancer";
    EXPECT_EQ(get(path, {.ca_pem = authority.cert_pem}).has_value(), !required);
    const auto shown =
        get(path, {.ca_pem = authority.cert_pem, .cert_pem = known->cert_pem, .key_pem = known->key_pem});
    ASSERT_TRUE(shown) << shown.error().message;
    EXPECT_EQ(shown->status, 200);
    EXPECT_FALSE(get(path, {.ca_pem = authority.cert_pem, .cert_pem = strange->cert_pem, .key_pem = strange->key_pem}));
    EXPECT_EQ(send("GET", "/readyz", "", {}, true).status, 200);  // what the kubelet asks instead
  }
}

TEST_F(AccessTest, every_door_but_health_asks_for_a_token) {
  use_callers("batch", "a-token-of-batch-0001\n");
  model_control = true;
  start_ready(two(1));
  const Headers good = bearer("a-token-of-batch-0001");
  const std::pair<const char*, const char*> doors[] = {{"POST", "/v2/models/breast-cancer/infer"},
                                                       {"GET", "/v2/models/breast-cancer"},
                                                       {"GET", "/v2/models/breast-cancer/ready"},
                                                       {"GET", "/v2/models/breast-cancer/stats"},
                                                       {"GET", "/v2/models/breast-cancer/config"},
                                                       {"GET", "/v2/models/stats"},
                                                       {"GET", "/v2"},
                                                       {"POST", "/v2/repository/index"},
                                                       {"POST", "/v2/repository/models/x/unload"},
                                                       {"GET", "/v1/models"},
                                                       {"GET", "/v1/models/breast-cancer"},
                                                       {"POST", "/v1/models/breast-cancer:predict"},
                                                       {"POST", "/v1/models/breast-cancer:explain"},
                                                       {"POST", "/invocations"},
                                                       {"GET", "/version"},
                                                       {"GET", "/nothing"},
                                                       {"GET", "/v2/health/live/../../models/breast-cancer"}};
  for (const auto& [method, path] : doors) {
    const HttpResponse none = send(method, path);
    EXPECT_EQ(none.status, 401) << path;
    EXPECT_EQ(none.headers.get("WWW-Authenticate"), "Bearer") << path;
    const HttpResponse wrong = send(method, path, "", bearer("a-token-of-nobody-0001"));
    EXPECT_EQ(wrong.status, 401) << path;
    EXPECT_EQ(wrong.headers.get("WWW-Authenticate"), "Bearer error=\"invalid_token\"") << path;
    EXPECT_NE(send(method, path, "", good).status, 401) << path;
  }
  for (const char* path : {"/v2/health/live", "/v2/health/ready", "/v2/health/ready/", "/", "/ping", "/health"})
    EXPECT_EQ(send("GET", path).status, 200) << path;
  EXPECT_EQ(send("POST", infer_path("breast-cancer"), row(), good).status, 200);
  EXPECT_EQ(metric("clops_access_refused_total{reason=\"no_token\"}"), "17");
  EXPECT_EQ(metric("clops_access_refused_total{reason=\"bad_token\"}"), "17");
}

TEST_F(AccessTest, grpc_asks_for_a_token_before_it_reads_a_message) {
  use_tls();
  use_callers("batch", "a-token-of-batch-0001\n");
  start_ready(two(1));
  const auto call = [&](const std::string& method, const test::HeaderList& more) { return grpc_status(method, more); };
  const std::string inference = "/inference.GRPCInferenceService/";
  const test::HeaderList good{{"authorization", "Bearer a-token-of-batch-0001"}};
  for (const char* method : {"ModelInfer", "ServerMetadata", "ModelMetadata", "ModelReady", "ModelStatistics",
                             "RepositoryIndex", "RepositoryModelLoad", "RepositoryModelUnload"}) {
    EXPECT_EQ(call(inference + method, {}), "16") << method;
    EXPECT_EQ(call(inference + method, {{"authorization", "Bearer a-token-of-nobody-0001"}}), "16") << method;
    EXPECT_NE(call(inference + method, good), "16") << method;
  }
  EXPECT_EQ(call("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", {}), "16");
  EXPECT_EQ(call(inference + "ServerMetadata", good), "0");
  for (const std::string health : {"ServerLive", "ServerReady"}) EXPECT_EQ(call(inference + health, {}), "0");
  EXPECT_EQ(call("/grpc.health.v1.Health/Check", {}), "0");
}

TEST_F(AccessTest, callers_who_may_choose_the_variant_are_answered_by_it_and_others_are_refused) {
  use_callers("batch", "a-token-of-batch-0001\n");
  use_callers("shop", "a-token-of-the-shop-01\n");
  crds::ServingConfig config = two(1);
  crds::ServingModel& model = config.models[0];
  model.chosen_by.callers = {"batch"};
  model.rules = {{.header = "x-clops-variant", .value = "all", .variant = "challenger"}};
  start_ready(config);
  const auto ask = [&](const std::string& token, const std::string& variant, const std::string& path) {
    Headers headers = bearer(token);
    headers.set("X-Clops-Variant", variant);
    return send("POST", path, row(), headers);
  };
  const std::string batch = "a-token-of-batch-0001", shop = "a-token-of-the-shop-01";
  const std::string infer = infer_path("breast-cancer"), second = "/v2/models/breast-cancer/versions/2/infer";
  for (int i = 0; i < 20; ++i) {  // the split alone would give each variant all of them one time in ten billion
    for (const char* variant : {"champion", "challenger"}) {
      const HttpResponse answer = ask(batch, variant, infer);
      ASSERT_EQ(answer.status, 200) << answer.body;
      EXPECT_NE(answer.body.find("\"variant\":\"" + std::string(variant) + "\""), std::string::npos) << answer.body;
    }
  }
  const HttpResponse refused = ask(shop, "champion", infer);
  EXPECT_EQ(refused.status, 403);
  EXPECT_NE(refused.body.find("the caller shop may not choose the variant"), std::string::npos) << refused.body;
  EXPECT_EQ(ask(batch, "nobody", infer).status, 404);
  EXPECT_EQ(ask(batch, "challenger", second).status, 200);
  EXPECT_EQ(ask(batch, "champion", second).status, 404) << "it serves another version";
  EXPECT_EQ(ask(shop, "champion", second).status, 403);
  const HttpResponse by_rule = ask(shop, "all", infer);
  EXPECT_EQ(by_rule.status, 200) << "a rule is everybody's: " << by_rule.body;
  EXPECT_EQ(send("POST", infer, row(), bearer(shop)).status, 200);
  EXPECT_EQ(metric("clops_request_duration_seconds_count{model=\"\",version=\"\",variant=\"\",code=\"403\"}"), "2");

  model.chosen_by = {};
  config.generation = 2;
  ASSERT_EQ(push(config).status, 200);
  EXPECT_EQ(ask(shop, "champion", infer).status, 200) << "nobody may choose: the header means nothing";
}

TEST_F(AccessTest, callers_choose_by_metadata_over_grpc) {
  use_tls();
  use_callers("batch", "a-token-of-batch-0001\n");
  use_callers("shop", "a-token-of-the-shop-01\n");
  crds::ServingConfig config = two(1);
  config.models[0].chosen_by.callers = {"batch"};
  start_ready(config);
  const auto call = [&](const std::string& token, const std::string& variant) {
    return grpc_status("/inference.GRPCInferenceService/ModelInfer",
                       {{"authorization", "Bearer " + token}, {"x-clops-variant", variant}},
                       "\x0a\x0d"
                       "breast-cancer");
  };
  EXPECT_EQ(call("a-token-of-the-shop-01", "champion"), "7") << "PERMISSION_DENIED";
  EXPECT_EQ(call("a-token-of-batch-0001", "nobody"), "5") << "NOT_FOUND";
  EXPECT_EQ(call("a-token-of-batch-0001", "champion"), "3") << "on to its inputs, of which there are none";
}

TEST_F(AccessTest, tokens_are_exchanged_without_a_restart_and_a_bad_list_changes_nothing) {
  use_callers("batch", "a-token-of-batch-0001\n");
  start_ready(two(1));
  const auto status = [&](const std::string& token) { return send("GET", "/v2", "", bearer(token)).status; };
  ASSERT_TRUE(write_file_atomic(folder / "callers/batch", "a-token-of-batch-0001\na-token-of-batch-0002\n"));
  EXPECT_TRUE(eventually([&] { return status("a-token-of-batch-0002") == 200; }));
  EXPECT_EQ(status("a-token-of-batch-0001"), 200);
  ASSERT_TRUE(write_file_atomic(folder / "callers/batch", "short"));
  // Once or twice: the new file may also be seen before it takes the old one's name.
  EXPECT_TRUE(eventually([&] {
    const std::string refused = metric("clops_credential_reloads_total{what=\"callers\",result=\"refused\"}");
    return refused == "1" || refused == "2";
  }));
  EXPECT_EQ(status("a-token-of-batch-0001"), 200);
  ASSERT_TRUE(write_file_atomic(folder / "callers/batch", "a-token-of-batch-0002\n"));
  EXPECT_TRUE(eventually([&] { return status("a-token-of-batch-0001") == 401; }));
  EXPECT_EQ(status("a-token-of-batch-0002"), 200);
}

TEST_F(AccessTest, a_server_that_does_not_know_who_may_call_is_not_ready_and_lets_nobody_in) {
  credentials.callers_folder = folder / "nowhere";
  start(two(1));
  EXPECT_TRUE(eventually([&] { return server->state().ready; }));
  EXPECT_EQ(send("GET", "/v2/health/ready").status, 503);
  EXPECT_EQ(send("GET", "/readyz", "", {}, true).status, 503);
  EXPECT_EQ(send("GET", "/v2", "", bearer("a-token-of-batch-0001")).status, 503);
  fs::create_directories(folder / "nowhere");
  ASSERT_TRUE(write_file_atomic(folder / "nowhere/batch", "a-token-of-batch-0001\n"));
  EXPECT_TRUE(eventually([&] { return send("GET", "/v2/health/ready").status == 200; }));
  EXPECT_EQ(send("GET", "/v2", "", bearer("a-token-of-batch-0001")).status, 200);
}

}  // namespace
}  // namespace clops::serving
