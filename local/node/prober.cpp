#include "local/node/prober.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/tls_stream.h"

namespace clops::local {
namespace {

constexpr size_t kAnswerBytes = 4096;  // of which the first line is looked at

// Gives its answer once, never from inside the call that made it.
class Attempt : public ProbeAttempt {
 public:
  Attempt(EventLoop& loop, const crds::Probe& probe, OnProbed done) : loop_(loop), done_(std::move(done)) {
    const auto timeout = std::chrono::seconds(probe.timeout_seconds);
    timer_ = loop_.after(timeout, [this, probe] {
      timer_ = 0;
      finish({false, "no answer within " + std::to_string(probe.timeout_seconds) + " s"});
    });
  }
  ~Attempt() override { loop_.cancel(timer_); }

 protected:
  void finish(ProbeResult result) {
    loop_.cancel(timer_);
    const OnProbed done = std::move(done_);
    done_ = nullptr;
    if (done) done(std::move(result));
  }
  void finish_soon(ProbeResult result) {
    loop_.cancel(timer_);
    timer_ = loop_.after(Duration{0}, [this, result = std::move(result)] {
      timer_ = 0;
      finish(result);
    });
  }
  EventLoop& loop_;

 private:
  OnProbed done_;
  EventLoop::TimerId timer_ = 0;
};

class SocketAttempt final : public Attempt {
 public:
  SocketAttempt(EventLoop& loop, const crds::Probe& probe, const ProbeTarget& target, OnProbed done)
      : Attempt(loop, probe, std::move(done)), is_http_(probe.kind == crds::Probe::Kind::HttpGet) {
    if (is_http_ && probe.scheme == "HTTPS") {
      auto session = TlsSession::unverified_client();  // as the kubelet, who believes every certificate
      if (!session) {
        finish_soon({false, session.error().message});
        return;
      }
      tls_ = std::move(*session);
    }
    if (is_http_) {
      request_ = "GET " + (probe.path.empty() ? "/" : probe.path) + " HTTP/1.1\r\n";
      bool has_host = false;
      for (const auto& [name, value] : probe.headers) {
        has_host = has_host || name == "Host";
        request_ += name + ": " + value + "\r\n";
      }
      if (!has_host) request_ += "Host: " + target.address + ":" + std::to_string(target.port) + "\r\n";
      request_ += "User-Agent: kube-probe/1.34\r\nAccept: */*\r\nConnection: close\r\n\r\n";
    }
    connect(target);
  }
  ~SocketAttempt() override {
    if (fd_ < 0) return;
    loop_.unwatch(fd_);
    ::close(fd_);
  }

 private:
  void connect(const ProbeTarget& target) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(target.port));
    if (fd_ < 0 || ::inet_pton(AF_INET, target.address.c_str(), &to.sin_addr) != 1) {
      return finish_soon({false, "cannot connect to " + target.address});
    }
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0 && errno != EINPROGRESS) {
      return finish_soon({false, std::string("connect: ") + std::strerror(errno)});
    }
    if (!loop_.watch(fd_, EPOLLOUT, [this](uint32_t) { ready(); }))
      finish_soon({false, "cannot wait for the connection"});
  }
  void ready() {
    if (!connected_) {
      int error = 0;
      socklen_t size = sizeof error;
      ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) return finish({false, std::string("connect: ") + std::strerror(error)});
      connected_ = true;
      if (!is_http_) return finish({true, ""});
      if (tls_ != nullptr) {
        question_.swap(request_);  // asked once hands are shaken
        tls_->attach({}, request_);
        (void)tls_->handshake();
      }
    }
    if (sent_ < request_.size()) {
      const ssize_t n = ::send(fd_, request_.data() + sent_, request_.size() - sent_, MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN) return finish({false, std::string("send: ") + std::strerror(errno)});
      if (n > 0) sent_ += static_cast<size_t>(n);
      if (sent_ == request_.size()) loop_.change(fd_, EPOLLIN);
      return;
    }
    char buffer[4096];
    const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) return finish({false, std::string("recv: ") + std::strerror(errno)});
    const std::string_view bytes(buffer, static_cast<size_t>(n));
    if (tls_ != nullptr && n > 0) return decrypt(bytes);
    answer_.append(bytes);
    if (answer_.size() >= 12 || n == 0) judge();
  }
  void decrypt(std::string_view bytes) {
    received_ += bytes;
    tls_->attach(received_, request_);
    TlsSession::Step step = TlsSession::Step::Done;
    if (!open_) step = tls_->handshake();
    if (!open_ && step == TlsSession::Step::Done) {
      open_ = true;
      step = tls_->write(question_);
    }
    if (open_ && step == TlsSession::Step::Done) step = tls_->read(answer_, kAnswerBytes);
    received_.erase(0, tls_->taken());
    if (step == TlsSession::Step::Failed) return finish({false, "TLS: " + tls_->why()});
    if (answer_.size() >= 12 || step == TlsSession::Step::Closed) return judge();
    if (sent_ < request_.size()) loop_.change(fd_, EPOLLOUT);
  }
  void judge() {
    int status = 0;
    if (answer_.size() >= 12 && answer_.starts_with("HTTP/"))
      std::from_chars(answer_.data() + 9, answer_.data() + 12, status);
    if (status >= 200 && status < 400) return finish({true, ""});
    finish({false,
            status == 0 ? "the answer is not HTTP" : "HTTP probe failed with statuscode: " + std::to_string(status)});
  }
  const bool is_http_;
  int fd_ = -1;
  bool connected_ = false;
  std::string request_, answer_;
  size_t sent_ = 0;
  std::unique_ptr<TlsSession> tls_;  // of an HTTPS probe: then request_ is what TLS has to send
  std::string question_, received_;
  bool open_ = false;
};

class ExecAttempt final : public Attempt {
 public:
  ExecAttempt(EventLoop& loop, const crds::Probe& probe, ProbeTarget target, OnProbed done)
      : Attempt(loop, probe, std::move(done)) {
    std::vector<char*> argv, env;
    for (auto& word : target.argv) argv.push_back(word.data());
    for (auto& word : target.env) env.push_back(word.data());
    argv.push_back(nullptr);
    env.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    for (const int fd : {0, 1, 2}) ::posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    const int error = ::posix_spawn(&pid_, target.program.c_str(), &actions, &attributes, argv.data(), env.data());
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
      pid_ = 0;
      finish_soon({false, target.program + ": " + std::strerror(error)});
      return;
    }
    fd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    if (fd_ < 0 || !loop_.watch(fd_, EPOLLIN, [this](uint32_t) { ended(); }))
      finish_soon({false, "cannot wait for the command"});
  }
  ~ExecAttempt() override {
    if (fd_ >= 0) {
      loop_.unwatch(fd_);
      ::close(fd_);
    }
    if (pid_ == 0) return;
    ::kill(-pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
  }

 private:
  void ended() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    const bool success = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    finish({success, success ? "" : "the command failed with wait status " + std::to_string(status)});
  }
  pid_t pid_ = 0;
  int fd_ = -1;
};

}  // namespace

std::unique_ptr<ProbeAttempt> try_probe(EventLoop& loop, const crds::Probe& probe, const ProbeTarget& target,
                                        OnProbed done) {
  if (probe.kind == crds::Probe::Kind::Exec) return std::make_unique<ExecAttempt>(loop, probe, target, std::move(done));
  return std::make_unique<SocketAttempt>(loop, probe, target, std::move(done));
}

}  // namespace clops::local
