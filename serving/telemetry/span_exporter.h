// Sends spans to a collector by OTLP over HTTP, on a thread of its own: batches, a bounded queue, retries that heed
// Retry-After.
//
// Thread rule: add() is the telemetry thread's; counts may be read from any. Ownership: borrows its parts. Errors:
// none: what cannot be sent is counted. The headers are secret and are told nobody but the collector.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/http_client.h"
#include "base/log.h"
#include "serving/telemetry/otlp.h"

namespace clops::serving {

struct SpanExporterOptions {
  std::string url;  // whole: .../v1/traces
  Headers headers;
  OtlpResource resource;
  size_t calls_max = 4'096, batch_max = 512;
  std::chrono::milliseconds linger{1'000};  // until a batch that is not full is sent
  std::chrono::milliseconds timeout{5'000};
  std::chrono::milliseconds retry_first{1'000}, retry_most{30'000};
  int tries_most = 5;
};

struct SpanCounts {
  std::atomic<uint64_t> sent{0}, queue_full{0}, unreachable{0}, refused{0};
};

class SpanExporter {
 public:
  SpanExporter(SpanExporterOptions options, HttpClient& http, const Clock& clock, Log& log);
  ~SpanExporter();
  void finish();  // one last try for what is queued, for two seconds at most where nobody answers
  SpanExporter(const SpanExporter&) = delete;
  SpanExporter& operator=(const SpanExporter&) = delete;
  void add(const CallRecord& call);
  [[nodiscard]] const SpanCounts& counts() const { return counts_; }

 private:
  void run();
  bool send(const std::vector<CallRecord>& batch);             // false: lost
  [[nodiscard]] bool wait(std::chrono::milliseconds at_most);  // false: it is the end

  SpanExporterOptions options_;
  HttpClient& http_;
  const Clock& clock_;
  Log& log_;
  SpanCounts counts_;
  std::unique_ptr<Random> random_;
  bool said_ = false;  // that it cannot send
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;         // guarded by mutex_
  std::deque<CallRecord> queue_;  // guarded by mutex_
  std::thread thread_;
};

// Whether an answer of this status may be another one later; and what Retry-After asks for, if it does in seconds.
[[nodiscard]] bool may_pass_later(int status);
[[nodiscard]] std::optional<std::chrono::seconds> retry_after(const Headers& headers);

}  // namespace clops::serving
