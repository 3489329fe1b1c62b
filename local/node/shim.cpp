#include "local/node/shim.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>

namespace clops::local {
namespace {

constexpr size_t kLineBytesMax = 16 * 1024;  // longer lines are split, as a container runtime does

struct Setup {
  std::string dir, cwd;
  int lock_fd = -1, ready_fd = -1;
  long long log_bytes_max = 4 << 20;
  char** program = nullptr;  // PROGRAM ARGV0 [ARG...]
};

bool parse(int argc, char** argv, Setup& setup) {
  const auto value = [](const char* argument, const char* flag) -> const char* {
    const size_t n = std::strlen(flag);
    return std::strncmp(argument, flag, n) == 0 ? argument + n : nullptr;
  };
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--") == 0) {
      setup.program = argv + i + 1;
      return argc - i > 2 && !setup.dir.empty();
    }
    if (const char* text = value(argv[i], "--dir="))
      setup.dir = text;
    else if (const char* cwd = value(argv[i], "--cwd="))
      setup.cwd = cwd;
    else if (const char* lock = value(argv[i], "--lock-fd="))
      setup.lock_fd = std::atoi(lock);
    else if (const char* ready = value(argv[i], "--ready-fd="))
      setup.ready_fd = std::atoi(ready);
    else if (const char* bytes = value(argv[i], "--log-bytes="))
      setup.log_bytes_max = std::atoll(bytes);
    else
      return false;
  }
  return false;
}

// The plane's sockets and files that were not marked close-on-exec must not live on in its containers' supervisors.
void close_all_but(int a, int b) {
  const int low = a < b ? a : b, high = a < b ? b : a;
  unsigned next = 3;
  for (const int keep : {low, high}) {
    if (keep < 3) continue;
    if (static_cast<unsigned>(keep) > next) ::close_range(next, static_cast<unsigned>(keep) - 1, 0);
    next = static_cast<unsigned>(keep) + 1;
  }
  ::close_range(next, ~0U, 0);
}

std::string timestamp() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  ::gmtime_r(&now.tv_sec, &parts);
  char day[32], out[48];
  std::strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(out, sizeof out, "%s.%09ldZ", day, now.tv_nsec);
  return out;
}

bool write_all(int fd, const char* bytes, size_t count) {
  while (count > 0) {
    const ssize_t n = ::write(fd, bytes, count);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes += n;
    count -= static_cast<size_t>(n);
  }
  return true;
}

// A reader sees the whole file or none. Not synced: a power loss ends the container too, and the boot id tells.
void record(const std::string& dir, const char* name, const std::string& text) {
  const std::string path = dir + "/" + name, beside = path + ".new";
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return;
  const bool written = write_all(fd, text.data(), text.size());
  ::close(fd);
  if (written) ::rename(beside.c_str(), path.c_str());
}

std::string slurp(const std::string& path) {
  char buffer[4096];
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "";
  const ssize_t n = ::read(fd, buffer, sizeof buffer);
  ::close(fd);
  return n > 0 ? std::string(buffer, static_cast<size_t>(n)) : "";
}

// Field 22 of /proc/PID/stat, counted after the name, which may hold spaces and parentheses.
std::string start_time_of(pid_t pid) {
  const std::string stat = slurp("/proc/" + std::to_string(pid) + "/stat");
  size_t at = stat.rfind(')');
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = stat.find(' ', at + 1);
  if (at == std::string::npos) return "0";
  return stat.substr(at + 1, stat.find(' ', at + 1) - at - 1);
}

class LineLog {
 public:
  LineLog(std::string dir, long long bytes_max) : dir_(std::move(dir)), bytes_max_(bytes_max) { open(); }
  void add(const char* bytes, size_t count) {
    pending_.append(bytes, count);
    size_t begin = 0;
    for (;;) {
      const size_t end = pending_.find('\n', begin);
      if (end == std::string::npos) break;
      line(pending_.data() + begin, end - begin);
      begin = end + 1;
    }
    pending_.erase(0, begin);
    while (pending_.size() >= kLineBytesMax) {
      line(pending_.data(), kLineBytesMax);
      pending_.erase(0, kLineBytesMax);
    }
    flush();
  }
  void finish() {
    if (!pending_.empty()) line(pending_.data(), pending_.size());
    pending_.clear();
    flush();
  }

 private:
  void open() {
    fd_ = ::open((dir_ + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct stat st{};
    written_ = fd_ >= 0 && ::fstat(fd_, &st) == 0 ? st.st_size : 0;
  }
  void line(const char* text, size_t count) {
    out_ += timestamp();
    out_ += ' ';
    out_.append(text, count);
    out_ += '\n';
  }
  void flush() {
    if (out_.empty() || fd_ < 0) return;
    write_all(fd_, out_.data(), out_.size());
    written_ += static_cast<long long>(out_.size());
    out_.clear();
    if (written_ < bytes_max_) return;
    ::close(fd_);
    ::rename((dir_ + "/log").c_str(), (dir_ + "/log.1").c_str());
    open();
  }
  std::string dir_, pending_, out_;
  long long bytes_max_, written_ = 0;
  int fd_ = -1;
};

struct Pipes {
  int log[2] = {-1, -1}, go[2] = {-1, -1}, failed[2] = {-1, -1};
};

[[noreturn]] void become_container(const Setup& setup, const Pipes& pipes, const sigset_t& mask) {
  ::setsid();  // a session and process group of its own: signals reach all of it and nothing else
  const int null = ::open("/dev/null", O_RDONLY);
  ::dup2(null, 0);
  ::dup2(pipes.log[1], 1);
  ::dup2(pipes.log[1], 2);
  if (null > 2) ::close(null);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGPIPE}) ::signal(signal, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &mask, nullptr);
  char go = 0;
  if (::read(pipes.go[0], &go, 1) != 1) ::_exit(127);
  if (setup.cwd.empty() || ::chdir(setup.cwd.c_str()) == 0) ::execv(setup.program[0], setup.program + 1);
  const int error = errno;
  [[maybe_unused]] const auto written = ::write(pipes.failed[1], &error, sizeof error);
  ::_exit(127);
}

