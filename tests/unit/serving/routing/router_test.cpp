#include "serving/routing/router.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace clops::serving {
namespace {

crds::ServingVariant variant(std::string name, int weight) {
  return {.name = std::move(name), .weight = weight, .model = {}, .fallback = {}};
}

crds::ServingModel three() {
  return {.name = "fraud",
          .salt = "0e1d2c3b",
          .sticky_header = "X-User-Id",
          .rules = {{.header = "X-Clops-Variant", .value = "next", .variant = "next"}},
          .variants = {variant("champion", 70), variant("challenger", 20), variant("next", 10)},
          .stable = "champion",
          .buckets = {}};
}

Router must(const crds::ServingModel& model) {
  auto router = Router::make(model);
  EXPECT_TRUE(router) << (router ? "" : router.error().message);
  return router ? *router : Router{};
}

std::string key(int i) {
  return "user-" + std::to_string(i);
}

TEST(Router, rules_come_first_whatever_the_case_of_the_header) {
  const Router router = must(three());
  for (const std::string_view name : {"x-clops-variant", "X-Clops-Variant", "X-CLOPS-VARIANT"}) {
    const HeaderView headers[] = {{"x-user-id", "alice"}, {name, "next"}};
    EXPECT_EQ(router.choose_from(headers, 0), (Route{2, RouteReason::Rule})) << name;
  }
  const HeaderView other_value[] = {{"X-Clops-Variant", "Next"}};
  EXPECT_EQ(router.choose_from(other_value, 0).reason, RouteReason::PerRequest) << "values compare exactly";
}

TEST(Router, callers_who_may_choose_do_and_others_are_told_why_not) {
  const HeaderView ask[] = {{"x-user-id", "alice"}, {"X-Clops-Variant", "challenger"}};
  EXPECT_FALSE(must(three()).has_choosers());
  crds::ServingModel model = three();
  model.chosen_by.callers = {"tests", "batch"};
  const Router router = must(model);
  ASSERT_TRUE(router.has_choosers());
  for (const std::string_view name : {"batch", "tests"}) {
    const auto asked = router.asked_for(ask, name);
    ASSERT_TRUE(asked) << asked.error().message;
    EXPECT_EQ(*asked, 1U);
    const HeaderView none[] = {{"x-user-id", "alice"}};
    EXPECT_FALSE(router.asked_for(none, name).value());
    const HeaderView empty[] = {{"x-clops-variant", ""}};
    EXPECT_FALSE(router.asked_for(empty, name).value());
    const HeaderView unknown[] = {{"x-clops-variant", "Challenger"}};
    EXPECT_EQ(router.asked_for(unknown, name).error().code, Code::NotFound);
    EXPECT_NE(router.asked_for(unknown, name).error().message.find("champion, challenger, next"), std::string::npos);
  }
  for (const std::string_view name : {"", "bat", "batch2", "Batch"}) {
    const auto asked = router.asked_for(ask, name);
    ASSERT_FALSE(asked) << name;
    EXPECT_EQ(asked.error().code, Code::PermissionDenied);
    EXPECT_NE(asked.error().message.find(name.empty() ? "x-clops-variant" : name), std::string::npos);
  }
}

TEST(Router, rules_are_taken_in_order) {
  crds::ServingModel model = three();
  model.rules = {{"a", "1", "challenger"}, {"a", "1", "next"}, {"b", "1", "champion"}};
  const HeaderView headers[] = {{"B", "1"}, {"A", "1"}};
  EXPECT_EQ(must(model).choose_from(headers, 0).variant, 1U);
}

TEST(Router, a_user_stays_whatever_the_random_number) {
  const Router router = must(three());
  for (int i = 0; i < 200; ++i) {
    const std::string user = key(i);
    const HeaderView headers[] = {{"x-USER-id", user}};
    const Route first = router.choose_from(headers, 1);
    EXPECT_EQ(first.reason, RouteReason::Sticky);
    for (uint64_t random = 7; random != 0; random *= 0x9e3779b97f4a7c14ULL)
      EXPECT_EQ(router.choose_from(headers, random), first);
  }
}

TEST(Router, without_the_sticky_header_or_with_an_empty_one_each_request_is_split) {
  const Router router = must(three());
  EXPECT_EQ(router.choose_from({}, 0).reason, RouteReason::PerRequest);
  const HeaderView empty[] = {{"x-user-id", ""}};
  EXPECT_EQ(router.choose_from(empty, 0).reason, RouteReason::PerRequest);
  EXPECT_EQ(router.choose_from({}, 0).variant, router.variant_of(0));
  EXPECT_EQ(router.choose_from({}, ~0ULL).variant, router.variant_of(crds::kBuckets - 1));
}

// Expected counts n*p within five standard deviations.
void expect_shares(const std::map<uint32_t, int>& counts, const std::vector<double>& shares, int n) {
  for (uint32_t i = 0; i < shares.size(); ++i) {
    const double p = shares[i], expected = n * p, spread = 5 * std::sqrt(n * p * (1 - p));
    const auto at = counts.find(i);
    EXPECT_NEAR(at == counts.end() ? 0 : at->second, expected, spread) << "variant " << i;
  }
}

TEST(Router, both_splits_follow_the_weights_over_three_variants) {
  const Router router = must(three());
  std::map<uint32_t, int> sticky, random;
  uint64_t state = 42;
  constexpr int kRequests = 20'000;
  for (int i = 0; i < kRequests; ++i) {
    const std::string user = key(i);
    const HeaderView headers[] = {{"x-user-id", user}};
    ++sticky[router.choose_from(headers, 0).variant];
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    ++random[router.choose_from({}, state).variant];
  }
  expect_shares(sticky, {0.7, 0.2, 0.1}, kRequests);
  expect_shares(random, {0.7, 0.2, 0.1}, kRequests);
}

TEST(Router, salts_split_users_independently) {
  int same = 0;
  for (int i = 0; i < 1000; ++i) same += (bucket_of("one", key(i)) < 5000) == (bucket_of("two", key(i)) < 5000);
  EXPECT_NEAR(same, 500, 80);
}

TEST(Router, growing_weight_moves_users_to_the_variant_that_grows_only) {
  crds::ServingModel before = three();
  before.buckets = crds::rebalance({}, {{"champion", 7000}, {"challenger", 2000}, {"next", 1000}});
  crds::ServingModel after = before;
  after.buckets = crds::rebalance(before.buckets, {{"champion", 5000}, {"challenger", 4000}, {"next", 1000}});
  const Router from = must(before), to = must(after);
  int moved = 0;
  for (int i = 0; i < 5000; ++i) {
    const std::string user = key(i);
    const HeaderView headers[] = {{"x-user-id", user}};
    const uint32_t was = from.choose_from(headers, 0).variant, is = to.choose_from(headers, 0).variant;
    if (was == is) continue;
    ++moved;
    EXPECT_EQ(was, 0U) << user;
    EXPECT_EQ(is, 1U) << user;
  }
  EXPECT_NEAR(moved, 1000, 150);
}

// By what the request says, users stay and move as by header, and to the same variants.
TEST(Router, keys_of_the_content_split_as_headers_do) {
  crds::ServingModel by_header = three(), by_parameter = three(), by_column = three();
  by_parameter.sticky_header = by_column.sticky_header = "";
  by_parameter.sticky_parameter = "user";
  by_column.sticky_column = "user";
  crds::BucketLayout layout = crds::rebalance({}, {{"champion", 10'000}});
  for (const uint32_t challenger : {0U, 500U, 2'500U, 6'000U, 10'000U}) {
    const crds::BucketLayout next =
        crds::rebalance(layout, {{"champion", 10'000 - challenger}, {"challenger", challenger}});
    crds::ServingModel before = by_parameter;
    before.buckets = layout;
    by_header.buckets = by_parameter.buckets = by_column.buckets = layout = next;
    const Router header = must(by_header), parameter = must(by_parameter), column = must(by_column);
    const Router was = must(before);
    EXPECT_EQ(parameter.choose_from({}, 1).reason, RouteReason::Content);
    for (int i = 0; i < 500; ++i) {
      const std::string user = key(i);
      const HeaderView headers[] = {{"x-user-id", user}};
      const Route route = parameter.choose_by(user, static_cast<uint64_t>(i) << 40);
      EXPECT_EQ(route, parameter.choose_by(user, 7)) << "whatever the random number";
      EXPECT_EQ(route, header.choose_from(headers, 7));
      EXPECT_EQ(route, column.choose_by(user, 7));
      const uint32_t old = was.choose_by(user, 7).variant;
      EXPECT_TRUE(route.variant == old || route.variant == 1U) << "only to the one that grows";
    }
  }
  const HeaderView rule[] = {{"x-clops-variant", "next"}};
  EXPECT_EQ(must(by_column).choose_from(rule, 0), (Route{2, RouteReason::Rule}));
  EXPECT_EQ(must(by_column).choose_by("", ~0ULL).reason, RouteReason::PerRequest);
  by_column.sticky_header = "x";
  EXPECT_FALSE(Router::make(by_column));
}

TEST(Router, long_keys_hash_like_any_other) {
  const std::string half(200, 'k'), whole(400, 'k');
  EXPECT_EQ(bucket_of(half, half), bucket_of("", whole)) << "only the joined bytes count";
  EXPECT_EQ(bucket_of("", whole), bucket_of(whole, ""));
  EXPECT_NE(bucket_of(half, half), bucket_of(half, half + "x"));
}

TEST(Router, the_hash_is_the_published_one) {  // XXH3-64, seed 0: other programs may compute the same bucket
  EXPECT_EQ(bucket_of("", ""), 0x2d06800538d394c2ULL % crds::kBuckets);
}

TEST(Router, what_is_wrong_with_a_configuration_is_named) {
  struct Case {
    std::string what;
    void (*change)(crds::ServingModel&);
    std::string says;
  };
  const Case cases[] = {
      {"rule", [](crds::ServingModel& m) { m.rules[0].variant = "gone"; }, "fraud.rules: there is no variant 'gone'"},
      {"bucket", [](crds::ServingModel& m) { m.buckets = {{0, 10'000, "gone"}}; },
       "fraud.buckets: there is no variant 'gone'"},
      {"gap", [](crds::ServingModel& m) { m.buckets = {{0, 9'000, "champion"}}; }, "fraud.buckets: "},
      {"weights", [](crds::ServingModel& m) { m.variants[0].weight = 60; }, "weights total 90, not 100"},
  };
  for (const Case& c : cases) {
    crds::ServingModel model = three();
    c.change(model);
    const auto router = Router::make(model);
    ASSERT_FALSE(router) << c.what;
    EXPECT_NE(router.error().message.find(c.says), std::string::npos) << router.error().message;
  }
}

}  // namespace
}  // namespace clops::serving
