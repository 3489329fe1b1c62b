// JWTs that PyJWT signed (scripts/make_golden_jwt.py), good and bad, against their issuer's JWKS.
#include "serving/access/jwt.h"

#include <gtest/gtest.h>

#include <sstream>

#include "base/file.h"
#include "tests/support/paths.h"

namespace clops::serving {
namespace {

constexpr WallTime kNow{std::chrono::seconds(1'800'000'000)};

const JwtPolicy& policy() {
  static const JwtPolicy it{.issuer = "https://issuer.example",
                            .audiences = {"other", "fraud"},
                            .required_claims = {{"role", "scorer"}, {"scope", "predict"}},
                            .leeway = std::chrono::seconds(60)};
  return it;
}

std::string data(const std::string& name) {
  const auto text = read_file(test::source_dir() + "/tests/data/access/" + name);
  EXPECT_TRUE(text) << name;
  return text ? *text : "";
}

Jwks issuer() {
  auto keys = Jwks::parse(data("jwks.json"));
  EXPECT_TRUE(keys) << (keys ? "" : keys.error().message);
  return std::move(*keys);
}

struct Case {
  std::string name, verdict, token;
};
std::vector<Case> cases() {
  std::vector<Case> out;
  std::istringstream lines(data("cases.tsv"));
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find('\t'), second = line.find('\t', first + 1);
    out.push_back({line.substr(0, first), line.substr(first + 1, second - first - 1), line.substr(second + 1)});
  }
  return out;
}
std::string token(const std::string& name) {
  for (const Case& c : cases())
    if (c.name == name) return c.token;
  ADD_FAILURE() << name;
  return "";
}

TEST(Jwt, every_token_of_the_table_gets_its_verdict) {
  const Jwks keys = issuer();
  EXPECT_EQ(keys.size(), 4u);  // not the symmetric one, nor the one for encryption
  size_t good = 0, refused = 0;
  for (const Case& c : cases()) {
    const auto verdict = verify_jwt(c.token, keys, policy(), kNow);
    if (c.verdict == "good") {
      ++good;
      ASSERT_TRUE(verdict) << c.name << ": " << verdict.error().message;
      EXPECT_EQ(verdict->subject, "batch-7") << c.name;
      EXPECT_GT(verdict->expires, kNow) << c.name;
      continue;
    }
    ++refused;
    ASSERT_FALSE(verdict) << c.name;
    EXPECT_EQ(verdict.error().code, c.verdict == "denied" ? Code::PermissionDenied : Code::Unauthenticated)
        << c.name << ": " << verdict.error().message;
    // What is told to the caller and to logs has nothing of the token.
    for (size_t at = 0; at + 12 <= c.token.size(); at += 12)
      EXPECT_EQ(verdict.error().message.find(c.token.substr(at, 12)), std::string::npos) << c.name;
  }
  EXPECT_GE(good, 12u);
  EXPECT_GE(refused, 40u);
}

TEST(Jwt, ends_with_its_leeway) {
  const Jwks keys = issuer();
  const auto verdict = verify_jwt(token("rs256"), keys, policy(), kNow);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->expires, kNow + std::chrono::seconds(660));
  EXPECT_TRUE(verify_jwt(token("rs256"), keys, policy(), kNow + std::chrono::seconds(659)));
  EXPECT_FALSE(verify_jwt(token("rs256"), keys, policy(), kNow + std::chrono::seconds(660)));
}

TEST(Jwt, any_damage_to_a_token_is_refused) {
  const Jwks keys = issuer();
  const std::string whole = token("es256");
  for (size_t i = 0; i < whole.size(); i += 3) {
    std::string damaged = whole;
    damaged[i] = damaged[i] == 'A' ? 'B' : 'A';
    const auto verdict = verify_jwt(damaged, keys, policy(), kNow);
    EXPECT_FALSE(verdict) << i;
    EXPECT_FALSE(verify_jwt(whole.substr(0, i), keys, policy(), kNow)) << i;
  }
}

TEST(Jwks, what_is_wrong_is_said) {
  const std::pair<const char*, const char*> bad[] = {
      {"", "'{'"},
      {"[]", "not an object"},
      {"{}", "\"keys\""},
      {R"({"keys":{}})", "no list"},
      {R"({"keys":[]})", "no key is for signatures"},
      {R"({"keys":[{"kty":"oct","k":"AAAA"}]})", "no key is for signatures"},
      {R"({"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]})", "2048"},
      {R"({"keys":[{"kty":"RSA","n":"!","e":"AQAB"}]})", "base64url"},
      {R"({"keys":[{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}]})", "keys[0]: the numbers are no P-256 key"},
      {R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA"}]})", "Ed25519"},
      {R"({"keys":[{"kty":"RSA","kty":"RSA"}]})", "twice"},
      {R"({"keys":[]} x)", "after the end"},
  };
  for (const auto& [text, what] : bad) {
    const auto keys = Jwks::parse(text);
    ASSERT_FALSE(keys) << text;
    EXPECT_EQ(keys.error().code, Code::InvalidArgument) << text;
    if (*text != '\0') {
      EXPECT_NE(keys.error().message.find(what), std::string::npos) << text << ": " << keys.error().message;
    }
  }
  // A point that is not on the curve.
  const std::string off = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE";
  EXPECT_FALSE(Jwks::parse(R"({"keys":[{"kty":"EC","crv":"P-256","x":")" + off + R"(","y":")" + off + R"("}]})"));
  std::string many = R"({"keys":[)";
  for (int i = 0; i < 70; ++i) many += R"({"kty":"oct"},)";
  many.back() = ']';
  const auto keys = Jwks::parse(many + "}");
  ASSERT_FALSE(keys);
  EXPECT_NE(keys.error().message.find("64"), std::string::npos);
}

}  // namespace
}  // namespace clops::serving
