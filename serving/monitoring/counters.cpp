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

uint64_t VariantTotals::requests() const {
  uint64_t sum = 0;
  for (const Histogram& histogram : by_code) sum += histogram.count;
  return sum;
}
uint64_t VariantTotals::failures() const {
  return requests() - by_code[0].count;
}

void VariantCounters::record(int status, uint64_t rows, uint64_t duration_ns) {
  Cells& cells = by_code_[code_index(status)];
  size_t bucket = 0;
  while (bucket < kBoundsNs.size() && duration_ns > kBoundsNs[bucket]) ++bucket;
  bump(cells.buckets[bucket], 1);
  bump(cells.sum_ns, duration_ns);
  if (rows > 0) {
    bump(rows_, rows);
    bump(executions_, 1);
  }
}

void VariantCounters::add_to(VariantTotals& totals) const {
  for (size_t code = 0; code < kCodes.size(); ++code) {
    Histogram& to = totals.by_code[code];
    for (size_t i = 0; i < to.buckets.size(); ++i) {
      const uint64_t count = by_code_[code].buckets[i].load(std::memory_order_relaxed);
      to.buckets[i] += count;
      to.count += count;
    }
    const uint64_t sum = by_code_[code].sum_ns.load(std::memory_order_relaxed);
    to.sum_ns += sum;
    totals.busy_ns += sum;
  }
  totals.rows += rows_.load(std::memory_order_relaxed);
  totals.executions += executions_.load(std::memory_order_relaxed);
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
  const auto key_of = [](const std::shared_ptr<CounterSet>& set) -> const SeriesKey& { return set->key(); };
  auto at = std::ranges::lower_bound(series_, key, {}, key_of);
  if (at != series_.end() && (*at)->key() == key) return *at;
  if (series_.size() >= series_max_) {
    // Only series that nothing serves any more may go: those in force are counted on.
    const auto unused = std::ranges::find_if(series_, [](const auto& set) { return set.use_count() == 1; });
    if (unused != series_.end()) series_.erase(unused);
    at = std::ranges::lower_bound(series_, key, {}, key_of);
  }
  return *series_.insert(at, std::make_shared<CounterSet>(key, threads_));
}

std::vector<std::shared_ptr<CounterSet>> CounterRegistry::all() const {
  const std::lock_guard lock(mutex_);
  return series_;
}

}  // namespace clops::serving
