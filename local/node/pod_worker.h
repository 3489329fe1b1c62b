// One pod on this machine, from its folder and address to its end. Everything it knows that must outlive the plane is
// in the pod's folder (containers/NAME/N of container_process.h, volumes/) or in the pod's status.
//
// Thread rule: on the node's loop. Ownership: NodeParts outlive it. Destroying it lets the containers run on.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "local/api/api.h"
#include "local/node/addresses.h"
#include "local/node/container_probes.h"
#include "local/node/container_process.h"
#include "local/node/container_setup.h"
#include "local/node/pod_status.h"

namespace clops::local {

struct NodeOptions {
  std::filesystem::path state_dir;  // pods/, claims/
  std::filesystem::path shim;
  std::string node_name = "clops-local";
  std::string ends_last;    // pods of this namespace are ended after all others: they still tell what ends
  std::string pod_network;  // "127.40"
  Programs programs;
  std::map<std::string, std::string> base_env;
  std::string token;  // for serviceAccountToken projections
  Backoff backoff;
  int64_t log_bytes_max = 2 << 20;  // of a container's current log; one older file is kept beside it
};

struct NodeParts {
  EventLoop& loop;
  Api& api;
  Log& log;
  const NodeOptions& options;
  AddressPool addresses;
};

class PodWorker {
 public:
  // `over`: called when nothing of the pod is left, and the worker may be destroyed (not from inside the call).
  PodWorker(NodeParts& parts, crds::Pod pod, const Json& object, std::function<void()> over);
  ~PodWorker();
  PodWorker(const PodWorker&) = delete;

  void begin();  // finds what already runs, and goes on from there
  void update(crds::Pod pod, const Json& object);
  void data_changed(const std::string& ns);  // a ConfigMap, Secret or claim of that namespace
  void removed();                            // the object is gone: ends everything now
  void end_for_shutdown();                   // SIGTERM; the object stays and says what ended
  void kill();
  [[nodiscard]] bool running() const;
  [[nodiscard]] const std::string& ns() const { return pod_.meta.ns; }

 private:
  struct Container {
    const crds::Container* spec = nullptr;
    bool is_init = false;
    ContainerView* view = nullptr;
    int run = -1;  // its number; -1: has never run
    std::unique_ptr<ContainerProcess> process;
    std::unique_ptr<ContainerProbes> probes;
    EventLoop::TimerId restart = 0, kill = 0, memory = 0;
    TimePoint began;
    int backoff_count = 0;
    bool out_of_memory = false;
  };
  void set_spec();
  void adopt(Container& container, const Json& status_before);
  void sync();
  bool prepare();  // address and volumes; false: waits
  [[nodiscard]] Status make_volumes();
  [[nodiscard]] PathMap paths_for(const crds::Container& container) const;
  [[nodiscard]] DataLookup lookup() const;
  [[nodiscard]] PodFacts facts() const;
  void start_container(Container& container);
  void launch(Container& container, Execution execution);
  void on_started(Container& container, const std::string& started_at, bool known_ready);
  void on_exit(Container& container, Exit exit);
  void schedule_restart(Container& container);
  void watch_memory(Container& container, int64_t limit_bytes);
  void stop_container(Container& container, std::chrono::seconds grace);
  void terminate();
  void finish_if_ended();
  void fail_pod(const std::string& reason, const std::string& message);
  void wait_with(Container& container, const std::string& reason, const std::string& message);
  void write_status();
  void warn(const std::string& reason, const std::string& message);
  [[nodiscard]] std::string now_text() const;
  [[nodiscard]] std::filesystem::path folder_of(const Container& container) const;

  NodeParts& parts_;
  crds::Pod pod_;
  Json status_;  // as written last
  PodView view_;
  std::vector<Container> containers_;  // init containers first
  std::filesystem::path dir_;
  std::map<std::string, std::filesystem::path> volumes_;
  bool volumes_ready_ = false, gone_ = false, shutting_down_ = false, removing_ = false;
  std::string last_warning_;
  int64_t grace_seconds_ = 30;
  EventLoop::TimerId deadline_ = 0;
  std::function<void()> over_;
};

}  // namespace clops::local
