// Counters of one (model, version, variant): a shard per serving thread, written by that thread alone, merged when
// read.
//
// Thread rule: a VariantCounters has one writer; any thread may read. Registry: safe from any thread (it locks; never
// used on the request path). Ownership: shared; a series lives on after its variant is gone, until more than
// `series_max` have piled up.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "serving/monitoring/call_figures.h"
#include "serving/monitoring/predictions.h"
#include "serving/monitoring/validation_counters.h"

namespace clops::serving {

inline constexpr std::array<double, 14> kDurationBounds = {0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001,
                                                           0.0025,  0.005,   0.01,    0.05,   0.1,    0.5,    1.0};
inline constexpr std::array<int, 15> kCodes = {200, 400, 401, 403, 404, 405, 408, 409,
                                               413, 415, 431, 500, 501, 503, 504};
[[nodiscard]] size_t code_index(int status);  // of kCodes; others count as 500

// Why a call was not computed that was right in itself.
enum class Refusal : uint8_t { Queue, Deadline, Concurrency, Rate };
inline constexpr std::array<std::string_view, 4> kRefusals = {"queue", "deadline", "concurrency", "rate"};

// What became of a call for the mirror; counted as HTTP's codes are.
enum class Mirrored : uint8_t { Answered, Failed, Full, Busy, Large, Schema };
inline constexpr std::array<std::string_view, 6> kMirrored = {"answered", "failed", "full", "busy", "large", "schema"};
[[nodiscard]] int code_of(Mirrored outcome);

// Calls that were computed as one.
inline constexpr std::array<uint64_t, 7> kBatchBounds = {2, 4, 8, 16, 32, 64, 128};

struct Histogram {
  std::array<uint64_t, kDurationBounds.size() + 1> buckets{};  // the last: above all bounds
  uint64_t sum_ns = 0, count = 0;
};

struct VariantTotals {
  std::array<uint64_t, kBatchBounds.size() + 1> batches{};  // of more than one call, by how many calls
  uint64_t batched_calls = 0;
  std::array<Histogram, kCodes.size()> by_code{};
  uint64_t rows = 0, executions = 0, busy_ns = 0;
  Histogram waits;  // until a call's handling began
  std::array<uint64_t, kRefusals.size()> refused{};
  FigureTotals figures;
  [[nodiscard]] uint64_t requests() const;
  [[nodiscard]] uint64_t failures() const;
};

class alignas(64) VariantCounters {
 public:
  void record(int status, uint64_t rows, uint64_t duration_ns);
  void waited(uint64_t ns);
  void refuse(Refusal why);
  void joined(uint64_t calls);  // were computed as one; to be told before they are recorded
  void add_to(VariantTotals& totals) const;
  CallFigures figures;

 private:
  using Cell = std::atomic<uint64_t>;
  struct Cells {
    std::array<Cell, kDurationBounds.size() + 1> buckets{};
    Cell sum_ns{0};
    void add(uint64_t ns);
    void add_to(Histogram& to) const;
  };
  std::array<Cells, kCodes.size()> by_code_{};
  Cells waits_;
  std::array<Cell, kRefusals.size()> refused_{};
  Cell rows_{0}, executions_{0}, batched_calls_{0};
  std::array<Cell, kBatchBounds.size() + 1> batches_{};
};

struct SeriesKey {
  std::string model, version, variant;
  auto operator<=>(const SeriesKey&) const = default;
};

class CounterSet {  // the shards of one series
 public:
  CounterSet(SeriesKey key, size_t shards);
  [[nodiscard]] VariantCounters& shard(size_t thread) { return shards_[thread]; }
  [[nodiscard]] VariantTotals totals() const;
  [[nodiscard]] const SeriesKey& key() const { return key_; }
  // For these columns: those there are, or new ones. Null without, where none were asked for yet.
  [[nodiscard]] std::shared_ptr<Predictions> predictions(std::vector<PredictionColumn> columns);
  [[nodiscard]] std::shared_ptr<ValidationCounters> validation(std::vector<std::string> columns);
  [[nodiscard]] std::shared_ptr<const Predictions> predictions() const;
  [[nodiscard]] std::shared_ptr<const ValidationCounters> validation() const;

 private:
  SeriesKey key_;
  std::vector<VariantCounters> shards_;
  mutable std::mutex mutex_;  // of what follows, which tables make and reports read
  std::shared_ptr<Predictions> predictions_;
  std::shared_ptr<ValidationCounters> validation_;
};

class CounterRegistry {
 public:
  CounterRegistry(size_t threads, size_t series_max) : threads_(threads), series_max_(series_max) {}
  [[nodiscard]] std::shared_ptr<CounterSet> get(const SeriesKey& key);
  // Of calls that were computed once more; with a shard for the thread that does.
  [[nodiscard]] std::shared_ptr<CounterSet> get_mirrored(const SeriesKey& key);
  [[nodiscard]] std::vector<std::shared_ptr<CounterSet>> all() const;  // sorted by key
  [[nodiscard]] std::vector<std::shared_ptr<CounterSet>> all_mirrored() const;

 private:
  using Sets = std::vector<std::shared_ptr<CounterSet>>;  // sorted by key
  std::shared_ptr<CounterSet> get(Sets& series, const SeriesKey& key, size_t shards) const;

  size_t threads_, series_max_;
  mutable std::mutex mutex_;
  Sets series_, mirrored_;
};

}  // namespace clops::serving
