#include "tests/unit/simulation/world.h"

#include <algorithm>
#include <cstdio>

#include "crds/validation.h"

namespace clops::sim {
namespace {

using std::chrono::milliseconds;

std::string verdict(const Json& object, const Json* old) {
  const auto violations = crds::validate_object(string_at(object, {"kind"}), object, old);
  return violations.empty() ? "" : violations.front().path + ": " + violations.front().message;
}

// Lines of the operator's log, in the trace.
class TraceLog final : public Log {
 public:
  TraceLog(World& world, std::string name) : world_(world), name_(std::move(name)) {}
  void write(Level level, std::string_view message, std::initializer_list<Field> fields) override {
    std::string line = name_ + " log " + (level >= Level::Warn ? "WARN " : "") + std::string(message);
    for (const Field& field : fields) line += " " + std::string(field.key) + "=" + field.value;
    world_.trace(line);
  }

 private:
  World& world_;
  const std::string name_;
};

}  // namespace

bool counts_as_write(const HttpRequest& request) {
  return request.method != "GET" && request.url.starts_with(kApiUrl) &&
         request.url.find("/leases") == std::string::npos && request.url.find("/events") == std::string::npos;
}

struct World::Process {
  Process(World& world, int at_slot, int incarnation, uint64_t seed)
      : slot(at_slot),
        name("operator-" + std::to_string(at_slot) + "." + std::to_string(incarnation)),
        owner(incarnation * 2 + 1),
        reader(incarnation * 2 + 2),
        clock(world.loop),
        executor(world.loop, owner),
        random(make_random(seed)),
        log(world.options_.trace ? std::unique_ptr<Log>(std::make_unique<TraceLog>(world, name)) : make_null_log()),
        wire(world.network, name, owner, reader),
        lease_wire(world.network, name, owner, reader) {}
  const int slot;
  const std::string name;
  const Owner owner, reader;
  LoopClock clock;
  LoopExecutor executor;
  const std::unique_ptr<Random> random;
  const std::unique_ptr<Log> log;
  Wire wire, lease_wire;
  std::unique_ptr<OperatorUnderTest> op;
};

World::World(WorldOptions options)
    : loop(options.seed),
      clock(loop),
      api(clock, verdict),
      network(loop, api, options.seed ^ 0xA5),
      cluster(loop, api, truths, options.seed ^ 0x5A),
      judge(loop, api, cluster, truths),
      chance(options.seed ^ 0xC3),
      options_(options),
      processes_(static_cast<size_t>(options.operators)) {
  api.on_event = [this](const ApiEvent& event) {
    if (options_.trace) {
      static constexpr const char* kWhat[] = {"added", "modified", "deleted"};
      std::string line = event.actor + " " + kWhat[static_cast<int>(event.what)] + " " + to_string(event.key) +
                         (event.subresource.empty() ? "" : " /" + event.subresource) + " rv " +
                         std::to_string(event.revision);
      if (event.key.resource.ends_with("clops.dev") && event.object->contains("status"))
        line += " " + dump_json((*event.object)["status"]);
      trace(line);
    }
    judge.on_event(event);
    cluster.on_event(event);
    network.on_event(event);
  };
  network.pods = [this](const std::string& host, const HttpRequest& request) { return cluster.serve(host, request); };
  network.observer = [this](const std::string& actor, const HttpRequest& request, const HttpResponse& response) {
    if (options_.trace && request.method != "GET" && (!request.url.starts_with(kApiUrl) || response.status >= 300)) {
      trace(actor + " " + request.method + " " + request.url + " -> " + std::to_string(response.status) + " " +
            response.body.substr(0, 300));
    }
    judge.on_answer(actor, request, response);
  };
  if (options_.trace) judge.trace = [this](const std::string& line) { trace(line); };
}

World::~World() {
  loop.kill(kWorld);
  for (auto& process : processes_) {
    if (process) process->wire.die(), process->lease_wire.die(), loop.kill(process->owner), loop.kill(process->reader);
    process.reset();
  }
}

OperatorUnderTest* World::op(int slot) {
  const auto& process = processes_[static_cast<size_t>(slot)];
  return process ? process->op.get() : nullptr;
}

void World::start(int slot) {
  auto& process = processes_[static_cast<size_t>(slot)];
  if (process) return;
  process = std::make_shared<Process>(*this, slot, ++incarnations_, chance.next());
  trace(process->name + " starts");
  for (Wire* wire : {&process->wire, &process->lease_wire}) {
    wire->fate = [this, lease = wire == &process->lease_wire](const HttpRequest& request) {
      return decide(request, lease);
    };
    wire->on_crash = [this, slot] { crash(slot); };
    wire->faults = faults_.watch;
    wire->threads = options_.threads;
  }
  process->op = make_operator(
      {process->executor, process->clock, *process->random, *process->log, process->wire, process->lease_wire},
      {.identity = process->name, .election = options_.election});
  if (const Status started = process->op->start(); !started) judge.broken("start", started.error().message);
}

void World::stop(int slot) {
  auto& process = processes_[static_cast<size_t>(slot)];
  if (!process || loop.running(process->owner)) return;
  trace(process->name + " stops");
  loop.freeze(
      process->owner);  // stop() waits for answers in the caller's own thread, and holds what its tasks may want
  process->op->stop();
  loop.kill(process->owner);
  loop.kill(process->reader);
  process.reset();
}

void World::crash(int slot) {
  auto& process = processes_[static_cast<size_t>(slot)];
  if (!process) return;
  trace(process->name + " is killed");
  process->wire.die();
  process->lease_wire.die();
  reap(std::move(process));
  process.reset();
  loop.post(kWorld, restart_after, [this, slot] { start(slot); });
}

// A killed process may be on the stack, waiting for an answer: it is taken apart once it has come back.
void World::reap(std::shared_ptr<Process> process) {
  if (!loop.running(process->owner) && !loop.running(process->reader)) {
    loop.kill(process->owner);
    loop.kill(process->reader);
    process->op.reset();
    return;
  }
  loop.post(kWorld, milliseconds(1), [this, process = std::move(process)] { reap(process); });
}

void World::check_bounds() {
  constexpr size_t kInformers = 9, kTasks = 500;
  for (const auto& process : processes_) {
    if (!process) continue;
    if (process->wire.open_streams() > kInformers) {
      judge.broken("every_queue_is_bounded",
                   process->name + " has " + std::to_string(process->wire.open_streams()) + " watches open");
    }
    const size_t tasks = loop.waiting(process->owner);
    if (tasks > kTasks)
      judge.broken("every_queue_is_bounded", process->name + " has " + std::to_string(tasks) + " tasks waiting");
  }
}

void World::pause(int slot, Duration time) {
  const auto process = processes_[static_cast<size_t>(slot)];
  if (!process) return;
  trace(process->name + " is frozen");
  loop.freeze(process->owner), loop.freeze(process->reader);
  loop.post(kWorld, time, [this, process] {
    trace(process->name + " goes on");
    loop.thaw(process->owner), loop.thaw(process->reader);
  });
}

void World::set_faults(const Faults& faults) {
  faults_ = faults;
  cluster.push_loss = faults.push_loss;
  for (const auto& process : processes_) {
    if (process) process->wire.faults = faults.watch;
  }
}

Fate World::decide(const HttpRequest& request, bool lease) {
  Fate fate;
  if (counts_as_write(request)) {
    const uint64_t number = writes_++;
    const bool inspection = request.url.find("/pods") != std::string::npos;
    inspections_ += inspection ? 1 : 0;
    if (!inspection) last_write_ = loop.now();
    if (write_fate) {
      if (const auto given = write_fate(number)) {
        trace("write " + std::to_string(number) + " " + request.method + " " + request.url + ": fate " +
              std::to_string(static_cast<int>(given->kind)));
        return *given;
      }
    }
  }
  fate.to_server = milliseconds(chance.below(3));
  fate.to_caller = milliseconds(chance.below(3));
  if (chance.with(faults_.slow)) fate.to_server = milliseconds(chance.below(lease ? 12'000 : 4'000));
  if (chance.with(faults_.lost)) fate.kind = Fate::Kind::Lost;
  if (chance.with(faults_.answer_lost)) fate.kind = Fate::Kind::AnswerLost;
  if (chance.with(faults_.refused)) {
    static constexpr int kStatus[] = {429, 500, 503, 504};
    static constexpr const char* kAfter[] = {"", "1", "7", "nonsense"};
    fate.kind = Fate::Kind::Answered, fate.status = kStatus[chance.below(4)],
    fate.retry_after = kAfter[chance.below(4)];
  }
  if (!lease && chance.with(faults_.crash))
    fate.kind = chance.one_in(2) ? Fate::Kind::CrashBefore : Fate::Kind::CrashAfter;
  if (counts_as_write(request) && chance.with(faults_.conflict)) disturb(request);
  if (fate.kind != Fate::Kind::Done && options_.trace) {
    trace("fault " + std::to_string(static_cast<int>(fate.kind)) + " for " + request.method + " " + request.url);
  }
  return fate;
}

// Somebody else writes to the object just before: the operator's write meets a newer version.
void World::disturb(const HttpRequest& request) {
  const auto route = parse_route(parse_target(request.url.substr(std::string_view(kApiUrl).size())).path);
  if (!route || route->name.empty()) return;
  (void)api.mutate("somebody", {route->resource, route->ns, route->name}, "", [&](Json& object) {
    object["metadata"]["annotations"]["example.com/touched"] = std::to_string(chance.below(1000));
  });
}

Result<Snapshot> World::apply(const Json& object) {
  const std::string kind = string_at(object, {"kind"});
  const std::string resource = kind == "ModelVersion" ? "modelversions.clops.dev" : "modeldeployments.clops.dev";
  trace("user applies " + dump_json(object));
  auto result = api.apply("user", resource, object, "kubectl", true);
  if (!result) trace("refused: " + result.error().message);
  return result;
}

Status World::remove(const ApiKey& key, const std::string& propagation) {
  trace("user deletes " + to_string(key) + " " + propagation);
  return api.remove("user", key, {.propagation = propagation});
}

void World::outage(Duration time) {
  trace("the API goes away");
  network.api_down = true;
  for (const auto& process : processes_) {
    if (process) process->wire.cut_streams();
  }
  loop.post(kWorld, time, [this] { trace("the API is back"), network.api_down = false; });
}

bool World::settle(Duration quiet, Duration limit) {
  const TimePoint end = loop.now() + limit;
  last_write_ = loop.now();
  while (loop.now() < end) {
    loop.run_for(std::chrono::seconds(5));
    if (loop.now() - last_write_ >= quiet && !judge.owes_a_try()) return true;
  }
  judge.broken("no_write_when_converged", judge.owes_a_try()
                                              ? "a ModelVersion that is good by now has not been tried again"
                                              : "an operator still writes after all has been quiet for long");
  return false;
}

void World::trace(const std::string& line) {
  if (!options_.trace) return;
  char stamp[32];
  std::snprintf(stamp, sizeof stamp, "%10.3f ", std::chrono::duration<double>(loop.now().time_since_epoch()).count());
  lines_.push_back(stamp + line);
}

}  // namespace clops::sim
