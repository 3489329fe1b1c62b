// One run of one container: started under its own supervisor (clops-shim), or found again after the plane was gone.
//
// Everything that must outlive the plane is in the run's folder and in the lock the supervisor holds (shim.h). A run
// whose lock is free is over, whatever pid numbers say. Thread rule: on the loop's thread. Ownership: the loop outlives
// it; destroying it lets the container run on. Errors: Unavailable (cannot start a process, cannot write the folder).
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "local/node/event_loop.h"

namespace clops::local {

struct Launch {
  std::filesystem::path shim;     // the clops-shim binary
  std::filesystem::path run_dir;  // of this run; made by the caller
  std::filesystem::path lock;     // one per container, the same for all of its runs
  std::string program;
  std::vector<std::string> argv, env;  // argv[0] included; env as NAME=value
  std::filesystem::path cwd;
  int64_t log_bytes_max = 4 << 20;
};

struct Exit {
  int code = 0;  // 128 + signal when a signal ended it
  int signal = 0;
  std::string error;        // it could not be started, or how it ended is not known
  std::string finished_at;  // RFC 3339; empty: not known
  bool operator==(const Exit&) const = default;
};

class ContainerProcess {
 public:
  using OnStarted = std::function<void()>;
  using OnExit = std::function<void(Exit)>;  // at most once, never after destruction; may destroy the process

  // on_started may be skipped when the program ends at once.
  static Result<std::unique_ptr<ContainerProcess>> start(EventLoop& loop, const Launch& launch, OnStarted on_started,
                                                         OnExit on_exit);
  // The run is still going: takes it over. Null: it is over, see read_exit().
  static Result<std::unique_ptr<ContainerProcess>> adopt(EventLoop& loop, const std::filesystem::path& run_dir,
                                                         const std::filesystem::path& lock, OnStarted on_started,
                                                         OnExit on_exit);
  ~ContainerProcess();

  void signal(int signal_number);  // the whole process group
  [[nodiscard]] bool started() const { return pid_ > 0; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::optional<int64_t> resident_bytes() const;

 private:
  ContainerProcess(EventLoop& loop, std::filesystem::path run_dir, OnStarted on_started, OnExit on_exit);
  Status watch_shim(pid_t shim);
  bool read_state();
  void wait_for_state(int tries_left);
  bool kill_unsupervised();
  void shim_gone();

  EventLoop& loop_;
  std::filesystem::path run_dir_;
  OnStarted on_started_;
  OnExit on_exit_;
  pid_t pid_ = 0, shim_ = 0;
  std::string start_time_;
  int shim_fd_ = -1, ready_fd_ = -1;
  EventLoop::TimerId timer_ = 0;
  bool child_ = false;
  int pending_signal_ = 0;  // asked for before the pid was known
};

// How a finished run ended, from its folder. A run without a record ended with its supervisor or its machine.
[[nodiscard]] Exit read_exit(const std::filesystem::path& run_dir);
// When its log or state was first written; for runs found again. Empty: not known.
[[nodiscard]] std::string run_started_at(const std::filesystem::path& run_dir);

}  // namespace clops::local
