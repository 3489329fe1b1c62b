#include "local/controllers/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <map>

namespace clops::local {
namespace {

sockaddr_in socket_address(const std::string& address, int port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(static_cast<uint16_t>(port));
  ::inet_pton(AF_INET, address.c_str(), &out.sin_addr);
  return out;
}

void no_delay(int fd) {
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

// One direction of a connection: what was read from one side and not yet written to the other.
struct Flow {
  std::string held;
  size_t sent = 0;
  bool ended = false;  // the reading side has said everything, and the other was told
  [[nodiscard]] size_t waiting() const { return held.size() - sent; }
};

class Connection {
 public:
  using Next = std::function<bool(Backend&)>;  // another backend to try; false: there is none
  using Done = std::function<void()>;
  Connection(EventLoop& loop, int client, Next next, Done done)
      : loop_(loop), client_(client), next_(std::move(next)), done_(std::move(done)) {}
  ~Connection() {
    for (const int fd : {client_, server_}) {
      if (fd < 0) continue;
      loop_.unwatch(fd);
      ::close(fd);
    }
  }
  void begin() {
    no_delay(client_);
    if (!loop_.watch(client_, 0, [this](uint32_t events) { client_ready(events); })) return done_();
    connect();
  }

 private:
  void connect() {
    Backend backend;
    while (next_(backend)) {
      server_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      if (server_ < 0) break;
      no_delay(server_);
      const sockaddr_in to = socket_address(backend.address, backend.port);
      const int made = ::connect(server_, reinterpret_cast<const sockaddr*>(&to), sizeof to);
      if ((made == 0 || errno == EINPROGRESS) &&
          loop_.watch(server_, EPOLLOUT, [this](uint32_t events) { server_ready(events); }))
        return;
      ::close(server_);
      server_ = -1;
    }
    done_();
  }
  void client_ready(uint32_t events) {
    if ((events & (EPOLLERR | EPOLLHUP)) != 0 && !connected_) return done_();
    if (connected_) move();
  }
  void server_ready(uint32_t) {
    if (!connected_) {
      int error = 0;
      socklen_t size = sizeof error;
      ::getsockopt(server_, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) {
        loop_.unwatch(server_);
        ::close(server_);
        server_ = -1;
        return connect();
      }
      connected_ = true;
    }
    move();
  }
  // False: the connection is over.
  bool pump(int from, int to, Flow& flow) {
    // A few rounds, so that one busy connection does not keep the others waiting.
    for (int round = 0; round < 8; ++round) {
      while (flow.waiting() > 0) {
        const ssize_t n = ::send(to, flow.held.data() + flow.sent, flow.waiting(), MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) return true;
        if (n < 0) return false;
        flow.sent += static_cast<size_t>(n);
      }
      flow.held.clear();
      flow.sent = 0;
      if (flow.ended) return true;
      char buffer[16 * 1024];
      const ssize_t n = ::recv(from, buffer, sizeof buffer, 0);
      if (n < 0) return errno == EAGAIN;
      flow.held.assign(buffer, static_cast<size_t>(n));
      if (n > 0) continue;
      flow.ended = true;  // told at once, in the last round too: nothing more will come to wake this flow
      ::shutdown(to, SHUT_WR);
    }
    return true;
  }
  void move() {
    if (!pump(client_, server_, up_) || !pump(server_, client_, down_) || (up_.ended && down_.ended)) return done_();
    const auto interest = [](const Flow& in, const Flow& out) {
      return (!in.ended && in.waiting() == 0 ? uint32_t{EPOLLIN} : 0U) | (out.waiting() > 0 ? uint32_t{EPOLLOUT} : 0U);
    };
    set_interest(client_, client_interest_, interest(up_, down_));
    set_interest(server_, server_interest_, interest(down_, up_));
  }
  void set_interest(int fd, uint32_t& current, uint32_t wanted) {
    if (current == wanted) return;
    current = wanted;
    loop_.change(fd, wanted);
  }

  EventLoop& loop_;
  int client_ = -1, server_ = -1;
  bool connected_ = false;
  uint32_t client_interest_ = 0, server_interest_ = EPOLLOUT;
  Flow up_, down_;
  const Next next_;
  const Done done_;
};

class ProxyImpl final : public Proxy {
 public:
  ProxyImpl(EventLoop& loop, Log& log, ProxyLimits limits) : loop_(loop), log_(log), limits_(limits) {}
  ~ProxyImpl() override {
    loop_.run_and_wait([this] {
      for (auto& [key, listener] : listeners_) close_listener(*listener);
      listeners_.clear();
      connections_.clear();
      *alive_ = false;
    });
  }

  void set(const std::string& service, std::vector<ProxyRule> rules) override {
    for (auto it = listeners_.begin(); it != listeners_.end();) {
      const bool kept = it->second->service != service || wanted(rules, it->first);
      if (!kept) close_listener(*it->second);
      it = kept ? std::next(it) : listeners_.erase(it);
    }
    for (ProxyRule& rule : rules) {
      auto& listener = listeners_[{rule.address, rule.port}];
      if (!listener) {
        listener = std::make_shared<Listener>();
        listener->service = service;
        listen(*listener, rule, 0);
      }
      listener->backends = std::move(rule.backends);
    }
  }

 private:
  using Key = std::pair<std::string, int>;
  struct Listener {
    std::string service;
    int fd = -1;
    EventLoop::TimerId retry = 0;
    std::vector<Backend> backends;
    size_t turn = 0;
  };

  static bool wanted(const std::vector<ProxyRule>& rules, const Key& key) {
    for (const auto& rule : rules) {
      if (rule.address == key.first && rule.port == key.second) return true;
    }
    return false;
  }

  void listen(Listener& listener, const ProxyRule& rule, int tries) {
    const sockaddr_in at = socket_address(rule.address, rule.port);
    const int one = 1;
    listener.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ::setsockopt(listener.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    const bool bound =
        ::bind(listener.fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 && ::listen(listener.fd, 1024) == 0;
    if (bound && loop_.watch(listener.fd, EPOLLIN, [this, &listener](uint32_t) { accept_some(listener); })) return;
    const int error = errno;
    ::close(listener.fd);
    listener.fd = -1;
    // Ports under 1024 need a privilege this plane does not ask for; a port that is in use may become free.
    if (tries == 0) {
      log_.warn("a Service's port cannot be listened on", {{"service", listener.service},
                                                           {"address", rule.address},
                                                           {"port", rule.port},
                                                           {"why", std::strerror(error)}});
    }
    if (error == EACCES) return;
    listener.retry = loop_.after(std::chrono::seconds(1), [this, &listener, rule, tries] {
      listener.retry = 0;
      listen(listener, rule, tries + 1);
    });
  }

  void close_listener(Listener& listener) {
    loop_.cancel(listener.retry);
    if (listener.fd < 0) return;
    loop_.unwatch(listener.fd);
    ::close(listener.fd);
    listener.fd = -1;
  }

  void accept_some(Listener& listener) {
    for (int i = 0; i < 64; ++i) {
      const int client = ::accept4(listener.fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (client < 0) return;
      if (connections_.size() >= limits_.connections_max || listener.backends.empty()) {
        ::close(client);
        continue;
      }
      // Each backend once, beginning with whose turn it is.
      const auto next = [backends = listener.backends, turn = listener.turn++,
                         tried = size_t{0}](Backend& out) mutable {
        if (tried == backends.size()) return false;
        out = backends[(turn + tried++) % backends.size()];
        return true;
      };
      const uint64_t id = ++last_connection_;
      // Dropped from the loop, as it asks for it from within itself.
      auto connection = std::make_unique<Connection>(loop_, client, next, [this, id, alive = alive_] {
        loop_.after(Duration{0}, [this, id, alive] {
          if (*alive) connections_.erase(id);
        });
      });
      Connection& begun = *connection;
      connections_[id] = std::move(connection);
      begun.begin();
    }
  }

  EventLoop& loop_;
  Log& log_;
  const ProxyLimits limits_;
  std::map<Key, std::shared_ptr<Listener>> listeners_;
  std::map<uint64_t, std::unique_ptr<Connection>> connections_;
  uint64_t last_connection_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

std::unique_ptr<Proxy> make_proxy(EventLoop& loop, Log& log, ProxyLimits limits) {
  return std::make_unique<ProxyImpl>(loop, log, limits);
}

}  // namespace clops::local
