#include "local/node/container_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <sstream>

#include "base/file.h"

namespace clops::local {
namespace {

int open_pidfd(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

int number(const std::string& text) {
  int out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

std::string start_time_of(pid_t pid) {
  const auto stat = read_file("/proc/" + std::to_string(pid) + "/stat", 4096);
  if (!stat) return "";
  const size_t name_end = stat->rfind(')');
  if (name_end == std::string::npos) return "";
  const auto fields = words_of(stat->substr(name_end + 1));
  // A zombie has ended, only nobody has asked yet.
  return fields.size() > 19 && fields[0] != "Z" ? fields[19] : "";
}

std::unexpected<Error> failed(const std::string& what) {
  return fail(Code::Unavailable, what + ": " + std::strerror(errno));
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (std::string& text : strings) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

Result<pid_t> spawn_shim(const Launch& launch, int lock_fd, int ready_fd) {
  std::vector<std::string> argv = {launch.shim.string(),
                                   "--dir=" + launch.run_dir.string(),
                                   "--cwd=" + launch.cwd.string(),
                                   "--lock-fd=" + std::to_string(lock_fd),
                                   "--ready-fd=" + std::to_string(ready_fd),
                                   "--log-bytes=" + std::to_string(launch.log_bytes_max),
                                   "--",
                                   launch.program};
  argv.insert(argv.end(), launch.argv.begin(), launch.argv.end());
  std::vector<std::string> env = launch.env;
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  // Duplicating a descriptor onto itself is how posix_spawn lets one through.
  ::posix_spawn_file_actions_adddup2(&actions, lock_fd, lock_fd);
  ::posix_spawn_file_actions_adddup2(&actions, ready_fd, ready_fd);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none, all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const auto argv_pointers = pointers(argv), env_pointers = pointers(env);
  const int error =
      ::posix_spawn(&pid, launch.shim.c_str(), &actions, &attributes, argv_pointers.data(), env_pointers.data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return fail(Code::Unavailable, launch.shim.string() + ": " + std::strerror(error));
  return pid;
}

}  // namespace

ContainerProcess::ContainerProcess(EventLoop& loop, std::filesystem::path run_dir, OnStarted on_started, OnExit on_exit)
    : loop_(loop), run_dir_(std::move(run_dir)), on_started_(std::move(on_started)), on_exit_(std::move(on_exit)) {}

ContainerProcess::~ContainerProcess() {
  loop_.cancel(timer_);
  for (const int fd : {shim_fd_, ready_fd_}) {
    if (fd < 0) continue;
    loop_.unwatch(fd);
    ::close(fd);
  }
}

Result<std::unique_ptr<ContainerProcess>> ContainerProcess::start(EventLoop& loop, const Launch& launch,
                                                                  OnStarted on_started, OnExit on_exit) {
  const int lock_fd = ::open(launch.lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_fd < 0) return failed(launch.lock.string());
  if (::flock(lock_fd, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock_fd);
    return fail(Code::Unavailable, launch.lock.string() + ": the container's last run has not ended");
  }
  int ready[2];
  if (::pipe2(ready, O_CLOEXEC | O_NONBLOCK) != 0) {
    ::close(lock_fd);
    return failed("pipe");
  }
  auto shim = spawn_shim(launch, lock_fd, ready[1]);
  ::close(lock_fd);
  ::close(ready[1]);
  if (!shim) {
    ::close(ready[0]);
    return std::unexpected(shim.error());
  }
  auto process = std::unique_ptr<ContainerProcess>(
      new ContainerProcess(loop, launch.run_dir, std::move(on_started), std::move(on_exit)));
  process->child_ = true;
  process->ready_fd_ = ready[0];
  CLOPS_TRY(process->watch_shim(*shim));
  CLOPS_TRY(loop.watch(ready[0], EPOLLIN, [self = process.get()](uint32_t) {
    self->loop_.unwatch(self->ready_fd_);
    ::close(self->ready_fd_);
    self->ready_fd_ = -1;
    std::error_code ignored;
    const bool over = std::filesystem::exists(self->run_dir_ / "exit", ignored);
    if (self->read_state() && !over && self->on_started_) self->on_started_();
  }));
  return process;
}

Result<std::unique_ptr<ContainerProcess>> ContainerProcess::adopt(EventLoop& loop, const std::filesystem::path& run_dir,
                                                                  const std::filesystem::path& lock,
                                                                  OnStarted on_started, OnExit on_exit) {
  const int lock_fd = ::open(lock.c_str(), O_RDWR | O_CLOEXEC);
  if (lock_fd < 0) return nullptr;
  const bool free = ::flock(lock_fd, LOCK_EX | LOCK_NB) == 0;
  ::close(lock_fd);
  auto process =
      std::unique_ptr<ContainerProcess>(new ContainerProcess(loop, run_dir, std::move(on_started), std::move(on_exit)));
  if (free) {
    if (process->kill_unsupervised()) return process;
    return nullptr;
  }
  process->wait_for_state(200);
  return process;
}

// Only after an adoption in the few milliseconds in which a new supervisor has not written its file yet.
void ContainerProcess::wait_for_state(int tries_left) {
  if (read_state()) {
    if (!watch_shim(shim_)) {
      timer_ = loop_.after(Duration{0}, [this] {
        timer_ = 0;
        shim_gone();
      });
      return;
    }
    if (on_started_) on_started_();
    return;
  }
  if (tries_left == 0) return;
  timer_ = loop_.after(std::chrono::milliseconds(10), [this, tries_left] {
    timer_ = 0;
    wait_for_state(tries_left - 1);
  });
}

Status ContainerProcess::watch_shim(pid_t shim) {
  shim_ = shim;
  shim_fd_ = open_pidfd(shim);
  if (shim_fd_ < 0) return failed("pidfd_open");
  ::fcntl(shim_fd_, F_SETFD, FD_CLOEXEC);
  return loop_.watch(shim_fd_, EPOLLIN, [this](uint32_t) { shim_gone(); });
}

bool ContainerProcess::read_state() {
  const auto text = read_file(run_dir_ / "state", 4096);
  if (!text) return false;
  const auto words = words_of(*text);
  if (words.size() < 4) return false;
  const auto boot = read_file("/proc/sys/kernel/random/boot_id", 128);
  if (!boot || words_of(*boot) != std::vector<std::string>{words[3]}) return false;
  pid_ = number(words[0]);
  start_time_ = words[1];
  if (shim_ == 0) shim_ = number(words[2]);
  if (pending_signal_ != 0) signal(std::exchange(pending_signal_, 0));
  return true;
}

void ContainerProcess::signal(int signal_number) {
  if (pid_ == 0) {
    pending_signal_ = signal_number;
    return;
  }
  if (start_time_of(pid_) == start_time_) ::kill(-pid_, signal_number);
}

std::optional<int64_t> ContainerProcess::resident_bytes() const {
  if (pid_ == 0) return std::nullopt;
  const auto statm = read_file("/proc/" + std::to_string(pid_) + "/statm", 256);
  if (!statm) return std::nullopt;
  const auto words = words_of(*statm);
  if (words.size() < 2) return std::nullopt;
  return int64_t{number(words[1])} * ::sysconf(_SC_PAGESIZE);
}

// Its supervisor was killed and the container lives on: nobody holds its output or will know its end, so it ends here.
// True while it has yet to be gone: its ports are not free before.
bool ContainerProcess::kill_unsupervised() {
  if (pid_ == 0 && !read_state()) return false;
  if (start_time_of(pid_) != start_time_) return false;
  child_ = false;
  const int fd = open_pidfd(pid_);
  ::kill(-pid_, SIGKILL);
  if (fd < 0) return false;
  shim_fd_ = fd;
  return loop_.watch(fd, EPOLLIN, [this](uint32_t) { shim_gone(); }).has_value();
}

void ContainerProcess::shim_gone() {
  if (shim_fd_ >= 0) {
    if (child_) {
      siginfo_t info{};
      ::waitid(P_PID, static_cast<id_t>(shim_), &info, WEXITED | WNOHANG);
    }
    loop_.unwatch(shim_fd_);
    ::close(shim_fd_);
    shim_fd_ = -1;
  }
  if (kill_unsupervised()) return;
  Exit exit = read_exit(run_dir_);
  const OnExit on_exit = std::move(on_exit_);
  on_exit_ = nullptr;
  if (on_exit) on_exit(std::move(exit));
}

Exit read_exit(const std::filesystem::path& run_dir) {
  const auto text = read_file(run_dir / "exit", 8192);
  if (!text)
    return {.code = 137,
            .signal = SIGKILL,
            .error = "its supervisor or the machine ended first: how it ended is not known"};
  const auto words = words_of(*text);
  if (words.size() >= 3 && words[0] == "exited") return {.code = number(words[1]), .finished_at = words[2]};
  if (words.size() >= 3 && words[0] == "signalled") {
    return {.code = 128 + number(words[1]), .signal = number(words[1]), .finished_at = words[2]};
  }
  std::string message = text->substr(0, text->find('\n'));
  if (message.starts_with("failed ")) message.erase(0, 7);
  return {.code = 128, .error = std::move(message)};
}

std::string run_started_at(const std::filesystem::path& run_dir) {
  struct stat st{};
  if (::stat((run_dir / "state").c_str(), &st) != 0) return "";
  const auto since_epoch = std::chrono::seconds(st.st_mtim.tv_sec) + std::chrono::nanoseconds(st.st_mtim.tv_nsec);
  return to_rfc3339(WallTime(std::chrono::duration_cast<std::chrono::microseconds>(since_epoch)));
}

}  // namespace clops::local
