// The machine as a Kubernetes node: takes every pod of the API that is meant for it and runs it as processes.
//
// Thread rule: made, asked and destroyed from one thread; works on a loop of its own. Ownership: api, clock and log
// outlive it. Destroying it lets every container run on; the next node over the same folder adopts them.
#pragma once

#include <chrono>
#include <memory>

#include "local/node/pod_worker.h"

namespace clops::local {

class Node {
 public:
  virtual ~Node() = default;
  [[nodiscard]] virtual EventLoop& loop() = 0;  // for what else waits on containers (logs)
  // SIGTERM to every container, SIGKILL to what is left after `at_most`; returns when none runs. The pods' objects
  // stay, and say that they ended. Those of NodeOptions::ends_last see the others end, and have written what they make
  // of it.
  virtual void end_pods(std::chrono::milliseconds at_most) = 0;
};

[[nodiscard]] std::unique_ptr<Node> start_node(Api& api, const Clock& clock, Log& log, NodeOptions options);

}  // namespace clops::local
