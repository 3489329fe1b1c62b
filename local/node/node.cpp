#include "local/node/node.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

#include "local/api/types.h"

namespace clops::local {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kToldAgainAfter{100};
constexpr std::chrono::milliseconds kSettledAfter{150}, kSettlesWithin{2'000};

class NodeImpl final : public Node {
 public:
  NodeImpl(Api& api, const Clock& clock, Log& log, NodeOptions options)
      : api_(api),
        log_(log),
        options_(std::move(options)),
        loop_(clock),
        parts_{.loop = loop_,
               .api = api_,
               .log = log_,
               .options = options_,
               .addresses = AddressPool(options_.pod_network)} {}

  ~NodeImpl() override {
    watches_.clear();
    loop_.run_and_wait([this] {
      stray_.clear();
      workers_.clear();
    });
  }

  void begin() {
    register_node();
    watches_.push_back(api_.watch(types::kPods, "",
                                  [this](const StoreEvent& event) { loop_.post([this, event] { on_pod(event); }); }));
    // Queued behind every pod the watch began with: what has a folder and is none of them was deleted meanwhile.
    loop_.post([this] { end_strays(); });
    for (const auto& type : {types::kConfigMaps, types::kSecrets, types::kPersistentVolumeClaims}) {
      watches_.push_back(api_.watch(type, "", [this](const StoreEvent& event) {
        if (event.type == EventType::Deleted) return;
        loop_.post([this, ns = event.key.ns] { on_data(ns); });
      }));
    }
  }

  EventLoop& loop() override { return loop_; }

  void end_pods(std::chrono::milliseconds at_most) override {
    watches_.clear();
    if (!options_.ends_last.empty()) {
      end_some(at_most, [this](const PodWorker& worker) { return worker.ns() != options_.ends_last; });
      wait_until_settled();
    }
    end_some(at_most, [](const PodWorker&) { return true; });
  }

 private:
  using Which = std::function<bool(const PodWorker&)>;

  void end_some(std::chrono::milliseconds at_most, const Which& which) {
    {
      const std::lock_guard lock(mutex_);
      quiet_ = false;
    }
    loop_.post([this, at_most, which] {
      const auto each = [this, which](void (PodWorker::*call)()) {
        for (auto& [uid, worker] : workers_) {
          if (which(*worker)) ((*worker).*call)();
        }
      };
      each(&PodWorker::end_for_shutdown);
      // Again: a server that waits for clients who do not know yet may stop waiting, as nothing routes here any more.
      loop_.after(kToldAgainAfter, [each] { each(&PodWorker::end_for_shutdown); });
      loop_.after(at_most, [each] { each(&PodWorker::kill); });
      wait_for_quiet(which);
    });
    std::unique_lock lock(mutex_);
    quiet_changed_.wait_for(lock, at_most + std::chrono::seconds(5), [this] { return quiet_; });
  }

  // Until nobody has written anything for a while: who looks after what ended has said so.
  void wait_until_settled() {
    const Clock& clock = loop_.clock();
    const TimePoint latest = clock.now() + kSettlesWithin;
    int64_t seen = -1;
    for (TimePoint since = clock.now(); clock.now() < latest && clock.now() - since < kSettledAfter;) {
      const auto nodes = api_.list(types::kNodes, "");  // for its revision, which is of everything
      if (nodes && nodes->revision != seen) seen = nodes->revision, since = clock.now();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  void on_pod(const StoreEvent& event) {
    auto pod = crds::decode_workload_meta(event.object->json);
    if (!pod) return;
    const std::string uid = pod->uid;
    const auto known = workers_.find(uid);
    if (event.type == EventType::Deleted) {
      if (known != workers_.end()) known->second->removed();
      return;
    }
    auto decoded = crds::decode_pod(event.object->json);
    if (known != workers_.end()) {
      if (decoded) known->second->update(std::move(*decoded), event.object->json);
      return;
    }
    if (!decoded) return refuse(*pod, event.object->json, decoded.error());
    if (!decoded->spec.node_name.empty() && decoded->spec.node_name != options_.node_name) return;
    if (decoded->spec.node_name.empty() && !bind(*pod)) return;
    auto worker = std::make_unique<PodWorker>(parts_, std::move(*decoded), event.object->json,
                                              [this, uid] { loop_.post([this, uid] { workers_.erase(uid); }); });
    PodWorker& begun = *worker;
    workers_[uid] = std::move(worker);
    begun.begin();
  }

  // What the scheduler does elsewhere.
  bool bind(const crds::ObjectMeta& meta) {
    const auto bound = api_.mutate(types::kPods, {meta.ns, meta.name}, "",
                                   [&](Json& object) -> Status {
                                     if (string_at(object, {"metadata", "uid"}) != meta.uid)
                                       return fail(Code::NotFound, "replaced by another pod of the name");
                                     object["spec"]["nodeName"] = options_.node_name;
                                     return {};
                                   },
                                   {.manager = "kube-scheduler"});
    if (!bound && bound.error().code != Code::NotFound) {
      log_.warn("a pod could not be bound to this node", {{"pod", meta.name}, {"why", bound.error().message}});
    }
    return bound.has_value();
  }

  // A pod this node cannot make sense of fails at once, with the field at fault.
  void refuse(const crds::ObjectMeta& meta, const Json& object, const Error& error) {
    if (!meta.deletion_timestamp.empty()) {
      (void)api_.remove(types::kPods, {meta.ns, meta.name}, {.uid = meta.uid, .grace_seconds = 0});
      return;
    }
    if (string_at(object, {"status", "phase"}) == "Failed") return;
    const auto written = api_.mutate(types::kPods, {meta.ns, meta.name}, "status",
                                     [&](Json& pod) -> Status {
                                       pod["status"]["phase"] = "Failed";
                                       pod["status"]["reason"] = "InvalidPod";
                                       pod["status"]["message"] = error.message;
                                       return {};
                                     },
                                     {.manager = "kubelet"});
    if (!written) log_.warn("a pod could not be refused", {{"pod", meta.name}, {"why", written.error().message}});
  }

  void on_data(const std::string& ns) {
    for (auto& [uid, worker] : workers_) worker->data_changed(ns);
  }

  void end_strays() {
    std::error_code error;
    for (fs::directory_iterator it(options_.state_dir / "pods", error), end; !error && it != end; it.increment(error)) {
      if (!workers_.contains(it->path().filename().string())) end_stray(it->path());
    }
  }

  void end_stray(const fs::path& pod_dir) {
    std::error_code error;
    bool any = false;
    for (fs::directory_iterator it(pod_dir / "containers", error), end; !error && it != end; it.increment(error)) {
      for (const auto& run : fs::directory_iterator(it->path(), error)) {
        if (!run.is_directory()) continue;
        auto process = ContainerProcess::adopt(loop_, run.path(), it->path() / "lock", nullptr, [pod_dir](const Exit&) {
          std::error_code ignored;
          fs::remove_all(pod_dir, ignored);
        });
        if (!process || !*process) continue;
        (*process)->signal(SIGKILL);
        stray_.push_back(std::move(*process));
        any = true;
      }
    }
    if (!any) fs::remove_all(pod_dir, error);
  }

  void wait_for_quiet(const Which& which) {
    for (auto& [uid, worker] : workers_) {
      if (!worker->running() || !which(*worker)) continue;
      loop_.after(std::chrono::milliseconds(5), [this, which] { wait_for_quiet(which); });
      return;
    }
    const std::lock_guard lock(mutex_);
    quiet_ = true;
    quiet_changed_.notify_all();
  }

  void register_node() {
    utsname machine{};
    ::uname(&machine);
    const std::string now = to_rfc3339(loop_.clock().wall());
    const std::string cpus = std::to_string(std::max(1U, std::thread::hardware_concurrency()));
    const Json capacity = {
        {"cpu", cpus},
        {"pods", "1000"},
        {"memory", std::to_string(::sysconf(_SC_PHYS_PAGES) * (::sysconf(_SC_PAGESIZE) / 1024)) + "Ki"}};
    const Json status = {{"capacity", capacity},
                         {"allocatable", capacity},
                         {"addresses", Json::array({{{"type", "InternalIP"}, {"address", "127.0.0.1"}},
                                                    {{"type", "Hostname"}, {"address", options_.node_name}}})},
                         {"nodeInfo",
                          {{"kubeletVersion", "v1.34.4+clops"},
                           {"kubeProxyVersion", ""},
                           {"operatingSystem", "linux"},
                           {"architecture", "amd64"},
                           {"kernelVersion", machine.release},
                           {"osImage", "this machine"},
                           {"containerRuntimeVersion", "process://1"},
                           {"machineID", ""},
                           {"systemUUID", ""},
                           {"bootID", ""}}},
                         {"conditions", Json::array({{{"type", "Ready"},
                                                      {"status", "True"},
                                                      {"reason", "KubeletReady"},
                                                      {"message", "pods run as processes"},
                                                      {"lastHeartbeatTime", now},
                                                      {"lastTransitionTime", now}}})}};
    const Json node = {{"apiVersion", "v1"},
                       {"kind", "Node"},
                       {"metadata",
                        {{"name", options_.node_name},
                         {"labels", {{"kubernetes.io/hostname", options_.node_name}, {"kubernetes.io/os", "linux"}}}}},
                       {"spec", Json::object()}};
    const auto made = api_.create(types::kNodes, node, {.manager = "kubelet"});
    if (!made && made.error().code != Code::AlreadyExists)
      return log_.warn("the node object could not be made", {{"why", made.error().message}});
    const auto written = api_.mutate(types::kNodes, {"", options_.node_name}, "status",
                                     [&](Json& object) -> Status {
                                       object["status"] = status;
                                       return {};
                                     },
                                     {.manager = "kubelet"});
    if (!written) log_.warn("the node's status could not be written", {{"why", written.error().message}});
  }

  Api& api_;
  Log& log_;
  const NodeOptions options_;
  EventLoop loop_;
  NodeParts parts_;
  std::map<std::string, std::unique_ptr<PodWorker>> workers_;  // by UID; on the loop
  std::vector<std::unique_ptr<ContainerProcess>> stray_;
  std::vector<std::unique_ptr<StoreWatch>> watches_;
  std::mutex mutex_;
  std::condition_variable quiet_changed_;
  bool quiet_ = false;  // guarded by mutex_
};

}  // namespace

std::unique_ptr<Node> start_node(Api& api, const Clock& clock, Log& log, NodeOptions options) {
  std::error_code ignored;
  fs::create_directories(options.state_dir / "pods", ignored);
  auto node = std::make_unique<NodeImpl>(api, clock, log, std::move(options));
  node->begin();
  return node;
}

}  // namespace clops::local
