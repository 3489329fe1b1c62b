// The three probes of one running container, and what they decide: started, ready, to be restarted.
//
// Unlike the kubelet, a startup or readiness probe that has never succeeded is tried again within milliseconds (backing
// off to a quarter of a second); failures still count once a period. After its first success the declared period holds.
// Thread rule: on the loop's thread. Ownership: destroying it stops every probe; no callback comes after.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "local/node/prober.h"

namespace clops::local {

class ContainerProbes {
 public:
  struct Decisions {
    std::function<void()> started;
    std::function<void(bool ready)> ready;                                            // on every change
    std::function<void(const std::string& probe, const std::string& why)> unhealthy;  // a failure that counted
    std::function<void(const std::string& why)> restart;  // startup or liveness is out of failures; once
  };
  // `started`, `ready`: what is already known of a container found running.
  ContainerProbes(EventLoop& loop, const crds::Container& container, ProbeTarget target, Decisions decisions,
                  bool started, bool ready);
  ~ContainerProbes();
  ContainerProbes(const ContainerProbes&) = delete;

 private:
  struct Run {
    std::optional<crds::Probe> probe;
    ProbeTarget target;
    std::unique_ptr<ProbeAttempt> attempt;
    EventLoop::TimerId timer = 0;
    Duration quick{std::chrono::milliseconds(2)};
    bool ever_succeeded = false;
    int successes = 0, failures = 0;
    TimePoint counted_at;  // when a failure last counted
  };
  void begin(Run& run, const char* name, void (ContainerProbes::*judge)(bool));
  void attempt(Run& run, const char* name, void (ContainerProbes::*judge)(bool));
  void begin_after_startup();
  void judge_startup(bool success);
  void judge_readiness(bool success);
  void judge_liveness(bool success);
  void set_ready(bool ready);

  EventLoop& loop_;
  Decisions decisions_;
  Run startup_, readiness_, liveness_;
  bool ready_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // a decision may destroy this object
};

}  // namespace clops::local
