#include "serving/monitoring/counters.h"

#include <algorithm>

namespace clops::serving {
namespace {

// One writer: a plain read and write of the cell, which only has to be whole for those who merge.
void bump(std::atomic<uint64_t>& cell, uint64_t by) {
  cell.store(cell.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

constexpr std::array<uint64_t, kDurationBounds.size()> bounds_ns() {
  std::array<uint64_t, kDurationBounds.size()> out{};
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<uint64_t>(kDurationBounds[i] * 1e9 + 0.5);
  return out;
}
constexpr auto kBoundsNs = bounds_ns();

}  // namespace

size_t code_index(int status) {
  const auto* const at = std::ranges::find(kCodes, status);
  if (at != kCodes.end()) return static_cast<size_t>(at - kCodes.begin());
  const int close = status >= 400 && status < 500 ? 400 : 500;
  return static_cast<size_t>(std::ranges::find(kCodes, close) - kCodes.begin());
}

int code_of(Mirrored outcome) {
  constexpr std::array kOf = {200, 500, 503, 504, 413, 409};
  return kOf[static_cast<size_t>(outcome)];
}

uint64_t VariantTotals::requests() const {
  uint64_t sum = 0;
  for (const Histogram& histogram : by_code) sum += histogram.count;
  return sum;
}
uint64_t VariantTotals::failures() const {
  return requests() - by_code[0].count;
}

void VariantCounters::Cells::add(uint64_t ns) {
  size_t bucket = 0;
  while (bucket < kBoundsNs.size() && ns > kBoundsNs[bucket]) ++bucket;
  bump(buckets[bucket], 1);
  bump(sum_ns, ns);
}

void VariantCounters::Cells::add_to(Histogram& to) const {
  for (size_t i = 0; i < to.buckets.size(); ++i) {
    const uint64_t count = buckets[i].load(std::memory_order_relaxed);
    to.buckets[i] += count;
    to.count += count;
  }
  to.sum_ns += sum_ns.load(std::memory_order_relaxed);
}

void VariantCounters::record(int status, uint64_t rows, uint64_t duration_ns) {
  by_code_[code_index(status)].add(duration_ns);
  if (rows > 0) {
    bump(rows_, rows);
    bump(executions_, 1);
  }
}

void VariantCounters::waited(uint64_t ns) {
  waits_.add(ns);
}
void VariantCounters::refuse(Refusal why) {
  bump(refused_[static_cast<size_t>(why)], 1);
}

void VariantCounters::joined(uint64_t calls) {
  size_t bucket = 0;
  while (bucket < kBatchBounds.size() && calls > kBatchBounds[bucket]) ++bucket;
  bump(batches_[bucket], 1);
  bump(batched_calls_, calls);
}

void VariantCounters::add_to(VariantTotals& totals) const {
  for (size_t code = 0; code < kCodes.size(); ++code) {
    Histogram& to = totals.by_code[code];
    const uint64_t before = to.sum_ns;
    by_code_[code].add_to(to);
    totals.busy_ns += to.sum_ns - before;
  }
  waits_.add_to(totals.waits);
  for (size_t i = 0; i < refused_.size(); ++i) totals.refused[i] += refused_[i].load(std::memory_order_relaxed);
  figures.add_to(totals.figures);
  totals.rows += rows_.load(std::memory_order_relaxed);
  const uint64_t batched = batched_calls_.load(std::memory_order_relaxed);
  uint64_t saved = batched;
  for (size_t i = 0; i < batches_.size(); ++i) {
    const uint64_t batches = batches_[i].load(std::memory_order_relaxed);
    totals.batches[i] += batches;
    saved -= std::min(saved, batches);
  }
  totals.batched_calls += batched;
  const uint64_t calls = executions_.load(std::memory_order_relaxed);
  totals.executions += calls - std::min(calls, saved);
}

CounterSet::CounterSet(SeriesKey key, size_t shards) : key_(std::move(key)), shards_(shards) {}

VariantTotals CounterSet::totals() const {
  VariantTotals totals;
  for (const VariantCounters& shard : shards_) shard.add_to(totals);
  return totals;
}

std::shared_ptr<Predictions> CounterSet::predictions(std::vector<PredictionColumn> columns) {
  const std::lock_guard lock(mutex_);
  if (predictions_ == nullptr || predictions_->columns() != columns)
    predictions_ = std::make_shared<Predictions>(std::move(columns), shards_.size());
  return predictions_;
}
std::shared_ptr<ValidationCounters> CounterSet::validation(std::vector<std::string> columns) {
  const std::lock_guard lock(mutex_);
  if (validation_ == nullptr || validation_->columns() != columns)
    validation_ = std::make_shared<ValidationCounters>(std::move(columns), shards_.size());
  return validation_;
}
std::shared_ptr<const Predictions> CounterSet::predictions() const {
  const std::lock_guard lock(mutex_);
  return predictions_;
}
std::shared_ptr<const ValidationCounters> CounterSet::validation() const {
  const std::lock_guard lock(mutex_);
  return validation_;
}

std::shared_ptr<CounterSet> CounterRegistry::get(const SeriesKey& key) {
  const std::lock_guard lock(mutex_);
  return get(series_, key, threads_);
}
std::shared_ptr<CounterSet> CounterRegistry::get_mirrored(const SeriesKey& key) {
  const std::lock_guard lock(mutex_);
  return get(mirrored_, key, threads_ + 1);
}

std::shared_ptr<CounterSet> CounterRegistry::get(Sets& series, const SeriesKey& key, size_t shards) const {
  const auto key_of = [](const std::shared_ptr<CounterSet>& set) -> const SeriesKey& { return set->key(); };
  auto at = std::ranges::lower_bound(series, key, {}, key_of);
  if (at != series.end() && (*at)->key() == key) return *at;
  if (series.size() >= series_max_) {
    // Only series that nothing serves any more may go: those in force are counted on.
    const auto unused = std::ranges::find_if(series, [](const auto& set) { return set.use_count() == 1; });
    if (unused != series.end()) series.erase(unused);
    at = std::ranges::lower_bound(series, key, {}, key_of);
  }
  return *series.insert(at, std::make_shared<CounterSet>(key, shards));
}

std::vector<std::shared_ptr<CounterSet>> CounterRegistry::all_mirrored() const {
  const std::lock_guard lock(mutex_);
  return mirrored_;
}

std::vector<std::shared_ptr<CounterSet>> CounterRegistry::all() const {
  const std::lock_guard lock(mutex_);
  return series_;
}

}  // namespace clops::serving
