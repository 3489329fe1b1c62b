#include "local/node/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <future>

namespace clops::local {

EventLoop::EventLoop(const Clock& clock)
    : clock_(clock), epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = wake_;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event);
  thread_ = std::thread([this] { run(); });
}

EventLoop::~EventLoop() {
  stop_ = true;
  post([] {});
  thread_.join();
  // Callbacks may own what unwatches or cancels on destruction, so they go while the maps still stand.
  auto timers = std::move(timers_);
  timers_.clear();
  timers.clear();
  auto watched = std::move(watched_);
  watched_.clear();
  watched.clear();
  posted_.clear();
  ::close(wake_);
  ::close(epoll_);
}

void EventLoop::post(Task task) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(task));
  }
  if (!first) return;
  const uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
}

void EventLoop::run_and_wait(Task task) {
  std::promise<void> done;
  post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

EventLoop::TimerId EventLoop::after(Duration delay, Task task) {
  const TimerId id = ++last_timer_;
  const TimePoint due = clock_.now() + delay;
  timer_due_[id] = due;
  timers_[{due, id}] = std::move(task);
  return id;
}

void EventLoop::cancel(TimerId& id) {
  if (const auto it = timer_due_.find(id); it != timer_due_.end()) {
    timers_.erase({it->second, id});
    timer_due_.erase(it);
  }
  id = 0;
}

Status EventLoop::watch(int fd, uint32_t epoll_events, OnReady ready) {
  epoll_event event{};
  event.events = epoll_events;
  event.data.fd = fd;
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
    return fail(Code::Unavailable, std::string("epoll: ") + std::strerror(errno));
  }
  watched_[fd] = std::make_shared<OnReady>(std::move(ready));
  return {};
}

void EventLoop::change(int fd, uint32_t epoll_events) {
  epoll_event event{};
  event.events = epoll_events;
  event.data.fd = fd;
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::unwatch(int fd) {
  if (watched_.erase(fd) != 0) ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
}

void EventLoop::run_posted() {
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(posted_);
  }
  for (Task& task : tasks) {
    task();
    task = nullptr;
  }
}

int EventLoop::run_timers() {
  while (!timers_.empty()) {
    const auto first = timers_.begin();
    const Duration left = first->first.first - clock_.now();
    if (left > Duration{0}) {
      // Rounded up, or the loop would spin through the last fraction of a millisecond.
      return static_cast<int>(std::min<int64_t>((left.count() + 999'999) / 1'000'000, 60'000));
    }
    Task task = std::move(first->second);
    timer_due_.erase(first->first.second);
    timers_.erase(first);
    task();
  }
  return -1;
}

void EventLoop::run() {
  epoll_event events[64];
  while (!stop_) {
    const int wait_ms = run_timers();
    const int count = ::epoll_wait(epoll_, events, 64, wait_ms);
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == wake_) {
        uint64_t drained = 0;
        [[maybe_unused]] const auto got = ::read(wake_, &drained, sizeof drained);
        continue;
      }
      const auto it = watched_.find(fd);
      if (it == watched_.end()) continue;  // unwatched by an earlier callback of this round
      const auto ready = it->second;       // kept: the callback may unwatch itself
      (*ready)(events[i].events);
    }
    run_posted();
  }
}

}  // namespace clops::local
