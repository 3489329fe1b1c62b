// The running operator: informers, queues, workers, election, events, health and metrics, put together.
//
// No threads of its own: everything is a task on the Executor, so a simulation can run it on one thread. Workers start
// once every informer has synced and (with election) this process leads; losing the lease stops writes at once and
// workers after their current item, without ending the process.
// Thread rule: public functions from any thread. Ownership: borrows everything in ManagerDeps and the reconcilers.
// End: stop(), then end the Executor (its running tasks finish), then destroy the Manager; tasks left on an executor
// that is never run again do no harm.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/http.h"
#include "base/log.h"
#include "base/random.h"
#include "base/time.h"
#include "operator/controller.h"
#include "operator/election/lease_policy.h"

namespace clops::op {

struct ManagerDeps {
  Executor& executor;
  const Clock& clock;
  Random& random;
  Log& log;
  kube::Client& client;
  kube::Client* lease_client = nullptr;  // over its own HttpClient; required with election
  Executor* lease_executor =
      nullptr;  // a thread of its own, so that a renewal never waits behind reconciles; null: `executor`
};

struct ManagerOptions {
  std::string identity;                      // this process, in the Lease and in Events
  std::string component = "clops-operator";  // Events' source
  std::string lease_namespace;               // empty: no election, this process always leads
  std::string lease_name = "clops-operator";
  election::Limits lease;
  Duration hold_max = std::chrono::seconds{10};  // longest wait for the cache to see our own writes
  Duration backoff_first = std::chrono::milliseconds{5}, backoff_max = std::chrono::minutes{5};
  size_t events_waiting_max = 1'000;
};

class Manager {
 public:
  Manager(ManagerDeps deps, ManagerOptions options, std::vector<InformerSpec> informers,
          std::vector<ControllerSpec> controllers);
  ~Manager();
  [[nodiscard]] Status start();  // InvalidArgument: a controller names a type without an informer
  void stop();                   // ends watches, takes no new work, gives the lease back
  [[nodiscard]] bool synced() const;
  [[nodiscard]] bool leading() const;
  [[nodiscard]] bool idle() const;  // nothing queued, held or running (items that wait out a delay do not count)
  [[nodiscard]] const Cache& cache() const;
  [[nodiscard]] EventRecorder& events();
  void enqueue(const std::string& controller, const ObjectKey& key);

  // GET /healthz, /readyz (synced), /metrics, and what was added before start().
  [[nodiscard]] HttpResponse serve(const HttpRequest& request) const;
  void add_endpoint(std::string path, std::function<HttpResponse(const HttpRequest&)> handler);
  void add_metrics(std::function<void(std::string& text)> writer);  // Prometheus text, appended to /metrics

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clops::op
