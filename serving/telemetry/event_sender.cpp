#include "serving/telemetry/event_sender.h"

#include <algorithm>

#include "serving/telemetry/span_exporter.h"

namespace clops::serving {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kLastTry{1'000};
constexpr size_t kAnswerBytesMax = 64u << 10;

}  // namespace

size_t bytes_of(const HttpRequest& request) {
  constexpr size_t kHeadBytes = 1'024;  // about
  return kHeadBytes + request.body.size();
}

EventSender::EventSender(EventSenderOptions options, HttpClient& http, const Clock& clock, Log& log,
                         EventBudget& budget, EventCounts& counts)
    : options_(options),
      http_(http),
      clock_(clock),
      log_(log),
      budget_(budget),
      counts_(counts),
      random_(make_system_random()) {
  thread_ = std::thread([this] { run(); });
}

EventSender::~EventSender() {
  finish();
}

void EventSender::finish() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void EventSender::drop(const Post& post, std::atomic<uint64_t>& counter) {
  counter.fetch_add(1, std::memory_order_relaxed);
  budget_.give(bytes_of(post.request));
}

void EventSender::add(HttpRequest request) {
  const std::lock_guard lock(mutex_);
  const auto at = sinks_.find(request.url);
  if (at == sinks_.end() && sinks_.size() >= options_.sinks_max) return drop({std::move(request)}, counts_.queue_full);
  Sink& sink = at == sinks_.end() ? sinks_[request.url] : at->second;
  sink.queue.push_back({std::move(request)});
  if (sink.queue.size() == 1) changed_.notify_all();
}

std::optional<std::string> EventSender::due(TimePoint now, TimePoint& next) const {
  const std::string* first = nullptr;
  for (const auto& [url, sink] : sinks_) {
    if (sink.queue.empty() || (first != nullptr && sink.next >= next)) continue;
    first = &url;
    next = sink.next;
  }
  return first != nullptr && next <= now ? std::optional(*first) : std::nullopt;
}

void EventSender::run() {
  for (;;) {
    std::optional<std::string> url;
    bool last = false;
    {
      std::unique_lock lock(mutex_);
      TimePoint next{};
      url = due(clock_.now(), next);
      last = stopping_;
      if (!url && last) break;
      if (!url && next == TimePoint{}) {
        std::erase_if(sinks_, [](const auto& item) { return item.second.queue.empty(); });
        changed_.wait(lock);
      } else if (!url) {
        changed_.wait_for(lock, next - clock_.now());
      }
    }
    if (url) send(*url, last);
  }
  for (auto& [url, sink] : sinks_)
    for (const Post& post : sink.queue) drop(post, counts_.unreachable);
}

void EventSender::send(const std::string& url, bool last) {
  std::vector<Post> batch;
  {
    const std::lock_guard lock(mutex_);
    auto& queue = sinks_[url].queue;
    for (; !queue.empty() && batch.size() < options_.at_once; queue.pop_front())
      batch.push_back(std::move(queue.front()));
  }
  std::vector<HttpRequest> requests;
  requests.reserve(batch.size());
  for (const Post& post : batch) requests.push_back(post.request);
  const auto answers =
      http_.send_all(requests, {.connect = last ? std::min(options_.connect, kLastTry) : options_.connect,
                                .total = last ? kLastTry : options_.timeout,
                                .body_bytes_max = kAnswerBytesMax});
  std::string why;
  std::optional<milliseconds> asked;
  std::vector<Post> again;
  for (size_t i = 0; i < batch.size(); ++i) {
    const auto& answer = answers[i];
    const int status = answer ? answer->status : 0;
    if (status >= 200 && status < 300) {
      drop(batch[i], counts_.sent);
      continue;
    }
    why = answer ? "status " + std::to_string(status) : answer.error().message;
    if (answer && !may_pass_later(status)) {
      drop(batch[i], counts_.refused);
    } else if (last || ++batch[i].tries >= options_.tries_most) {
      drop(batch[i], counts_.unreachable);
    } else {
      if (const auto wanted = answer ? retry_after(answer->headers) : std::nullopt)
        asked = std::max<milliseconds>(*wanted, options_.retry_first);
      again.push_back(std::move(batch[i]));
    }
  }
  const std::lock_guard lock(mutex_);
  Sink& sink = sinks_[url];
  if (!why.empty() && !sink.said) log_.warn("events cannot be told", {{"error", why}});
  sink.said = !why.empty();  // once, until they can be again
  if (again.empty() && why.empty()) {
    sink.pause = {};
    return;
  }
  const milliseconds pause = std::clamp(sink.pause * 2, options_.retry_first, options_.retry_most);
  sink.pause = pause;
  const milliseconds jitter{static_cast<int64_t>(random_->unit() * 0.2 * static_cast<double>(pause.count()))};
  sink.next = clock_.now() + std::min(asked.value_or(pause + jitter), options_.retry_most);
  for (auto post = again.rbegin(); post != again.rend(); ++post) sink.queue.push_front(std::move(*post));
}

}  // namespace clops::serving
