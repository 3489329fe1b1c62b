// Many threads, one client: answers find their callers, and streams may end while others send. The server is thirty
// lines of sockets here, so that what is watched is the client alone.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "base/http_client.h"

namespace clops {
namespace {

// Answers every GET with its own target, connection by connection.
class EchoServer {
 public:
  EchoServer() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 64), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::jthread([this] {
      for (int fd = accept(listener_, nullptr, nullptr); fd >= 0; fd = accept(listener_, nullptr, nullptr)) {
        const std::lock_guard lock(mutex_);
        fds_.push_back(fd);
        connections_.emplace_back([fd] { answer_all(fd); });
      }
    });
  }
  ~EchoServer() {
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (const int fd : fds_) shutdown(fd, SHUT_RDWR);
    connections_.clear();
    for (const int fd : fds_) close(fd);
    close(listener_);
  }
  [[nodiscard]] int port() const { return port_; }

 private:
  static void answer_all(int fd) {
    std::string in;
    char bytes[4'096];
    for (ssize_t n = read(fd, bytes, sizeof bytes); n > 0; n = read(fd, bytes, sizeof bytes)) {
      in.append(bytes, static_cast<size_t>(n));
      for (size_t end = in.find("\r\n\r\n"); end != std::string::npos; end = in.find("\r\n\r\n")) {
        const std::string target = in.substr(4, in.find(' ', 4) - 4);
        in.erase(0, end + 4);
        const std::string out =
            "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(target.size()) + "\r\n\r\n" + target;
        if (send(fd, out.data(), out.size(), MSG_NOSIGNAL) < 0) return;
      }
    }
  }
  int listener_, port_ = 0;
  std::mutex mutex_;
  std::vector<int> fds_;
  std::vector<std::jthread> connections_;
  std::jthread acceptor_;
};

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
  const EchoServer server;
  const auto client = *make_curl_client({.connections_max = 4, .proxy = "-"});
  const std::string base = "http://127.0.0.1:" + std::to_string(server.port());
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
            const auto stream =
                client->open({.method = "GET", .url = base + "/stream", .headers = {}, .body = ""}, {}, sink);
          }
        }
      });
    }
  }
  EXPECT_EQ(right, 240);
}

}  // namespace
}  // namespace clops
