// Asks more of a server than it can do, and says what became of it.
//
//   bench_overload_driver PORT TARGET ROWS FEATURES SECONDS CONNECTIONS TIMES
//
// First the peak: sixteen connections, each asking again as soon as it is answered. Then TIMES as much, open loop:
// calls come evenly, whatever becomes of those before, each on a connection that is free; its time counts from when it
// was due. Then half the peak, at once: how long until every call is answered well again. Beside it health is asked 20
// times a second. One thread. Prints a line of name=value.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using namespace std::chrono_literals;

constexpr auto kUseful = 1s;   // an answer that took longer is none
constexpr auto kWell = 100ms;  // after the overload

double seconds(Clock::duration d) {
  return std::chrono::duration<double>(d).count();
}

struct Connection {
  int socket = -1;
  bool health = false, busy = false;
  size_t to_send = 0;  // of the request
  size_t body_left = 0;
  bool in_body = false;
  int status = 0;
  std::string head;
  Time due{};
};

struct Phase {
  uint64_t sent = 0, good = 0, late = 0, refused = 0, failed = 0, no_connection = 0;
  std::vector<float> ms;  // of good ones
  float health_most_ms = 0;
  Time last_ill{};
  float percentile(double p) {
    if (ms.empty()) return 0;
    std::ranges::sort(ms);
    return ms[std::min(ms.size() - 1, static_cast<size_t>(p * static_cast<double>(ms.size())))];
  }
};

class Driver {
 public:
  Driver(int port, std::string request) : port_(port), request_(std::move(request)), poll_(::epoll_create1(0)) {
    health_ = add(true);
  }
  void connect(size_t count) {
    while (connections_.size() < count + 1) free_.push_back(add(false));
  }
  // `rate` 0: closed loop over `width` connections.
  Phase run(double rate, size_t width, Clock::duration time) {
    phase_ = Phase{};
    const Time begin = Clock::now(), end = begin + time;
    Time next_health = begin;
    uint64_t due = 0;
    for (Time now = begin; now < end; now = Clock::now()) {
      if (rate > 0) {
        for (const auto until = static_cast<uint64_t>(seconds(now - begin) * rate); due < until; ++due)
          ask(begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(due / rate)));
      } else {
        while (phase_.sent - answered() < width && !free_.empty()) ask(now);
      }
      if (now >= next_health && !health_->busy) {
        begin_request(*health_, now);
        next_health = now + 50ms;
      }
      wait(rate > 0 ? 0 : 1);
    }
    return std::move(phase_);
  }
  void drain() {  // what is under way
    for (const Time end = Clock::now() + 5s; Clock::now() < end && free_.size() + 1 < connections_.size();) wait(10);
  }

 private:
  uint64_t answered() const { return phase_.good + phase_.late + phase_.refused + phase_.failed; }
  Connection* add(bool health) {
    auto c = std::make_unique<Connection>();
    c->health = health;
    open(*c);
    connections_.push_back(std::move(c));
    return connections_.back().get();
  }
  void open(Connection& c) {
    if (c.socket >= 0) ::close(c.socket);
    c.socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(port_));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(c.socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
      std::perror("connect");
      std::exit(1);
    }
    const int one = 1;
    ::setsockopt(c.socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &c;
    ::epoll_ctl(poll_, EPOLL_CTL_ADD, c.socket, &event);
  }
  void ask(Time due) {
    if (free_.empty()) {
      ++phase_.no_connection;
      return;
    }
    Connection& c = *free_.front();
    free_.pop_front();
    ++phase_.sent;
    begin_request(c, due);
  }
  void begin_request(Connection& c, Time due) {
    static const std::string health = "GET /v2/health/ready HTTP/1.1\r\nHost: h\r\n\r\n";
    const std::string& bytes = c.health ? health : request_;
    c.due = due;
    c.busy = true;
    for (size_t at = 0; at < bytes.size();) {
      const ssize_t sent = ::send(c.socket, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (sent <= 0) return finish(c, 0);
      at += static_cast<size_t>(sent);
    }
  }
  void wait(int ms) {
    std::array<epoll_event, 256> events;
    const int count = ::epoll_wait(poll_, events.data(), events.size(), ms);
    for (int i = 0; i < count; ++i) read(*static_cast<Connection*>(events[static_cast<size_t>(i)].data.ptr));
  }
  void read(Connection& c) {
    static std::vector<char> buffer(256u << 10);
    const ssize_t got = ::recv(c.socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got <= 0) {
      if (got < 0 && errno == EAGAIN) return;
      if (c.busy) return finish(c, 0);
      return open(c);
    }
    std::string_view bytes(buffer.data(), static_cast<size_t>(got));
    if (!c.in_body) {
      c.head.append(bytes);
      const size_t end = c.head.find("\r\n\r\n");
      if (end == std::string::npos) return;
      const size_t length = c.head.find("Content-Length: ");
      c.status = std::atoi(c.head.c_str() + 9);
      c.body_left = length < end ? std::strtoul(c.head.c_str() + length + 16, nullptr, 10) : 0;
      c.in_body = true;
      bytes = std::string_view(c.head).substr(end + 4);
    }
    c.body_left -= std::min(c.body_left, bytes.size());
    if (c.body_left > 0) return;
    const bool closes = c.head.find("Connection: close") != std::string::npos;
    finish(c, c.status);
    if (closes) open(c);
  }
  void finish(Connection& c, int status) {  // 0: the connection broke
    const Time now = Clock::now();
    const auto took = now - c.due;
    const auto ms = static_cast<float>(1000 * seconds(took));
    if (c.health) {
      phase_.health_most_ms = std::max(phase_.health_most_ms, status == 200 ? ms : 1e6F);
    } else {
      if (status == 200) phase_.ms.push_back(ms);
      (status == 200   ? (took <= kUseful ? phase_.good : phase_.late)
       : status == 503 ? phase_.refused
                       : phase_.failed)++;
      if (status != 200 || took > kWell) phase_.last_ill = now;
      free_.push_back(&c);
    }
    c.busy = c.in_body = false;
    c.head.clear();
    if (status == 0) open(c);
  }

  int port_;
  std::string request_;
  int poll_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::deque<Connection*> free_;
  Connection* health_ = nullptr;
  Phase phase_;
};

