// The inference server put together: loops, front ends, models. Used by clops-server and by `clops serve`.
//
// Thread rule: start(), drain() and stop() are called by one thread (main). Ownership: borrows clock and log, owns the
// rest. Errors: start(): InvalidArgument (addresses), Unavailable (ports, cache folder). A bad configuration is logged
// and leaves the server unready: a push may put it right.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/http_client.h"
#include "base/log.h"
#include "base/result.h"
#include "base/time.h"
#include "crds/serving_config.h"
#include "registry/source.h"
#include "serving/access/credentials.h"
#include "serving/protocol/engine.h"
#include "serving/telemetry/telemetry_options.h"

namespace clops::serving {

struct ServerOptions {
  std::string listen = "127.0.0.1";
  int port = crds::kHttpPort, admin_port = crds::kAdminPort;  // 0: any free one
  int threads = 0;  // 0: as threads_now() says, asked once a second: a pod's quota can be changed while it runs
  std::function<int()> threads_now;        // empty: threads_by_quota()
  int threads_most = 0;                    // that a growing quota may bring; 0: the machine's processors, at most 16
  size_t body_bytes_max = 16u << 20;       // and of one gRPC message
  uint32_t streams_max = 128;              // gRPC calls at once, of a connection
  std::string config_file, push_key_file;  // empty: none
  std::string cache_folder;
  std::string pod_name;
  std::chrono::milliseconds queue_delay{100};        // calls that waited longer are refused; 0: none is
  std::chrono::microseconds cheap_call{200};         // but not those that take less
  std::chrono::milliseconds connection_age{30'000};  // of inference connections; 0: they may stay for ever
  std::chrono::milliseconds drain_delay{5'000};      // keeps accepting after readiness is off
  std::chrono::milliseconds drain_most{20'000};      // then waits at most this long for requests under way
  bool model_control = false;     // clients may unload and load what is declared (OIP's model repository extension)
  CredentialOptions credentials;  // TLS and callers of the inference port
  registry::SourceOptions sources;
  TelemetryOptions telemetry;
};

class InferenceServer {
 public:
  // `bare`: what to serve when there is no configuration file.
  [[nodiscard]] static Result<std::unique_ptr<InferenceServer>> start(
      ServerOptions options, const Clock& clock, Log& log, std::vector<std::unique_ptr<EngineFactory>> factories,
      std::optional<crds::ServingConfig> bare = {});
  ~InferenceServer();
  InferenceServer(const InferenceServer&) = delete;
  InferenceServer& operator=(const InferenceServer&) = delete;

  [[nodiscard]] int port() const;
  [[nodiscard]] int admin_port() const;
  [[nodiscard]] crds::PodState state() const;
  // Readiness off, keep accepting for drain_delay, then finish what is under way and stop. `hurried` waits instead of
  // a plain sleep, and ends the delay by returning true: whoever stops this server knows that nothing comes any more.
  using Hurried = std::function<bool(std::chrono::milliseconds at_most)>;
  void drain(const Hurried& hurried = {});

 private:
  struct Impl;
  explicit InferenceServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace clops::serving
