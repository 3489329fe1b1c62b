#include "serving/lifecycle/admin_front.h"

#include "base/digest.h"
#include "base/file.h"
#include "serving/monitoring/door_report.h"

namespace clops::serving {
namespace {

constexpr size_t kKeyBytesMax = 4096;

bool wrong_method(const http::Request& request, std::string_view allow, http::Answer& answer) {
  if (request.method == "GET" || request.method == "HEAD") return false;
  answer.error(405, std::string(request.method.substr(0, 16)) + " is not done here");
  answer.extra = allow;
  return true;
}

}  // namespace

void AdminFront::on_tick(TimePoint now) {
  if (now < next_sample_) return;
  next_sample_ = now + std::chrono::seconds(1);
  if (parts_.every_second) parts_.every_second();
  sampler_.sample(now, parts_.loops());
  free_memory_.look(now);
}

bool AdminFront::serve(const http::Request& request, http::Answer& answer) {
  const std::string_view path = request.target.substr(0, request.target.find('?'));
  if (path == "/clops/v1/config") return config(request, answer);
  const bool known = path == "/healthz" || path == "/readyz" || path == "/metrics" || path == "/clops/v1/hint" ||
                     path == "/clops/v1/predictions";
  if (!known) {
    answer.error(404, "nothing is at this path");
    return true;
  }
  if (wrong_method(request, "Allow: GET, HEAD\r\n", answer)) return true;
  if (path == "/healthz") {
    answer.content_type = "text/plain";
    answer.body = "ok";
  } else if (path == "/readyz") {
    const bool ready = parts_.manager.state().ready && !parts_.draining.load(std::memory_order_relaxed) &&
                       (!parts_.able || parts_.able());
    answer.status = ready ? 200 : 503;
    answer.content_type = "text/plain";
    answer.body = ready ? "ok" : "not ready";
  } else if (path == "/metrics") {
    metrics(answer);
  } else if (path == "/clops/v1/predictions") {
    answer.body = predictions_json(parts_.counters.all(), parts_.counters.all_mirrored());
  } else {
    answer.body = crds::encode(sampler_.hint());
  }
  return true;
}

bool AdminFront::authorised(const http::Request& request, http::Answer& answer) const {
  if (parts_.push_key_file.empty()) {
    answer.error(403, "this server takes no pushed configuration: it was started without --push-key-file");
    return false;
  }
  // Read each time: a rotated Secret is in force as soon as it is mounted.
  auto key = read_file(parts_.push_key_file, kKeyBytesMax);
  if (!key) {
    answer.error(503, "the push key cannot be read");
    return false;
  }
  while (!key->empty() && (key->back() == '\n' || key->back() == '\r')) key->pop_back();
  constexpr std::string_view kBearer = "Bearer ";
  const auto given = request.header("authorization");
  if (key->empty() || !given || !given->starts_with(kBearer) ||
      !equal_constant_time(given->substr(kBearer.size()), *key)) {
    answer.error(401, "the push key is missing or wrong");
    answer.extra = "WWW-Authenticate: Bearer\r\n";
    return false;
  }
  return true;
}

bool AdminFront::config(const http::Request& request, http::Answer& answer) {
  if (request.method != "PUT" && wrong_method(request, "Allow: GET, HEAD, PUT\r\n", answer)) return true;
  if (!authorised(request, answer)) return true;
  if (request.method == "PUT") return push(request, answer);
  state(answer);
  return true;
}

void AdminFront::state(http::Answer& answer) const {
  crds::PodState state = parts_.manager.state();
  state.ready = state.ready && !parts_.draining.load(std::memory_order_relaxed);
  answer.body = crds::encode(state);
}

bool AdminFront::push(const http::Request& request, http::Answer& answer) {
  auto config = crds::decode_serving_config(request.body);
  if (!config) {
    answer.error(400, config.error().message);
    return true;
  }
  const int64_t generation = config->generation;
  if (const Status taken = parts_.manager.submit(std::move(*config), crds::content_digest(request.body)); !taken) {
    answer.error(taken.error().code == Code::Conflict ? 409 : 400, taken.error().message);
    return true;
  }
  if (parts_.manager.state().generation < generation) {
    const TimePoint now = parts_.clock.now();
    if (awaited_ != generation) {
      awaited_ = generation;
      awaited_since_ = now;
    }
    if (now - awaited_since_ < parts_.ack_most) return false;
  }
  state(answer);
  return true;
}

void AdminFront::metrics(http::Answer& answer) const {
  const crds::PodState state = parts_.manager.state();
  ProcessGauges gauges{.models = {},
                       .loops = parts_.loops(),
                       .mirrored = parts_.counters.all_mirrored(),
                       .generation = state.generation,
                       .ready = state.ready};
  const LoadTimes times = parts_.manager.load_times();
  const auto seconds = [](Duration d) { return std::chrono::duration<double>(d).count(); };
  for (const crds::VariantState& v : state.variants) {
    const auto took = times.by_digest.find(v.digest);
    gauges.models.push_back(
        {v.model, v.model_version, v.variant, v.state, took == times.by_digest.end() ? 0 : seconds(took->second)});
  }
  if (times.first_ready) gauges.cold_start_seconds = seconds(*times.first_ready - parts_.process_begin);
  answer.content_type = kMetricsContentType;
  answer.body = print_metrics(parts_.counters.all(), gauges);
  append_validation_metrics(answer.body, parts_.counters.all());
  append_prediction_metrics(answer.body, parts_.counters.all(), gauges.mirrored);
  for (const auto& append : parts_.more_metrics) append(answer.body);
}

}  // namespace clops::serving
