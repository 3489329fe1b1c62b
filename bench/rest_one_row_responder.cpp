// What this machine can do with these bytes: one thread, epoll, keep-alive, the same answer to every request.
//
//   bench_rest_one_row_responder PORT FILE      FILE: the whole answer, head and body, byte for byte
//
// It finds the end of a request by its Content-Length and reads nothing else of it: the bar of bench/rest_one_row, not
// a server.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <unordered_map>

namespace {

// Bytes of the first whole request in `in`; 0 while there is none.
size_t request_bytes(std::string_view in) {
  const size_t head = in.find("\r\n\r\n");
  if (head == std::string_view::npos) return 0;
  size_t body = 0;
  for (size_t line = in.find("\r\n"); line < head; line = in.find("\r\n", line + 2)) {
    const std::string_view rest = in.substr(line + 2);
    if (rest.size() > 15 && ::strncasecmp(rest.data(), "content-length:", 15) == 0)
      body = std::strtoul(rest.data() + 15, nullptr, 10);
  }
  const size_t whole = head + 4 + body;
  return in.size() < whole ? 0 : whole;
}

class Responder {
 public:
  Responder(int port, std::string answer) : answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int one = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0 || ::listen(listener_, 128) != 0) {
      std::perror("listen");
      std::exit(1);
    }
    socklen_t length = sizeof to;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&to), &length);
    std::printf("listening %d\n", ntohs(to.sin_port));
    std::fflush(stdout);
    poll_ = ::epoll_create1(0);
    watch(listener_);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 64> events;
    for (;;) {
      const int count = ::epoll_wait(poll_, events.data(), events.size(), -1);
      for (int i = 0; i < count; ++i) {
        if (events[i].data.fd == listener_)
          accept();
        else
          answer(events[i].data.fd);
      }
    }
  }

 private:
  void watch(int socket) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = socket;
    ::epoll_ctl(poll_, EPOLL_CTL_ADD, socket, &event);
  }

  void accept() {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
    if (socket < 0) return;
    const int one = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    watch(socket);
  }

  void answer(int socket) {
    const ssize_t got = ::read(socket, buffer_.data(), buffer_.size());
    if (got <= 0) {
      ::close(socket);
      waiting_.erase(socket);
      return;
    }
    std::string& in = waiting_[socket];
    in.append(buffer_.data(), static_cast<size_t>(got));
    while (const size_t bytes = request_bytes(in)) {
      in.erase(0, bytes);
      if (::write(socket, answer_.data(), answer_.size()) < 0) break;
    }
  }

  std::string answer_;
  int listener_ = -1, poll_ = -1;
  std::unordered_map<int, std::string> waiting_;
  std::array<char, 65536> buffer_{};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s PORT FILE\n", argv[0]);
    return 2;
  }
  std::ifstream file(argv[2], std::ios::binary);
  Responder responder(std::atoi(argv[1]), {std::istreambuf_iterator<char>(file), {}});
  responder.run();
}
