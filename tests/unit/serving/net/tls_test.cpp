// TLS around a protocol, without sockets: what is whole, in pieces, in floods and by halves comes to the same.
#include "serving/net/tls.h"

#include <gtest/gtest.h>

#include "base/tls.h"

namespace clops::serving {
namespace {

using Step = TlsSession::Step;
constexpr WallTime kNow{std::chrono::seconds(1'800'000'000)};

// Lines: "say N\n" is answered with N letters; "wait\n" is answered once `allowed`; "end\n" closes.
struct Lines final : StreamProtocol {
  struct Handler final : StreamHandler {
    Handler(const bool& a, size_t most) : allowed(a), out_max(most) {}
    Progress on_input(std::string_view in, std::string& out) override {
      Progress progress;
      while (out.size() < out_max) {
        const std::string_view rest = in.substr(progress.consumed);
        const size_t end = rest.find('\n');
        partial = end == std::string_view::npos && !rest.empty();
        if (end == std::string_view::npos) break;
        const std::string_view line = rest.substr(0, end);
        if (line == "wait" && !allowed) {
          progress.next = Next::Wait;
          break;
        }
        progress.consumed += end + 1;
        progress.completed = true;
        if (line == "end") {
          progress.next = Next::Close;
          break;
        }
        out += line == "wait" ? "waited" : std::string(std::stoul(std::string(line.substr(4))), 'x');
      }
      return progress;
    }
    bool idle() const override { return !partial; }
    void farewell(std::string& out) override { out += "bye"; }
    const bool& allowed;
    const size_t out_max;
    bool partial = false;
  };
  std::unique_ptr<StreamHandler> open() override { return std::make_unique<Handler>(allowed, out_max); }
  bool allowed = false;
  size_t out_max = 64u << 10;
};

struct TlsTest : testing::Test {
  void SetUp() override {
    const auto authority = make_authority("test", kNow, 30);
    ASSERT_TRUE(authority);
    const auto certificate = issue_server_certificate(*authority, {"localhost"}, {}, kNow, 30);
    ASSERT_TRUE(certificate);
    auto made = TlsServer::make({.cert_pem = certificate->cert_pem, .key_pem = certificate->key_pem});
    ASSERT_TRUE(made) << made.error().message;
    server = *made;
    auto inner = std::make_unique<Lines>();
    lines = inner.get();
    protocol = make_tls(std::move(inner), [this] { return server.get(); }, counters,
                        {.in_bytes_max = 4096, .out_bytes_max = 64u << 10});
    connect();
  }
  void connect(const UnverifiedClientOptions& options = {}) {
    handler = protocol->open();
    auto made = TlsSession::unverified_client(options);
    ASSERT_TRUE(made);
    client = std::move(*made);
    to_server.clear();
    left.clear();
    answer.clear();
    last = {};
  }
  // Hands the server what it has not taken yet and `bytes`, at most `piece` more at a time.
  std::string serve(std::string_view bytes, size_t piece = SIZE_MAX) {
    std::string out;
    do {
      const size_t count = std::min(piece, bytes.size());
      left += bytes.substr(0, count);
      bytes.remove_prefix(count);
      last = handler->on_input(left, out);
      left.erase(0, last.consumed);
    } while (!bytes.empty() && last.next != Next::Close);
    return out;
  }
  Step take(const std::string& bytes) {  // the client's turn
    std::string reply;
    client->attach(bytes, reply);
    Step step = open ? Step::Done : client->handshake();
    if (step == Step::Done) {
      open = true;
      step = client->read(answer, SIZE_MAX);
    }
    to_server += reply;
    return step;
  }
  bool shake_hands(size_t piece = SIZE_MAX) {
    open = false;
    for (int i = 0; i < 4 && !open; ++i) {
      const Step step = take(i == 0 ? "" : serve(std::exchange(to_server, {}), piece));
      if (step == Step::Failed) return false;
    }
    (void)take(serve(std::exchange(to_server, {}), piece));
    return open && last.next == Next::Read;
  }
  std::string encrypt(std::string_view plain) {
    std::string out;
    client->attach({}, out);
    EXPECT_EQ(client->write(plain), Step::Done);
    return out;
  }

  std::shared_ptr<const TlsServer> server;
  TlsCounters counters;
  Lines* lines = nullptr;
  std::unique_ptr<StreamProtocol> protocol;
  std::unique_ptr<StreamHandler> handler;
  std::unique_ptr<TlsSession> client;
  std::string to_server, left, answer;
  Progress last;
  bool open = false;
};

TEST_F(TlsTest, answers_what_comes_whole_or_byte_by_byte) {
  for (const size_t piece : {SIZE_MAX, size_t{1}, size_t{7}}) {
    connect();
    ASSERT_TRUE(shake_hands(piece));
    EXPECT_TRUE(handler->idle());
    (void)take(serve(encrypt("say 3\nsay 40"), piece));
    EXPECT_EQ(answer, "xxx");
    EXPECT_FALSE(handler->idle());
    (void)take(serve(encrypt("000\n"), piece));
    EXPECT_EQ(answer.size(), 40'003u);
    EXPECT_TRUE(handler->idle());
  }
  EXPECT_EQ(counters.handshakes, 3u);
  EXPECT_EQ(counters.failed, 0u);
}

TEST_F(TlsTest, part_of_a_record_is_no_idle_connection) {
  ASSERT_TRUE(shake_hands());
  const std::string record = encrypt("say 3\n");
  for (const size_t part : {size_t{3}, size_t{5}, record.size() - 1}) {
    std::string out = serve(record.substr(0, part));
    EXPECT_TRUE(out.empty());
    EXPECT_FALSE(handler->idle()) << part;
    if (part + 1 < record.size()) {
      connect();
      ASSERT_TRUE(shake_hands());
      (void)encrypt("");
    }
  }
}

TEST_F(TlsTest, a_connection_is_not_idle_from_its_first_byte_until_hands_are_shaken) {
  EXPECT_TRUE(handler->idle());
  open = false;
  (void)take("");
  (void)serve(to_server.substr(0, 5));
  EXPECT_FALSE(handler->idle());
}

// Answers larger than the loop has room for: the handler stops, keeps what has come in the loop's buffer, and goes on.
TEST_F(TlsTest, stops_when_the_client_does_not_read_and_goes_on_when_it_has) {
  ASSERT_TRUE(shake_hands());
  std::string questions;
  for (int i = 0; i < 100; ++i) questions += "say 20000\n";
  std::string out = serve(encrypt(questions));
  EXPECT_LT(out.size(), 200'000u);
  EXPECT_TRUE(handler->unsent());
  for (int turns = 0; turns < 100 && (handler->unsent() || !left.empty()); ++turns) {
    const std::string more = serve("");
    EXPECT_LT(more.size(), 200'000u);
    out += more;
  }
  (void)take(out);
  EXPECT_EQ(answer.size(), 2'000'000u);
  EXPECT_TRUE(handler->idle());
}

TEST_F(TlsTest, an_answer_that_is_not_there_yet_is_waited_for) {
  ASSERT_TRUE(shake_hands());
  (void)take(serve(encrypt("wait\nsay 2\n")));
  EXPECT_EQ(last.next, Next::Wait);
  EXPECT_EQ(answer, "");
  (void)take(serve(""));
  EXPECT_EQ(last.next, Next::Wait);
  lines->allowed = true;
  (void)take(serve(""));
  EXPECT_EQ(last.next, Next::Read);
  EXPECT_EQ(answer, "waitedxx");
}

TEST_F(TlsTest, a_message_beyond_the_limit_closes) {
  ASSERT_TRUE(shake_hands());
  (void)take(serve(encrypt(std::string(5'000, 'y'))));
  EXPECT_EQ(last.next, Next::Close);
}

TEST_F(TlsTest, both_sides_say_goodbye) {
  ASSERT_TRUE(shake_hands());
  EXPECT_EQ(take(serve(encrypt("say 2\nend\n"))), Step::Closed);
  EXPECT_EQ(answer, "xx");
  EXPECT_EQ(last.next, Next::Close);
  connect();
  ASSERT_TRUE(shake_hands());
  std::string goodbye;
  client->attach({}, goodbye);
  client->close();
  (void)serve(goodbye);
  EXPECT_EQ(last.next, Next::Close);
  connect();
  ASSERT_TRUE(shake_hands());
  std::string out;
  handler->farewell(out);
  EXPECT_EQ(take(out), Step::Closed);
  EXPECT_EQ(answer, "bye");
}

TEST_F(TlsTest, what_is_no_tls_or_damaged_is_closed) {
  const std::string out = serve("GET /v2/health/live HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(last.next, Next::Close);
  EXPECT_EQ(counters.failed, 1u);
  connect();
  ASSERT_TRUE(shake_hands());
  std::string record = encrypt("say 3\n");
  record.back() = static_cast<char>(record.back() ^ 1);
  (void)serve(record);
  EXPECT_EQ(last.next, Next::Close);
}

TEST_F(TlsTest, protocols_are_agreed_on) {
  const std::pair<std::vector<std::string>, const char*> cases[] = {{{"h2"}, "h2"},
                                                                    {{"http/1.1"}, "http/1.1"},
                                                                    {{"h2", "http/1.1"}, "http/1.1"},
                                                                    {{"grpc-exp", "h2"}, "h2"},
                                                                    {{}, ""}};
  for (const auto& [offered, agreed] : cases) {
    connect({.protocols = offered});
    ASSERT_TRUE(shake_hands());
    EXPECT_EQ(client->protocol(), agreed);
  }
  connect({.protocols = {"spdy/3"}});
  EXPECT_FALSE(shake_hands());
  EXPECT_EQ(last.next, Next::Close);
}

TEST_F(TlsTest, nothing_older_than_1_2_is_spoken) {
  connect({.protocols = {}, .cert_pem = {}, .key_pem = {}, .old = true});
  EXPECT_FALSE(shake_hands());
  EXPECT_EQ(last.next, Next::Close);
}

TEST_F(TlsTest, without_a_certificate_nobody_is_answered) {
  server = nullptr;
  connect();
  EXPECT_EQ(serve("anything"), "");
  EXPECT_EQ(last.next, Next::Close);
}

TEST(TlsServer, says_what_is_wrong_with_a_pair) {
  const auto authority = make_authority("test", kNow, 30);
  ASSERT_TRUE(authority);
  const auto one = issue_server_certificate(*authority, {"localhost"}, {}, kNow, 30);
  const auto two = issue_server_certificate(*authority, {"localhost"}, {}, kNow, 30);
  ASSERT_TRUE(one && two);
  const std::pair<TlsServerOptions, const char*> bad[] = {
      {{.cert_pem = "", .key_pem = one->key_pem}, "the certificate is not PEM"},
      {{.cert_pem = one->cert_pem, .key_pem = ""}, "the private key is not PEM"},
      {{.cert_pem = one->cert_pem, .key_pem = two->key_pem}, "the private key is not the certificate's"},
      {{.cert_pem = one->cert_pem.substr(0, 200), .key_pem = one->key_pem}, "the certificate is not PEM"},
      {{.cert_pem = one->cert_pem, .key_pem = one->key_pem, .client_ca_pem = "x"},
       "the clients' authority is not PEM"}};
  for (const auto& [options, what] : bad) {
    const auto server = TlsServer::make(options);
    ASSERT_FALSE(server) << what;
    EXPECT_NE(server.error().message.find(what), std::string::npos) << server.error().message;
    EXPECT_EQ(server.error().code, Code::InvalidArgument);
  }
  const auto good = TlsServer::make({.cert_pem = one->cert_pem, .key_pem = one->key_pem});
  ASSERT_TRUE(good);
  EXPECT_GT((*good)->not_after(), kNow);
}

}  // namespace
}  // namespace clops::serving
