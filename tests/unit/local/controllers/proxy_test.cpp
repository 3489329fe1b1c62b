// The proxy with real sockets on this machine's loopback network; and what it is told from slices.
#include "local/controllers/proxy.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <thread>
#include <vector>

namespace clops::local {
namespace {

constexpr const char* kService = "127.0.77.1";

sockaddr_in at(const std::string& address, int port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(static_cast<uint16_t>(port));
  ::inet_pton(AF_INET, address.c_str(), &out.sin_addr);
  return out;
}

int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in any = at(kService, 0);
  socklen_t size = sizeof any;
  ::bind(fd, reinterpret_cast<sockaddr*>(&any), sizeof any);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&any), &size);
  ::close(fd);
  return ntohs(any.sin_port);
}

// Answers every line with its name and the line, until the client ends.
class Echo {
 public:
  Echo(std::string name, const std::string& address) : name_(std::move(name)), address_(address) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in any = at(address, 0);
    socklen_t size = sizeof any;
    ::bind(listener_, reinterpret_cast<sockaddr*>(&any), sizeof any);
    ::listen(listener_, 64);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&any), &size);
    port_ = ntohs(any.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Echo() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    for (auto& worker : workers_) worker.join();
  }
  Backend backend() const { return {address_, port_}; }

 private:
  void run() {
    for (int fd; (fd = ::accept(listener_, nullptr, nullptr)) >= 0;) {
      workers_.emplace_back([this, fd] {
        char buffer[65536];
        for (ssize_t n; (n = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) {
          const std::string answer = name_ + std::string(buffer, static_cast<size_t>(n));
          if (::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) break;
        }
        ::close(fd);
      });
    }
  }
  const std::string name_, address_;
  int listener_ = -1, port_ = 0;
  std::vector<std::thread> workers_;
  std::thread thread_;
};

class Client {
 public:
  explicit Client(int port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{5, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    const sockaddr_in to = at(kService, port);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  std::string ask(const std::string& line) {
    if (!connected_ || ::send(fd_, line.data(), line.size(), MSG_NOSIGNAL) < 0) return "cannot send";
    char buffer[256];
    const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
    return n > 0 ? std::string(buffer, static_cast<size_t>(n)) : "closed";
  }
  int fd() const { return fd_; }

 private:
  int fd_;
  bool connected_ = false;
};

class ProxyTest : public ::testing::Test {
 protected:
  ~ProxyTest() override { proxy_.reset(); }
  void set(std::vector<Backend> backends) {
    loop_.run_and_wait(
        [&] { proxy_->set("ns/s", {{.address = kService, .port = port_, .backends = std::move(backends)}}); });
  }
  SystemClock clock_;
  std::unique_ptr<Log> log_ = make_null_log();
  EventLoop loop_{clock_};
  std::unique_ptr<Proxy> proxy_ = make_proxy(loop_, *log_);
  const int port_ = free_port();
};

TEST_F(ProxyTest, takes_turns_over_the_backends) {
  Echo a("a", "127.0.77.2"), b("b", "127.0.77.3");
  set({a.backend(), b.backend()});
  std::map<std::string, int> answers;
  for (int i = 0; i < 10; ++i) ++answers[Client(port_).ask("!")];
  EXPECT_EQ(answers, (std::map<std::string, int>{{"a!", 5}, {"b!", 5}}));
}

TEST_F(ProxyTest, a_connection_stays_where_it_is_and_new_ones_go_elsewhere) {
  Echo a("a", "127.0.77.2"), b("b", "127.0.77.3");
  set({a.backend()});
  Client old(port_);
  EXPECT_EQ(old.ask("1"), "a1");
  set({b.backend()});
  EXPECT_EQ(old.ask("2"), "a2");
  EXPECT_EQ(Client(port_).ask("3"), "b3");
  EXPECT_EQ(old.ask("4"), "a4");
}

TEST_F(ProxyTest, a_backend_that_refuses_is_passed_over) {
  Echo b("b", "127.0.77.3");
  set({{"127.0.77.2", free_port()}, b.backend()});
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Client(port_).ask("!"), "b!");
}

TEST_F(ProxyTest, with_no_backend_a_connection_is_closed) {
  set({});
  EXPECT_EQ(Client(port_).ask("!"), "closed");
}

TEST_F(ProxyTest, a_service_that_is_gone_listens_no_more) {
  Echo a("a", "127.0.77.2");
  set({a.backend()});
  EXPECT_EQ(Client(port_).ask("!"), "a!");
  loop_.run_and_wait([&] { proxy_->set("ns/s", {}); });
  EXPECT_EQ(Client(port_).ask("!"), "cannot send");
}

// Counts everything up to its client's end of sending, then says how much it was.
void answer_the_count(int listener) {
  const int fd = ::accept(listener, nullptr, nullptr);
  char buffer[65536];
  size_t total = 0;
  for (ssize_t n; (n = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) total += static_cast<size_t>(n);
  const std::string answer = std::to_string(total);
  ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
  ::close(fd);
}

// Of every size: the end of sending may come with any of the pieces that are read at one go.
TEST_F(ProxyTest, passes_on_more_than_it_holds_and_the_end_of_each_side) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in any = at("127.0.77.4", 0);
  socklen_t size = sizeof any;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&any), sizeof any), 0);
  ::listen(listener, 1);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&any), &size);
  set({{"127.0.77.4", ntohs(any.sin_port)}});
  std::vector<size_t> sizes{8u << 20};
  for (size_t pieces = 1; pieces <= 17; ++pieces) sizes.push_back(pieces * 16 * 1024);
  for (const size_t bytes : sizes) {
    std::thread server(answer_the_count, listener);
    Client client(port_);
    const std::string much(bytes, 'x');
    size_t sent = 0;
    while (sent < much.size()) {
      const ssize_t n = ::send(client.fd(), much.data() + sent, much.size() - sent, MSG_NOSIGNAL);
      ASSERT_GT(n, 0);
      sent += static_cast<size_t>(n);
    }
    ::shutdown(client.fd(), SHUT_WR);
    char buffer[64];
    const ssize_t n = ::recv(client.fd(), buffer, sizeof buffer, 0);
    EXPECT_EQ(std::string(buffer, static_cast<size_t>(std::max<ssize_t>(n, 0))), std::to_string(much.size()));
    server.join();
  }
  ::close(listener);
}

