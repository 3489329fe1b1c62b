#include "serving/server.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/digest.h"
#include "base/file.h"
#include "base/version.h"
#include "serving/grpc/http2.h"
#include "serving/grpc/inference_front.h"
#include "serving/http/http1.h"
#include "serving/http/rest_front.h"
#include "serving/lifecycle/admin_front.h"
#include "serving/lifecycle/epochs.h"
#include "serving/lifecycle/model_manager.h"
#include "serving/lifecycle/table_service.h"
#include "serving/load/load_watcher.h"
#include "serving/load/mirror.h"
#include "serving/monitoring/counters.h"
#include "serving/monitoring/process_age.h"
#include "serving/net/by_preface.h"
#include "serving/net/listener.h"
#include "serving/net/loop.h"
#include "serving/telemetry/telemetry.h"

namespace clops::serving {
namespace {

constexpr size_t kSeriesMax = 256;
constexpr size_t kAdminBodyBytesMax = 4u << 20;
constexpr size_t kAdminConnectionsMax = 128;
constexpr unsigned kThreadsMost = 16;

// One serving thread: its view of the models, its front ends, its loop. Order matters: the later borrow the earlier.
struct Lane {
  std::unique_ptr<Turn> turn;
  std::unique_ptr<Published<TlsServer>::Reader> certificate;
  std::unique_ptr<TableService> models;
  std::unique_ptr<http::RestFront> rest;
  std::unique_ptr<grpc::InferenceFront> grpc;
  std::unique_ptr<StreamProtocol> protocol;
  std::unique_ptr<Loop> loop;
  std::thread thread;
};

std::string prediction_key(const std::string& file) {
  if (!file.empty()) {
    // Derived, so that what is printed in answers says nothing of the key that guards pushes.
    if (const auto key = read_file(file, 4096); key && !key->empty())
      return hmac_sha256_hex(*key, "clops prediction id");
  }
  return random_hex(32);
}

}  // namespace

struct InferenceServer::Impl {
  Impl(ServerOptions o, const Clock& c, Log& l, std::vector<std::unique_ptr<EngineFactory>> f)
      : options(std::move(o)),
        clock(c),
        log(l),
        factories(std::move(f)),
        key(prediction_key(options.push_key_file)),
        credentials(options.credentials, clock, log) {}
  ~Impl() {
    stop();
    manager.reset();  // its thread wakes the loops and the mirror, so it ends while they are still there
    mirror.reset();   // likewise: it looks at the loops
  }

  Status open();
  Status open_models();
  Status open_telemetry();
  Status open_lanes();
  LoopLimits loop_limits() const;
  Status open_admin();
  void run();
  size_t threads_wanted() const;
  void follow_quota();
  void drain(const Hurried& hurried);
  void stop();
  void wake_lanes() {
    for (Lane& lane : lanes) lane.loop->wake();
    mirror->wake();
  }
  ServingLoad load() const {
    ServingLoad sum;
    for (const Lane& lane : lanes) {
      const LoopStats stats = lane.loop->stats();
      sum.threads += stats.active ? 1 : 0;
      sum.busy += Duration(stats.busy_ns);
    }
    return sum;
  }
  std::vector<LoopStats> stats() const {
    std::vector<LoopStats> out;
    out.reserve(lanes.size());
    for (const Lane& lane : lanes) out.push_back(lane.loop->stats());
    return out;
  }

