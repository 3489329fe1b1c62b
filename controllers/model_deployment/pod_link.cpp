#include "controllers/model_deployment/pod_link.h"

#include <algorithm>
#include <cmath>
#include <mutex>

namespace clops::controllers::model_deployment {
namespace {

using std::chrono::milliseconds;
constexpr Duration kPollFirst = milliseconds{10},
                   kPollMax = milliseconds{500};  // while a pod takes the configuration up
constexpr Duration kRetryFirst = milliseconds{10}, kRetryMax = milliseconds{5'000};  // while a pod does not answer

Duration doubled(Duration first, Duration most, int times) {
  return std::min(most, first * (int64_t{1} << std::min(times, 16)));
}

bool taking_up(const crds::PodState& state, int64_t generation) {
  return state.generation < generation ||
         std::any_of(
             state.variants.begin(), state.variants.end(),
             [](const auto& v) { return v.state == "Pending" || v.state == "Loading"; });
}

}  // namespace

struct PodLink::Core : std::enable_shared_from_this<Core> {
  struct Pod {
    PodTarget target;
    PodReport report;
    uint64_t ticket = 0;  // only the task that holds the latest ticket goes on
    int64_t sent = -1;    // generation of the last push that was accepted
    int failures = 0, polls = 0;
    double told_wanted = -1;  // what `changed` was last called for
  };
  struct Deployment {
    std::string push_key, text;
    int64_t generation = 0;
    std::map<std::string, Pod> pods;  // by instance
  };
  struct Job {  // what one request round needs, copied out of the lock
    crds::ObjectKey key;
    std::string instance, url, push_key, text;
    int64_t generation = 0;
    bool push = false, hint = false;
  };
  struct Outcome {
    std::optional<crds::PodState> state;
    std::optional<crds::ScalingHint> hint;
    std::string error;
    bool accepted = false;
  };

  Core(Executor& e, HttpClient& h, LinkOptions o) : executor(e), http(h), options(o) {}

  void schedule(const crds::ObjectKey& key, const std::string& instance, uint64_t ticket, Duration delay) {
    auto task = [weak = weak_from_this(), key, instance, ticket] {
      if (const auto core = weak.lock()) core->round(key, instance, ticket);
    };
    delay <= Duration(0) ? executor.post(std::move(task)) : executor.post_after(delay, std::move(task));
  }

  Pod* find(const crds::ObjectKey& key, const std::string& instance, uint64_t ticket) {
    const auto deployment = deployments.find(key);
    if (closed || deployment == deployments.end()) return nullptr;
    const auto pod = deployment->second.pods.find(instance);
    return pod == deployment->second.pods.end() || pod->second.ticket != ticket ? nullptr : &pod->second;
  }

  void round(const crds::ObjectKey& key, const std::string& instance, uint64_t ticket) {
    Job job;
    {
      const std::lock_guard lock(mutex);
      const Pod* pod = find(key, instance, ticket);
      if (!pod) return;
      if (running >= options.requests_max) return schedule(key, instance, ticket, milliseconds{5});
      ++running;
      const Deployment& deployment = deployments.at(key);
      const bool behind = !pod->report.state || pod->report.state->generation < deployment.generation;
      job = {.key = key,
             .instance = instance,
             .url = "http://" + pod->target.ip + ":" + std::to_string(crds::kAdminPort),
             .push_key = deployment.push_key,
             .text = "",
             .generation = deployment.generation,
             .push = false,
             .hint = false};
      job.push =
          behind && (pod->sent < deployment.generation || pod->polls > 8);  // again, if it seems to have been lost
      job.hint = !behind;
      if (job.push) job.text = deployment.text;
    }
    const Outcome outcome = ask(job);
    settle(job, ticket, outcome);
  }

  Outcome ask(const Job& job) const {
    Outcome out;
    HttpRequest request{
        .method = job.push ? "PUT" : "GET", .url = job.url + "/clops/v1/config", .headers = {}, .body = job.text};
    request.headers.set("Authorization", "Bearer " + job.push_key);
    if (job.push) request.headers.set("Content-Type", "application/json");
    const auto answer = http.send(request, options.limits);
    if (!answer) {
      out.error = answer.error().message;
      return out;
    }
    if (answer->status != 200) {
      out.error = request.method + " /clops/v1/config: HTTP " + std::to_string(answer->status) + " " +
                  answer->body.substr(0, 300);
      if (answer->status != 409) return out;
    }
    auto state = crds::decode_pod_state(answer->body);
    if (!state && answer->status == 409) {  // it follows a higher generation: which one, it says when asked
      request.method = "GET";
      request.body.clear();
      const auto again = http.send(request, options.limits);
      if (again && again->status == 200) state = crds::decode_pod_state(again->body);
    }
    if (!state) {
      if (out.error.empty()) out.error = "its state: " + state.error().message;
      return out;
    }
    out.state = std::move(*state);
    out.accepted = job.push && answer->status == 200;
    if (!job.hint) return out;
    const auto hint =
        http.send({.method = "GET", .url = job.url + "/clops/v1/hint", .headers = {}, .body = {}}, options.limits);
    if (hint && hint->status == 200) {
      auto decoded = crds::decode_scaling_hint(hint->body);
      if (decoded) out.hint = std::move(*decoded);
    }
    return out;
  }

