// What the server tells of its calls while they pass: spans, the access log, events. Makes the watchers of each serving
// thread, and empties their rings on a thread of its own that runs only while one of the three is wanted.
//
// Thread rule: make_*() before the serving threads run; print() from any thread; finish() and the destructor after they
// have ended. Ownership: borrows http, clock and log. Errors: make(): Unavailable (the access log's file).
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/http_client.h"
#include "base/log.h"
#include "base/time.h"
#include "serving/telemetry/access_log.h"
#include "serving/telemetry/call_recorder.h"
#include "serving/telemetry/event_tap.h"
#include "serving/telemetry/span_exporter.h"
#include "serving/telemetry/telemetry_options.h"

namespace clops::serving {

class Telemetry {
 public:
  struct Parts {
    HttpClient& http;
    const Clock& clock;
    Log& log;
    std::string pod_name;
    size_t threads = 1;
  };
  [[nodiscard]] static Result<std::unique_ptr<Telemetry>> make(Parts parts, TelemetryOptions options);
  ~Telemetry();
  void finish();  // tells what is there yet, for a few seconds at most; nothing is recorded any more
  Telemetry(const Telemetry&) = delete;
  Telemetry& operator=(const Telemetry&) = delete;

  // Null: nothing is to be recorded.
  [[nodiscard]] std::unique_ptr<CallWatcher> make_recorder(size_t thread);
  [[nodiscard]] std::unique_ptr<CallWatcher> make_event_tap(size_t thread);
  // Prometheus text of what was told and what was dropped; nothing of what is not wanted.
  void print(std::string& out) const;

 private:
  Telemetry(Parts parts, TelemetryOptions options);
  void begin();
  void run();
  [[nodiscard]] bool drain();
  void tell(const CallEvent& event, Duration wall_offset);

  Parts parts_;
  TelemetryOptions options_;
  std::string source_;
  std::unique_ptr<SpanExporter> exporter_;
  std::unique_ptr<AccessLog> access_log_;
  EventBudget budget_;
  EventCounts event_counts_;
  std::unique_ptr<EventSender> sender_;  // the telemetry thread's, made with the first event
  std::vector<std::unique_ptr<SpscRing<CallRecord>>> records_;
  std::vector<std::unique_ptr<EventRing>> events_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool wanted_ = false, stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace clops::serving
