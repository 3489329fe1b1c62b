// What runs beside the operator in a simulated cluster: deployment controller, scheduler and kubelet in one, garbage
// collector.
//
// Reacts to the API's changes with tasks of the loop, after seeded delays. Pods whose arguments say `serve` run a
// PodServer; those that say `inspect` end with a document about the truth behind their URI. Thread rule: one thread.
// Ownership: borrows loop, API and truths.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "tests/unit/simulation/api.h"
#include "tests/unit/simulation/loop.h"
#include "tests/unit/simulation/pod_server.h"

namespace clops::sim {

struct SimPod {
  ApiKey key;
  std::string uid, ip, command;  // "serve" | "inspect"; all arguments are in `args`
  std::vector<std::string> args;
  std::string config_map, secret;     // what it mounts
  std::unique_ptr<PodServer> server;  // null: the container is not running
  std::string log;
  int restarts = 0;
  std::set<std::string> served;  // "model/variant" that something answered for
};

class Cluster {
 public:
  Cluster(Loop& loop, Api& api, Truths& truths, uint64_t seed);
  void on_event(const ApiEvent& event);

  [[nodiscard]] Result<HttpResponse> serve(const std::string& host, const HttpRequest& request);
  Result<HttpResponse> serve_through_service(const std::string& ip);
  [[nodiscard]] Result<std::string> logs(const ApiKey& pod) const;

  // Chaos.
  void restart_container(const ApiKey& pod);
  void evict(const ApiKey& pod);  // phase Failed, gone from the network
  double push_loss = 0;           // chance that a request to a pod never arrives, or its answer does not

  [[nodiscard]] const std::map<ApiKey, SimPod>& pods() const { return pods_; }
  [[nodiscard]] Duration slowness() const { return slow_; }
  void set_slowness(Duration longest) { slow_ = longest; }
  // Digests that an inspection has in fact found, by URI.
  [[nodiscard]] const std::map<std::string, std::set<std::string>>& verified() const { return verified_; }
  // Every state a pod has told somebody (answers to push and GET): what the operator may know.
  std::function<void(const SimPod&, const crds::PodState&)> on_ack;
  std::function<void(const SimPod&, const crds::ServingConfig&)> on_push;
  std::function<void(const SimPod&, const std::string& variant)>
      on_share_lost;  // a share that was served is not any more

 private:
  void later(std::function<void()> task, Duration most);
  // Deployments
  void sync_deployment(const ApiKey& key);
  void report_deployment(const ApiKey& key, const Json& deployment, const std::string& hash);
  void create_pod(const Json& replica_set);
  // Pods
  void start_pod(const ApiKey& key, const std::string& uid);
  void start_server(const ApiKey& key, const std::string& uid);
  void load(const ApiKey& key, const std::string& uid);
  void probe(const ApiKey& key, const std::string& uid);
  void inspect(const ApiKey& key, const std::string& uid);
  void stop_pod(const ApiKey& key, const std::string& uid);
  void refresh_mounts(const ApiKey& config_map);
  SimPod* find(const ApiKey& key, const std::string& uid);
  [[nodiscard]] std::string inspection(const SimPod& pod);
  // Garbage
  void collect();

  Loop& loop_;
  Api& api_;
  Truths& truths_;
  Chance chance_;
  Duration slow_ = std::chrono::milliseconds(300);
  std::map<ApiKey, SimPod> pods_;
  std::map<std::string, int> live_uids_;
  std::map<std::string, std::set<std::string>> verified_;
  std::set<ApiKey> syncing_;
  bool collecting_ = false;
  int addresses_ = 0;
};

[[nodiscard]] std::string decode_base64(std::string_view text);
[[nodiscard]] bool pod_is_ready(const Json& pod);

}  // namespace clops::sim
