// Servers that end at any moment: while clients connect, ask, watch and leave, handlers answer from other threads and
// streams are written. An end is soon over, and nothing of the server runs after it.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

#include "base/http_server.h"
#include "tests/support/eventually.h"
#include "tests/support/tcp_client.h"

namespace clops {
namespace {

using namespace std::chrono_literals;

// What one server's handlers use: freed right after that server, so that a sanitizer sees a handler that comes late.
struct Served {
  std::mutex mutex;
  std::vector<std::shared_ptr<ResponseStream>> streams;
  std::vector<std::shared_ptr<Responder>> unanswered;
  std::atomic<int> asked = 0;
  std::atomic<bool> ended = false;

  void take(const ServerRequest& request, std::shared_ptr<Responder> responder) {
    ++asked;
    if (ended) {  // a crash would be luck
      std::fprintf(stderr, "a handler was called after its server's end\n");
      std::abort();
    }
    if (request.http.url == "/now") return responder->respond({.status = 200, .headers = {}, .body = "now"});
    const std::lock_guard lock(mutex);
    if (request.http.url == "/later") return unanswered.push_back(std::move(responder));
    streams.push_back(responder->start(200, {}));
  }
  // From another thread than the handlers', during and after the server's life.
  bool play() {
    const std::lock_guard lock(mutex);
    for (const auto& responder : unanswered) responder->respond({.status = 200, .headers = {}, .body = "later"});
    unanswered.clear();
    bool any = false;
    for (const auto& stream : streams) any = stream->write("piece") || any;
    return any;
  }
};

// Connects to whatever server there is, asks for this or that, and leaves at one point or another.
void visit(const std::atomic<int>& port, const std::atomic<bool>& stop, int seed) {
  for (int i = seed; !stop; ++i) {
    const int to = port;
    test::TcpClient client(to);
    if (!client.connected()) {  // that one has ended: wait for the next
      (void)eventually([&] { return port != to || stop; });
      continue;
    }
    const char* target = i % 3 == 0 ? "/now" : i % 3 == 1 ? "/later" : "/watch";
    const std::string request = std::string("GET ") + target + " HTTP/1.1\r\nHost: h\r\n\r\n";
    if (i % 5 == 0) continue;  // says nothing
    if (!client.send_all(i % 7 == 0 ? request.substr(0, 10) : request)) continue;
    if (i % 2 == 0) client.read_until(i % 3 == 0 ? "now" : i % 3 == 1 ? "later" : "piece");
    if (i % 3 == 0 && client.send_all(request)) client.read_until("never");  // until the server hangs up
  }
}

// Connects just when a server ends, says nothing, and stays until it is hung up on: a connection whose accept completes
// amid the end must be closed by it like any other.
void call_at_the_end(const std::atomic<int>& port, const std::atomic<int>& bell, const std::atomic<bool>& stop) {
  for (int heard = 0; !stop;) {
    bell.wait(heard);
    heard = bell;
    std::vector<std::unique_ptr<test::TcpClient>> callers;
    for (int i = 0; i < 8; ++i) callers.push_back(std::make_unique<test::TcpClient>(port));
    for (const auto& caller : callers) {
      while (caller->connected() && !caller->ended() && !stop) caller->read_to_end();
    }
  }
}

TEST(HttpServerThreads, a_server_ends_at_any_moment_and_nothing_of_it_runs_afterwards) {
  std::atomic<int> port = 0;
  std::atomic<bool> stop = false;
  std::vector<std::jthread> clients;
  std::atomic<int> bell = 0;
  for (int i = 0; i < 4; ++i) clients.emplace_back([&, i] { visit(port, stop, i); });
  for (int i = 0; i < 3; ++i) clients.emplace_back([&] { call_at_the_end(port, bell, stop); });
  const auto until = std::chrono::steady_clock::now() + 5s;
  int rounds = 0, asked = 0;
  for (; rounds < 400 && std::chrono::steady_clock::now() < until; ++rounds) {
    const auto served = std::make_unique<Served>();
    auto server = make_http_server(
        {.threads = 2}, [of = served.get()](const ServerRequest& request, std::shared_ptr<Responder> responder) {
          of->take(request, std::move(responder));
        });
    ASSERT_TRUE(server) << server.error().message;
    port = (*server)->port();
    std::atomic<bool> over = false;
    std::thread player([&] {
      (void)eventually(
          [&] {
            served->play();
            return over.load();
          },
          60s);
    });
    // Some ends come before the first request, some amid many; none waits for ever.
    (void)eventually([&] { return served->asked >= rounds % 8 * 4; }, 200ms);
    std::atomic<bool> ended = false;
    ++bell;
    bell.notify_all();
    std::thread ending([&] {
      server->reset();
      ended = served->ended = true;
    });
    if (!eventually([&] { return ended.load(); }, 20s)) {
      std::fprintf(stderr, "a server did not end in 20 s, in round %d\n", rounds);
      std::abort();
    }
    ending.join();
    over = true;
    player.join();
    EXPECT_FALSE(served->play()) << "a stream outlived its server, in round " << rounds;
    asked += served->asked;
  }
  stop = true;
  ++bell;
  bell.notify_all();
  clients.clear();
  EXPECT_GE(rounds, 10);
  EXPECT_GT(asked, rounds);
}

}  // namespace
}  // namespace clops
