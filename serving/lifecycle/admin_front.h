// The admin port: /healthz, /readyz, /metrics, /clops/v1/config (PUT push, GET state), /clops/v1/hint,
// /clops/v1/predictions (how they are spread, by variant).
//
// A push is answered once its generation is in force on every serving thread, or after `ack_most` with the state as it
// is then. Thread rule: belongs to the admin loop's thread. Ownership: borrows its parts. Errors: 401 wrong key, 403 no
// key configured, 400 malformed, 409 lower generation, each {"error": ...}.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "serving/http/http1.h"
#include "serving/lifecycle/model_manager.h"
#include "serving/monitoring/free_memory.h"
#include "serving/monitoring/metrics.h"

namespace clops::serving {

class AdminFront final : public http::HttpService, public LoopObserver {
 public:
  struct Parts {
    ModelManager& manager;
    CounterRegistry& counters;
    const Clock& clock;
    const std::atomic<bool>& draining;
    std::function<std::vector<LoopStats>()> loops;
    std::function<void()> every_second;
    std::string push_key_file;  // empty: no push
    TimePoint process_begin{};
    std::function<void(std::string&)> more_metrics;  // empty: none
    std::chrono::milliseconds ack_most{10'000};
  };
  explicit AdminFront(Parts parts) : parts_(std::move(parts)), sampler_(parts_.counters) {}
  bool serve(const http::Request& request, http::Answer& answer) override;
  void on_tick(TimePoint now) override;

 private:
  bool config(const http::Request& request, http::Answer& answer);
  bool push(const http::Request& request, http::Answer& answer);
  [[nodiscard]] bool authorised(const http::Request& request, http::Answer& answer) const;
  void metrics(http::Answer& answer) const;
  void state(http::Answer& answer) const;

  Parts parts_;
  HintSampler sampler_;
  FreeMemory free_memory_;
  TimePoint next_sample_{};
  int64_t awaited_ = 0;  // the highest generation pushed and not yet in force, since when
  TimePoint awaited_since_{};
};

}  // namespace clops::serving