  ServerOptions options;
  const Clock& clock;
  Log& log;
  std::vector<std::unique_ptr<EngineFactory>> factories;
  HmacSha256 key;
  Credentials credentials;
  std::atomic<bool> draining{false};
  std::optional<Listener> listener, admin_listener;
  registry::SourceTable sources;
  std::unique_ptr<registry::Store> store;
  std::unique_ptr<ModelLoader> loader;
  std::unique_ptr<CounterRegistry> counters;
  std::unique_ptr<Epochs<ModelTable>> tables;
  std::unique_ptr<MirrorThread> mirror;
  std::unique_ptr<HttpClient> own_http;  // only where the sources bring none
  std::unique_ptr<Telemetry> telemetry;  // outlives the lanes, whose rings it empties
  std::vector<Lane> lanes;
  size_t active_lanes = 0;
  std::unique_ptr<ModelManager> manager;
  std::unique_ptr<Gate> admin_gate;  // only asked whether it could admit anybody
  std::unique_ptr<AdminFront> admin;
  std::unique_ptr<StreamProtocol> admin_protocol;
  std::unique_ptr<Loop> admin_loop;
  std::thread admin_thread;
};

Status InferenceServer::Impl::open() {
  CLOPS_ASSIGN(Listener serving, Listener::open(options.listen, options.port));
  listener.emplace(std::move(serving));
  CLOPS_ASSIGN(Listener administration, Listener::open(options.listen, options.admin_port, 64));
  admin_listener.emplace(std::move(administration));
  credentials.look();
  CLOPS_TRY(open_models());
  CLOPS_TRY(open_telemetry());
  CLOPS_TRY(open_lanes());
  return open_admin();
}

Status InferenceServer::Impl::open_models() {
  const size_t most = options.threads_most > 0 ? static_cast<size_t>(options.threads_most)
                                               : std::min(std::thread::hardware_concurrency(), kThreadsMost);
  lanes.resize(options.threads > 0 ? threads_wanted() : std::max(threads_wanted(), most));
  sources = registry::make_sources(options.sources, clock);
  CLOPS_ASSIGN(store, registry::open_store({.folder = options.cache_folder}));
  loader =
      make_registry_loader({.sources = sources, .store = *store, .factories = factories, .clock = clock, .limits = {}});
  counters = std::make_unique<CounterRegistry>(lanes.size(), kSeriesMax);
  tables = std::make_unique<Epochs<ModelTable>>(lanes.size(), std::make_unique<const ModelTable>());
  return {};
}

// What all threads share: descriptors but those that models and files need, and a quarter of the memory for what
// clients have not finished saying or taking.
LoopLimits InferenceServer::Impl::loop_limits() const {
  constexpr uint64_t kOwnDescriptors = 128, kLeastConnections = 16;
  LoopLimits out{.in_bytes_max = options.body_bytes_max + (1u << 20), .age = options.connection_age};
  const uint64_t descriptors = take_descriptors();
  const uint64_t each = (descriptors > kOwnDescriptors ? descriptors - kOwnDescriptors : 0) / lanes.size();
  out.connections_max = std::clamp<uint64_t>(each, kLeastConnections, out.connections_max);
  // Never less than one request of the largest size and its answer.
  out.held_bytes_max =
      std::clamp<uint64_t>(memory_by_limit() / 4 / lanes.size(), 4 * out.in_bytes_max, 16 * out.in_bytes_max);
  return out;
}

Status InferenceServer::Impl::open_telemetry() {
  HttpClient* client = options.sources.http;
  if (client == nullptr) {
    CLOPS_ASSIGN(own_http, make_curl_client({.user_agent = std::string("clops-server/") + kProgramVersion}));
    client = own_http.get();
  }
  CLOPS_ASSIGN(telemetry,
               Telemetry::make(
                   {.http = *client, .clock = clock, .log = log, .pod_name = options.pod_name, .threads = lanes.size()},
                   options.telemetry));
  return {};
}

Status InferenceServer::Impl::open_lanes() {
  const LoopLimits limits = loop_limits();
  const http::Http1Options http{.parser = {.body_bytes_max = options.body_bytes_max},
                                .out_bytes_max = limits.out_bytes_max};
  const grpc::Http2Options http2{.call = {.message_bytes_max = options.body_bytes_max},
                                 .streams_max = options.streams_max,
                                 .held_bytes_max = 4 * options.body_bytes_max,
                                 .out_bytes_max = limits.out_bytes_max,
                                 .call_time = limits.message};
  std::function<Result<bool>(std::string_view, bool, bool)> control;
  if (options.model_control)
    control = [this](std::string_view model, bool load, bool first) { return manager->control(model, load, first); };
  MirrorThread::Parts aside{.clock = clock, .threads = lanes.size(), .load = [this] { return load(); }, .watchers = {}};
  mirror = std::make_unique<MirrorThread>(std::move(aside), MirrorLimits{});
  std::vector<Loop*> peers;
  for (size_t i = 0; i < lanes.size(); ++i) {
    Lane& lane = lanes[i];
    lane.turn = std::make_unique<Turn>();
    TableService::Parts parts{*tables,          *counters, key,     clock,           draining,
                              options.pod_name, i,         control, lane.turn.get(), credentials.make_gate()};
    parts.watchers.push_back(std::make_unique<LoadWatcher>(options.queue_delay, options.cheap_call));
    parts.watchers.push_back(std::make_unique<MirrorWatcher>(*mirror, i));
    if (auto recorder = telemetry->make_recorder(i)) parts.watchers.push_back(std::move(recorder));
    parts.events = telemetry->make_event_tap(i);
    parts.batcher = std::make_unique<Batcher>(clock);
    lane.models = std::make_unique<TableService>(std::move(parts));
    lane.rest = std::make_unique<http::RestFront>(*lane.models, InferLimits{}, options.body_bytes_max, kProgramVersion);
    lane.grpc = std::make_unique<grpc::InferenceFront>(*lane.models, InferLimits{}, kProgramVersion);
    lane.protocol =
        by_preface(http::make_http1(*lane.rest, http, draining), grpc::make_http2(*lane.grpc, http2, draining));
    if (credentials.tls()) {
      lane.certificate = std::make_unique<Published<TlsServer>::Reader>(credentials.servers());
      lane.protocol =
          make_tls(std::move(lane.protocol), [certificate = lane.certificate.get()] { return certificate->current(); },
                   credentials.tls_counters(), {limits.in_bytes_max, limits.out_bytes_max});
    }
    CLOPS_ASSIGN(lane.loop,
                 Loop::make({clock, *lane.protocol, *lane.models, listener->socket(), lane.turn.get()}, limits));
    peers.push_back(lane.loop.get());
  }
  for (Lane& lane : lanes) lane.loop->share_with(peers);
  return {};
}

Status InferenceServer::Impl::open_admin() {
  ModelManager::Parts parts{.loader = *loader,
                            .tables = *tables,
                            .counters = *counters,
                            .clock = clock,
                            .log = log,
                            .wake_readers = [this] { wake_lanes(); },
                            .on_change = [this] { admin_loop->wake(); }};
  manager = std::make_unique<ModelManager>(std::move(parts), ManagerOptions{.config_file = options.config_file});
  admin_gate = credentials.make_gate();
  admin = std::make_unique<AdminFront>(
      AdminFront::Parts{.manager = *manager,
                        .counters = *counters,
                        .clock = clock,
                        .draining = draining,
                        .loops = [this] { return stats(); },
                        .every_second = [this] { follow_quota(); },
                        .push_key_file = options.push_key_file,
                        .process_begin = clock.now() - process_age(),
                        .able = [this] { return admin_gate == nullptr || admin_gate->able(); },
                        .more_metrics = {[this](std::string& out) { credentials.append_metrics(out); },
                                         [this](std::string& out) { telemetry->print(out); }}});
  const http::Http1Options http{.parser = {.body_bytes_max = kAdminBodyBytesMax}};
  admin_protocol = http::make_http1(*admin, http, draining);
  const LoopLimits limits{.connections_max = kAdminConnectionsMax, .in_bytes_max = kAdminBodyBytesMax + (1u << 20)};
  CLOPS_ASSIGN(admin_loop, Loop::make({clock, *admin_protocol, *admin, admin_listener->socket()}, limits));
  admin_loop->set_active(true);
  return {};
}

size_t InferenceServer::Impl::threads_wanted() const {
  const int threads = options.threads > 0   ? options.threads
                      : options.threads_now ? options.threads_now()
                                            : threads_by_quota();
  return static_cast<size_t>(std::max(threads, 1));
}

// Called by the admin loop's thread, and before it runs. A lane's thread begins when it is first needed and stays: a
// lane that takes no connections costs a tick.
void InferenceServer::Impl::follow_quota() {
  if (draining.load(std::memory_order_relaxed)) return;
  const size_t wanted = std::min(threads_wanted(), lanes.size());
  if (wanted == active_lanes) return;
  if (active_lanes > 0) log.info("the processor quota has changed", {{"threads", wanted}, {"before", active_lanes}});
  active_lanes = wanted;
  for (size_t i = 0; i < lanes.size(); ++i) {
    Lane& lane = lanes[i];
    lane.loop->set_active(i < wanted);
    if (i < wanted && !lane.thread.joinable()) lane.thread = std::thread([&lane] { lane.loop->run(); });
  }
}

void InferenceServer::Impl::run() {
  follow_quota();
  admin_thread = std::thread([this] { admin_loop->run(); });
  mirror->start();
  manager->start();
  credentials.start();
}

void InferenceServer::Impl::drain(const Hurried& hurried) {
  draining.store(true);
  log.info("readiness is off", {{"accepting_for_ms", options.drain_delay.count()}});
  // Endpoints are told asynchronously: whoever has not heard yet must still be answered.
  if (hurried) {
    if (hurried(options.drain_delay)) log.info("told again to stop: accepting no longer");
  } else {
    std::this_thread::sleep_for(options.drain_delay);
  }
  for (Lane& lane : lanes) lane.loop->drain();
  listener->refuse();
  const TimePoint deadline = clock.now() + options.drain_most;
  const auto open = [this] {
    uint32_t sum = 0;
    for (const LoopStats& s : stats()) sum += s.connections;
    return sum;
  };
  while (open() > 0 && clock.now() < deadline) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  log.info("drained", {{"connections_cut", open()}});
  stop();
}

void InferenceServer::Impl::stop() {
  if (admin_loop != nullptr) admin_loop->stop();  // first: it begins lanes
  if (admin_thread.joinable()) admin_thread.join();
  for (Lane& lane : lanes) {
    if (lane.loop != nullptr) lane.loop->stop();
    if (lane.thread.joinable()) lane.thread.join();
  }
  if (telemetry != nullptr) telemetry->finish();
}

Result<std::unique_ptr<InferenceServer>> InferenceServer::start(ServerOptions options, const Clock& clock, Log& log,
                                                                std::vector<std::unique_ptr<EngineFactory>> factories,
                                                                std::optional<crds::ServingConfig> bare) {
  auto impl = std::make_unique<Impl>(std::move(options), clock, log, std::move(factories));
  CLOPS_TRY(impl->open());
  if (bare) CLOPS_TRY(impl->manager->submit(std::move(*bare)));
  impl->run();
  return std::unique_ptr<InferenceServer>(new InferenceServer(std::move(impl)));
}

InferenceServer::InferenceServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
InferenceServer::~InferenceServer() = default;
int InferenceServer::port() const {
  return impl_->listener->port();
}
int InferenceServer::admin_port() const {
  return impl_->admin_listener->port();
}
crds::PodState InferenceServer::state() const {
  return impl_->manager->state();
}
void InferenceServer::drain(const Hurried& hurried) {
  impl_->drain(hurried);
}

}  // namespace clops::serving