// Requests go on while the backends change under them: none fails.
TEST_F(ProxyTest, no_request_fails_while_backends_change) {
  Echo a("a", "127.0.77.2"), b("b", "127.0.77.3");
  set({a.backend()});
  std::atomic<bool> stop{false};
  std::atomic<int> asked{0}, failed{0};
  std::thread asker([&] {
    while (!stop) {
      const std::string answer = Client(port_).ask("!");
      ++asked;
      if (answer != "a!" && answer != "b!") ++failed;
    }
  });
  for (int i = 0; i < 200; ++i) set(i % 2 == 0 ? std::vector<Backend>{b.backend()} : std::vector<Backend>{a.backend()});
  while (asked < 50) std::this_thread::yield();
  stop = true;
  asker.join();
  EXPECT_EQ(failed, 0);
}

crds::Service service() {
  return {.meta = {.name = "s", .ns = "ns", .uid = "u"},
          .cluster_ip = "127.0.77.1",
          .selector = {{"app", "x"}},
          .ports = {{.name = "http", .port = 8080, .target_port = "web"}}};
}
crds::Pod pod(const std::string& name, bool ready, bool ending = false) {
  crds::Pod out{.meta = {.name = name, .ns = "ns", .uid = "uid-" + name, .labels = {{"app", "x"}}},
                .pod_ip = "127.9.0." + name,
                .phase = "Running",
                .ready = ready};
  out.spec.containers = {{.name = "c", .ports = {{.name = "web", .port = 9090}}}};
  if (ending) out.meta.deletion_timestamp = "2026-01-01T00:00:00Z";
  return out;
}

struct EndpointRow {
  const char* why;
  std::vector<crds::Pod> pods;
  std::vector<Backend> backends;
};
class Endpoints : public testing::TestWithParam<EndpointRow> {};
TEST_P(Endpoints, lead_to_backends) {
  const Json slice = endpoint_slice(service(), GetParam().pods);
  const auto rules = proxy_rules(service(), {&slice});
  ASSERT_EQ(rules.size(), 1U);
  EXPECT_EQ(rules[0].address, "127.0.77.1");
  EXPECT_EQ(rules[0].port, 8080);
  EXPECT_EQ(rules[0].backends, GetParam().backends) << GetParam().why;
}
INSTANTIATE_TEST_SUITE_P(Table, Endpoints,
                         testing::Values(EndpointRow{"ready pods, by their named port",
                                                     {pod("2", true), pod("1", true)},
                                                     {{"127.9.0.1", 9090}, {"127.9.0.2", 9090}}},
                                         EndpointRow{"an unready pod gets nothing",
                                                     {pod("1", true), pod("2", false)},
                                                     {{"127.9.0.1", 9090}}},
                                         EndpointRow{"an ending pod gets nothing while another is ready",
                                                     {pod("1", true), pod("2", true, true)},
                                                     {{"127.9.0.1", 9090}}},
                                         EndpointRow{"ending pods that still serve, when there is no other",
                                                     {pod("1", true, true), pod("2", false)},
                                                     {{"127.9.0.1", 9090}}},
                                         EndpointRow{"none", {}, {}}));

}  // namespace
}  // namespace clops::local
