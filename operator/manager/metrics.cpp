#include "operator/manager/metrics.h"

#include <algorithm>
#include <charconv>

namespace clops::op {

void Metrics::add(std::string_view name, std::string_view help, std::string_view kind, Labels labels, double value) {
  auto it = std::ranges::find(families_, name, &Family::name);
  if (it == families_.end()) {
    families_.push_back({std::string(name),
                         "# HELP " + std::string(name) + " " + std::string(help) + "\n# TYPE " + std::string(name) +
                             " " + std::string(kind) + "\n",
                         ""});
    it = families_.end() - 1;
  }
  std::string& out = it->samples;
  out += name;
  char mark = '{';
  for (const auto& [key, text] : labels) {
    out += mark;
    out += key;
    out += "=\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      c == '\n' ? out += "\\n" : out += c;
    }
    out += '"';
    mark = ',';
  }
  if (mark == ',') out += '}';
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value);
  out += ' ';
  out.append(digits, end.ptr);
  out += '\n';
}

std::string Metrics::print() const {
  std::string out;
  for (const Family& family : families_) out += family.head + family.samples;
  return out;
}

void describe(Metrics& out, const ControllerRunner& runner) {
  const auto counts = runner.counts();
  const std::string& name = runner.spec().name;
  const auto ended = [&](std::string_view how, uint64_t count) {
    out.counter("clops_operator_reconciles_total", "Reconciles by how they ended.",
                {{"controller", name}, {"outcome", how}}, static_cast<double>(count));
  };
  ended("done", counts.done);
  ended("again", counts.again);
  ended("failed", counts.failed);
  ended("terminal", counts.terminal);
  out.counter("clops_operator_reconcile_seconds_total", "Time spent in reconciles.", {{"controller", name}},
              counts.seconds);
  const auto keys = [&](std::string_view state, size_t count) {
    out.gauge("clops_operator_queue_keys", "Keys of the work queue by state.", {{"controller", name}, {"state", state}},
              static_cast<double>(count));
  };
  keys("ready", counts.ready);
  keys("delayed", counts.delayed);
  keys("running", counts.running);
  keys("held", counts.holds);
  out.counter("clops_operator_holds_total", "Keys held until the cache had seen our own write.", {{"controller", name}},
              static_cast<double>(counts.held));
  out.counter("clops_operator_holds_expired_total", "Holds given up at their limit.", {{"controller", name}},
              static_cast<double>(counts.held_too_long));
}

void describe(Metrics& out, const ResourceType& type, const Informer& informer, const Store& store, TimePoint now) {
  const Informer::Counters& counters = informer.counters();
  const auto count = [&](std::string_view name, std::string_view help, const std::atomic<uint64_t>& value) {
    out.counter(name, help, {{"type", type.plural}}, static_cast<double>(value.load(std::memory_order_relaxed)));
  };
  out.gauge("clops_operator_cache_objects", "Objects in the cache.", {{"type", type.plural}},
            static_cast<double>(store.size()));
  count("clops_operator_lists_total", "Lists begun.", counters.lists);
  count("clops_operator_watches_total", "Watches opened.", counters.watches);
  count("clops_operator_watch_frames_total", "Frames read from watches.", counters.frames);
  count("clops_operator_watch_failures_total", "Lists and watches that failed.", counters.failures);
  if (const int64_t heard = counters.heard_at_ns.load(std::memory_order_relaxed); heard != 0) {
    const double quiet = std::chrono::duration<double>(now.time_since_epoch() - Duration{heard}).count();
    out.gauge("clops_operator_watch_quiet_seconds", "Time since the last frame; bookmarks come each minute.",
              {{"type", type.plural}}, quiet);
  }
}

void describe(Metrics& out, const election::GatedClient& client) {
  static constexpr std::pair<kube::Verb, std::string_view> kNames[] = {
      {kube::Verb::Get, "get"},       {kube::Verb::List, "list"},     {kube::Verb::Watch, "watch"},
      {kube::Verb::Create, "create"}, {kube::Verb::Update, "update"}, {kube::Verb::Patch, "patch"},
      {kube::Verb::Apply, "apply"},   {kube::Verb::Delete, "delete"}, {kube::Verb::Logs, "logs"}};
  for (const auto& [verb, name] : kNames) {
    out.counter("clops_operator_api_requests_total", "Requests to the Kubernetes API, without the lease's.",
                {{"verb", name}}, static_cast<double>(client.calls(verb)));
  }
}

}  // namespace clops::op
