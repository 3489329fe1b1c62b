// SIGINT and SIGTERM as something to wait for. For mains only: it owns the process's handlers, so there is one of it.
//
// A handler writing to a pipe, not a blocked signal mask: children keep their own default behaviour across exec.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>

namespace clops {

class StopSignal {
 public:
  StopSignal() = default;
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  void arm() {
    if (pipe_[0] >= 0 || ::pipe2(pipe_, O_CLOEXEC | O_NONBLOCK) != 0) return;
    handler_fd().store(pipe_[1]);
    struct sigaction action{};
    action.sa_handler = [](int) {
      const char byte = 1;
      [[maybe_unused]] const auto written = ::write(handler_fd().load(), &byte, 1);
    };
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
  }

  // True once a signal has come; it stays true until take(). Negative = wait without limit.
  [[nodiscard]] bool wait(std::chrono::milliseconds at_most) {
    pollfd poll_fd{pipe_[0], POLLIN, 0};
    int ready = 0;
    do {
      ready = ::poll(&poll_fd, 1, static_cast<int>(at_most.count()));
    } while (ready < 0 && at_most.count() < 0);
    if (ready < 0) ready = ::poll(&poll_fd, 1, 0);  // interrupted, most likely by what is waited for
    return ready > 0;
  }
  // Waits for a signal; from then on wait() is about the one after it.
  void take() {
    char byte = 0;
    (void)wait(std::chrono::milliseconds(-1));
    [[maybe_unused]] const auto got = ::read(pipe_[0], &byte, 1);
  }

 private:
  // A handler can only reach static storage.
  static std::atomic<int>& handler_fd() {
    static std::atomic<int> fd{-1};
    return fd;
  }
  int pipe_[2] = {-1, -1};
};

}  // namespace clops
