// One probe, tried once: an HTTP GET, a TCP connection, or a command.
//
// Thread rule: on the loop's thread. Ownership: dropping an Attempt cancels it; the loop outlives it.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "crds/workload.h"
#include "local/node/event_loop.h"

namespace clops::local {

struct ProbeResult {
  bool success = false;
  std::string message;  // of a failure
};
using OnProbed = std::function<void(ProbeResult)>;  // once; may drop the attempt

class ProbeAttempt {
 public:
  virtual ~ProbeAttempt() = default;
};

struct ProbeTarget {
  std::string address;
  int port = 0;         // resolved by the caller
  std::string program;  // of an exec probe: what to run, and with what
  std::vector<std::string> argv, env;
};

[[nodiscard]] std::unique_ptr<ProbeAttempt> try_probe(EventLoop& loop, const crds::Probe& probe,
                                                      const ProbeTarget& target, OnProbed done);

}  // namespace clops::local
