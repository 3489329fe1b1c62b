// A client of bare sockets on loopback, for what no HTTP library would send.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <string_view>

namespace clops::test {

class TcpClient {
 public:
  explicit TcpClient(int port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
    // A free port of the system's own choosing may be chosen for this end too: it is then connected to itself.
    sockaddr_in own{};
    socklen_t length = sizeof own;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&own), &length);
    if (own.sin_port == to.sin_port) connected_ = false;
  }
  ~TcpClient() { leave(); }
  TcpClient(const TcpClient&) = delete;
  TcpClient& operator=(const TcpClient&) = delete;
  void leave() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  void end_sending() const { shutdown(fd_, SHUT_WR); }
  bool send_all(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  // What comes next, within ten seconds.
  std::string read_some() const {
    pollfd p{.fd = fd_, .events = POLLIN, .revents = 0};
    char buffer[16384];
    const auto n = poll(&p, 1, 10'000) == 1 ? recv(fd_, buffer, sizeof buffer, 0) : 0;
    return {buffer, static_cast<size_t>(n > 0 ? n : 0)};
  }
  // What has come when `want` is part of it, the peer closed, or five seconds have passed.
  std::string read_until(std::string_view want) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (got_.find(want) == std::string::npos && !ended_ && std::chrono::steady_clock::now() < deadline) {
      pollfd p{.fd = fd_, .events = POLLIN, .revents = 0};
      if (poll(&p, 1, 100) <= 0) continue;
      char buffer[4096];
      const auto n = recv(fd_, buffer, sizeof buffer, 0);
      ended_ = n <= 0;
      reset_ = n < 0;
      if (n > 0) got_.append(buffer, static_cast<size_t>(n));
    }
    return got_;
  }
  std::string read_to_end() { return read_until(std::string_view("\0 never sent", 12)); }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] bool ended() const { return ended_; }  // the peer hung up
  [[nodiscard]] bool reset() const { return reset_; }  // and not in order

 private:
  int fd_;
  bool connected_ = false, ended_ = false, reset_ = false;
  std::string got_;
};

}  // namespace clops::test
