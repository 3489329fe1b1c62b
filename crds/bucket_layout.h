// Which variant serves which of the 10 000 buckets that sticky keys hash to.
//
// The layout is explicit and kept in serving.json, so that a change of weights moves only as many buckets as it must: a
// variant that grows takes buckets from those that shrink, and no bucket moves between two variants whose weights both
// grow, both shrink or stay (invariants sticky_users_stay, growing_weight_moves_one_way).
// Pure; values; safe anywhere.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace clops::crds {

inline constexpr uint32_t kBuckets = 10'000;

struct BucketRun {  // buckets [begin, end) belong to `variant`
  uint32_t begin = 0, end = 0;
  std::string variant;
  bool operator==(const BucketRun&) const = default;
};

// Sorted, without gaps or overlaps, from 0 to kBuckets, neighbours differ. Empty = nothing decided yet.
using BucketLayout = std::vector<BucketRun>;

struct VariantShare {
  std::string variant;
  uint32_t buckets = 0;
};

// REQUIRES: shares total kBuckets, names unique. Variants not named lose all; the fewest buckets move; deterministic.
[[nodiscard]] BucketLayout rebalance(const BucketLayout& current, const std::vector<VariantShare>& shares);

[[nodiscard]] Status validate(const BucketLayout& layout);

}  // namespace clops::crds
