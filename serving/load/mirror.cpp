#include "serving/load/mirror.h"

#include <malloc.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "serving/lifecycle/model_loader.h"
#include "serving/monitoring/counters.h"
#include "serving/protocol/service.h"

namespace clops::serving {
namespace {

using namespace std::chrono_literals;

constexpr Duration kBehind = 5ms;         // a call that waited longer is answered by a thread with other worries
constexpr size_t kKeepBytes = 64u << 10;  // of each input of a ring

size_t bytes_of(const TensorView& view) {
  if (view.datatype != Datatype::Bytes) return view.count * size_of(view.datatype);
  size_t bytes = view.count * sizeof(std::string);
  for (const std::string_view text : view.as<std::string_view>()) bytes += text.size();
  return bytes;
}

void copy(const TensorView& from, Datatype type, TensorBuffer& to) {
  to.reset(type, from.shape);
  if (type == Datatype::Bytes) {
    for (size_t i = 0; i < from.count; ++i) to.set_text(i, from.as<std::string_view>()[i]);
  } else if (type == from.datatype) {
    std::memcpy(to.data(), from.data, from.count * size_of(type));
  } else if (type == Datatype::Fp64) {
    std::ranges::copy(from.as<float>(), to.as<double>().begin());
  } else {
    std::ranges::transform(from.as<double>(), to.as<float>().begin(), [](double x) { return static_cast<float>(x); });
  }
}

void set_idle(bool idle) {
  const sched_param none{};
  // Where that is not allowed the thread is an ordinary one, which still takes only what others leave.
  [[maybe_unused]] const int done = ::sched_setscheduler(0, idle ? SCHED_IDLE : SCHED_OTHER, &none);
}

}  // namespace

Duration MirrorPace::rest_after(Duration spent, TimePoint now, Duration busy, size_t threads) {
  constexpr Duration kLookEvery = 20ms, kMost = 1s;
  constexpr double kLeast = 0.02;
  const Duration since = now - looked_;
  if (since >= kLookEvery) {
    const auto used = static_cast<double>((busy - busy_).count()) / static_cast<double>(since.count());
    if (looked_ != TimePoint{}) free_ = std::clamp(static_cast<double>(threads) - used, kLeast, 1.0);
    looked_ = now;
    busy_ = busy;
  }
  const auto rest = Duration(static_cast<int64_t>(static_cast<double>(spent.count()) * (1 / free_ - 1)));
  return std::min(rest, kMost);
}

struct MirrorThread::Held {
  std::shared_ptr<const Engine> engine;
  std::shared_ptr<CounterSet> counters;
  std::shared_ptr<Predictions> predictions;
  std::unique_ptr<Scratch> scratch;
  Target target;
};

MirrorThread::MirrorThread(Parts parts, MirrorLimits limits)
    : parts_(std::move(parts)), limits_(limits), rings_(parts_.threads) {
  for (Ring& ring : rings_) ring.calls.resize(limits_.calls_max);
}

MirrorThread::~MirrorThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_.store(true);
  }
  stopped_.notify_all();
  wake();
  if (thread_.joinable()) thread_.join();
}

void MirrorThread::start() {
  thread_ = std::thread([this] { run(); });
}

void MirrorThread::wake() {
  signal_.fetch_add(1, std::memory_order_release);
  signal_.notify_one();
}

void MirrorThread::offer(size_t slot, const std::shared_ptr<const MirrorRoute>& route, const InferRequest& request) {
  VariantCounters& counters = route->counters->shard(slot);
  const auto drop = [&](Mirrored why) { counters.record(code_of(why), 0, 0); };
  if (!route->fits) return drop(Mirrored::Schema);
  const std::vector<TensorSpec>& specs = route->engine->info().inputs;
  size_t bytes = 0;
  for (size_t i = 0; i < specs.size(); ++i) {
    if (route->inputs[i] < 0) continue;
    const TensorView& view = request.views[static_cast<size_t>(route->inputs[i])];
    if (!specs[i].takes(view.shape)) return drop(Mirrored::Schema);
    bytes += std::max(bytes_of(view), view.count * size_of(specs[i].datatype));
  }
  if (bytes > limits_.call_bytes_max) return drop(Mirrored::Large);
  Ring& ring = rings_[slot];
  const uint64_t at = ring.written.load(std::memory_order_relaxed);
  if (at - ring.taken.load(std::memory_order_acquire) == ring.calls.size() ||
      ring.bytes.load(std::memory_order_relaxed) + bytes > limits_.ring_bytes_max)
    return drop(Mirrored::Full);
  Call& call = ring.calls[at % ring.calls.size()];
  if (call.inputs.size() < specs.size()) call.inputs.resize(specs.size());
  for (size_t i = 0; i < specs.size(); ++i) {
    call.inputs[i].trim(kKeepBytes);
    if (route->inputs[i] >= 0) {
      copy(request.views[static_cast<size_t>(route->inputs[i])], specs[i].datatype, call.inputs[i]);
    }
  }
  call.route = route;
  call.bytes = bytes;
  ring.bytes.fetch_add(bytes, std::memory_order_relaxed);
  ring.written.store(at + 1, std::memory_order_release);
  wake();
}

