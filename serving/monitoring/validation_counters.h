// What was found wrong at the door, of one variant: by column and reason, a shard per serving thread.
//
// Thread rule: a ValidationShard has one writer; any thread may read. Ownership: shared by tables and whoever reads.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "serving/monitoring/cells.h"

namespace clops::serving {

inline constexpr std::array<std::string_view, 3> kValidationReasons = {"range", "category", "null"};  // of a value
enum class ValidationEnd : uint8_t { Rejected, Warned, Schema };  // Schema: it did not even fit the model's tensors

class ValidationShard {
 public:
  void fault(size_t column, size_t reason) { count_up(faults_[column * kValidationReasons.size() + reason]); }
  void ended(ValidationEnd how) { count_up(ends_[static_cast<size_t>(how)]); }

 private:
  friend class ValidationCounters;
  std::unique_ptr<Cell[]> faults_;
  std::array<Cell, 3> ends_{};
  std::array<std::byte, 64> apart_{};  // from the next thread's
};

class ValidationCounters {
 public:
  ValidationCounters(std::vector<std::string> columns, size_t threads)
      : columns_(std::move(columns)), shards_(threads) {
    for (ValidationShard& shard : shards_)
      shard.faults_ = std::make_unique<Cell[]>(columns_.size() * kValidationReasons.size());
  }
  [[nodiscard]] ValidationShard& shard(size_t thread) { return shards_[thread]; }
  [[nodiscard]] const std::vector<std::string>& columns() const { return columns_; }
  [[nodiscard]] uint64_t faults(size_t column, size_t reason) const {
    uint64_t sum = 0;
    for (const ValidationShard& shard : shards_)
      sum += value_of(shard.faults_[column * kValidationReasons.size() + reason]);
    return sum;
  }
  [[nodiscard]] uint64_t ends(ValidationEnd how) const {
    uint64_t sum = 0;
    for (const ValidationShard& shard : shards_) sum += value_of(shard.ends_[static_cast<size_t>(how)]);
    return sum;
  }

 private:
  std::vector<std::string> columns_;
  std::vector<ValidationShard> shards_;
};

}  // namespace clops::serving
