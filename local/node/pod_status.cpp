#include "local/node/pod_status.h"

#include <algorithm>

namespace clops::local {
namespace {

using State = ContainerView::State;

Json state_json(const ContainerView& view) {
  switch (view.state) {
    case State::Running:
      return {{"running", {{"startedAt", view.started_at}}}};
    case State::Terminated: {
      Json out = {{"exitCode", view.exit_code}, {"reason", view.reason}};
      if (view.signal != 0) out["signal"] = view.signal;
      if (!view.message.empty()) out["message"] = view.message;
      if (!view.started_at.empty()) out["startedAt"] = view.started_at;
      if (!view.finished_at.empty()) out["finishedAt"] = view.finished_at;
      if (!view.run.empty()) out["containerID"] = "process://" + view.run;
      return {{"terminated", std::move(out)}};
    }
    case State::Waiting:
      break;
  }
  Json out = {{"reason", view.reason}};
  if (!view.message.empty()) out["message"] = view.message;
  return {{"waiting", std::move(out)}};
}

Json container_json(const crds::Container& container, const ContainerView& view, bool is_init) {
  Json out = {{"name", container.name},
              {"image", container.image},
              {"imageID", ""},
              {"restartCount", view.restarts},
              {"ready", is_init ? view.state == State::Terminated && view.exit_code == 0 : view.ready},
              {"started", view.started},
              {"state", state_json(view)},
              {"lastState", view.last_state.is_object() ? view.last_state : Json::object()}};
  if (view.state == State::Running && !view.run.empty()) out["containerID"] = "process://" + view.run;
  return out;
}

Json containers_json(const std::vector<crds::Container>& containers, const std::vector<ContainerView>& views,
                     bool is_init) {
  Json out = Json::array();
  for (size_t i = 0; i < containers.size() && i < views.size(); ++i)
    out.push_back(container_json(containers[i], views[i], is_init));
  return out;
}

Json condition(const char* type, bool status, const std::string& reason, const std::string& message, const Json& before,
               const std::string& now) {
  Json out = {
      {"type", type}, {"status", status ? "True" : "False"}, {"lastProbeTime", nullptr}, {"lastTransitionTime", now}};
  if (!reason.empty()) out["reason"] = reason;
  if (!message.empty()) out["message"] = message;
  const Json* old = find_path(before, {"conditions"});
  if (old == nullptr || !old->is_array()) return out;
  for (const Json& item : *old) {
    if (string_at(item, {"type"}) == type && string_at(item, {"status"}) == string_at(out, {"status"})) {
      out["lastTransitionTime"] = string_at(item, {"lastTransitionTime"}, now);
    }
  }
  return out;
}

std::string unready_names(const std::vector<crds::Container>& containers, const std::vector<ContainerView>& views) {
  std::string out;
  for (size_t i = 0; i < containers.size() && i < views.size(); ++i) {
    if (!views[i].ready) out += (out.empty() ? "" : " ") + containers[i].name;
  }
  return out;
}

bool done_well(const ContainerView& view) {
  return view.state == State::Terminated && view.exit_code == 0;
}

}  // namespace

bool restarts(crds::RestartPolicy policy, bool is_init, int exit_code) {
  if (is_init) return exit_code != 0 && policy != crds::RestartPolicy::Never;
  return policy == crds::RestartPolicy::Always || (policy == crds::RestartPolicy::OnFailure && exit_code != 0);
}

std::string pod_phase(const crds::PodSpec& spec, const PodView& view) {
  if (view.failed_reason) return "Failed";
  for (const auto& init : view.init) {
    if (init.state == State::Terminated && init.exit_code != 0 && spec.restart_policy == crds::RestartPolicy::Never)
      return "Failed";
    if (!done_well(init)) return "Pending";
  }
  bool all_ended = !view.main.empty(), any_failed = false, any_begun = false;
  for (const auto& main : view.main) {
    const bool over =
        main.state == State::Terminated && (view.terminating || !restarts(spec.restart_policy, false, main.exit_code));
    all_ended = all_ended && over;
    any_failed = any_failed || main.exit_code != 0;
    any_begun = any_begun || main.state != State::Waiting || main.restarts > 0;
  }
  if (all_ended) return any_failed ? "Failed" : "Succeeded";
  return any_begun ? "Running" : "Pending";
}

Json pod_status(const crds::Pod& pod, const PodView& view, const Json& before, const std::string& now) {
  const std::string phase = pod_phase(pod.spec, view);
  const bool over = phase == "Succeeded" || phase == "Failed";
  const bool initialized = std::ranges::all_of(view.init, done_well);
  const std::string unready = unready_names(pod.spec.containers, view.main);
  const bool ready = unready.empty() && !over && initialized;
  const std::string why = ready                  ? ""
                          : phase == "Succeeded" ? "PodCompleted"
                          : phase == "Failed"    ? "PodFailed"
                                                 : "ContainersNotReady";
  const std::string what = why == "ContainersNotReady" ? "containers with unready status: [" + unready + "]" : "";
  Json out = {{"phase", phase}, {"qosClass", "BestEffort"}};
  if (!view.ip.empty()) {
    out["podIP"] = view.ip;
    out["podIPs"] = Json::array({{{"ip", view.ip}}});
    out["hostIP"] = "127.0.0.1";
    out["hostIPs"] = Json::array({{{"ip", "127.0.0.1"}}});
  }
  if (!view.start_time.empty()) out["startTime"] = view.start_time;
  if (view.failed_reason) {
    out["reason"] = *view.failed_reason;
    out["message"] = view.failed_message;
  }
  out["conditions"] = Json::array(
      {condition("PodScheduled", true, "", "", before, now),
       condition("Initialized", initialized, initialized ? "" : "ContainersNotInitialized", "", before, now),
       condition("ContainersReady", ready, why, what, before, now), condition("Ready", ready, why, what, before, now)});
  out["containerStatuses"] = containers_json(pod.spec.containers, view.main, false);
  if (!view.init.empty()) out["initContainerStatuses"] = containers_json(pod.spec.init_containers, view.init, true);
  return out;
}

std::chrono::milliseconds restart_delay(int restart_count, const Backoff& backoff) {
  if (restart_count <= 0) return std::chrono::milliseconds{0};
  auto delay = backoff.first;
  for (int i = 1; i < restart_count && delay < backoff.most; ++i) delay *= 2;
  return std::min(delay, backoff.most);
}

}  // namespace clops::local
