// Loads a gRPC method: one call at a time on each of many connections, from one thread. It costs less a call than the
// servers it measures, which h2load does not: what is counted is then what the server can do.
//   grpc_load PORT PATH FILE CONNECTIONS SECONDS      FILE: the message with its five bytes before it
// Says "result CALLS MICROSECONDS P50 P99 P99.9 FAILED": latencies in microseconds; failed: answered with another
// status than 0, reset, or on a connection that broke.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
enum Type : uint8_t { kData, kHeaders, kPriority, kReset, kSettings, kPush, kPing, kGoAway, kWindow };

std::string frame(Type type, uint8_t flags, uint32_t id, std::string_view payload) {
  std::string out;
  for (const int shift : {16, 8, 0}) out += static_cast<char>(payload.size() >> shift);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(id >> shift);
  return out += payload;
}
uint32_t number(const char* at, size_t bytes) {
  uint32_t out = 0;
  for (size_t i = 0; i < bytes; ++i) out = out << 8 | static_cast<unsigned char>(at[i]);
  return out;
}
std::string literal(std::string_view text) {
  return static_cast<char>(text.size()) + std::string(text);
}

struct Load {
  std::string path, host, body;
  std::vector<uint32_t> micros = std::vector<uint32_t>(1'000'000);  // how many calls took so long
  uint64_t done = 0, failed = 0;
};

