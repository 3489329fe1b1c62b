// Whether this process may write: open until a point in time that every renewal of the lease moves on.
//
// A point in time and not a flag, so that a process whose renewals (or whose executor) hang stops writing by itself,
// before anybody else may start. Thread rule: safe from any thread. Without election it is opened for ever.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "base/time.h"
#include "operator/kube/client.h"

namespace clops::op::election {

class WriteGate {
 public:
  void open_until(TimePoint time) { until_ns_.store(time.time_since_epoch().count(), std::memory_order_release); }
  void open_for_ever() { until_ns_.store(INT64_MAX, std::memory_order_release); }
  void close() { until_ns_.store(INT64_MIN, std::memory_order_release); }
  [[nodiscard]] bool is_open(TimePoint now) const {
    return now.time_since_epoch().count() < until_ns_.load(std::memory_order_acquire);
  }

 private:
  std::atomic<int64_t> until_ns_{INT64_MIN};
};

// Every write asks the gate just before it is sent; refused: Conflict. Counts what goes through.
class GatedClient final : public kube::Client {
 public:
  GatedClient(kube::Client& inner, const WriteGate& gate, const Clock& clock)
      : inner_(inner), gate_(gate), clock_(clock) {}
  Result<std::string> call(const kube::Call& call) override {
    if (kube::is_write(call.verb) && !gate_.is_open(clock_.now())) return refused();
    calls_[static_cast<size_t>(call.verb)].fetch_add(1, std::memory_order_relaxed);
    return inner_.call(call);
  }
  std::vector<Result<std::string>> call_all(std::span<const kube::Call> calls) override {
    const bool writes = std::ranges::any_of(calls, [](const auto& each) { return kube::is_write(each.verb); });
    if (writes && !gate_.is_open(clock_.now())) return std::vector<Result<std::string>>(calls.size(), refused());
    for (const auto& each : calls) calls_[static_cast<size_t>(each.verb)].fetch_add(1, std::memory_order_relaxed);
    return inner_.call_all(calls);
  }
  std::unique_ptr<HttpStream> watch(const kube::ResourceType& type, const std::string& ns,
                                    const kube::WatchOptions& options, StreamSink& sink) override {
    calls_[static_cast<size_t>(kube::Verb::Watch)].fetch_add(1, std::memory_order_relaxed);
    return inner_.watch(type, ns, options, sink);
  }
  Duration retry_after() const override { return inner_.retry_after(); }
  [[nodiscard]] uint64_t calls(kube::Verb verb) const {
    return calls_[static_cast<size_t>(verb)].load(std::memory_order_relaxed);
  }

 private:
  static Result<std::string> refused() {
    return fail(Code::Conflict, "this process does not hold the lease: it must not write");
  }
  kube::Client& inner_;
  const WriteGate& gate_;
  const Clock& clock_;
  std::array<std::atomic<uint64_t>, kube::kVerbs> calls_{};
};

}  // namespace clops::op::election
