// How a variant's predictions are spread: for each of its first columns of output a histogram of numbers, or counts of
// classes where the output is integers or text.
//
// Buckets are fixed, so that those of threads, pods and versions can be added up and compared without agreeing on
// anything: each power of two from 2^-32 to 2^32 in eight equal parts, above zero and below, so that a bucket is at
// most an eighth as wide as what is in it and a probability above a half has eight of its own. A bucket has its upper
// bound and not its lower (by size; negative numbers as their mirror images); what is smaller counts as zero, what is
// larger as beyond. Memory comes with the values: one cache line for each power of two that is met. Thread rule: a
// PredictionShard has one writer; any thread may read. Ownership: owns its buckets. Errors: none.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "serving/monitoring/cells.h"
#include "serving/protocol/engine.h"

namespace clops::serving {

class Inference;

inline constexpr size_t kPredictionColumnsMax = 16, kPredictionClassesMax = 32, kClassBytesMax = 64;

struct PredictionColumn {
  std::string output;
  uint32_t output_index = 0;
  int64_t index = 0;     // in a row; -1: all values of a row, where it has no fixed width
  bool classes = false;  // counts, and no histogram
  bool operator==(const PredictionColumn&) const = default;
};
// The first few, of outputs that are always given.
[[nodiscard]] std::vector<PredictionColumn> prediction_columns(const EngineInfo& info);

inline constexpr int kOctaves = 64, kOctaveFirst = -32;
inline constexpr size_t kParts = 8;
struct NumberBucket {
  double low = 0, high = 0;  // low < |value| <= high, with the sign of both
  uint64_t count = 0;
};
struct NumberTotals {
  uint64_t count = 0, nan = 0, zero = 0, below = 0, above = 0;  // count: without nan; below, above: beyond the buckets
  double sum = 0;                                               // of the finite
  std::vector<NumberBucket> buckets;                            // ascending, those that have something
};
struct ClassTotals {
  std::vector<std::pair<std::string, uint64_t>> classes;  // most first
  uint64_t other = 0;                                     // of classes that were met when there were many already
};

class NumberHistogram {
 public:
  NumberHistogram() = default;
  ~NumberHistogram();
  NumberHistogram(const NumberHistogram&) = delete;
  NumberHistogram& operator=(const NumberHistogram&) = delete;
  void add(double value);
  static void merge(const std::vector<const NumberHistogram*>& all, NumberTotals& totals);

 private:
  struct alignas(64) Octave {
    std::array<Cell, kParts> parts{};
  };
  Octave& octave(size_t slot);
  std::array<std::atomic<Octave*>, size_t{2} * kOctaves> octaves_{};  // negative ones first
  Cell nan_{0}, zero_{0}, below_{0}, above_{0};
  std::atomic<double> sum_{0};
};

class ClassCounts {
 public:
  void add(int64_t number);
  void add(std::string_view text);
  static void merge(const std::vector<const ClassCounts*>& all, ClassTotals& totals);

 private:
  struct Entry {
    int64_t number = 0;
    std::string text;
    Cell count{0};
  };
  std::array<Entry, kPredictionClassesMax> entries_{};
  std::atomic<uint32_t> size_{0};
  Cell other_{0};
};

class PredictionShard {
 public:
  // `view`: the output that the column is of.
  void add(size_t column, const PredictionColumn& of, const TensorView& view);
  [[nodiscard]] const std::vector<PredictionColumn>& columns() const { return *columns_; }

 private:
  friend class Predictions;
  const std::vector<PredictionColumn>* columns_ = nullptr;
  std::array<std::unique_ptr<NumberHistogram>, kPredictionColumnsMax> numbers_;
  std::array<std::unique_ptr<ClassCounts>, kPredictionColumnsMax> classes_;
};

// All columns of the outputs that the call asked for.
void add_predictions(PredictionShard& shard, const Inference& inference);

class Predictions {  // of one variant
 public:
  Predictions(std::vector<PredictionColumn> columns, size_t threads);
  [[nodiscard]] PredictionShard& shard(size_t thread) { return shards_[thread]; }
  [[nodiscard]] const std::vector<PredictionColumn>& columns() const { return columns_; }
  [[nodiscard]] NumberTotals numbers(size_t column) const;
  [[nodiscard]] ClassTotals classes(size_t column) const;

 private:
  std::vector<PredictionColumn> columns_;
  std::vector<PredictionShard> shards_;
};

}  // namespace clops::serving
