#include "serving/telemetry/telemetry.h"

#include <charconv>

#include "base/digest.h"
#include "base/version.h"
#include "serving/monitoring/exposition.h"

namespace clops::serving {
namespace {

constexpr size_t kRecordsPerThread = 512, kEventsPerThread = 256;
constexpr std::chrono::milliseconds kBusy{4}, kIdle{25};  // between two looks at the rings

uint64_t seed() {
  const std::string hex = random_hex(8);
  uint64_t out = 0;
  std::from_chars(hex.data(), hex.data() + hex.size(), out, 16);
  return out;
}

OtlpResource resource_of(const TelemetryOptions& options, const std::string& pod_name) {
  OtlpResource out{.attributes = {{"service.name", options.service_name},
                                  {"service.version", kProgramVersion},
                                  {"service.instance.id", pod_name}},
                   .scope_version = kProgramVersion};
  for (const auto& item : options.resource) {
    const auto same = [&](const auto& known) { return known.first == item.first; };
    if (std::ranges::none_of(out.attributes, same)) out.attributes.push_back(item);
  }
  return out;
}

}  // namespace

Telemetry::Telemetry(Parts parts, TelemetryOptions options)
    : parts_(std::move(parts)),
      options_(std::move(options)),
      source_("http://" + parts_.pod_name + "/"),
      budget_(options_.event_bytes_max) {}

Result<std::unique_ptr<Telemetry>> Telemetry::make(Parts parts, TelemetryOptions options) {
  std::unique_ptr<Telemetry> out(new Telemetry(std::move(parts), std::move(options)));
  const TelemetryOptions& o = out->options_;
  if (o.log_errors || o.log_ratio > 0) {
    CLOPS_ASSIGN(out->access_log_, open_access_log(o.access_log));
  }
  if (!o.otlp_traces_url.empty()) {
    out->exporter_ = std::make_unique<SpanExporter>(
        SpanExporterOptions{
            .url = o.otlp_traces_url, .headers = o.otlp_headers, .resource = resource_of(o, out->parts_.pod_name)},
        out->parts_.http, out->parts_.clock, out->parts_.log);
  }
  const bool records = out->exporter_ != nullptr || out->access_log_ != nullptr;
  for (size_t i = 0; i < out->parts_.threads; ++i) {
    if (records) out->records_.push_back(std::make_unique<SpscRing<CallRecord>>(kRecordsPerThread));
    out->events_.push_back(std::make_unique<EventRing>(kEventsPerThread));
  }
  if (records) out->begin();
  return out;
}

Telemetry::~Telemetry() {
  finish();
}

void Telemetry::finish() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (exporter_ != nullptr) exporter_->finish();
  if (sender_ != nullptr) sender_->finish();
}

void Telemetry::begin() {
  const std::lock_guard lock(mutex_);
  if (wanted_ || stopping_) return;
  wanted_ = true;
  thread_ = std::thread([this] { run(); });
}

std::unique_ptr<CallWatcher> Telemetry::make_recorder(size_t thread) {
  if (records_.empty()) return nullptr;
  return std::make_unique<CallRecorder>(RecordRules{.spans = exporter_ != nullptr,
                                                    .span_ratio = options_.trace_ratio,
                                                    .errors = options_.log_errors,
                                                    .line_ratio = options_.log_ratio},
                                        *records_[thread], seed());
}

std::unique_ptr<CallWatcher> Telemetry::make_event_tap(size_t thread) {
  return std::make_unique<EventTap>(*events_[thread], budget_, event_counts_, seed(), [this] { begin(); });
}

void Telemetry::run() {
  for (bool last = false; !last;) {
    const bool busy = drain();
    std::unique_lock lock(mutex_);
    last = changed_.wait_for(lock, busy ? kBusy : kIdle, [this] { return stopping_; });
  }
  (void)drain();
}

bool Telemetry::drain() {
  const TimePoint now = parts_.clock.now();
  const Duration offset = parts_.clock.wall().time_since_epoch() - now.time_since_epoch();
  bool any = false;
  for (const auto& ring : records_) {
    for (CallRecord* call = nullptr; (call = ring->front()) != nullptr; ring->pop()) {
      any = true;
      if (call->span) exporter_->add(*call);
      if (call->line) access_log_->add(*call, now, offset);
    }
  }
  if (access_log_ != nullptr) access_log_->flush();
  for (const auto& ring : events_) {
    for (std::unique_ptr<CallEvent>* event = nullptr; (event = ring->front()) != nullptr; ring->pop()) {
      any = true;
      tell(**event, offset);
      event->reset();
    }
  }
  return any;
}

void Telemetry::tell(const CallEvent& event, Duration wall_offset) {
  if (sender_ == nullptr)
    sender_ = std::make_unique<EventSender>(EventSenderOptions{}, parts_.http, parts_.clock, parts_.log, budget_,
                                            event_counts_);
  const auto withheld = [](const TakenSide& side) { return side.whole && !side.values ? 1u : 0u; };
  event_counts_.values_withheld.fetch_add(withheld(event.request) + withheld(event.response),
                                          std::memory_order_relaxed);
  // Printed numbers are longer than their bytes: counted again, now that it is known.
  std::vector<HttpRequest> posts = print_events(event, source_, wall_offset);
  budget_.give(event.bytes);
  for (HttpRequest& post : posts) {
    if (budget_.take(bytes_of(post))) {
      sender_->add(std::move(post));
    } else {
      event_counts_.queue_full.fetch_add(1, std::memory_order_relaxed);
    }
  }
}

void Telemetry::print(std::string& out) const {
  Exposition p{out};
  const auto counts = [&p](std::string_view name, std::string_view help, std::string_view label,
                           std::initializer_list<std::pair<std::string_view, uint64_t>> values) {
    p.family(name, "counter", help);
    for (const auto& [value, count] : values)
      p.line(name, std::string(label) + "=\"" + std::string(value) + "\"", count);
  };
  uint64_t ring_full = 0;
  for (const auto& ring : records_) ring_full += ring->dropped();
  if (!records_.empty()) {
    p.family("clops_call_records_dropped_total", "counter", "Calls whose span or line was lost before it was made");
    p.line("clops_call_records_dropped_total", "", ring_full);
  }
  if (!options_.otlp_traces_url.empty()) {
    const SpanCounts& spans = exporter_->counts();
    counts("clops_spans_total", "Spans by what became of them", "result",
           {{"sent", spans.sent},
            {"queue_full", spans.queue_full},
            {"unreachable", spans.unreachable},
            {"refused", spans.refused}});
  }
  if (access_log_ != nullptr) {
    const AccessLogCounts& lines = access_log_->counts();
    counts("clops_access_log_lines_total", "Lines of the access log by what became of them", "result",
           {{"written", lines.written}, {"over_rate", lines.over_rate}, {"not_written", lines.not_written}});
  }
  const EventCounts& events = event_counts_;
  counts("clops_events_total", "CloudEvents of requests and answers by what became of them", "result",
         {{"sent", events.sent},
          {"queue_full", events.queue_full},
          {"unreachable", events.unreachable},
          {"refused", events.refused}});
  p.family("clops_events_values_withheld_total", "counter", "Requests and answers told without their values");
  p.line("clops_events_values_withheld_total", "", uint64_t{events.values_withheld});
  p.family("clops_events_queued_bytes", "gauge", "Bytes of events that wait");
  p.line("clops_events_queued_bytes", "", uint64_t{budget_.used()});
}

}  // namespace clops::serving
