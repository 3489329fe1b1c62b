// Holds a simulated world to the named invariants: some on every accepted change, the rest once all is quiet.
//
// Thread rule: one thread. Ownership: borrows API and cluster. Errors: found() lists what was broken, invariant first.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "crds/serving_config.h"
#include "tests/unit/simulation/api.h"
#include "tests/unit/simulation/cluster.h"

namespace clops::sim {

class Judge {
 public:
  Judge(const Loop& loop, const Api& api, Cluster& cluster, const Truths& truths);

  void on_event(const ApiEvent& event);
  void on_answer(const std::string& actor, const HttpRequest& request, const HttpResponse& response);
  // The state of a world that has come to rest.
  void at_rest();

  // Some ModelVersion's artifact is not there: it is looked for again and again.
  [[nodiscard]] bool retries_for_ever() const;
  // Some ModelVersion's verifying has failed for a reason that has passed: it is good at the next try, which comes
  // later and later.
  [[nodiscard]] bool owes_a_try() const;

  void broken(const std::string& invariant, const std::string& what);
  [[nodiscard]] const std::vector<std::string>& found() const { return found_; }
  std::function<void(const std::string&)> trace;

 private:
  void check_config(const std::string& where, const std::string& ns, const crds::ServingConfig& config);
  void check_deployment_status(const ApiKey& key, const Json& object);
  void check_version_status(const ApiKey& key, const Json& object);
  void check_writer(const ApiEvent& event);
  void rest_of_deployment(const ApiKey& key, const Json& object);
  void rest_of_version(const ApiKey& key, const Json& object);
  [[nodiscard]] bool verifiable(const Json& version) const;

  const Loop& loop_;
  const Api& api_;
  Cluster& cluster_;
  const Truths& truths_;
  std::map<std::string, std::map<int64_t, std::set<std::string>>>
      configs_;                                   // by uid of the ModelDeployment, by generation: as written down
  std::set<std::string> meddled_;                 // uids: somebody has touched its serving.json
  std::set<std::string> acknowledged_;            // "uid variant mv digest": a pod has said it is Loaded
  std::map<std::string, TimePoint> last_ready_;   // by "ns/md": when a pod was last seen ready to leave it
  std::map<ApiKey, std::set<std::string>> uris_;  // of ModelVersions that ever were
  std::map<std::string, int> epoch_of_actor_;     // how often the lease had changed hands when it was last its
  std::map<std::string, std::pair<int, std::string>> last_writer_;  // by uid of an object
  int epoch_ = 0;
  std::string holder_;
  std::vector<std::string> found_;
};

[[nodiscard]] std::string condition_status(const Json& object, const std::string& type);
[[nodiscard]] bool is_operator(const std::string& actor);

}  // namespace clops::sim
