#include "crds/bucket_layout.h"

#include <algorithm>
#include <array>
#include <map>

namespace clops::crds {
namespace {

constexpr int kFree = -1;
using Owners = std::vector<int>;  // per bucket: index into the sorted shares, or kFree

Owners owners_of(const BucketLayout& layout, const std::vector<VariantShare>& shares) {
  Owners owners(kBuckets, kFree);
  std::map<std::string_view, int> index;
  for (size_t i = 0; i < shares.size(); ++i) index[shares[i].variant] = static_cast<int>(i);
  for (const BucketRun& run : layout) {
    const auto it = index.find(run.variant);
    if (it == index.end()) continue;
    for (uint32_t b = run.begin; b < std::min(run.end, kBuckets); ++b) owners[b] = it->second;
  }
  return owners;
}

// A shrinking variant gives up its highest buckets: its users who stay are always the same ones.
void give_up(Owners& owners, const std::vector<VariantShare>& shares) {
  std::vector<int64_t> surplus(shares.size());
  for (size_t i = 0; i < shares.size(); ++i) surplus[i] = -static_cast<int64_t>(shares[i].buckets);
  for (const int owner : owners) {
    if (owner != kFree) ++surplus[static_cast<size_t>(owner)];
  }
  for (uint32_t b = kBuckets; b-- > 0;) {
    if (owners[b] == kFree) continue;
    int64_t& over = surplus[static_cast<size_t>(owners[b])];
    if (over <= 0) continue;
    owners[b] = kFree;
    --over;
  }
}

void take(Owners& owners, const std::vector<VariantShare>& shares) {
  std::vector<int64_t> missing(shares.size());
  for (size_t i = 0; i < shares.size(); ++i) missing[i] = shares[i].buckets;
  for (const int owner : owners) {
    if (owner != kFree) --missing[static_cast<size_t>(owner)];
  }
  size_t taker = 0;
  for (uint32_t b = 0; b < kBuckets; ++b) {
    if (owners[b] != kFree) continue;
    while (taker < shares.size() && missing[taker] <= 0) ++taker;
    if (taker == shares.size()) return;
    owners[b] = static_cast<int>(taker);
    --missing[taker];
  }
}

// Nothing to move, which is nearly always so: each reconcile asks.
bool already(const BucketLayout& layout, const std::vector<VariantShare>& shares) {
  std::map<std::string_view, int64_t> missing;
  for (const VariantShare& share : shares) missing[share.variant] += share.buckets;
  for (const BucketRun& run : layout) {
    const auto it = missing.find(run.variant);
    if (it == missing.end()) return false;
    it->second -= run.end - run.begin;
  }
  return validate(layout) && std::ranges::all_of(missing, [](const auto& entry) { return entry.second == 0; });
}

}  // namespace

BucketLayout rebalance(const BucketLayout& current, const std::vector<VariantShare>& wanted) {
  std::vector<VariantShare> shares = wanted;  // by name: the order they are written in must not matter
  std::sort(shares.begin(), shares.end(), [](const auto& a, const auto& b) { return a.variant < b.variant; });
  if (already(current, shares)) return current;
  Owners owners = owners_of(current, shares);
  give_up(owners, shares);
  take(owners, shares);
  BucketLayout layout;
  for (uint32_t b = 0; b < kBuckets; ++b) {
    if (owners[b] == kFree) continue;  // only when the shares total less than all buckets, against the contract
    const std::string& variant = shares[static_cast<size_t>(owners[b])].variant;
    if (!layout.empty() && layout.back().end == b && layout.back().variant == variant) {
      ++layout.back().end;
    } else {
      layout.push_back({b, b + 1, variant});
    }
  }
  return layout;
}

Status validate(const BucketLayout& layout) {
  uint32_t at = 0;
  for (size_t i = 0; i < layout.size(); ++i) {
    const BucketRun& run = layout[i];
    const std::string where = "buckets[" + std::to_string(i) + "]";
    if (run.begin != at) {
      return fail(Code::InvalidArgument,
                  where + ": begins at " + std::to_string(run.begin) + ", must begin at " + std::to_string(at));
    }
    if (run.end <= run.begin || run.end > kBuckets) {
      return fail(Code::InvalidArgument, where + ": ends at " + std::to_string(run.end) + ", must end after " +
                                             std::to_string(run.begin) + " and not beyond " + std::to_string(kBuckets));
    }
    if (run.variant.empty()) return fail(Code::InvalidArgument, where + ".variant: must not be empty");
    if (i > 0 && layout[i - 1].variant == run.variant) {
      return fail(Code::InvalidArgument, where + ": continues the run before it; write them as one");
    }
    at = run.end;
  }
  if (at == kBuckets) return {};
  return fail(Code::InvalidArgument,
              "buckets: end at " + std::to_string(at) + ", must end at " + std::to_string(kBuckets));
}

}  // namespace clops::crds
