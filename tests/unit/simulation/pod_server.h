// The serving program inside a simulated pod, as the operator sees it: takes configurations (mounted file, push), loads
// what they name after a while, keeps what served when a load fails, and says so (crds/serving_config.h).
//
// The rule of who serves whose share is serving/lifecycle/model_table.h's. Values and plain functions; one thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/http.h"
#include "crds/serving_config.h"

namespace clops::sim {

// What is really behind a URI: the simulation's ground truth.
struct ModelTruth {
  enum class Kind { Good, Absent, Broken, Unsupported, Flaky, InspectorDies } kind = Kind::Good;
  std::string digest;
  int flaky_left = 0;  // Flaky, InspectorDies: so many failed tries before it is Good
  bool loads = true;   // false: verified, yet no serving pod can load it
};
using Truths = std::map<std::string, ModelTruth>;  // by URI

class PodServer {
 public:
  PodServer(const Truths& truths, std::string push_key) : truths_(truths), push_key_(std::move(push_key)) {}

  // PUT and GET /clops/v1/config, GET /clops/v1/hint, /healthz. `accepted`: a configuration was taken that loads after
  // a while; finish_loading() ends that.
  [[nodiscard]] HttpResponse handle(const HttpRequest& request, bool& accepted);
  [[nodiscard]] bool submit(const crds::ServingConfig& config, const std::string& content,
                            int& status);  // status: as the push would answer
  void finish_loading();
  [[nodiscard]] bool loading() const { return next_.has_value(); }
  [[nodiscard]] crds::PodState state() const;
  [[nodiscard]] bool ready() const { return in_force_.has_value() && ready_; }
  // What answers a variant's share now; empty: nothing.
  [[nodiscard]] const std::optional<crds::ServingConfig>& in_force() const { return in_force_; }

 private:
  struct Serving {
    std::string state, message;
    crds::ModelRef serves;  // model_version empty: nothing of its own
  };
  using Table = std::map<std::pair<std::string, std::string>, Serving>;
  [[nodiscard]] std::string load(const crds::ModelRef& ref) const;  // why not; empty: loaded

  const Truths& truths_;
  const std::string push_key_;
  std::optional<crds::ServingConfig> in_force_, next_;
  std::string content_;  // of the one that was taken last
  Table table_;
  bool ready_ = false;
};

}  // namespace clops::sim
