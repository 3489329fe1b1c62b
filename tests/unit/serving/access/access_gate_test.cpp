// The gate of a thread: lists of tokens, JWTs that are remembered, keys that change.
#include "serving/access/access_gate.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "tests/support/paths.h"

namespace clops::serving {
namespace {

struct FixedClock final : Clock {
  [[nodiscard]] TimePoint now() const override { return TimePoint(); }
  [[nodiscard]] WallTime wall() const override { return at; }
  WallTime at{std::chrono::seconds(1'800'000'000)};
};

const std::string kOne = "one-token-of-batch-0123456789", kTwo = "two-token-of-batch-0123456789",
                  kWeb = "a-token-of-web-0123456789";

struct AccessGateTest : testing::Test {
  std::string data(const std::string& name) {
    const auto text = read_file(test::source_dir() + "/tests/data/access/" + name);
    EXPECT_TRUE(text) << name;
    return text ? *text : "";
  }
  std::string token(const std::string& name) {
    const std::string all = data("cases.tsv");
    const size_t at = all.find("\n" + name + "\t");
    EXPECT_NE(at, std::string::npos) << name;
    const size_t begin = all.find('\t', all.find('\t', at) + 1) + 1;
    return all.substr(begin, all.find('\n', begin) - begin);
  }
  void publish(const std::vector<std::pair<std::string, std::string>>& files) {
    auto callers = CallerTokens::make(files, digest_key);
    ASSERT_TRUE(callers) << callers.error().message;
    in_force.callers = std::make_shared<const CallerTokens>(std::move(*callers));
    keys.publish(std::make_shared<const AccessKeys>(in_force));
  }
  void publish_jwks() {
    auto jwks = Jwks::parse(data("jwks.json"));
    ASSERT_TRUE(jwks);
    in_force.jwks = std::make_shared<const Jwks>(std::move(*jwks));
    keys.publish(std::make_shared<const AccessKeys>(in_force));
  }
  AccessGate gate() { return AccessGate({keys, digest_key, policy, clock, counters}); }
  static Result<std::string> ask(AccessGate& gate, const std::string& value) {
    const HeaderView header{"Authorization", value};
    const auto caller = gate.admit({&header, 1});
    if (!caller) return std::unexpected(caller.error());
    return std::string(*caller);
  }

  HmacSha256 digest_key{"a key of the test"};
  AccessPolicy policy{.callers = true, .jwt = {}};
  AccessKeys in_force;
  Published<AccessKeys> keys;
  FixedClock clock;
  AccessCounters counters;
};

TEST_F(AccessGateTest, every_line_of_a_callers_file_is_a_token_of_that_caller) {
  publish({{"batch", kOne + "\n" + kTwo + "\r\n\n"}, {"web", kWeb}});
  AccessGate it = gate();
  EXPECT_EQ(ask(it, "Bearer " + kOne), "batch");
  EXPECT_EQ(ask(it, "bearer   " + kTwo + " "), "batch");
  EXPECT_EQ(ask(it, "BEARER " + kWeb), "web");
}

TEST_F(AccessGateTest, whoever_shows_nothing_or_something_else_is_refused) {
  publish({{"batch", kOne}});
  AccessGate it = gate();
  const auto none = it.admit({});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::Unauthenticated);
  EXPECT_EQ(counters.no_token, 1u);
  for (const std::string& value :
       std::initializer_list<std::string>{"", "Bearer", "Bearer ", "Basic " + kOne, kOne, "Bearer " + kOne.substr(1),
                                          "Bearer " + kOne + "x", "Bearer " + kOne + " " + kOne, "Bearer a.b.c"}) {
    const auto caller = ask(it, value);
    ASSERT_FALSE(caller) << value;
    EXPECT_EQ(caller.error().code, Code::Unauthenticated) << value;
    EXPECT_EQ(caller.error().message.find(kOne), std::string::npos);
  }
  EXPECT_EQ(counters.bad_token, 9u);
  const std::string value = "Bearer " + kOne;
  const HeaderView twice[] = {{"authorization", value}, {"Authorization", value}};
  EXPECT_FALSE(it.admit(twice));
}

TEST_F(AccessGateTest, nobody_passes_before_it_is_known_who_may) {
  AccessGate it = gate();
  EXPECT_FALSE(it.able());
  EXPECT_EQ(ask(it, "Bearer " + kOne).error().code, Code::Unavailable);
  publish({{"batch", kOne}});
  EXPECT_TRUE(it.able());
  EXPECT_EQ(ask(it, "Bearer " + kOne), "batch");
}

TEST_F(AccessGateTest, a_token_that_is_taken_away_ends_at_once) {
  publish({{"batch", kOne + "\n" + kTwo}});
  AccessGate it = gate();
  EXPECT_EQ(ask(it, "Bearer " + kOne), "batch");
  publish({{"batch", kTwo}});
  EXPECT_FALSE(ask(it, "Bearer " + kOne));
  EXPECT_EQ(ask(it, "Bearer " + kTwo), "batch");
}

TEST_F(AccessGateTest, bad_lists_name_the_caller_and_not_the_token) {
  const std::pair<std::vector<std::pair<std::string, std::string>>, const char*> bad[] = {
      {{}, "no caller"},
      {{{"batch", "\n"}}, "batch: there is no token"},
      {{{"batch", "short"}}, "batch: a token of fewer than 16"},
      {{{"batch", "has a space in it, and more"}}, "batch: a token is printable"},
      {{{"batch", kOne}, {"web", kOne}}, "a token is there twice"},
  };
  for (const auto& [files, what] : bad) {
    const auto callers = CallerTokens::make(files, digest_key);
    ASSERT_FALSE(callers) << what;
    EXPECT_NE(callers.error().message.find(what), std::string::npos) << callers.error().message;
    EXPECT_EQ(callers.error().message.find(kOne), std::string::npos);
  }
}

struct JwtGateTest : AccessGateTest {
  JwtGateTest() {
    policy = {.callers = true,
              .jwt = JwtPolicy{.issuer = "https://issuer.example",
                               .audiences = {"fraud"},
                               .required_claims = {{"role", "scorer"}},
                               .leeway = std::chrono::seconds(60)}};
  }
};

TEST_F(JwtGateTest, both_ways_of_saying_who_calls_go_side_by_side) {
  publish({{"batch", kOne}});
  publish_jwks();
  AccessGate it = gate();
  EXPECT_EQ(ask(it, "Bearer " + kOne), "batch");
  EXPECT_EQ(ask(it, "Bearer " + token("es256")), "batch-7");
  EXPECT_EQ(ask(it, "Bearer " + token("no_role")).error().code, Code::PermissionDenied);
  EXPECT_EQ(counters.not_enough, 1u);
}

TEST_F(JwtGateTest, a_good_jwt_is_verified_once_until_it_ends_or_keys_change) {
  publish({{"batch", kOne}});
  publish_jwks();
  AccessGate it = gate();
  const std::string good = "Bearer " + token("es256");
  for (int i = 0; i < 100; ++i) ASSERT_EQ(ask(it, good), "batch-7");
  EXPECT_EQ(counters.verified, 1u);
  publish({{"batch", kTwo}});
  EXPECT_EQ(ask(it, good), "batch-7");
  EXPECT_EQ(counters.verified, 2u);
  clock.at += std::chrono::seconds(660);
  EXPECT_FALSE(ask(it, good));
}

// What is remembered is asked first, before a token is looked at: it must be that token to the last byte, in its time.
TEST_F(JwtGateTest, only_the_same_bytes_are_recognized) {
  publish({{"batch", kOne}});
  publish_jwks();
  AccessGate it = gate();
  const std::string good = token("es256");
  ASSERT_EQ(ask(it, "Bearer " + good), "batch-7");
  for (size_t i = 0; i < good.size(); ++i) {
    std::string other = good;
    other[i] = i % 2 == 0 ? '\x01' : static_cast<char>(other[i] ^ 0x20);
    ASSERT_FALSE(ask(it, "Bearer " + other)) << i;
  }
  for (const std::string& other :
       {good + "\x7f", good + "\x80", good + std::string(9'000, 'A'), good.substr(1), good + "."})
    ASSERT_EQ(ask(it, "Bearer " + other).error().code, Code::Unauthenticated);
  EXPECT_EQ(ask(it, "  bearer \t " + good + "  "), "batch-7");
  EXPECT_EQ(counters.verified, 1u);
  clock.at += std::chrono::seconds(660);
  EXPECT_EQ(ask(it, "Bearer " + good).error().code, Code::Unauthenticated);
}

// A flood of tokens, each another, pushes out neither more than its set of places nor what is bounded.
TEST_F(JwtGateTest, floods_of_bad_tokens_do_not_push_out_good_ones) {
  publish({{"batch", kOne}});
  publish_jwks();
  AccessGate it = gate();
  const std::string good = "Bearer " + token("es256"), bad = token("signature_flipped");
  ASSERT_EQ(ask(it, good), "batch-7");
  for (int i = 0; i < 2'000; ++i) {
    std::string another = bad;
    another[another.size() - 10] = static_cast<char>('A' + i % 26);
    another[another.size() - 11] = static_cast<char>('A' + i / 26 % 26);
    another[another.size() - 12] = static_cast<char>('A' + i / 676);
    ASSERT_FALSE(ask(it, "Bearer " + another));
  }
  EXPECT_EQ(ask(it, good), "batch-7");
  EXPECT_EQ(counters.verified, 1u);
  EXPECT_EQ(counters.bad_token, 2'000u);
}

}  // namespace
}  // namespace clops::serving