  void settle(const Job& job, uint64_t ticket, const Outcome& outcome) {
    bool matters = false;
    {
      const std::lock_guard lock(mutex);
      --running;
      Pod* pod = find(job.key, job.instance, ticket);
      if (!pod) return;
      const int64_t wanted = deployments.at(job.key).generation;
      matters = record(*pod, job, outcome);
      Duration delay = options.scrape_interval;
      if (!outcome.state) {
        delay = doubled(kRetryFirst, kRetryMax, pod->failures++);
      } else {
        pod->failures = 0;
        const bool waiting = taking_up(*pod->report.state, wanted);
        delay = waiting ? doubled(kPollFirst, kPollMax, pod->polls++) : delay;
        if (!waiting) pod->polls = 0;
      }
      schedule(job.key, job.instance, ticket, delay);
    }
    if (matters && changed) changed(job.key);
  }

  static bool record(Pod& pod, const Job& job, const Outcome& outcome) {
    bool matters = false;
    pod.report.error = outcome.error;
    if (outcome.accepted) {
      pod.sent = job.generation;
      if (pod.polls > 8) pod.polls = 0;
    }
    if (outcome.state && pod.report.state != outcome.state) {
      const bool went_back = pod.report.state && outcome.state->generation < pod.report.state->generation;
      if (went_back) pod.sent = -1;  // it has restarted: what it accepted is forgotten
      pod.report.state = outcome.state;
      matters = true;
    }
    if (outcome.hint) {
      pod.report.hint = outcome.hint;
      const double wanted = outcome.hint->wanted_replicas;
      if (pod.told_wanted < 0 || std::fabs(wanted - pod.told_wanted) > 0.1 * std::max(1.0, pod.told_wanted)) {
        pod.told_wanted = wanted;
        matters = true;
      }
    }
    return matters;
  }

  Executor& executor;
  HttpClient& http;
  const LinkOptions options;
  Changed changed;
  mutable std::mutex mutex;
  std::map<crds::ObjectKey, Deployment> deployments;
  uint64_t tickets = 0;
  int running = 0;
  bool closed = false;
};

PodLink::PodLink(Executor& executor, HttpClient& http, LinkOptions options)
    : core_(std::make_shared<Core>(executor, http, options)) {}

PodLink::~PodLink() {
  const std::lock_guard lock(core_->mutex);
  core_->closed = true;
}

void PodLink::on_change(Changed changed) {
  core_->changed = std::move(changed);
}

void PodLink::want(const crds::ObjectKey& key, const std::string& push_key, const crds::ServingConfig& config,
                   const std::vector<PodTarget>& pods) {
  const std::lock_guard lock(core_->mutex);
  auto& deployment = core_->deployments[key];
  const bool other = deployment.generation != config.generation || deployment.push_key != push_key;
  if (other) {
    deployment.push_key = push_key;
    deployment.generation = config.generation;
    deployment.text = crds::encode(config);
  }
  std::map<std::string, Core::Pod> next;
  for (const auto& target : pods) {
    const auto known = deployment.pods.find(target.instance);
    const bool same = known != deployment.pods.end() && known->second.target.ip == target.ip;
    Core::Pod& pod = next[target.instance] = same ? std::move(known->second) : Core::Pod{};
    const bool came_up = target.ready && !pod.target.ready && pod.failures > 0;
    pod.target = target;
    if (same && !other && !came_up) continue;
    pod.failures = pod.polls = 0;
    pod.ticket = ++core_->tickets;
    core_->schedule(key, target.instance, pod.ticket, Duration(0));
  }
  deployment.pods = std::move(next);
}

void PodLink::forget(const crds::ObjectKey& key) {
  const std::lock_guard lock(core_->mutex);
  core_->deployments.erase(key);
}

std::map<std::string, PodReport> PodLink::reports(const crds::ObjectKey& key) const {
  std::map<std::string, PodReport> out;
  const std::lock_guard lock(core_->mutex);
  const auto it = core_->deployments.find(key);
  if (it == core_->deployments.end()) return out;
  for (const auto& [instance, pod] : it->second.pods) out[instance] = pod.report;
  return out;
}

Json PodLink::readings() const {
  Json out = Json::array();
  const std::lock_guard lock(core_->mutex);
  for (const auto& [key, deployment] : core_->deployments) {
    Json item{
        {"namespace", key.ns}, {"name", key.name}, {"generation", deployment.generation}, {"pods", Json::array()}};
    double wanted = 0, rate = 0;
    for (const auto& [instance, pod] : deployment.pods) {
      Json entry{{"pod", pod.target.name}, {"generation", pod.report.state ? pod.report.state->generation : -1}};
      if (!pod.report.error.empty()) entry["error"] = pod.report.error;
      if (const auto& hint = pod.report.hint) {
        wanted += hint->wanted_replicas;
        rate += hint->requests_per_second;
        entry["utilisation"] = hint->utilisation;
        entry["loopLagSeconds"] = hint->loop_lag_seconds;
        entry["requestsPerSecond"] = hint->requests_per_second;
        entry["errorsPerSecond"] = hint->errors_per_second;
        entry["inFlight"] = hint->in_flight;
      }
      item["pods"].push_back(std::move(entry));
    }
    item["wantedReplicas"] = wanted;
    item["requestsPerSecond"] = rate;
    out.push_back(std::move(item));
  }
  return out;
}

}  // namespace clops::controllers::model_deployment
