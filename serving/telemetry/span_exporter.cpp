#include "serving/telemetry/span_exporter.h"

#include <charconv>

#include "base/digest.h"

namespace clops::serving {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kLastTry{2'000}, kSoonest{100};
constexpr size_t kAnswerBytesMax = 64u << 10;

uint64_t spans_of(const std::vector<CallRecord>& batch) {
  uint64_t out = 0;
  for (const CallRecord& call : batch) out += call.spans();
  return out;
}

}  // namespace

bool may_pass_later(int status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

std::optional<std::chrono::seconds> retry_after(const Headers& headers) {
  const auto text = headers.get("retry-after");
  uint32_t seconds = 0;
  if (!text) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
  if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return std::chrono::seconds(seconds);
}

SpanExporter::SpanExporter(SpanExporterOptions options, HttpClient& http, const Clock& clock, Log& log)
    : options_(std::move(options)), http_(http), clock_(clock), log_(log), random_(make_system_random()) {
  thread_ = std::thread([this] { run(); });
}

SpanExporter::~SpanExporter() {
  finish();
}

void SpanExporter::finish() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void SpanExporter::add(const CallRecord& call) {
  const std::lock_guard lock(mutex_);
  if (queue_.size() >= options_.calls_max) {
    counts_.queue_full.fetch_add(call.spans(), std::memory_order_relaxed);
    return;
  }
  queue_.push_back(call);
  if (queue_.size() == 1 || queue_.size() == options_.batch_max) changed_.notify_all();
}

bool SpanExporter::wait(milliseconds at_most) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, at_most, [this] { return stopping_; });
}

void SpanExporter::run() {
  for (bool last = false; !last;) {
    std::vector<CallRecord> batch;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      changed_.wait_for(lock, options_.linger, [this] { return stopping_ || queue_.size() >= options_.batch_max; });
      const size_t count = std::min(queue_.size(), options_.batch_max);
      batch.assign(queue_.begin(), queue_.begin() + static_cast<ptrdiff_t>(count));
      queue_.erase(queue_.begin(), queue_.begin() + static_cast<ptrdiff_t>(count));
      last = stopping_ && queue_.empty();
    }
    if (batch.empty() || send(batch)) continue;
    const std::lock_guard lock(mutex_);
    if (!stopping_) continue;
    last = true;  // nobody waits for a collector that is away
    for (const CallRecord& call : queue_) counts_.unreachable.fetch_add(call.spans(), std::memory_order_relaxed);
  }
}

bool SpanExporter::send(const std::vector<CallRecord>& batch) {
  HttpRequest request{.method = "POST", .url = options_.url, .headers = options_.headers, .body = {}};
  request.headers.set("Content-Type", "application/x-protobuf");
  const Duration offset = clock_.wall().time_since_epoch() - clock_.now().time_since_epoch();
  append_otlp(request.body, batch, options_.resource, offset, *random_);
  const uint64_t spans = spans_of(batch);
  milliseconds pause = options_.retry_first;
  bool alive = true;
  std::string why;
  for (int tries = 1;; ++tries) {
    {
      const std::lock_guard lock(mutex_);
      alive = !stopping_;
    }
    const milliseconds most = alive ? options_.timeout : std::min(options_.timeout, kLastTry);
    const auto answer = http_.send(request, {.connect = most, .total = most, .body_bytes_max = kAnswerBytesMax});
    if (answer && answer->status >= 200 && answer->status < 300) {
      const uint64_t rejected = std::min(rejected_spans(answer->body), spans);
      counts_.sent.fetch_add(spans - rejected, std::memory_order_relaxed);
      counts_.refused.fetch_add(rejected, std::memory_order_relaxed);
      said_ = false;
      return true;
    }
    why = answer ? "status " + std::to_string(answer->status) : answer.error().message;
    const bool later = !answer || may_pass_later(answer->status);
    if (!later) {
      counts_.refused.fetch_add(spans, std::memory_order_relaxed);
      break;
    }
    milliseconds wanted =
        pause + milliseconds(static_cast<int64_t>(random_->unit() * 0.2 * static_cast<double>(pause.count())));
    if (const auto asked = answer ? retry_after(answer->headers) : std::nullopt)
      wanted = std::max<milliseconds>(*asked, kSoonest);
    pause = std::min(pause * 2, options_.retry_most);
    if (!alive || tries >= options_.tries_most || !wait(std::min(wanted, options_.retry_most))) {
      counts_.unreachable.fetch_add(spans, std::memory_order_relaxed);
      break;
    }
  }
  if (!said_) log_.warn("spans cannot be sent", {{"error", why}});
  said_ = true;  // once, until they can be again
  return false;
}

}  // namespace clops::serving
