// The HTTP client against the control-plane server on loopback: answers, limits, streams and their ends, TLS.
#include "base/http_client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "base/http_server.h"
#include "base/tls.h"
#include "tests/support/eventually.h"

namespace clops {
namespace {

using namespace std::chrono_literals;

// Keeps streams and unanswered requests for the tests to play with.
struct Played {
  std::mutex mutex;
  std::vector<std::shared_ptr<ResponseStream>> streams;
  std::vector<std::shared_ptr<Responder>> unanswered;
  size_t count() {
    const std::lock_guard lock(mutex);
    return streams.size();
  }
  std::shared_ptr<ResponseStream> stream(size_t i) {
    const std::lock_guard lock(mutex);
    return streams.at(i);
  }
};

class HttpClientTest : public testing::Test {
 protected:
  HttpClientTest() : server(serve({})), client(*make_curl_client({.proxy = "-"})) {}
  std::unique_ptr<HttpServer> serve(const HttpServerOptions& options) {
    auto made = make_http_server(options, [this](ServerRequest request, std::shared_ptr<Responder> responder) {
      const Target target = parse_target(request.http.url);
      if (target.path == "/echo") {
        HttpResponse answer{.status = 200, .headers = {}, .body = request.http.method + " " + request.http.body};
        if (const auto value = request.http.headers.get("X-Sent")) answer.headers.set("X-Got", std::string(*value));
        if (const auto type = request.http.headers.get("Content-Type"))
          answer.headers.set("X-Type", std::string(*type));
        responder->respond(std::move(answer));
      } else if (target.path == "/big") {
        responder->respond({.status = 200, .headers = {}, .body = std::string(100'000, 'x')});
      } else if (target.path == "/never") {
        const std::lock_guard lock(played.mutex);
        played.unanswered.push_back(std::move(responder));
      } else if (target.path == "/stream") {
        auto stream = responder->start(200, {});
        const std::lock_guard lock(played.mutex);
        played.streams.push_back(std::move(stream));
      } else {
        responder->respond({.status = 404, .headers = {}, .body = "no " + target.path});
      }
    });
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return std::move(*made);
  }
  std::string url(const std::string& path) const { return "http://127.0.0.1:" + std::to_string(server->port()) + path; }
  Played played;
  std::unique_ptr<HttpServer> server;
  std::unique_ptr<HttpClient> client;
};

TEST_F(HttpClientTest, sends_and_receives) {
  HttpRequest request{.method = "POST", .url = url("/echo"), .headers = {}, .body = "hello"};
  request.headers.set("X-Sent", "value: with colon");
  request.headers.set("Content-Type", "text/x");
  const auto answer = client->send(request, {});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "POST hello");
  EXPECT_EQ(answer->headers.get("x-got"), "value: with colon");
  EXPECT_EQ(answer->headers.get("x-type"), "text/x");
}

TEST_F(HttpClientTest, every_method_arrives_as_itself) {
  for (const char* method : {"GET", "PUT", "PATCH", "DELETE"}) {
    const auto answer = client->send({.method = method, .url = url("/echo"), .headers = {}, .body = "b"}, {});
    ASSERT_TRUE(answer) << method << ": " << answer.error().message;
    EXPECT_EQ(answer->body, std::string(method) + " b");
  }
  const auto empty = client->send({.method = "POST", .url = url("/echo"), .headers = {}, .body = ""}, {});
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->body, "POST ");
  const auto head = client->send({.method = "HEAD", .url = url("/none"), .headers = {}, .body = ""}, {});
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->status, 404);
}

TEST_F(HttpClientTest, an_http_error_is_an_answer) {
  const auto answer = client->send({.method = "GET", .url = url("/none"), .headers = {}, .body = ""}, {});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 404);
  EXPECT_EQ(answer->body, "no /none");
}

TEST_F(HttpClientTest, a_body_over_the_limit_is_too_large) {
  const auto exact =
      client->send({.method = "GET", .url = url("/big"), .headers = {}, .body = ""}, {.body_bytes_max = 100'000});
  EXPECT_TRUE(exact);
  const auto over =
      client->send({.method = "GET", .url = url("/big"), .headers = {}, .body = ""}, {.body_bytes_max = 99'999});
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, Code::TooLarge);
}

TEST_F(HttpClientTest, silence_ends_at_the_deadline) {
  const auto answer =
      client->send({.method = "GET", .url = url("/never"), .headers = {}, .body = ""}, {.total = 100ms});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::DeadlineExceeded);
}

TEST_F(HttpClientTest, nobody_there_is_unavailable_and_nonsense_is_the_callers_fault) {
  const std::string gone = url("/echo");
  server.reset();
  const auto refused = client->send({.method = "GET", .url = gone, .headers = {}, .body = ""}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::Unavailable);
  EXPECT_FALSE(refused.error().message.empty());
  for (const char* nonsense : {"", "http://", "file:///etc/passwd", "gopher://x/"}) {
    const auto bad = client->send({.method = "GET", .url = nonsense, .headers = {}, .body = ""}, {});
    ASSERT_FALSE(bad) << nonsense;
    EXPECT_EQ(bad.error().code, Code::InvalidArgument) << nonsense << ": " << bad.error().message;
  }
}

struct Sink final : StreamSink {
  bool on_head(int code, const Headers&) override {
    status = code;
    return go_on_after_head;
  }
  bool on_data(std::string_view bytes) override {
    {
      const std::lock_guard lock(mutex);
      text.append(bytes);
    }
    if (in_data) in_data();
    return go_on;
  }
  void on_end(Status how) override {
    const std::lock_guard lock(mutex);
    ended = how ? "ok" : std::string(to_string(how.error().code));
    ++ends;
  }
  std::string read() {
    const std::lock_guard lock(mutex);
    return text;
  }
  std::string end() {
    const std::lock_guard lock(mutex);
    return ended;
  }
  std::atomic<int> status{0}, ends{0};
  std::function<void()> in_data;
  bool go_on = true, go_on_after_head = true;
  std::mutex mutex;
  std::string text, ended;
};

TEST_F(HttpClientTest, a_stream_brings_what_is_written_when_it_is_written) {
  Sink sink;
  const auto stream = client->open({.method = "GET", .url = url("/stream"), .headers = {}, .body = ""}, {}, sink);
  ASSERT_TRUE(eventually([&] { return played.count() == 1; }));
  played.stream(0)->write("one");
  EXPECT_TRUE(eventually([&] { return sink.read() == "one"; }));
  EXPECT_EQ(sink.status, 200);
  EXPECT_EQ(sink.end(), "");
  played.stream(0)->write("two");
  played.stream(0)->close();
  EXPECT_TRUE(eventually([&] { return sink.end() == "ok"; }));
  EXPECT_EQ(sink.read(), "onetwo");
  EXPECT_EQ(sink.ends, 1);
}

TEST_F(HttpClientTest, the_sink_may_stop_a_stream) {
  Sink sink;
  sink.go_on = false;
  const auto stream = client->open({.method = "GET", .url = url("/stream"), .headers = {}, .body = ""}, {}, sink);
  ASSERT_TRUE(eventually([&] { return played.count() == 1; }));
  played.stream(0)->write("enough");
  EXPECT_TRUE(eventually([&] { return sink.end() == "ok"; }));
  Sink at_head;
  at_head.go_on_after_head = false;
  const auto other = client->open({.method = "GET", .url = url("/big"), .headers = {}, .body = ""}, {}, at_head);
  EXPECT_TRUE(eventually([&] { return at_head.end() == "ok"; }));
  EXPECT_EQ(at_head.read(), "");
}

TEST_F(HttpClientTest, a_destroyed_stream_never_calls_again) {
  auto sink = std::make_unique<Sink>();
  auto stream = client->open({.method = "GET", .url = url("/stream"), .headers = {}, .body = ""}, {}, *sink);
  ASSERT_TRUE(eventually([&] { return played.count() == 1; }));
  played.stream(0)->write("one");
  ASSERT_TRUE(eventually([&] { return sink->read() == "one"; }));
  stream.reset();
  sink.reset();  // a later call would touch freed memory: the sanitizer lanes look
  EXPECT_TRUE(eventually([&] { return !played.stream(0)->write("more"); })) << "the server learns that nobody listens";
}

TEST_F(HttpClientTest, a_stream_may_be_destroyed_from_within_its_own_call) {
  Sink sink;
  std::unique_ptr<HttpStream> stream;
  std::atomic<bool> opened{false}, gone{false};
  sink.in_data = [&] {
    if (!eventually([&] { return opened.load(); })) return;
    stream.reset();
    gone = true;
  };
  stream = client->open({.method = "GET", .url = url("/stream"), .headers = {}, .body = ""}, {}, sink);
  opened = true;
  ASSERT_TRUE(eventually([&] { return played.count() == 1; }));
  played.stream(0)->write("x");
  EXPECT_TRUE(eventually([&] { return gone.load(); }));
  EXPECT_TRUE(client->send({.method = "GET", .url = url("/echo"), .headers = {}, .body = ""}, {}))
      << "the client goes on";
  EXPECT_EQ(sink.ends, 0);
}

TEST_F(HttpClientTest, an_idle_stream_ends_at_its_limit_and_one_that_speaks_does_not) {
  Sink quiet;
  const auto stream = client->open({.method = "GET", .url = url("/stream"), .headers = {}, .body = ""},
                                   {.total = 10s, .idle = 150ms}, quiet);
  ASSERT_TRUE(eventually([&] { return played.count() == 1; }));
  const auto writes_until = std::chrono::steady_clock::now() + 400ms;
  EXPECT_FALSE(eventually(
      [&] { return !played.stream(0)->write(".") || std::chrono::steady_clock::now() > writes_until + 1h; }, 400ms));
  EXPECT_EQ(quiet.end(), "") << "it spoke all the time";
  EXPECT_TRUE(eventually([&] { return quiet.end() == "DeadlineExceeded"; }));
}

TEST_F(HttpClientTest, the_head_has_a_deadline_and_the_stream_has_not) {
  Sink sink;
  const auto never =
      client->open({.method = "GET", .url = url("/never"), .headers = {}, .body = ""}, {.total = 80ms}, sink);
  EXPECT_TRUE(eventually([&] { return sink.end() == "DeadlineExceeded"; }));
  Sink open;
  const auto stream =
      client->open({.method = "GET", .url = url("/stream"), .headers = {}, .body = ""}, {.total = 300ms}, open);
  ASSERT_TRUE(eventually([&] { return open.status == 200; }));
  EXPECT_FALSE(eventually([&] { return open.end() != ""; }, 500ms));
}

TEST_F(HttpClientTest, a_client_that_ends_ends_its_streams) {
  Sink sink;
  const auto stream = client->open({.method = "GET", .url = url("/stream"), .headers = {}, .body = ""}, {}, sink);
  ASSERT_TRUE(eventually([&] { return played.count() == 1; }));
  client.reset();
  EXPECT_EQ(sink.end(), "Unavailable");
}

class HttpClientTls : public HttpClientTest {
 protected:
  void SetUp() override {
    const SystemClock clock;
    authority = *make_authority("test", clock.wall(), 1);
    const auto certificate = issue_server_certificate(authority, {"named.test"}, {"127.0.0.1"}, clock.wall(), 1);
    ASSERT_TRUE(certificate);
    server = serve({.tls_cert_pem = certificate->cert_pem, .tls_key_pem = certificate->key_pem});
  }
  Result<HttpResponse> get(TlsClientOptions tls) {
    const auto made = make_curl_client({.tls = std::move(tls), .proxy = "-"});
    return (*made)->send({.method = "GET",
                          .url = "https://127.0.0.1:" + std::to_string(server->port()) + "/echo",
                          .headers = {},
                          .body = ""},
                         {});
  }
  Certificate authority;
};

TEST_F(HttpClientTls, trusts_the_authority_it_was_given_and_nobody_else) {
  const auto known = get({.ca_pem = authority.cert_pem});
  EXPECT_TRUE(known) << known.error().message;
  const SystemClock clock;
  const auto other = get({.ca_pem = make_authority("other", clock.wall(), 1)->cert_pem});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::Unavailable);
  EXPECT_NE(other.error().message.find("certificate"), std::string::npos) << other.error().message;
  EXPECT_TRUE(get({.insecure_skip_verify = true}));
}

TEST_F(HttpClientTls, verifies_the_name_it_was_told) {
  const auto named = get({.ca_pem = authority.cert_pem, .server_name = "named.test"});
  EXPECT_TRUE(named) << named.error().message;
  const auto wrong = get({.ca_pem = authority.cert_pem, .server_name = "wrong.test"});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::Unavailable);
}

}  // namespace
}  // namespace clops