class Connection {
 public:
  Connection(Load& load, int port) : load_(load), socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int one = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    nghttp2_hd_inflate_new(&inflater_);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
      std::perror("connect"), std::exit(1);
    std::string_view settings("\x00\x04\x7f\xff\xff\xff", 6), window("\x7f\xff\x00\x00", 4);  // room for every answer
    send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(kSettings, 0, 0, settings) + frame(kWindow, 0, 0, window));
    call();
  }
  int socket() const { return socket_; }

  bool on_readable() {  // false: the connection is over
    char buffer[65536];
    const ssize_t got = ::recv(socket_, buffer, sizeof buffer, 0);
    if (got <= 0) return over();
    std::string_view in(buffer, static_cast<size_t>(got));
    if (!rest_.empty()) in = rest_.append(in);
    while (in.size() >= 9) {
      const size_t length = number(in.data(), 3);
      if (in.size() < 9 + length) break;
      if (!take(static_cast<Type>(in[3]), static_cast<uint8_t>(in[4]), number(in.data() + 5, 4), in.substr(9, length)))
        return over();
      in.remove_prefix(9 + length);
    }
    rest_ = std::string(in);
    return true;
  }

 private:
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0) return;  // the next read says why
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }
  bool over() {
    ++load_.failed;
    return false;
  }

  // The fields that do not change are in the peer's table from the first call on.
  void call() {
    if (window_ < static_cast<int64_t>(load_.body.size())) {
      stalled_ = true;
      return;
    }
    window_ -= static_cast<int64_t>(load_.body.size());
    const std::string fields = id_ > 1 ? "\x83\x86\xc1\xc0\xbf\xbe"
                                       : "\x83\x86\x44" + literal(load_.path) + "\x41" + literal(load_.host) + "\x5f" +
                                             literal("application/grpc") + "\x40" + literal("te") + literal("trailers");
    began_ = Clock::now();
    send(frame(kHeaders, 0x4, id_, fields) + frame(kData, 0x1, id_, load_.body));
  }

  bool take(Type type, uint8_t flags, uint32_t id, std::string_view payload) {
    switch (type) {
      case kHeaders:
        if ((flags & 0x28) != 0 || (flags & 0x4) == 0) return false;  // padded, or goes on: no server here does that
        if (!read_fields(payload)) return false;
        if ((flags & 0x1) != 0) end(good_);
        return true;
      case kReset:
        if (id == id_) end(false);
        return true;
      case kSettings:
        if ((flags & 0x1) == 0) send(frame(kSettings, 0x1, 0, {}));
        return true;
      case kPing:
        if ((flags & 0x1) == 0) send(frame(kPing, 0x1, 0, payload));
        return true;
      case kWindow:
        if (id == 0) window_ += number(payload.data(), 4);
        if (std::exchange(stalled_, false)) call();
        return true;
      default:
        return type != kGoAway;
    }
  }

  // What is made of entries of the tables alone changes neither: the same bytes as before say the same as before.
  bool read_fields(std::string_view block) {
    good_ = block == known_good_;
    if (good_ || block == known_other_) return true;
    bool plain = true;
    for (const char c : block)
      plain = plain && static_cast<unsigned char>(c) > 0x80 && static_cast<unsigned char>(c) < 0xff;
    const auto* at = reinterpret_cast<const uint8_t*>(block.data());
    for (size_t left = block.size();;) {
      nghttp2_nv field{};
      int flags = 0;
      const ssize_t read = nghttp2_hd_inflate_hd2(inflater_, &field, &flags, at, left, 1);
      if (read < 0) return false;
      at += read;
      left -= static_cast<size_t>(read);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0 &&
          std::string_view(reinterpret_cast<char*>(field.name), field.namelen) == "grpc-status")
        good_ = field.valuelen == 1 && field.value[0] == '0';
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    }
    nghttp2_hd_inflate_end_headers(inflater_);
    if (!plain) {  // the tables may have changed
      known_good_.clear();
      known_other_.clear();
    } else {
      (good_ ? known_good_ : known_other_) = block;
    }
    return true;
  }

  void end(bool good) {
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began_).count();
    good ? ++load_.done : ++load_.failed;
    ++load_.micros[std::min<size_t>(static_cast<size_t>(took), load_.micros.size() - 1)];
    id_ += 2;
    call();
  }

  Load& load_;
  int socket_;
  nghttp2_hd_inflater* inflater_ = nullptr;
  uint32_t id_ = 1;
  int64_t window_ = 65535;
  bool stalled_ = false, good_ = false;
  std::string rest_, known_good_, known_other_;
  Clock::time_point began_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return std::fprintf(stderr, "usage: grpc_load PORT PATH FILE CONNECTIONS SECONDS\n"), 2;
  std::ifstream in(argv[3], std::ios::binary);
  Load load{argv[2], std::string("127.0.0.1:") + argv[1], std::string((std::istreambuf_iterator<char>(in)), {})};
  const int poll = ::epoll_create1(0);
  std::vector<Connection> connections;
  connections.reserve(static_cast<size_t>(std::atoi(argv[4])));
  for (int i = 0; i < std::atoi(argv[4]); ++i) {
    Connection& one = connections.emplace_back(load, std::atoi(argv[1]));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &one;
    ::epoll_ctl(poll, EPOLL_CTL_ADD, one.socket(), &event);
  }
  load.done = load.failed = 0;
  const auto begin = Clock::now(), until = begin + std::chrono::seconds(std::atoi(argv[5]));
  std::vector<epoll_event> events(512);
  while (Clock::now() < until) {
    const int count = ::epoll_wait(poll, events.data(), static_cast<int>(events.size()), 100);
    for (int i = 0; i < count; ++i) {
      auto* const one = static_cast<Connection*>(events[static_cast<size_t>(i)].data.ptr);
      if (!one->on_readable()) ::close(one->socket());
    }
  }
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin).count();
  uint64_t all = 0;
  for (const uint32_t count : load.micros) all += count;
  const auto at = [&](double share) {
    uint64_t sum = 0;
    size_t micros = 0;
    while (micros + 1 < load.micros.size() &&
           (sum += load.micros[micros]) <= static_cast<uint64_t>(share * static_cast<double>(all)))
      ++micros;
    return micros;
  };
  std::printf("result %llu %lld %zu %zu %zu %llu\n", static_cast<unsigned long long>(load.done),
              static_cast<long long>(took), at(.5), at(.99), at(.999), static_cast<unsigned long long>(load.failed));
}
