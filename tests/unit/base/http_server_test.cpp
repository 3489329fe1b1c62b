// The control-plane server over real sockets on loopback: whole answers, streams that arrive as written, clients that
// leave, limits, and an end that does not hang.
#include "base/http_server.h"
#include "tests/support/eventually.h"
#include "tests/support/tcp_client.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace clops {
namespace {

using namespace std::chrono_literals;

using Client = test::TcpClient;

std::unique_ptr<HttpServer> serve(HttpHandler handler, HttpServerOptions options = {}) {
  auto server = make_http_server(options, std::move(handler));
  EXPECT_TRUE(server) << (server ? "" : server.error().message);
  return server ? std::move(*server) : nullptr;
}

TEST(HttpServer, answers_with_what_the_handler_was_asked) {
  const auto server = serve([](const ServerRequest& request, const std::shared_ptr<Responder>& responder) {
    HttpResponse response{
        .status = 201, .headers = {}, .body = request.http.method + " " + request.http.url + " " + request.http.body};
    response.headers.set("Content-Type", "application/json");
    response.headers.set("X-Test", std::string(request.http.headers.get("x-in").value_or("")));
    responder->respond(std::move(response));
  });
  Client client(server->port());
  ASSERT_TRUE(
      client.send_all("PATCH /a/b%2Fc?x=1&y=a%3Db HTTP/1.1\r\nHost: h\r\nX-In: seen\r\nContent-Length: 4\r\n\r\nbody"));
  const std::string got = client.read_until("body");
  EXPECT_NE(got.find("HTTP/1.1 201"), std::string::npos) << got;
  EXPECT_NE(got.find("Content-Type: application/json\r\n"), std::string::npos) << got;
  EXPECT_NE(got.find("X-Test: seen"), std::string::npos) << got;
  EXPECT_NE(got.find("PATCH /a/b%2Fc?x=1&y=a%3Db body"), std::string::npos) << got;
  ASSERT_TRUE(client.send_all("GET /again HTTP/1.1\r\nHost: h\r\n\r\n"));  // same connection
  EXPECT_NE(client.read_until("GET /again").find("GET /again"), std::string::npos);
}

TEST(HttpServer, a_responder_dropped_unanswered_answers_500) {
  const auto server = serve([](const ServerRequest&, const std::shared_ptr<Responder>&) {});
  Client client(server->port());
  ASSERT_TRUE(client.send_all("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_NE(client.read_until("not answered").find("HTTP/1.1 500"), std::string::npos);
}

struct Held {
  std::mutex mutex;
  std::condition_variable changed;
  std::shared_ptr<ResponseStream> stream;
  std::shared_ptr<ResponseStream> wait() {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, 5s, [this] { return stream != nullptr; });
    return stream;
  }
};

HttpHandler hold(const std::shared_ptr<Held>& held) {
  return [held](const ServerRequest&, const std::shared_ptr<Responder>& responder) {
    Headers headers;
    headers.set("Content-Type", "application/json");
    const std::lock_guard lock(held->mutex);
    held->stream = responder->start(200, std::move(headers));
    held->changed.notify_all();
  };
}

TEST(HttpServer, a_stream_arrives_piece_by_piece_and_ends) {
  const auto held = std::make_shared<Held>();
  const auto server = serve(hold(held));
  Client client(server->port());
  ASSERT_TRUE(client.send_all("GET /watch HTTP/1.1\r\nHost: h\r\n\r\n"));
  const auto stream = held->wait();
  ASSERT_TRUE(stream);
  for (int i = 0; i < 20; ++i) {
    const std::string piece = "piece-" + std::to_string(i) + "\n";
    ASSERT_TRUE(stream->write(piece));
    ASSERT_NE(client.read_until(piece).find(piece), std::string::npos) << "not flushed by itself: " << piece;
  }
  stream->close();
  EXPECT_NE(client.read_until("\r\n0\r\n\r\n").find("\r\n0\r\n\r\n"), std::string::npos);
  EXPECT_FALSE(stream->write("late"));
}

TEST(HttpServer, a_stream_notices_that_its_client_left) {
  const auto held = std::make_shared<Held>();
  const auto server = serve(hold(held));
  Client client(server->port());
  ASSERT_TRUE(client.send_all("GET /watch HTTP/1.1\r\nHost: h\r\n\r\n"));
  const auto stream = held->wait();
  ASSERT_TRUE(stream);
  ASSERT_TRUE(stream->write("one"));
  client.read_until("one");
  client.leave();
  EXPECT_TRUE(eventually([&] { return !stream->write("more"); }));
}

TEST(HttpServer, a_client_that_does_not_read_is_cut_off) {
  const auto held = std::make_shared<Held>();
  HttpServerOptions options;
  options.stream_buffer_bytes_max = 64 << 10;
  const auto server = serve(hold(held), options);
  Client client(server->port());
  ASSERT_TRUE(client.send_all("GET /watch HTTP/1.1\r\nHost: h\r\n\r\n"));
  const auto stream = held->wait();
  ASSERT_TRUE(stream);
  const std::string block(16 << 10, 'x');
  int written = 0;
  while (written < 10'000 && stream->write(block)) ++written;
  EXPECT_LT(written, 10'000) << "160 MB were remembered for a client that reads nothing";
}

TEST(HttpServer, bodies_over_the_limit_answer_413_whether_they_say_their_length_or_not) {
  HttpServerOptions options;
  options.body_bytes_max = 100;
  const auto server = serve(
      [](const ServerRequest& request, const std::shared_ptr<Responder>& r) {
        r->respond({.status = 200, .headers = {}, .body = "got " + request.http.body});
      },
      options);
  Client large(server->port());
  ASSERT_TRUE(large.send_all("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 150\r\n\r\n" + std::string(150, 'x')));
  EXPECT_NE(large.read_until("over the limit").find("HTTP/1.1 413"), std::string::npos);
  const std::string chunked_head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  Client chunked(server->port());
  ASSERT_TRUE(chunked.send_all(chunked_head + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"));
  EXPECT_NE(chunked.read_until("got abcde").find("HTTP/1.1 200"), std::string::npos);
  Client endless(server->port());
  const std::string chunk = "40\r\n" + std::string(64, 'x') + "\r\n";
  ASSERT_TRUE(endless.send_all(chunked_head + chunk + chunk + "0\r\n\r\n"));
  EXPECT_NE(endless.read_until("over the limit").find("HTTP/1.1 413"), std::string::npos);
}

TEST(HttpServer, ends_while_a_stream_is_open_and_a_connection_idle) {
  const auto held = std::make_shared<Held>();
  auto server = serve(hold(held));
  const int port = server->port();
  Client watching(port), idle(port);
  ASSERT_TRUE(watching.send_all("GET /watch HTTP/1.1\r\nHost: h\r\n\r\n"));
  ASSERT_TRUE(held->wait());
  std::thread ending([&] { server.reset(); });
  ending.join();
  EXPECT_FALSE(held->stream->write("late"));
  EXPECT_FALSE(Client(port).connected());
}

HttpServerOptions with(const std::function<void(HttpServerOptions&)>& change) {
  HttpServerOptions options;
  change(options);
  return options;
}

TEST(HttpServer, says_what_is_wrong_with_its_options) {
  const HttpHandler none = [](const ServerRequest&, const std::shared_ptr<Responder>&) {};
  EXPECT_EQ(make_http_server(with([](auto& o) { o.address = "nowhere"; }), none).error().code, Code::InvalidArgument);
  EXPECT_EQ(make_http_server(with([](auto& o) { o.tls_cert_pem = "x"; }), none).error().code, Code::InvalidArgument);
  EXPECT_EQ(make_http_server(with([](auto& o) { o.tls_cert_pem = o.tls_key_pem = "x"; }), none).error().code,
            Code::Unavailable);
  const auto first = serve(none);
  EXPECT_EQ(make_http_server(with([&](auto& o) { o.port = first->port(); }), none).error().code, Code::Unavailable);
}

}  // namespace
}  // namespace clops