// Contributions of some rows, each held against as many: much to compute and little to send.
std::string request_of(const std::string& target, int rows, int features) {
  std::mt19937 random(7);
  std::uniform_real_distribution<float> value(0, 30);
  std::string body = R"({"parameters":{"contributions":true},"inputs":[)";
  for (const std::string_view name : {"input-0", "contributions_background"}) {
    if (body.back() == '}') body += ',';
    ((body += R"({"name":")") += name) += R"(","datatype":"FP32","shape":[)";
    body += std::to_string(rows) + "," + std::to_string(features) + R"(],"data":[)";
    for (int i = 0; i < rows * features; ++i) (i > 0 ? body += ',' : body) += std::to_string(value(random));
    body += "]}";
  }
  body += "]}";
  return "POST " + target +
         " HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 8) {
    std::fprintf(stderr, "usage: %s PORT TARGET ROWS FEATURES SECONDS CONNECTIONS TIMES\n", argv[0]);
    return 2;
  }
  const std::vector<std::string> args(argv + 1, argv + argc);
  const auto time = std::chrono::seconds(std::stoi(args[4]));
  Driver driver(std::stoi(args[0]), request_of(args[1], std::stoi(args[2]), std::stoi(args[3])));
  driver.connect(std::stoul(args[5]));
  (void)driver.run(0, 16, 1s);
  driver.drain();
  Phase peak = driver.run(0, 16, time);
  driver.drain();
  const double most = static_cast<double>(peak.good) / seconds(time);
  Phase over = driver.run(most * std::stod(args[6]), 0, time);
  const Time relieved = Clock::now();
  Phase after = driver.run(most / 2, 0, 3s);
  const double goodput = static_cast<double>(over.good) / seconds(time);
  const double recovery = after.last_ill > relieved ? seconds(after.last_ill - relieved) : 0;
  std::printf(
      "peak=%.0f peak_p99_ms=%.1f offered=%.0f goodput=%.0f share=%.3f p50_ms=%.0f p99_ms=%.0f max_ms=%.0f "
      "refused=%llu late=%llu "
      "failed=%llu unsent=%llu health_max_ms=%.0f recovery_s=%.2f after_good=%llu after_refused=%llu\n",
      most, peak.percentile(0.99), most * std::stod(args[6]), goodput, goodput / most, over.percentile(0.5),
      over.percentile(0.99), over.percentile(1), static_cast<unsigned long long>(over.refused),
      static_cast<unsigned long long>(over.late), static_cast<unsigned long long>(over.failed),
      static_cast<unsigned long long>(over.no_connection), over.health_most_ms, recovery,
      static_cast<unsigned long long>(after.good), static_cast<unsigned long long>(after.refused));
}
