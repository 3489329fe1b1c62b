#include "serving/monitoring/metrics.h"

#include <algorithm>

#include "serving/monitoring/exposition.h"

namespace clops::serving {

void append_label(std::string& out, std::string_view name, std::string_view value) {
  Exposition::append_label(out, name, value);
}

namespace {

constexpr double kTargetUtilisation = 0.7;

std::string labels_of(const SeriesKey& key) {
  std::string out;
  Exposition::append_label(out, "model", key.model);
  out += ',';
  Exposition::append_label(out, "version", key.version);
  out += ',';
  Exposition::append_label(out, "variant", key.variant);
  return out;
}

using Printer = Exposition;

struct Series {
  std::string labels;
  bool reached;  // a variant: the series without one count what was refused before
  VariantTotals totals;
};

std::string_view failure_reason(int code) {  // Triton's words for the label
  return code == 503 || code == 504 ? "REJECTED" : code == 500 ? "BACKEND" : "OTHER";
}

void print_triton(Printer& p, const std::vector<Series>& all) {
  const auto counter = [&](std::string_view name, std::string_view help, auto value_of) {
    p.family(name, "counter", help);
    for (const Series& s : all) {
      if (s.reached) p.line(name, s.labels, value_of(s.totals));
    }
  };
  counter("nv_inference_request_success", "Number of successful inference requests",
          [](const VariantTotals& t) { return t.by_code[0].count; });
  p.family("nv_inference_request_failure", "counter", "Number of failed inference requests");
  for (const Series& s : all) {
    uint64_t rejected = 0, backend = 0, other = 0;
    for (size_t i = 1; i < kCodes.size(); ++i) {
      const auto reason = failure_reason(kCodes[i]);
      (reason == "REJECTED" ? rejected : reason == "BACKEND" ? backend : other) += s.totals.by_code[i].count;
    }
    p.line("nv_inference_request_failure", s.labels + ",reason=\"REJECTED\"", rejected);
    p.line("nv_inference_request_failure", s.labels + ",reason=\"BACKEND\"", backend);
    p.line("nv_inference_request_failure", s.labels + ",reason=\"OTHER\"", other);
  }
  counter("nv_inference_count", "Number of rows inferred", [](const VariantTotals& t) { return t.rows; });
  counter("nv_inference_exec_count", "Number of model executions", [](const VariantTotals& t) { return t.executions; });
  counter("nv_inference_request_duration_us", "Cumulative duration of successful inference requests in microseconds",
          [](const VariantTotals& t) { return t.by_code[0].sum_ns / 1000; });
  counter("nv_inference_queue_duration_us", "Cumulative time that inference requests waited in microseconds",
          [](const VariantTotals& t) { return t.waits.sum_ns / 1000; });
}

void print_histogram(Printer& p, const std::string& name, const std::string& labels, const Histogram& histogram) {
  uint64_t sum = 0;
  for (size_t i = 0; i < kDurationBounds.size(); ++i) {
    sum += histogram.buckets[i];
    std::string bound;
    Exposition::append(bound, kDurationBounds[i]);
    p.line(name + "_bucket", labels + ",le=\"" + bound + "\"", sum);
  }
  p.line(name + "_bucket", labels + ",le=\"+Inf\"", histogram.count);
  p.line(name + "_sum", labels, static_cast<double>(histogram.sum_ns) / 1e9);
  p.line(name + "_count", labels, histogram.count);
}

void print_histograms(Printer& p, const std::vector<Series>& all) {
  p.family("clops_request_duration_seconds", "histogram", "Time from a whole request to its whole answer");
  for (const Series& s : all) {
    for (size_t code = 0; code < kCodes.size(); ++code) {
      if (s.totals.by_code[code].count == 0) continue;
      const std::string labels = s.labels + ",code=\"" + std::to_string(kCodes[code]) + "\"";
      print_histogram(p, "clops_request_duration_seconds", labels, s.totals.by_code[code]);
    }
  }
  p.family("clops_queue_seconds", "histogram", "Time that calls waited before they were handled, also those refused");
  for (const Series& s : all) {
    if (s.totals.waits.count > 0) print_histogram(p, "clops_queue_seconds", s.labels, s.totals.waits);
  }
  p.family("clops_refused_total", "counter", "Calls that were not computed, by what they exceeded");
  for (const Series& s : all) {
    for (size_t i = 0; i < kRefusals.size(); ++i)
      p.line("clops_refused_total", s.labels + ",reason=\"" + std::string(kRefusals[i]) + "\"", s.totals.refused[i]);
  }
}

void print_mirrored(Printer& p, const std::vector<std::shared_ptr<CounterSet>>& series) {
  if (series.empty()) return;
  p.family("clops_mirror_requests_total", "counter", "Calls for the mirror: computed once more, or why not");
  for (const auto& set : series) {
    const VariantTotals totals = set->totals();
    for (size_t i = 0; i < kMirrored.size(); ++i) {
      const std::string labels = labels_of(set->key()) + ",outcome=\"" + std::string(kMirrored[i]) + "\"";
      const int code = code_of(static_cast<Mirrored>(i));
      p.line("clops_mirror_requests_total", labels, totals.by_code[code_index(code)].count);
    }
  }
  p.family("clops_mirror_duration_seconds", "histogram", "Time that the mirror took to compute a call");
  for (const auto& set : series)
    print_histogram(p, "clops_mirror_duration_seconds", labels_of(set->key()), set->totals().by_code[0]);
}

void print_rows(Printer& p, const std::vector<Series>& all) {
  p.family("clops_request_rows", "histogram", "Rows of an answered request");
  for (const Series& s : all) {
    const FigureTotals& figures = s.totals.figures;
    uint64_t sum = 0;
    if (!s.reached) continue;
    for (size_t i = 0; i < kRowBounds.size(); ++i) {
      sum += figures.rows_buckets[i];
      p.line("clops_request_rows_bucket", s.labels + ",le=\"" + std::to_string(kRowBounds[i]) + "\"", sum);
    }
    sum += figures.rows_buckets.back();
    p.line("clops_request_rows_bucket", s.labels + ",le=\"+Inf\"", sum);
    p.line("clops_request_rows_sum", s.labels, figures.rows);
    p.line("clops_request_rows_count", s.labels, sum);
  }
}

void print_batches(Printer& p, const std::vector<Series>& all) {
  p.family("clops_batch_calls", "histogram", "Calls that were computed as one, where more than one was");
  for (const Series& s : all) {
    uint64_t sum = 0;
    if (!s.reached) continue;
    for (size_t i = 0; i < kBatchBounds.size(); ++i) {
      sum += s.totals.batches[i];
      p.line("clops_batch_calls_bucket", s.labels + ",le=\"" + std::to_string(kBatchBounds[i]) + "\"", sum);
    }
    sum += s.totals.batches.back();
    p.line("clops_batch_calls_bucket", s.labels + ",le=\"+Inf\"", sum);
    p.line("clops_batch_calls_sum", s.labels, s.totals.batched_calls);
    p.line("clops_batch_calls_count", s.labels, sum);
  }
}

void print_figures(Printer& p, const std::vector<Series>& all) {
  const auto each = [&](std::string_view name, std::string_view type, std::string_view help, auto value_of) {
    p.family(name, type, help);
    for (const Series& s : all) {
      if (s.reached) p.line(name, s.labels, value_of(s.totals.figures));
    }
  };
  each("nv_inference_compute_input_duration_us", "counter",
       "Cumulative decoding of successful requests in microseconds",
       [](const FigureTotals& f) { return f.input_ns / 1000; });
  each("nv_inference_compute_infer_duration_us", "counter",
       "Cumulative computing of successful requests in microseconds",
       [](const FigureTotals& f) { return f.infer_ns / 1000; });
  each("nv_inference_compute_output_duration_us", "counter", "Cumulative writing of successful answers in microseconds",
       [](const FigureTotals& f) { return f.output_ns / 1000; });
  each("nv_inference_pending_request_count", "gauge", "Requests under way",
       [](const FigureTotals& f) { return f.begun - std::min(f.begun, f.ended); });
  each("clops_request_body_bytes_total", "counter", "Bytes of request bodies as they came",
       [](const FigureTotals& f) { return f.request_bytes; });
  each("clops_response_body_bytes_total", "counter", "Bytes of answers' bodies as they were sent",
       [](const FigureTotals& f) { return f.response_bytes; });
  print_rows(p, all);
  print_batches(p, all);
}

void print_process(Printer& p, const ProcessGauges& gauges) {
  p.family("clops_ready", "gauge", "1 when every variant with traffic is served");
  p.line("clops_ready", "", uint64_t{gauges.ready ? 1u : 0u});
  if (gauges.cold_start_seconds > 0) {
    p.family("clops_cold_start_seconds", "gauge", "From the process's start until it was first ready");
    p.line("clops_cold_start_seconds", "", gauges.cold_start_seconds);
  }
  p.family("clops_config_generation", "gauge", "Generation of serving.json in force");
  p.line("clops_config_generation", "", static_cast<uint64_t>(gauges.generation));
  p.family("clops_model_state", "gauge", "1 for the state that a variant's wanted version is in");
  for (const ModelGauge& m : gauges.models) {
    p.line("clops_model_state", labels_of({m.model, m.version, m.variant}) + ",state=\"" + m.state + "\"", uint64_t{1});
  }
  const auto each_loop = [&gauges](const auto& print) {  // that has ever been at work
    for (size_t i = 0; i < gauges.loops.size(); ++i)
      if (gauges.loops[i].active || gauges.loops[i].busy_ns > 0)
        print(gauges.loops[i], "thread=\"" + std::to_string(i) + "\"");
  };
  p.family("clops_model_load_seconds", "gauge", "What fetching, verifying and loading of the model in force took");
  for (const ModelGauge& m : gauges.models) {
    if (m.load_seconds > 0)
      p.line("clops_model_load_seconds", labels_of({m.model, m.version, m.variant}), m.load_seconds);
  }
  p.family("clops_connections", "gauge", "Open client connections by serving thread");
  each_loop([&p](const LoopStats& loop, const std::string& labels) {
    p.line("clops_connections", labels, uint64_t{loop.connections});
  });
  p.family("clops_connections_evicted_total", "counter", "Connections closed at the limit to make room for others");
  each_loop([&p](const LoopStats& loop, const std::string& labels) {
    p.line("clops_connections_evicted_total", labels, loop.evicted);
  });
  p.family("clops_queue_depth", "gauge", "Ready events that a serving thread has not handled yet");
  each_loop([&p](const LoopStats& loop, const std::string& labels) {
    p.line("clops_queue_depth", labels, uint64_t{loop.in_hand});
  });
  p.family("clops_busy_seconds_total", "counter", "Time that a serving thread was not waiting");
  each_loop([&p](const LoopStats& loop, const std::string& labels) {
    p.line("clops_busy_seconds_total", labels, static_cast<double>(loop.busy_ns) / 1e9);
  });
  p.family("clops_loop_lag_seconds", "gauge", "Longest recent wait of a ready event for its serving thread");
  each_loop([&p](const LoopStats& loop, const std::string& labels) {
    p.line("clops_loop_lag_seconds", labels, static_cast<double>(loop.lag_max_ns) / 1e9);
  });
}

}  // namespace

std::string print_metrics(const std::vector<std::shared_ptr<CounterSet>>& series, const ProcessGauges& gauges) {
  std::vector<Series> all;
  all.reserve(series.size());
  for (const auto& set : series) all.push_back({labels_of(set->key()), !set->key().variant.empty(), set->totals()});
  std::string out;
  Printer printer{out};
  print_triton(printer, all);
  print_figures(printer, all);
  print_histograms(printer, all);
  print_mirrored(printer, gauges.mirrored);
  print_process(printer, gauges);
  return out;
}

void HintSampler::sample(TimePoint now, const std::vector<LoopStats>& loops) {
  Sample& to = ring_[count_++ % kSamples];
  to = Sample{};
  to.at = now;
  threads_ = static_cast<size_t>(std::ranges::count(loops, true, &LoopStats::active));
  for (const LoopStats& loop : loops) {
    to.busy_ns += loop.busy_ns;
    to.lag_max_ns = std::max(to.lag_max_ns, loop.lag_max_ns);
    to.in_hand += static_cast<int>(loop.in_hand);
  }
  for (const auto& set : registry_.all()) {
    const VariantTotals totals = set->totals();
    to.series.push_back({set->key(), totals.requests(), totals.failures(), totals.busy_ns});
  }
}

crds::ScalingHint HintSampler::hint() const {
  crds::ScalingHint hint;
  hint.threads = static_cast<int>(threads_);
  if (count_ < 2) return hint;
  const Sample& last = ring_[(count_ - 1) % kSamples];
  const Sample& first = ring_[count_ <= kSamples ? 0 : count_ % kSamples];
  const double window = std::chrono::duration<double>(last.at - first.at).count();
  if (window <= 0) return hint;
  hint.window_seconds = window;
  hint.in_flight = last.in_hand;
  for (const Sample& sample : ring_)
    hint.loop_lag_seconds = std::max(hint.loop_lag_seconds, static_cast<double>(sample.lag_max_ns) / 1e9);
  if (threads_ > 0) {
    hint.utilisation = std::clamp(
        static_cast<double>(last.busy_ns - first.busy_ns) / 1e9 / window / static_cast<double>(threads_), 0.0, 1.0);
  }
  hint.wanted_replicas = hint.utilisation / kTargetUtilisation;
  for (const PerSeries& now : last.series) {
    const auto before = std::ranges::find(first.series, now.key, &PerSeries::key);
    const PerSeries zero;
    const PerSeries& from = before == first.series.end() ? zero : *before;
    const auto requests = static_cast<double>(now.requests - std::min(now.requests, from.requests));
    hint.requests_per_second += requests / window;
    hint.errors_per_second += static_cast<double>(now.failures - std::min(now.failures, from.failures)) / window;
    if (now.key.variant.empty()) continue;
    const auto spent = static_cast<double>(now.duration_ns - std::min(now.duration_ns, from.duration_ns)) / 1e9;
    hint.variants.push_back({now.key.model, now.key.variant, requests / window, requests > 0 ? spent / requests : 0});
  }
  return hint;
}

}  // namespace clops::serving
