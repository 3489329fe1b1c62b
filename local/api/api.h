// The embedded Kubernetes API: what a client reaches over HTTP (ApiServer) and what the plane's own controllers use in
// process (Api). Both go through the same semantics: defaults, validation, generation, status apart from spec,
// ownership.
//
// Thread rule: both are safe from any thread; hooks are called under the store's writer lock and must not call back.
// Ownership: Api refers to the store and clock, ApiServer to the Api; each must outlive what refers to it.
// Errors (Api): NotFound, AlreadyExists, Conflict (resourceVersion, UID, field manager), InvalidArgument (naming the
// field), Unsupported, PermissionDenied (creating in a namespace that is being deleted).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/http_server.h"
#include "base/json.h"
#include "base/log.h"
#include "base/time.h"
#include "crds/meta.h"
#include "local/store/store.h"

namespace clops::local {

class Core;  // core.h: the semantics under both faces

// A rule an object breaks: cmd/ injects the rules that are CEL in a CRD.
struct Violation {
  std::string field;    // "spec.variants[1].weight"
  std::string message;  // as the CRD's rule says it
};
using Validator = std::function<std::vector<Violation>(const std::string& kind, const Json& object, const Json* old)>;

struct ApiOptions {
  Validator validator;                     // may be empty
  std::string service_network = "127.96";  // cluster IPs are given out from NETWORK.0.0/16
  std::string service_domain = "cluster.local";
};

// What a write may ask for.
struct WriteOptions {
  std::string manager = "clops-local";  // field manager
  bool dry_run = false;
};

enum class Propagation { Background, Foreground, Orphan };

struct DeleteOptions {
  std::optional<Propagation> propagation;  // none: as an earlier deletion of the object said, else background
  std::string uid, resource_version;       // preconditions; empty: none
  std::optional<int64_t> grace_seconds;    // pods: 0 removes at once; else the node finishes the deletion by grace 0
};

// Kubernetes objects by resource type. Objects are whole JSON objects with apiVersion and kind.
class Api {
 public:
  virtual ~Api() = default;
  [[nodiscard]] virtual Result<StoredPtr> get(const crds::ResourceType& type, const crds::ObjectKey& key) const = 0;
  // selector: a label selector as kubectl writes it ("app=x,tier in (a,b)"); empty: all. ns empty: all namespaces.
  [[nodiscard]] virtual Result<StoreList> list(const crds::ResourceType& type, const std::string& ns,
                                               const std::string& selector = "") const = 0;
  [[nodiscard]] virtual Result<StoredPtr> create(const crds::ResourceType& type, Json object,
                                                 const WriteOptions& options = {}) = 0;
  // Read, change, write in one transaction, so never a conflict; an unchanged object is not written. `change` may fail.
  // subresource: "" changes all but status; "status" only status (and what metadata the API lets status writers
  // change).
  [[nodiscard]] virtual Result<StoredPtr> mutate(const crds::ResourceType& type, const crds::ObjectKey& key,
                                                 const std::string& subresource,
                                                 const std::function<Status(Json& object)>& change,
                                                 const WriteOptions& options = {}) = 0;
  // The object as it was left: gone, or with a deletionTimestamp (finalizers, a running pod).
  [[nodiscard]] virtual Result<StoredPtr> remove(const crds::ResourceType& type, const crds::ObjectKey& key,
                                                 const DeleteOptions& options = {}) = 0;
  // The state now as Added events, then every change, in order (store.h's rules for callbacks).
  [[nodiscard]] virtual std::unique_ptr<StoreWatch> watch(const crds::ResourceType& type, const std::string& ns,
                                                          WatchCallback callback) = 0;
  [[nodiscard]] virtual Core& core() = 0;  // for ApiServer and GarbageCollector
};

// Store and clock must outlive it. Writes the namespaces default, kube-system, kube-public, kube-node-lease if missing.
[[nodiscard]] Result<std::unique_ptr<Api>> make_api(Store& store, const Clock& clock, ApiOptions options);

// Removes what its owners have left behind, finishes foreground deletions, empties namespaces being deleted.
class GarbageCollector {
 public:
  virtual ~GarbageCollector() = default;  // stops; waits for a running pass
};
[[nodiscard]] std::unique_ptr<GarbageCollector> start_garbage_collector(Api& api, Executor& executor, Log& log);

struct LogRequest {
  std::string ns, pod, container;
  bool follow = false, previous = false, timestamps = false;
  std::optional<int64_t> tail_lines, since_seconds, limit_bytes;
};
// Where pods' logs are read. stream() fails, or calls `start` exactly once, writes what there is, and closes the stream
// when it ends (following: it may keep the stream and write later, until write() says the client has gone).
class PodLogs {
 public:
  virtual ~PodLogs() = default;
  [[nodiscard]] virtual Status stream(const LogRequest& request,
                                      const std::function<std::shared_ptr<ResponseStream>()>& start) = 0;
};

struct ApiServerOptions {
  std::string token;                // the bearer token every request must carry
  std::string version = "v1.34.4";  // "+clops" is added: what /version says
  PodLogs* logs = nullptr;          // null: the log subresource answers 404
  std::chrono::milliseconds bookmark_every{10'000};
  size_t watches_max = 512;
};

// The HTTP face: give handle to make_http_server. It must outlive that server; destroying it ends its watches.
class ApiServer {
 public:
  virtual ~ApiServer() = default;
  virtual void handle(ServerRequest request, std::shared_ptr<Responder> responder) = 0;
};
[[nodiscard]] std::unique_ptr<ApiServer> make_api_server(Api& api, Executor& executor, const Clock& clock, Log& log,
                                                         ApiServerOptions options);

}  // namespace clops::local
