// Many threads, one client: answers find their callers, and streams may end while others send.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/http_client.h"
#include "base/http_server.h"

namespace clops {
namespace {

struct Count final : StreamSink {
  bool on_head(int, const Headers&) override { return true; }
  bool on_data(std::string_view bytes) override {
    seen += bytes.size();
    return true;
  }
  void on_end(Status) override {}
  std::atomic<size_t> seen{0};
};

TEST(HttpClientThreads, answers_find_their_callers_while_streams_come_and_go) {
  auto server = make_http_server({}, [](ServerRequest request, std::shared_ptr<Responder> responder) {
    if (request.http.url == "/stream") {
      const auto stream = responder->start(200, {});
      stream->write("0123456789");
      stream->close();
      return;
    }
    responder->respond({.status = 200, .headers = {}, .body = request.http.url});
  });
  ASSERT_TRUE(server);
  const auto client = *make_curl_client({.connections_max = 4, .proxy = "-"});
  const std::string base = "http://127.0.0.1:" + std::to_string((*server)->port());
  std::atomic<int> right{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 6; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 40; ++i) {
          const std::string path = "/t" + std::to_string(t) + "/" + std::to_string(i);
          const auto answer = client->send({.method = "GET", .url = base + path, .headers = {}, .body = ""}, {});
          right += answer && answer->body == path;
          if (i % 4 == 0) {
            Count sink;
            const auto stream = client->open({.method = "GET", .url = base + "/stream", .headers = {}, .body = ""}, {}, sink);
          }
        }
      });
    }
  }
  EXPECT_EQ(right, 240);
}

}  // namespace
}  // namespace clops