// Reaps whatever has ended; true once the container itself has, with its wait status.
bool reap(pid_t container, int& status) {
  bool ended = false;
  int one = 0;
  for (pid_t pid; (pid = ::waitpid(-1, &one, WNOHANG)) > 0;) {
    if (pid != container) continue;
    status = one;
    ended = true;
  }
  return ended;
}

int supervise(pid_t container, int log_fd, int signal_fd, LineLog& log) {
  int status = 0;
  bool log_open = true;
  char buffer[65536];
  for (bool ended = false; !ended;) {
    pollfd polled[2] = {{signal_fd, POLLIN, 0}, {log_open ? log_fd : -1, POLLIN, 0}};
    if (::poll(polled, 2, -1) < 0) continue;
    if (polled[1].revents != 0) {
      const ssize_t n = ::read(log_fd, buffer, sizeof buffer);
      if (n > 0)
        log.add(buffer, static_cast<size_t>(n));
      else if (n == 0)
        log_open = false;
    }
    if (polled[0].revents != 0) {
      signalfd_siginfo info{};
      [[maybe_unused]] const auto got = ::read(signal_fd, &info, sizeof info);
      ended = reap(container, status);
    }
  }
  // The end of its first process is the end of a container.
  ::kill(-container, SIGKILL);
  for (ssize_t n; (n = ::read(log_fd, buffer, sizeof buffer)) > 0;) log.add(buffer, static_cast<size_t>(n));
  log.finish();
  return status;
}

// Descendants that left the group were given to us as subreaper: killed until there is none.
void kill_orphans() {
  const std::string list = "/proc/self/task/" + std::to_string(::getpid()) + "/children";
  for (int round = 0; round < 1000; ++round) {
    const std::string children = slurp(list);
    if (children.empty()) return;
    for (const char* at = children.c_str(); *at != 0;) {
      char* end = nullptr;
      const long pid = std::strtol(at, &end, 10);
      if (end == at) break;
      if (pid > 1) ::kill(static_cast<pid_t>(pid), SIGKILL);
      at = *end == ' ' ? end + 1 : end;
    }
    int status = 0;
    if (::waitpid(-1, &status, 0) < 0 && errno == ECHILD) return;
  }
}

}  // namespace

int run_shim(int argc, char** argv) {
  Setup setup;
  if (!parse(argc, argv, setup)) {
    std::fprintf(stderr, "clops-shim supervises one container of the embedded plane; the plane starts it\n");
    return 125;
  }
  close_all_but(setup.lock_fd, setup.ready_fd);
  for (const int fd : {setup.lock_fd, setup.ready_fd}) {
    if (fd >= 0) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  ::setsid();
  ::umask(077);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGPIPE}) ::signal(signal, SIG_IGN);
  sigset_t child_mask, old_mask;
  ::sigemptyset(&child_mask);
  ::sigaddset(&child_mask, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child_mask, &old_mask);
  const int signal_fd = ::signalfd(-1, &child_mask, SFD_CLOEXEC | SFD_NONBLOCK);
  Pipes pipes;
  if (signal_fd < 0 || ::pipe2(pipes.log, O_CLOEXEC) != 0 || ::pipe2(pipes.go, O_CLOEXEC) != 0 ||
      ::pipe2(pipes.failed, O_CLOEXEC) != 0) {
    record(setup.dir, "exit", std::string("failed cannot supervise: ") + std::strerror(errno));
    return 125;
  }
  ::fcntl(pipes.log[0], F_SETFL, O_NONBLOCK);
  const pid_t container = ::fork();
  if (container < 0) {
    record(setup.dir, "exit", std::string("failed cannot fork: ") + std::strerror(errno));
    return 125;
  }
  if (container == 0) become_container(setup, pipes, old_mask);
  for (const int fd : {pipes.log[1], pipes.go[0], pipes.failed[1]}) ::close(fd);
  LineLog log(setup.dir, setup.log_bytes_max);
  std::string boot = slurp("/proc/sys/kernel/random/boot_id");
  while (!boot.empty() && boot.back() == '\n') boot.pop_back();
  record(setup.dir, "state",
         std::to_string(container) + " " + start_time_of(container) + " " + std::to_string(::getpid()) + " " + boot +
             "\n");
  [[maybe_unused]] const auto gone = ::write(pipes.go[1], "g", 1);
  ::close(pipes.go[1]);
  int error = 0;
  if (::read(pipes.failed[0], &error, sizeof error) == sizeof error) {
    record(setup.dir, "exit", std::string("failed ") + setup.program[0] + ": " + std::strerror(error) + "\n");
    return 125;
  }
  if (setup.ready_fd >= 0) ::close(setup.ready_fd);
  const int status = supervise(container, pipes.log[0], signal_fd, log);
  kill_orphans();
  record(setup.dir, "exit",
         (WIFSIGNALED(status) ? "signalled " + std::to_string(WTERMSIG(status))
                              : "exited " + std::to_string(WEXITSTATUS(status))) +
             " " + timestamp() + "\n");
  return 0;
}

}  // namespace clops::local
