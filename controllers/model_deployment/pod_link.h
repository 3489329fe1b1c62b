// The line to the serving pods: pushes serving.json until each acknowledges it, then looks at each now and then (its
// state, its scaling hint). The I/O seam of this controller beside the API.
//
// want() says what every pod of a deployment must follow and returns at once; the requests are tasks on the Executor,
// at most `requests_max` at a time, failed ones again with growing delays. Whenever a pod says something new that
// matters to status, `changed` is called (from a task) with the deployment's key. Thread rule: safe from any thread.
// Ownership: borrows what it is given; tasks that still wait after it is destroyed do nothing. Keys travel in requests
// only, never in logs or reports.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/http_client.h"
#include "base/json.h"
#include "base/time.h"
#include "crds/meta.h"
#include "crds/scaling_hint.h"
#include "crds/serving_config.h"

namespace clops::controllers::model_deployment {

struct PodTarget {
  std::string name, instance, ip;
  bool ready = false;  // turning true is the moment to ask again whoever did not answer yet
  bool operator==(const PodTarget&) const = default;
};

struct PodReport {
  std::optional<crds::PodState> state;
  std::optional<crds::ScalingHint> hint;
  std::string error;  // of the last request; empty = it went well
  bool operator==(const PodReport&) const = default;
};

struct LinkOptions {
  int requests_max = 8;
  Duration scrape_interval = std::chrono::seconds{5};
  HttpLimits limits{.connect = std::chrono::milliseconds{1'000},
                    .total = std::chrono::milliseconds{3'000},
                    .idle = {},
                    .body_bytes_max = 1u << 20};
};

class PodLink {
 public:
  using Changed = std::function<void(const crds::ObjectKey&)>;
  PodLink(Executor& executor, HttpClient& http, LinkOptions options);
  ~PodLink();
  void on_change(Changed changed);  // before the first want()

  void want(const crds::ObjectKey& key, const std::string& push_key, const crds::ServingConfig& config,
            const std::vector<PodTarget>& pods);
  void forget(const crds::ObjectKey& key);
  [[nodiscard]] std::map<std::string, PodReport> reports(const crds::ObjectKey& key) const;  // by instance
  // Live readings of every deployment, for the operator's own endpoint and metrics.
  [[nodiscard]] Json readings() const;

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace clops::controllers::model_deployment
