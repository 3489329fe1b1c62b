// Properties of the bucket layout over random histories of weights, with three variants and more.
#include "crds/bucket_layout.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace clops::crds {
namespace {

std::vector<std::string> owners(const BucketLayout& layout) {
  std::vector<std::string> out;
  for (const auto& run : layout) out.insert(out.end(), run.end - run.begin, run.variant);
  return out;
}

std::map<std::string, uint32_t> sizes(const BucketLayout& layout) {
  std::map<std::string, uint32_t> out;
  for (const auto& run : layout) out[run.variant] += run.end - run.begin;
  return out;
}

std::vector<VariantShare> random_shares(std::mt19937& rng, const std::vector<std::string>& names) {
  std::vector<VariantShare> out;
  uint32_t left = 100;
  for (size_t i = 0; i < names.size(); ++i) {
    const uint32_t weight = i + 1 == names.size() ? left : std::uniform_int_distribution<uint32_t>(0, left)(rng);
    left -= weight;
    out.push_back({names[i], weight * (kBuckets / 100)});
  }
  std::shuffle(out.begin(), out.end(), rng);
  return out;
}

TEST(BucketLayout, first_layout_is_one_run_per_variant) {
  EXPECT_EQ(rebalance({}, {{"champion", 9'000}, {"challenger", 1'000}, {"next", 0}}),
            (BucketLayout{{0, 1'000, "challenger"}, {1'000, 10'000, "champion"}}));
}

TEST(BucketLayout, the_same_weights_change_nothing_in_any_order) {
  const auto layout = rebalance({}, {{"a", 5'000}, {"b", 2'000}, {"c", 3'000}});
  EXPECT_EQ(rebalance(layout, {{"c", 3'000}, {"a", 5'000}, {"b", 2'000}}), layout);
}

TEST(BucketLayout, weights_total_100) {
  std::mt19937 rng(7);
  BucketLayout layout;
  for (int step = 0; step < 300; ++step) {
    const auto shares = random_shares(rng, {"a", "b", "c", "d"});
    layout = rebalance(layout, shares);
    ASSERT_TRUE(validate(layout)) << validate(layout).error().message;
    auto have = sizes(layout);
    for (const auto& share : shares)
      ASSERT_EQ(have[share.variant], share.buckets) << share.variant << " at step " << step;
  }
}

// A bucket moves only from a variant that shrinks to one that grows, and no more of them than must.
TEST(BucketLayout, sticky_users_stay) {
  std::mt19937 rng(11);
  BucketLayout layout = rebalance({}, {{"a", 3'400}, {"b", 3'300}, {"c", 3'300}});
  for (int step = 0; step < 300; ++step) {
    const auto before = owners(layout);
    auto had = sizes(layout);
    const auto shares = random_shares(rng, {"a", "b", "c"});
    layout = rebalance(layout, shares);
    const auto after = owners(layout);
    std::map<std::string, int64_t> change;
    int64_t must_move = 0;
    for (const auto& share : shares) {
      change[share.variant] = static_cast<int64_t>(share.buckets) - had[share.variant];
      must_move += std::max<int64_t>(change[share.variant], 0);
    }
    int64_t moved = 0;
    for (uint32_t b = 0; b < kBuckets; ++b) {
      if (before[b] == after[b]) continue;
      ++moved;
      ASSERT_LT(change[before[b]], 0) << "bucket " << b << " left " << before[b] << ", which does not shrink";
      ASSERT_GT(change[after[b]], 0) << "bucket " << b << " went to " << after[b] << ", which does not grow";
    }
    ASSERT_EQ(moved, must_move);
  }
}

TEST(BucketLayout, a_bystander_keeps_every_bucket) {
  BucketLayout layout = rebalance({}, {{"a", 5'000}, {"b", 3'000}, {"c", 2'000}});
  const auto before = owners(layout);
  const auto after = owners(rebalance(layout, {{"a", 4'000}, {"b", 4'000}, {"c", 2'000}}));
  for (uint32_t b = 0; b < kBuckets; ++b) EXPECT_EQ(before[b] == "c", after[b] == "c") << b;
}

TEST(BucketLayout, growing_weight_moves_one_way) {
  BucketLayout layout = rebalance({}, {{"champion", 10'000}, {"challenger", 0}, {"third", 0}});
  for (uint32_t challenger = 100; challenger <= 10'000; challenger += 300) {
    const auto before = owners(layout);
    layout = rebalance(layout, {{"champion", kBuckets - challenger}, {"challenger", challenger}, {"third", 0}});
    const auto after = owners(layout);
    for (uint32_t b = 0; b < kBuckets; ++b) {
      if (before[b] == "challenger") {
        ASSERT_EQ(after[b], "challenger") << b;
      }
    }
  }
}

TEST(BucketLayout, a_variant_that_is_gone_loses_all) {
  const auto layout = rebalance({}, {{"old", 6'000}, {"stays", 4'000}});
  const auto after = rebalance(layout, {{"new", 6'000}, {"stays", 4'000}});
  EXPECT_EQ(sizes(after), (std::map<std::string, uint32_t>{{"new", 6'000}, {"stays", 4'000}}));
}

TEST(BucketLayout, damaged_layouts_are_told_from_whole_ones) {
  struct Row {
    const char* why;
    BucketLayout layout;
    const char* says;
  };
  const std::vector<Row> table{
      {"empty", {}, "must end at 10000"},
      {"gap", {{0, 10, "a"}, {11, 10'000, "b"}}, "buckets[1]: begins at 11"},
      {"overlap", {{0, 10, "a"}, {9, 10'000, "b"}}, "buckets[1]: begins at 9"},
      {"too long", {{0, 10'001, "a"}}, "not beyond 10000"},
      {"backwards", {{0, 0, "a"}, {0, 10'000, "b"}}, "buckets[0]"},
      {"unnamed", {{0, 10'000, ""}}, "variant"},
      {"split", {{0, 10, "a"}, {10, 10'000, "a"}}, "write them as one"},
  };
  for (const auto& row : table) {
    const auto status = validate(row.layout);
    ASSERT_FALSE(status) << row.why;
    EXPECT_NE(status.error().message.find(row.says), std::string::npos) << row.why << ": " << status.error().message;
  }
}

// What is in force may have been damaged on the way: rebalancing still gives a whole layout.
TEST(BucketLayout, damage_heals) {
  const BucketLayout damaged{{0, 20'000, "a"}, {500, 100, "b"}, {50, 60, "ghost"}};
  EXPECT_TRUE(validate(rebalance(damaged, {{"a", 5'000}, {"b", 5'000}})));
}

}  // namespace
}  // namespace clops::crds
