// Posts events to where they are wanted, on a thread of its own: a queue per sink, so that one that is away holds up no
// other; retries that heed Retry-After and end.
//
// What is queued, here and on the way here, shares one limit of bytes (EventBudget). Thread rule: add() is the
// telemetry thread's; counts may be read from any. Ownership: borrows its parts. Errors: none: what is not told is
// counted, by reason.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/http_client.h"
#include "base/log.h"
#include "base/random.h"
#include "base/time.h"

namespace clops::serving {

// Bytes that wait anywhere between a serving thread and a sink.
class EventBudget {
 public:
  explicit EventBudget(size_t bytes_max) : bytes_max_(bytes_max) {}
  [[nodiscard]] bool take(size_t bytes) {
    if (used_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= bytes_max_) return true;
    give(bytes);
    return false;
  }
  void give(size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  [[nodiscard]] size_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  const size_t bytes_max_;
  std::atomic<size_t> used_{0};
};

struct EventCounts {
  std::atomic<uint64_t> sent{0}, queue_full{0}, unreachable{0}, refused{0};  // events
  std::atomic<uint64_t> values_withheld{0};                                  // told, but without values
};

struct EventSenderOptions {
  size_t at_once = 16;
  size_t sinks_max = 64;  // more: their events are dropped
  std::chrono::milliseconds connect{1'000}, timeout{5'000};
  std::chrono::milliseconds retry_first{200}, retry_most{30'000};
  int tries_most = 6;
};

class EventSender {
 public:
  EventSender(EventSenderOptions options, HttpClient& http, const Clock& clock, Log& log, EventBudget& budget,
              EventCounts& counts);
  ~EventSender();
  void finish();  // what is due is tried once more, for a second or so where nobody answers; the rest is counted
  EventSender(const EventSender&) = delete;
  EventSender& operator=(const EventSender&) = delete;
  void add(HttpRequest request);  // its bytes have been taken from the budget

 private:
  struct Post {
    HttpRequest request;
    int tries = 0;
  };
  struct Sink {
    std::deque<Post> queue;
    TimePoint next{};
    std::chrono::milliseconds pause{0};
    bool said = false;
  };
  void run();
  [[nodiscard]] std::optional<std::string> due(TimePoint now, TimePoint& next) const;  // a sink; mutex_ held
  void send(const std::string& url, bool last);
  void drop(const Post& post, std::atomic<uint64_t>& counter);

  EventSenderOptions options_;
  HttpClient& http_;
  const Clock& clock_;
  Log& log_;
  EventBudget& budget_;
  EventCounts& counts_;
  std::unique_ptr<Random> random_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;              // guarded by mutex_
  std::map<std::string, Sink> sinks_;  // guarded by mutex_
  std::thread thread_;
};

[[nodiscard]] size_t bytes_of(const HttpRequest& request);

}  // namespace clops::serving
