// One thread that waits on files, timers and posted functions: the node, the controllers and the proxy each have one.
//
// Thread rule: post() from any thread; everything else only on the loop's own thread (from a function it runs).
// Ownership: callbacks are dropped when the loop is destroyed, which waits for a running one. Functions must not block
// long.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace clops::local {

class EventLoop {
 public:
  using Task = std::function<void()>;
  using OnReady = std::function<void(uint32_t epoll_events)>;
  using TimerId = uint64_t;  // 0: none

  explicit EventLoop(const Clock& clock);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  void post(Task task);
  void run_and_wait(Task task);  // from another thread: posted, and waited for

  TimerId after(Duration delay, Task task);
  void cancel(TimerId& id);  // and sets it to 0; 0 is ignored
  Status watch(int fd, uint32_t epoll_events, OnReady ready);
  void change(int fd, uint32_t epoll_events);
  void unwatch(int fd);  // before closing it; allowed from its own callback

  [[nodiscard]] TimePoint now() const { return clock_.now(); }
  [[nodiscard]] const Clock& clock() const { return clock_; }

 private:
  void run();
  void run_posted();
  int run_timers();  // milliseconds until the next one; -1: none

  const Clock& clock_;
  int epoll_ = -1, wake_ = -1;
  std::mutex mutex_;
  std::vector<Task> posted_;  // guarded by mutex_
  std::atomic<bool> stop_{false};
  std::map<std::pair<TimePoint, TimerId>, Task> timers_;
  std::unordered_map<TimerId, TimePoint> timer_due_;
  TimerId last_timer_ = 0;
  std::unordered_map<int, std::shared_ptr<OnReady>> watched_;
  std::thread thread_;  // last: joined before the rest is destroyed
};

}  // namespace clops::local