void MirrorThread::run() {
  set_idle(true);
  while (!stopping_.load()) {
    const uint32_t seen = signal_.load(std::memory_order_acquire);
    bool any = false;
    for (Ring& ring : rings_) any = (!stopping_.load() && take(ring)) || any;
    if (any) continue;
    let_go_of_unused();
    signal_.wait(seen, std::memory_order_acquire);
  }
}

bool MirrorThread::take(Ring& ring) {
  const uint64_t at = ring.taken.load(std::memory_order_relaxed);
  if (at == ring.written.load(std::memory_order_acquire)) return false;
  Call& call = ring.calls[at % ring.calls.size()];
  const TimePoint begin = parts_.clock.now();
  compute(call);
  call.route.reset();
  ring.bytes.fetch_sub(call.bytes, std::memory_order_relaxed);
  ring.taken.store(at + 1, std::memory_order_release);
  rest(parts_.clock.now() - begin);
  return true;
}

void MirrorThread::compute(Call& call) {
  const MirrorRoute& route = *call.route;
  Held& held = held_for(call.route);
  const EngineInfo& info = held.target.engine->info();
  InferRequest& request = inference_.request;
  request.begin(info);
  // Lent, and given back: a ring's memory stays its serving thread's.
  const auto exchange = [&] {
    for (size_t i = 0; i < info.inputs.size(); ++i)
      if (route.inputs[i] >= 0) std::swap(call.inputs[i], request.inputs[i]);
  };
  exchange();
  for (size_t i = 0; i < info.inputs.size(); ++i) request.given[i] = route.inputs[i] >= 0 ? 1 : 0;
  request.finish(info);
  CallInfo told{.wire = "mirror", .model = route.model, .version = route.version, .headers = {}};
  told.body_bytes = call.bytes;
  told.begin = told.arrived = parts_.clock.now();
  const Status done = inference_.run(held.target);
  CallEnd end{.target = &held.target, .status = code_of(done ? Mirrored::Answered : Mirrored::Failed)};
  end.end = parts_.clock.now();
  end.inference = &inference_;
  if (done) {
    end.rows = request.row_count;
    add_predictions(*held.target.predictions, inference_);
  } else {
    end.error = done.error().message;
  }
  held.target.counters->record(end.status, end.rows, static_cast<uint64_t>((end.end - told.begin).count()));
  for (const auto& watcher : parts_.watchers) watcher->after(told, end);
  exchange();
  request.views.clear();
}

MirrorThread::Held& MirrorThread::held_for(const std::shared_ptr<const MirrorRoute>& route) {
  for (const auto& held : held_) {
    const Target& target = held->target;
    if (held->engine == route->engine && held->counters == route->counters && held->predictions == route->predictions &&
        target.version == route->version)
      return *held;
  }
  auto held = std::make_unique<Held>();
  held->engine = route->engine;
  held->counters = route->counters;
  held->predictions = route->predictions;
  held->scratch = route->engine->make_scratch();
  Target& target = held->target;
  target.model = route->model;
  target.variant = route->variant;
  target.version = route->version;
  target.digest = route->digest;
  target.engine = route->engine.get();
  target.scratch = held->scratch.get();
  target.counters = &route->counters->shard(parts_.threads);
  target.predictions = &route->predictions->shard(parts_.threads);
  return *held_.emplace_back(std::move(held));
}

// What only this thread still has. Not at an idle thread's pace: giving memory back takes the allocator's locks.
void MirrorThread::let_go_of_unused() {
  const auto unused = [](const auto& held) { return held->engine.use_count() == 1; };
  if (std::ranges::none_of(held_, unused)) return;
  set_idle(false);
  inference_ = Inference();
  std::erase_if(held_, unused);
  ::malloc_trim(0);
  set_idle(true);
}

void MirrorThread::rest(Duration spent) {
  const ServingLoad load = parts_.load();
  const Duration rest = pace_.rest_after(spent, parts_.clock.now(), load.busy, load.threads);
  if (rest <= Duration{}) return;
  std::unique_lock lock(mutex_);
  stopped_.wait_for(lock, rest, [this] { return stopping_.load(); });
}

void MirrorWatcher::after(const CallInfo& call, const CallEnd& end) {
  if (end.target == nullptr || end.target->mirror == nullptr || end.status != 200 || end.inference == nullptr) return;
  const std::shared_ptr<const MirrorRoute>& route = end.target->mirror;
  random_ = random_ * 6364136223846793005u + 1442695040888963407u;  // has to be even, not unguessable
  if (((random_ >> 32) * 100) >> 32 >= route->percent) return;
  if (call.begin - call.arrived > kBehind) {
    route->counters->shard(slot_).record(code_of(Mirrored::Busy), 0, 0);
  } else {
    mirror_.offer(slot_, route, end.inference->request);
  }
}

}  // namespace clops::serving
