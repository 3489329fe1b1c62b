// Takes part in the election of one writer, by a coordination.k8s.io Lease.
//
// Use a client over its own HttpClient: a lease must not wait behind other requests. While it holds the lease the gate
// is open until `renew` after the moment the last successful renewal was sent. A lost lease closes the gate and tells
// the listener; the process goes on and stands for election again. release() gives a held lease back, so that others
// need not wait. Thread rule: start() and release() from any thread; the listener is called from one thread at a time,
// only on a change. Ownership: borrows everything; see Strand for the end.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/random.h"
#include "operator/election/lease_policy.h"
#include "operator/election/write_gate.h"
#include "operator/strand.h"

namespace clops::op::election {

class Elector {
 public:
  struct Deps {
    Executor& executor;
    const Clock& clock;
    Random& random;
    Log& log;
    kube::Client& client;
    WriteGate& gate;
  };
  struct Options {
    std::string ns, name, identity;
    Limits limits;
  };
  Elector(Deps deps, Options options, std::function<void(bool leading)> listener);
  ~Elector();
  void start();
  void release();  // waits for the API's answer, in the caller's thread

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace clops::op::election
