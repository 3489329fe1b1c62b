#include "local/node/pod_worker.h"

#include <algorithm>
#include <charconv>
#include <csignal>

#include "base/digest.h"
#include "local/api/types.h"
#include "local/node/volumes.h"

namespace clops::local {
namespace {

namespace fs = std::filesystem;
using State = ContainerView::State;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kMemoryEvery{1'000};

// The runs of a container by number, from its folder.
std::vector<int> runs_in(const fs::path& dir) {
  std::vector<int> out;
  std::error_code error;
  for (fs::directory_iterator it(dir, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    int number = -1;
    const auto [last, problem] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (problem == std::errc{} && last == name.data() + name.size()) out.push_back(number);
  }
  std::ranges::sort(out);
  return out;
}

Result<std::map<std::string, std::string>> data_of(const Api& api, const crds::ResourceType& type,
                                                   const crds::ObjectKey& key) {
  const auto object = api.get(type, key);
  if (!object) {
    if (object.error().code != Code::NotFound) return std::unexpected(object.error());
    return fail(Code::NotFound, (type.kind == "Secret" ? "secret \"" : "configmap \"") + key.name + "\" not found");
  }
  std::map<std::string, std::string> out;
  const auto add = [&](const char* field, bool encoded) -> Status {
    const Json* data = find_path((*object)->json, {field});
    if (data == nullptr || !data->is_object()) return {};
    for (const auto& [name, value] : data->items()) {
      if (!value.is_string()) continue;
      if (!encoded) {
        out[name] = value.get<std::string>();
        continue;
      }
      CLOPS_ASSIGN(out[name], base64_decode(value.get<std::string>()));
    }
    return {};
  };
  CLOPS_TRY(add("data", type.kind == "Secret"));
  CLOPS_TRY(add("binaryData", true));
  return out;
}

void set_terminated(ContainerView& view, const Exit& exit, bool out_of_memory, const std::string& now) {
  view.state = State::Terminated;
  view.exit_code = exit.code;
  view.signal = exit.signal;
  view.finished_at = exit.finished_at.empty() ? now : exit.finished_at.substr(0, 19) + "Z";
  view.message = exit.error;
  view.reason = out_of_memory ? "OOMKilled" : exit.code == 128 ? "StartError" : exit.code == 0 ? "Completed" : "Error";
  view.ready = view.started = false;
}

}  // namespace

PodWorker::PodWorker(NodeParts& parts, crds::Pod pod, const Json& object, std::function<void()> over)
    : parts_(parts),
      pod_(std::move(pod)),
      dir_(parts.options.state_dir / "pods" / pod_.meta.uid),
      over_(std::move(over)) {
  if (const Json* status = find_path(object, {"status"})) status_ = *status;
  set_spec();
}

PodWorker::~PodWorker() {
  parts_.loop.cancel(deadline_);
  for (Container& container : containers_) {
    for (auto* timer : {&container.restart, &container.kill, &container.memory}) parts_.loop.cancel(*timer);
  }
  if (!view_.ip.empty()) parts_.addresses.release(view_.ip);
}

void PodWorker::set_spec() {
  view_.init.resize(pod_.spec.init_containers.size());
  view_.main.resize(pod_.spec.containers.size());
  for (size_t i = 0; i < view_.init.size(); ++i) {
    containers_.push_back({.spec = &pod_.spec.init_containers[i], .is_init = true, .view = &view_.init[i]});
  }
  for (size_t i = 0; i < view_.main.size(); ++i) {
    if (!view_.init.empty()) view_.main[i].reason = "PodInitializing";
    containers_.push_back({.spec = &pod_.spec.containers[i], .view = &view_.main[i]});
  }
  view_.start_time = string_at(status_, {"startTime"}, now_text());
  view_.ip = pod_.pod_ip;
  if (!view_.ip.empty()) parts_.addresses.keep(view_.ip);
}

std::string PodWorker::now_text() const {
  return to_rfc3339(parts_.loop.clock().wall());
}

fs::path PodWorker::folder_of(const Container& container) const {
  return dir_ / "containers" / container.spec->name;
}

void PodWorker::begin() {
  if (pod_.phase == "Succeeded" || pod_.phase == "Failed") {
    if (!pod_.meta.deletion_timestamp.empty()) terminate();
    return;  // its folder stays for its logs
  }
  const Json before = status_;
  for (Container& container : containers_) adopt(container, before);
  if (pod_.spec.active_deadline_seconds) {
    const auto started = from_rfc3339(view_.start_time);
    const auto spent = started ? parts_.loop.clock().wall() - *started : WallTime::duration{0};
    const auto left = std::max<Duration>(Duration{0}, seconds(*pod_.spec.active_deadline_seconds) - spent);
    deadline_ = parts_.loop.after(left, [this] {
      deadline_ = 0;
      fail_pod("DeadlineExceeded", "Pod was active on the node longer than the specified deadline");
    });
  }
  if (!pod_.meta.deletion_timestamp.empty()) return terminate();
  sync();
}

void PodWorker::adopt(Container& container, const Json& status_before) {
  const auto runs = runs_in(folder_of(container));
  if (runs.empty()) return;
  container.run = runs.back();
  container.view->restarts = container.run;
  container.view->run = pod_.meta.uid + "/" + container.spec->name + "/" + std::to_string(container.run);
  const fs::path run_dir = folder_of(container) / std::to_string(container.run);
  if (runs.size() > 1) {
    ContainerView last;
    set_terminated(last, read_exit(folder_of(container) / std::to_string(runs[runs.size() - 2])), false, now_text());
    container.view->last_state = {
        {"terminated", {{"exitCode", last.exit_code}, {"reason", last.reason}, {"finishedAt", last.finished_at}}}};
  }
  bool known_ready = false;
  if (const Json* statuses = find_path(status_before, {"containerStatuses"});
      statuses != nullptr && statuses->is_array()) {
    for (const Json& status : *statuses) {
      if (string_at(status, {"containerID"}) == "process://" + container.view->run)
        known_ready = bool_at(status, {"ready"});
    }
  }
  const std::string started_at = run_started_at(run_dir);
  auto process = ContainerProcess::adopt(
      parts_.loop, run_dir, folder_of(container) / "lock",
      [this, &container, started_at, known_ready] { on_started(container, started_at, known_ready); },
      [this, &container](Exit exit) { on_exit(container, std::move(exit)); });
  if (process && *process) {
    container.process = std::move(*process);
    if (container.process->started() && container.view->state != State::Running)
      on_started(container, started_at, known_ready);
    return;
  }
  container.view->started_at = started_at;
  on_exit(container, read_exit(run_dir));
}

void PodWorker::update(crds::Pod pod, const Json& object) {
  const bool was_deleting = !pod_.meta.deletion_timestamp.empty();
  pod_.meta = std::move(pod.meta);
  grace_seconds_ = int_at(object, {"metadata", "deletionGracePeriodSeconds"}, pod_.spec.termination_grace_seconds);
  if (!pod_.meta.deletion_timestamp.empty() && !was_deleting) terminate();
}

void PodWorker::data_changed(const std::string& ns) {
  if (ns != pod_.meta.ns || gone_ || view_.terminating) return;
  if (!volumes_ready_) return sync();
  if (const Status made = make_volumes(); !made && made.error().code != Code::NotFound)
    warn("FailedMount", made.error().message);
  const bool waits =
      std::ranges::any_of(view_.main, [](const auto& view) { return view.reason == "CreateContainerConfigError"; }) ||
      std::ranges::any_of(view_.init, [](const auto& view) { return view.reason == "CreateContainerConfigError"; });
  if (waits) sync();
}

DataLookup PodWorker::lookup() const {
  return {
      .config_map =
          [this](const std::string& name) { return data_of(parts_.api, types::kConfigMaps, {pod_.meta.ns, name}); },
      .secret = [this](const std::string& name) { return data_of(parts_.api, types::kSecrets, {pod_.meta.ns, name}); }};
}

PodFacts PodWorker::facts() const {
  return {.meta = pod_.meta,
          .ip = view_.ip,
          .node = parts_.options.node_name,
          .service_account = pod_.spec.service_account};
}

Status PodWorker::make_volumes() {
  const VolumeSources sources{.lookup = lookup(),
                              .facts = facts(),
                              .token = parts_.options.token,
                              .claims_dir = parts_.options.state_dir / "claims" / pod_.meta.ns,
                              .check_claim = [this](const std::string& claim) -> Status {
                                if (parts_.api.get(types::kPersistentVolumeClaims, {pod_.meta.ns, claim})) return {};
                                return fail(Code::NotFound, "persistentvolumeclaim \"" + claim + "\" not found");
                              }};
  for (const auto& volume : pod_.spec.volumes) {
    auto folder = materialise(volume, dir_ / "volumes", sources);
    if (!folder) return fail_in("volume \"" + volume.name + "\"", folder.error());
    volumes_[volume.name] = std::move(*folder);
  }
  return {};
}

bool PodWorker::prepare() {
  if (view_.ip.empty()) {
    std::vector<int> ports;
    for (const auto& container : pod_.spec.containers) {
      for (const auto& port : container.ports) ports.push_back(port.port);
    }
    auto address = parts_.addresses.take(ports);
    if (!address) {
      for (Container& container : containers_) wait_with(container, "ContainerCreating", address.error().message);
      warn("FailedCreatePodSandBox", address.error().message);
      return false;
    }
    view_.ip = std::move(*address);
  }
  if (!volumes_ready_) {
    std::error_code error;
    fs::create_directories(dir_ / "work", error);
    const Status made = make_volumes();
    if (!made) {
      for (Container& container : containers_) wait_with(container, "ContainerCreating", made.error().message);
      warn("FailedMount", made.error().message);
      return false;
    }
    volumes_ready_ = true;
  }
  return true;
}

PathMap PodWorker::paths_for(const crds::Container& container) const {
  PathMap out;
  for (const auto& mount : container.mounts) {
    const auto volume = volumes_.find(mount.name);
    if (volume == volumes_.end()) continue;
    std::string inside = mount.mount_path;
    while (inside.size() > 1 && inside.back() == '/') inside.pop_back();
    out.emplace_back(std::move(inside),
                     (mount.sub_path.empty() ? volume->second : volume->second / mount.sub_path).string());
  }
  return out;
}

void PodWorker::sync() {
  if (gone_ || view_.terminating || shutting_down_ || view_.failed_reason) return;
  if (!prepare()) return write_status();
  write_status();  // the address is on disk before anything runs under it
  for (Container& container : containers_) {
    ContainerView& view = *container.view;
    const bool done = container.is_init && view.state == State::Terminated && view.exit_code == 0;
    if (done) continue;
    const bool to_start = view.state == State::Waiting && !container.process && container.restart == 0;
    if (to_start) start_container(container);
    if (container.is_init) break;  // one after the other; the rest when it is done
  }
  write_status();
}

void PodWorker::wait_with(Container& container, const std::string& reason, const std::string& message) {
  if (container.view->state != State::Waiting) return;
  container.view->reason = reason;
  container.view->message = message;
}

void PodWorker::start_container(Container& container) {
  const crds::Container& spec = *container.spec;
  if (spec.name.empty() || spec.name.find('/') != std::string::npos || spec.name.front() == '.') {
    return wait_with(container, "CreateContainerConfigError",
                     "container name \"" + spec.name + "\" is not a DNS label");
  }
  if (const auto program = program_for(spec, parts_.options.programs); !program) {
    wait_with(container, "ErrImageNeverPull", program.error().message);
    return warn("ErrImageNeverPull", program.error().message);
  }
  auto execution = build_execution(spec, facts(), lookup(), paths_for(spec), parts_.options.programs,
                                   parts_.options.base_env, (dir_ / "work").string());
  if (!execution) {
    wait_with(container, "CreateContainerConfigError", execution.error().message);
    return warn("Failed", "Error: " + execution.error().message);
  }
  launch(container, std::move(*execution));
}

void PodWorker::launch(Container& container, Execution execution) {
  const fs::path folder = folder_of(container);
  const int run = container.run + 1;
  std::error_code error;
  fs::create_directories(folder / std::to_string(run), error);
  if (run >= 2) fs::remove_all(folder / std::to_string(run - 2), error);
  container.run = run;
  container.out_of_memory = false;
  container.view->restarts = run;
  container.view->run = pod_.meta.uid + "/" + container.spec->name + "/" + std::to_string(run);
  Launch what{.shim = parts_.options.shim,
              .run_dir = folder / std::to_string(run),
              .lock = folder / "lock",
              .program = std::move(execution.program),
              .argv = std::move(execution.argv),
              .env = std::move(execution.env),
              .cwd = std::move(execution.cwd),
              .log_bytes_max = parts_.options.log_bytes_max};
  auto process = ContainerProcess::start(
      parts_.loop, what,
      // As the next plane will read it, so that a container has one start time.
      [this, &container, dir = what.run_dir] { on_started(container, run_started_at(dir), false); },
      [this, &container](Exit exit) { on_exit(container, std::move(exit)); });
  if (process) {
    container.process = std::move(*process);
    return;
  }
  // Nothing runs: tried again like a container that ended, only it never began.
  wait_with(container, "CreateContainerError", process.error().message);
  warn("Failed", "Error: " + process.error().message);
  ++container.backoff_count;
  schedule_restart(container);
}

void PodWorker::on_started(Container& container, const std::string& started_at, bool known_ready) {
  ContainerView& view = *container.view;
  view.state = State::Running;
  view.reason.clear();
  view.message.clear();
  view.started_at = started_at.empty() ? now_text() : started_at;
  view.started = known_ready || !container.spec->startup;
  view.ready = !container.is_init && (known_ready || (!container.spec->readiness && !container.spec->startup));
  container.began = parts_.loop.now();
  if (container.spec->resources.limits.contains("memory")) {
    const auto limit = crds::parse_bytes(container.spec->resources.limits.at("memory"));
    if (limit && *limit > 0) watch_memory(container, *limit);
  }
  if (!container.is_init && !view_.terminating) {
    ContainerProbes::Decisions decisions{
        .started =
            [this, &view] {
              view.started = true;
              write_status();
            },
        .ready =
            [this, &view](bool ready) {
              view.ready = ready;
              write_status();
            },
        .unhealthy = [this](const std::string& probe,
                            const std::string& why) { warn("Unhealthy", probe + " probe failed: " + why); },
        .restart =
            [this, &container](const std::string& why) {
              warn("Killing", "Container " + container.spec->name + " " + why + ", will be restarted");
              stop_container(container, seconds(pod_.spec.termination_grace_seconds));
            }};
    ProbeTarget target{.address = view_.ip, .env = {"PATH=" + parts_.options.programs.search_path}};
    container.probes =
        std::make_unique<ContainerProbes>(parts_.loop, *container.spec, std::move(target), std::move(decisions),
                                          view.started && known_ready, known_ready);
  }
  write_status();
}

void PodWorker::watch_memory(Container& container, int64_t limit_bytes) {
  container.memory = parts_.loop.after(kMemoryEvery, [this, &container, limit_bytes] {
    container.memory = 0;
    if (!container.process) return;
    if (const auto resident = container.process->resident_bytes(); resident && *resident > limit_bytes) {
      container.out_of_memory = true;
      return container.process->signal(SIGKILL);
    }
    watch_memory(container, limit_bytes);
  });
}

void PodWorker::on_exit(Container& container, Exit exit) {
  const auto ended = std::move(container.process);
  container.probes.reset();
  for (auto* timer : {&container.kill, &container.memory}) parts_.loop.cancel(*timer);
  ContainerView& view = *container.view;
  if (view.state != State::Running && view.started_at.empty()) view.started_at = now_text();
  set_terminated(view, exit, container.out_of_memory, now_text());
  if (gone_ || view_.terminating || view_.failed_reason) {
    write_status();
    return finish_if_ended();
  }
  if (shutting_down_) return write_status();  // nothing says it is ready while nothing runs
  if (!restarts(pod_.spec.restart_policy, container.is_init, exit.code)) {
    write_status();
    // Deferred: an adopted pod calls this while its other containers are still being looked at.
    container.restart = parts_.loop.after(Duration{0}, [this, &container] {
      container.restart = 0;
      sync();
    });
    return;
  }
  write_status();  // the end is told before the next run hides it
  if (parts_.loop.now() - container.began > parts_.options.backoff.forget_after) container.backoff_count = 0;
  view.last_state = {{"terminated",
                      {{"exitCode", view.exit_code},
                       {"reason", view.reason},
                       {"startedAt", view.started_at},
                       {"finishedAt", view.finished_at},
                       {"containerID", "process://" + view.run}}}};
  if (view.signal != 0) view.last_state["terminated"]["signal"] = view.signal;
  if (!view.message.empty()) view.last_state["terminated"]["message"] = view.message;
  schedule_restart(container);
  ++container.backoff_count;
}

void PodWorker::schedule_restart(Container& container) {
  const auto delay = restart_delay(container.backoff_count, parts_.options.backoff);
  ContainerView& view = *container.view;
  const std::string why = view.message;
  view.state = State::Waiting;
  view.exit_code = view.signal = 0;
  view.started_at.clear();
  view.finished_at.clear();
  view.reason = "CrashLoopBackOff";
  view.message = "back-off " + std::to_string(delay.count()) +
                 "ms restarting failed container=" + container.spec->name + " pod=" + pod_.meta.name + "_" +
                 pod_.meta.ns + (why.empty() ? "" : ": " + why);
  if (delay.count() > 0) warn("BackOff", "Back-off restarting failed container " + container.spec->name);
  container.restart = parts_.loop.after(delay, [this, &container] {
    container.restart = 0;
    sync();
  });
  if (delay.count() > 0) write_status();
}

void PodWorker::stop_container(Container& container, seconds grace) {
  if (!container.process) return;
  container.process->signal(grace.count() > 0 ? SIGTERM : SIGKILL);
  parts_.loop.cancel(container.kill);
  if (grace.count() == 0) return;
  container.kill = parts_.loop.after(grace, [&container] {
    container.kill = 0;
    if (container.process) container.process->signal(SIGKILL);
  });
}

void PodWorker::terminate() {
  view_.terminating = true;
  for (Container& container : containers_) {
    parts_.loop.cancel(container.restart);
    // Liveness must not kill what is draining; readiness has nothing left to say.
    container.probes.reset();
    stop_container(container, seconds(grace_seconds_));
  }
  finish_if_ended();
}

void PodWorker::finish_if_ended() {
  if (running()) return;
  if (view_.failed_reason && !view_.terminating && !gone_) return;
  if (!gone_) {
    if (removing_) return;
    removing_ = true;
    write_status();
    const auto left =
        parts_.api.remove(types::kPods, {pod_.meta.ns, pod_.meta.name}, {.uid = pod_.meta.uid, .grace_seconds = 0});
    // With finalizers of others on it the object stays; its Deleted event comes when they let go.
    if (!left && left.error().code != Code::NotFound && left.error().code != Code::Conflict) {
      parts_.log.warn("a pod that has ended could not be removed",
                      {{"pod", pod_.meta.name}, {"why", left.error().message}});
      removing_ = false;
      deadline_ = parts_.loop.after(seconds(1), [this] {
        deadline_ = 0;
        finish_if_ended();
      });
    }
    return;
  }
  std::error_code ignored;
  fs::remove_all(dir_, ignored);
  over_();
}

void PodWorker::removed() {
  gone_ = true;
  view_.terminating = true;
  for (Container& container : containers_) {
    parts_.loop.cancel(container.restart);
    container.probes.reset();
    stop_container(container, seconds(0));
  }
  finish_if_ended();
}

void PodWorker::end_for_shutdown() {
  shutting_down_ = true;
  for (Container& container : containers_) {
    parts_.loop.cancel(container.restart);
    container.probes.reset();
    stop_container(container, seconds(pod_.spec.termination_grace_seconds));
  }
}

void PodWorker::kill() {
  for (Container& container : containers_) stop_container(container, seconds(0));
}

bool PodWorker::running() const {
  return std::ranges::any_of(containers_, [](const Container& container) { return container.process != nullptr; });
}

void PodWorker::fail_pod(const std::string& reason, const std::string& message) {
  view_.failed_reason = reason;
  view_.failed_message = message;
  for (Container& container : containers_) {
    parts_.loop.cancel(container.restart);
    container.probes.reset();
    stop_container(container, seconds(pod_.spec.termination_grace_seconds));
  }
  write_status();
}

void PodWorker::write_status() {
  if (gone_) return;
  Json status = pod_status(pod_, view_, status_, now_text());
  if (status == status_) return;
  const auto written = parts_.api.mutate(types::kPods, {pod_.meta.ns, pod_.meta.name}, "status",
                                         [&](Json& object) -> Status {
                                           if (string_at(object, {"metadata", "uid"}) != pod_.meta.uid)
                                             return fail(Code::NotFound, "replaced by another pod of the name");
                                           object["status"] = status;
                                           return {};
                                         },
                                         {.manager = "kubelet"});
  if (written) {
    status_ = std::move(status);
  } else if (written.error().code != Code::NotFound) {
    parts_.log.warn("a pod's status could not be written", {{"pod", pod_.meta.name}, {"why", written.error().message}});
  }
}

void PodWorker::warn(const std::string& reason, const std::string& message) {
  if (last_warning_ == reason + message) return;
  last_warning_ = reason + message;
  const std::string digest = sha256(pod_.meta.uid + reason + message).substr(7, 16);
  const crds::ObjectKey key{pod_.meta.ns, pod_.meta.name + "." + digest};
  const std::string now = now_text();
  const auto counted = parts_.api.mutate(types::kEvents, key, "", [&](Json& event) -> Status {
    event["count"] = int_at(event, {"count"}, 1) + 1;
    event["lastTimestamp"] = now;
    return {};
  });
  if (counted) return;
  Json event = {{"apiVersion", "v1"},
                {"kind", "Event"},
                {"metadata", {{"name", key.name}, {"namespace", key.ns}}},
                {"type", "Warning"},
                {"reason", reason},
                {"message", message},
                {"count", 1},
                {"firstTimestamp", now},
                {"lastTimestamp", now},
                {"source", {{"component", "kubelet"}, {"host", parts_.options.node_name}}},
                {"involvedObject",
                 {{"apiVersion", "v1"},
                  {"kind", "Pod"},
                  {"name", pod_.meta.name},
                  {"namespace", pod_.meta.ns},
                  {"uid", pod_.meta.uid}}}};
  if (const auto made = parts_.api.create(types::kEvents, std::move(event), {.manager = "kubelet"}); !made) {
    parts_.log.warn("an event could not be recorded",
                    {{"pod", pod_.meta.name}, {"reason", reason}, {"why", made.error().message}});
  }
}

}  // namespace clops::local
