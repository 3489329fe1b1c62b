// What the control-plane server does with clients that ask too much, too slowly, in another way or in another version.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "base/http_client.h"
#include "base/http_server.h"
#include "base/time.h"
#include "base/tls.h"
#include "tests/support/eventually.h"
#include "tests/support/tcp_client.h"

namespace clops {
namespace {

using namespace std::chrono_literals;
using Client = test::TcpClient;

size_t times(std::string_view part, std::string_view whole) {
  size_t count = 0;
  for (size_t at = whole.find(part); at != std::string_view::npos; at = whole.find(part, at + 1)) ++count;
  return count;
}

// Says what it was asked; /watch is a stream that is kept, /wait waits for go_on().
class HttpServerLimits : public testing::Test {
 protected:
  ~HttpServerLimits() override { go_on(); }
  void serve(const HttpServerOptions& options) {
    auto made = make_http_server(options, [this](const ServerRequest& request, const std::shared_ptr<Responder>& to) {
      std::unique_lock lock(mutex);
      ++asked;
      if (request.http.url == "/wait") changed.wait(lock, [this] { return going; });
      if (request.http.url == "/watch") return void(stream = to->start(200, {}));
      HttpResponse answer{.status = 200, .headers = {}, .body = "[" + request.http.url + " " + request.http.body + "]"};
      if (request.http.url == "/large") answer.body.assign(3'000'000, 'x');
      if (request.http.url == "/none") answer.status = 204;
      if (request.http.url == "/evil") answer.headers.set("X-Value", "a\r\nX-Evil: yes");
      if (request.http.url == "/last") answer.headers.set("Connection", "close");
      to->respond(std::move(answer));
    });
    ASSERT_TRUE(made) << made.error().message;
    server = std::move(*made);
  }
  void go_on() {
    const std::lock_guard lock(mutex);
    going = true;
    changed.notify_all();
  }
  std::shared_ptr<ResponseStream> watched() {
    EXPECT_TRUE(eventually([&] {
      const std::lock_guard lock(mutex);
      return stream != nullptr;
    }));
    const std::lock_guard lock(mutex);
    return stream;
  }
  int count() {
    const std::lock_guard lock(mutex);
    return asked;
  }
  std::mutex mutex;
  std::condition_variable changed;
  std::shared_ptr<ResponseStream> stream;
  int asked = 0;
  bool going = false;
  std::unique_ptr<HttpServer> server;  // last: ends first
};

TEST_F(HttpServerLimits, requests_sent_at_once_are_answered_in_their_order_and_head_without_a_body) {
  serve({});
  Client client(server->port());
  ASSERT_TRUE(client.send_all(
      "HEAD /head HTTP/1.1\r\nHost: h\r\n\r\nGET /none HTTP/1.1\r\nHost: h\r\n\r\n"
      "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET /last HTTP/1.1\r\nHost: h\r\n\r\n"));
  const std::string got = client.read_to_end();
  EXPECT_TRUE(client.ended()) << "the last answer said that it closes";
  EXPECT_EQ(times("HTTP/1.1 200 OK\r\n", got), 3u) << got;
  EXPECT_NE(got.find("Content-Length: 8\r\n"), std::string::npos) << "what GET /head would have: " << got;
  EXPECT_EQ(times("[/head", got), 0u) << got;
  const size_t none = got.find("HTTP/1.1 204 No Content\r\n"), body = got.find("[/body abc]"),
               last = got.find("[/last ]");
  EXPECT_LT(none, body);
  EXPECT_LT(body, last);
  EXPECT_NE(last, std::string::npos) << got;
}

TEST_F(HttpServerLimits, a_client_that_waits_to_be_asked_for_its_body_is_asked) {
  serve({.body_bytes_max = 100});
  Client client(server->port());
  ASSERT_TRUE(client.send_all("PUT /p HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"));
  EXPECT_NE(client.read_until("100 Continue\r\n\r\n").find("HTTP/1.1 100 Continue\r\n\r\n"), std::string::npos);
  ASSERT_TRUE(client.send_all("body"));
  EXPECT_NE(client.read_until("body]").find("HTTP/1.1 200"), std::string::npos);
  Client large(server->port());
  ASSERT_TRUE(large.send_all("PUT /p HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 101\r\n\r\n"));
  EXPECT_TRUE(large.read_until("over the limit").starts_with("HTTP/1.1 413"));
}

TEST_F(HttpServerLimits, a_large_body_nobody_wants_is_read_and_forgotten_so_that_its_answer_arrives) {
  serve({.body_bytes_max = 100});
  Client client(server->port());
  const std::string body(8u << 20, 'x');
  ASSERT_TRUE(
      client.send_all("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n"));
  ASSERT_TRUE(client.send_all(body)) << "hung up on before all was sent";
  client.end_sending();
  const std::string got = client.read_to_end();
  EXPECT_TRUE(got.starts_with("HTTP/1.1 413")) << got;
  EXPECT_NE(got.find("Connection: close\r\n"), std::string::npos) << got;
  EXPECT_TRUE(client.ended());
  EXPECT_FALSE(client.reset());
}

TEST_F(HttpServerLimits, what_is_no_request_is_refused_and_hung_up_on) {
  serve({.head_bytes_max = 1'000});
  const std::pair<std::string, std::string> cases[] = {
      {"GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(2'000, 'x') + "\r\n\r\n", "HTTP/1.1 431 "},
      {"GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(2'000, 'x'), "HTTP/1.1 431 "},
      {"GET /" + std::string(2'000, 'x'), "HTTP/1.1 431 "},
      {"\x16\x03\x01 hello, is this TLS?\r\n\r\n", "HTTP/1.1 400 "},
      {"GET / HTTP/3.0\r\n\r\n", "HTTP/1.1 400 "},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 400 "},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 400 "},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nlong\r\n", "HTTP/1.1 400 "},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;" + std::string(20'000, 'x'),
       "HTTP/1.1 400 "},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\nx", "HTTP/1.1 501 "},
  };
  for (const auto& [request, answer] : cases) {
    Client client(server->port());
    ASSERT_TRUE(client.send_all(request));
    const std::string got = client.read_to_end();
    EXPECT_TRUE(got.starts_with(answer)) << request.substr(0, 100) << "\n" << got;
    EXPECT_TRUE(client.ended()) << request.substr(0, 100);
  }
  EXPECT_EQ(count(), 0) << "a handler was asked";
  Client good(server->port());
  ASSERT_TRUE(good.send_all("GET /good HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_NE(good.read_until("[/good").find("[/good ]"), std::string::npos);
}

TEST_F(HttpServerLimits, a_value_cannot_bring_a_header_of_its_own) {
  serve({});
  Client client(server->port());
  ASSERT_TRUE(client.send_all("GET /evil HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_EQ(client.read_until("[/evil ]").find("\r\nX-Evil"), std::string::npos);
}

TEST_F(HttpServerLimits, when_too_many_requests_wait_the_next_is_told_so) {
  serve({.threads = 1, .waiting_max = 1});
  const std::string wait = "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n";
  Client first(server->port()), second(server->port()), third(server->port());
  ASSERT_TRUE(first.send_all(wait));
  ASSERT_TRUE(eventually([&] { return count() == 1; }));
  ASSERT_TRUE(second.send_all(wait) && third.send_all(wait));
  // One of the two waits; the other is told at once.
  ASSERT_TRUE(eventually([&] {
    pollfd both[2] = {{.fd = second.fd(), .events = POLLIN, .revents = 0},
                      {.fd = third.fd(), .events = POLLIN, .revents = 0}};
    return poll(both, 2, 100) == 1;
  }));
  go_on();
  EXPECT_NE(first.read_until("[/wait ]").find("HTTP/1.1 200"), std::string::npos);
  const std::string others = second.read_until("\r\n\r\n") + third.read_until("\r\n\r\n");
  EXPECT_EQ(times("HTTP/1.1 503", others), 1u) << others;
  EXPECT_EQ(times("HTTP/1.1 200", others), 1u) << others;
}

TEST_F(HttpServerLimits, the_connection_idle_the_longest_makes_room_and_a_busy_one_does_not) {
  serve({.connections_max = 2});
  Client first(server->port()), second(server->port());
  ASSERT_TRUE(first.send_all("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"));
  ASSERT_NE(first.read_until("[/1 ]").find("[/1 ]"), std::string::npos);
  ASSERT_TRUE(second.send_all("GET /2 HTTP/1.1\r\nHost: h\r\n\r\n"));
  ASSERT_NE(second.read_until("[/2 ]").find("[/2 ]"), std::string::npos);
  Client third(server->port());
  ASSERT_TRUE(third.send_all("GET /watch HTTP/1.1\r\nHost: h\r\n\r\n"));
  first.read_to_end();
  EXPECT_TRUE(first.ended());
  const auto watching = watched();
  ASSERT_TRUE(second.send_all("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n"));
  ASSERT_TRUE(eventually([&] { return count() == 4; }));
  Client fourth(server->port());  // both are busy
  ASSERT_TRUE(fourth.send_all("GET /4 HTTP/1.1\r\nHost: h\r\n\r\n"));
  ASSERT_TRUE(watching->write("still here"));
  EXPECT_NE(third.read_until("still here").find("still here"), std::string::npos);
  EXPECT_EQ(count(), 4);
  go_on();
  EXPECT_NE(fourth.read_until("[/4 ]").find("[/4 ]"), std::string::npos) << "nobody made room";
  EXPECT_NE(second.read_to_end().find("[/wait ]"), std::string::npos);
  EXPECT_TRUE(watching->write("and here"));
}

TEST_F(HttpServerLimits, who_sends_nothing_is_hung_up_on_and_a_silent_stream_is_not) {
  serve({.idle_max = 100ms, .progress_max = 200ms});
  Client watching(server->port());
  ASSERT_TRUE(watching.send_all("GET /watch HTTP/1.1\r\nHost: h\r\n\r\n"));
  const auto stream_of_first = watched();
  for (const char* sent : {"", "GET / HT", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nbo",
                           "GET / HTTP/1.1\r\nHost: h\r\n\r\n"}) {
    Client client(server->port());
    ASSERT_TRUE(client.send_all(sent));
    client.read_to_end();
    EXPECT_TRUE(client.ended()) << sent;
  }
  EXPECT_TRUE(stream_of_first->write("spoke again"));
  EXPECT_NE(watching.read_until("spoke again").find("spoke again"), std::string::npos);
}

TEST_F(HttpServerLimits, a_stream_notices_a_client_that_left_though_nothing_is_written) {
  serve({});
  Client client(server->port());
  ASSERT_TRUE(client.send_all("GET /watch HTTP/1.1\r\nHost: h\r\n\r\n"));
  client.read_until("\r\n\r\n");
  const auto stream_of_first = watched();
  EXPECT_TRUE(stream_of_first->write(""));
  client.leave();
  EXPECT_TRUE(eventually([&] { return !stream_of_first->write(""); }));
}

TEST_F(HttpServerLimits, a_client_cut_off_from_its_stream_is_hung_up_on_at_once) {
  serve({.stream_buffer_bytes_max = 64 << 10});
  Client client(server->port());
  ASSERT_TRUE(client.send_all("GET /watch HTTP/1.1\r\nHost: h\r\n\r\n"));
  const auto stream_of_first = watched();
  const std::string block(16 << 10, 'x');
  for (int i = 0; i < 10'000 && stream_of_first->write(block);) ++i;
  EXPECT_FALSE(stream_of_first->write(block));
  client.read_to_end();
  EXPECT_TRUE(client.ended());
}

TEST_F(HttpServerLimits, an_old_client_is_spoken_to_in_its_own_way) {
  serve({});
  Client client(server->port());
  ASSERT_TRUE(client.send_all("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  EXPECT_NE(client.read_until("[/1 ]").find("Connection: keep-alive\r\n"), std::string::npos);
  ASSERT_TRUE(client.send_all("GET /watch HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  ASSERT_TRUE(watched()->write("piece"));
  EXPECT_NE(client.read_until("piece").find("piece"), std::string::npos);
  watched()->close();
  const std::string got = client.read_to_end();
  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(got.ends_with("\r\n\r\npiece")) << "no chunks, and the connection is the end: " << got;
  Client ending(server->port());
  ASSERT_TRUE(ending.send_all("GET /half HTTP/1.0\r\n\r\n"));
  ending.end_sending();
  EXPECT_TRUE(ending.read_to_end().ends_with("[/half ]")) << "it ended its own side only";
}

TEST_F(HttpServerLimits, large_answers_and_streams_go_over_tls) {
  const SystemClock clock;
  const auto authority = *make_authority("test", clock.wall(), 1);
  const auto certificate = issue_server_certificate(authority, {}, {"127.0.0.1"}, clock.wall(), 1);
  ASSERT_TRUE(certificate);
  serve({.tls_cert_pem = certificate->cert_pem, .tls_key_pem = certificate->key_pem});
  const std::string url = "https://127.0.0.1:" + std::to_string(server->port());
  const auto client = *make_curl_client({.tls = {.ca_pem = authority.cert_pem}, .proxy = "-"});
  const auto large = client->send({.method = "GET", .url = url + "/large", .headers = {}, .body = {}}, {});
  ASSERT_TRUE(large) << large.error().message;
  EXPECT_EQ(large->body.size(), 3'000'000u);
  const std::string body(2'000'000, 'b');
  const auto sent = client->send({.method = "PUT", .url = url + "/sent", .headers = {}, .body = body}, {});
  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_EQ(sent->body, "[/sent " + body + "]");
  Client plain(server->port());
  ASSERT_TRUE(plain.send_all("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_EQ(plain.read_to_end().find("HTTP"), std::string::npos);
  EXPECT_TRUE(plain.ended());
}

TEST_F(HttpServerLimits, no_socket_is_inherited_by_the_programs_that_are_started) {
  serve({});
  Client client(server->port());
  ASSERT_TRUE(client.send_all("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"));
  ASSERT_NE(client.read_until("[/1 ]").find("[/1 ]"), std::string::npos);
  int sockets = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename());
    struct stat what{};
    if (fd < 3 || fstat(fd, &what) != 0 || !S_ISSOCK(what.st_mode)) continue;
    ++sockets;
    EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0) << std::filesystem::read_symlink(entry.path());
  }
  EXPECT_GE(sockets, 3) << "the listening one, the server's and the client's";
}

}  // namespace
}  // namespace clops
