#include "serving/monitoring/predictions.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

#include "serving/protocol/element_types.h"
#include "serving/protocol/inference.h"

namespace clops::serving {

std::vector<PredictionColumn> prediction_columns(const EngineInfo& info) {
  std::vector<PredictionColumn> out;
  for (uint32_t i = 0; i < info.outputs.size(); ++i) {
    const TensorSpec& spec = info.outputs[i];
    if (spec.on_request) continue;
    const bool known = !spec.any_shape && (spec.shape.size() == 1 || (spec.shape.size() == 2 && spec.shape[1] > 0));
    const int64_t width = known && spec.shape.size() == 2 ? spec.shape[1] : 1;
    for (int64_t column = 0; column < width && out.size() < kPredictionColumnsMax; ++column)
      out.push_back(
          {.output = spec.name, .output_index = i, .index = known ? column : -1, .classes = !is_real(spec.datatype)});
  }
  return out;
}

NumberHistogram::~NumberHistogram() {
  for (const auto& octave : octaves_) delete octave.load(std::memory_order_relaxed);
}

NumberHistogram::Octave& NumberHistogram::octave(size_t slot) {
  Octave* at = octaves_[slot].load(std::memory_order_relaxed);
  if (at == nullptr) {
    at = new Octave;
    octaves_[slot].store(at, std::memory_order_release);
  }
  return *at;
}

void NumberHistogram::add(double value) {
  constexpr double kLeast = 0x1p-32, kMost = 0x1p32;
  static_assert(kOctaveFirst == -32 && kOctaves == 64);
  const double size = std::fabs(value);
  const bool negative = value < 0;
  if (size <= kLeast) {
    count_up(zero_);
  } else if (size <= kMost) {
    // One bit less makes a bucket keep its upper bound and not its lower.
    const uint64_t bits = std::bit_cast<uint64_t>(size) - 1;
    const auto power = static_cast<int>(bits >> 52) - 1023 - kOctaveFirst;
    const auto slot = static_cast<size_t>(power) + (negative ? 0 : static_cast<size_t>(kOctaves));
    count_up(octave(slot).parts[(bits >> 49) & (kParts - 1)]);
  } else if (std::isnan(value)) {
    count_up(nan_);
    return;
  } else {
    count_up(negative ? below_ : above_);
    if (std::isinf(value)) return;
  }
  sum_.store(sum_.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
}

void NumberHistogram::merge(const std::vector<const NumberHistogram*>& all, NumberTotals& totals) {
  const auto bound = [](int octave, size_t part) {
    return std::ldexp(1.0 + static_cast<double>(part) / static_cast<double>(kParts), octave + kOctaveFirst);
  };
  const auto add_bucket = [&](int octave, size_t part, bool negative) {
    uint64_t count = 0;
    for (const NumberHistogram* one : all) {
      const auto slot = static_cast<size_t>(octave) + (negative ? 0 : static_cast<size_t>(kOctaves));
      const Octave* at = one->octaves_[slot].load(std::memory_order_acquire);
      if (at != nullptr) count += value_of(at->parts[part]);
    }
    if (count == 0) return;
    const double sign = negative ? -1 : 1;
    totals.buckets.push_back({sign * bound(octave, part), sign * bound(octave, part + 1), count});
    totals.count += count;
  };
  for (const NumberHistogram* one : all) {
    totals.nan += value_of(one->nan_);
    totals.zero += value_of(one->zero_);
    totals.below += value_of(one->below_);
    totals.above += value_of(one->above_);
    totals.sum += one->sum_.load(std::memory_order_relaxed);
  }
  totals.count += totals.zero + totals.below + totals.above;
  for (int octave = kOctaves - 1; octave >= 0; --octave)
    for (size_t part = kParts; part-- > 0;) add_bucket(octave, part, true);
  for (int octave = 0; octave < kOctaves; ++octave)
    for (size_t part = 0; part < kParts; ++part) add_bucket(octave, part, false);
}

void ClassCounts::add(int64_t number) {
  const uint32_t size = size_.load(std::memory_order_relaxed);
  for (uint32_t i = 0; i < size; ++i)
    if (entries_[i].number == number) return count_up(entries_[i].count);
  if (size == entries_.size()) return count_up(other_);
  entries_[size].number = number;
  entries_[size].text = std::to_string(number);
  count_up(entries_[size].count);
  size_.store(size + 1, std::memory_order_release);
}

void ClassCounts::add(std::string_view text) {
  const uint32_t size = size_.load(std::memory_order_relaxed);
  for (uint32_t i = 0; i < size; ++i)
    if (entries_[i].text == text) return count_up(entries_[i].count);
  if (size == entries_.size() || text.size() > kClassBytesMax) return count_up(other_);
  entries_[size].text = text;
  count_up(entries_[size].count);
  size_.store(size + 1, std::memory_order_release);
}

void ClassCounts::merge(const std::vector<const ClassCounts*>& all, ClassTotals& totals) {
  std::map<std::string, uint64_t> sums;
  for (const ClassCounts* one : all) {
    const uint32_t size = one->size_.load(std::memory_order_acquire);
    for (uint32_t i = 0; i < size; ++i) sums[one->entries_[i].text] += value_of(one->entries_[i].count);
    totals.other += value_of(one->other_);
  }
  totals.classes.assign(sums.begin(), sums.end());
  std::ranges::sort(totals.classes, [](const auto& one, const auto& other) {
    return one.second != other.second ? one.second > other.second : one.first < other.first;
  });
  for (; totals.classes.size() > kPredictionClassesMax; totals.classes.pop_back())
    totals.other += totals.classes.back().second;
}

void PredictionShard::add(size_t column, const PredictionColumn& of, const TensorView& view) {
  if (view.count == 0 || of.classes == is_real(view.datatype)) return;
  const size_t width = of.index < 0 ? 1 : view.count / view.rows();
  const size_t first = of.index < 0 ? 0 : static_cast<size_t>(of.index);
  if (first >= width) return;
  with_type(view.datatype, [&](auto type) {
    using T = decltype(type);
    const T* const values = static_cast<const T*>(view.data);
    for (size_t i = first; i < view.count; i += width) {
      if constexpr (std::is_same_v<T, std::string_view>) {
        classes_[column]->add(values[i]);
      } else if constexpr (is_short_float<T>) {
        numbers_[column]->add(values[i].to_float());
      } else if constexpr (std::is_floating_point_v<T>) {
        numbers_[column]->add(values[i]);
      } else {
        classes_[column]->add(static_cast<int64_t>(values[i]));
      }
    }
  });
}

Predictions::Predictions(std::vector<PredictionColumn> columns, size_t threads)
    : columns_(std::move(columns)), shards_(threads) {
  for (PredictionShard& shard : shards_) {
    shard.columns_ = &columns_;
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].classes) {
        shard.classes_[i] = std::make_unique<ClassCounts>();
      } else {
        shard.numbers_[i] = std::make_unique<NumberHistogram>();
      }
    }
  }
}

NumberTotals Predictions::numbers(size_t column) const {
  std::vector<const NumberHistogram*> all;
  NumberTotals totals;
  for (const PredictionShard& shard : shards_) all.push_back(shard.numbers_[column].get());
  NumberHistogram::merge(all, totals);
  return totals;
}

ClassTotals Predictions::classes(size_t column) const {
  std::vector<const ClassCounts*> all;
  ClassTotals totals;
  for (const PredictionShard& shard : shards_) all.push_back(shard.classes_[column].get());
  ClassCounts::merge(all, totals);
  return totals;
}

void add_predictions(PredictionShard& shard, const Inference& inference) {
  const std::vector<PredictionColumn>& columns = shard.columns();
  const std::vector<uint32_t>& asked = inference.request.outputs;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (std::ranges::find(asked, columns[i].output_index) == asked.end()) continue;
    shard.add(i, columns[i], inference.computed(columns[i].output_index));
  }
}

}  // namespace clops::serving
