// What must hold of JWTs for any bytes: only what the issuer signed is taken. Shared by the fuzzer and the test that
// replays its seeds.
//
// A text with a newline in it is the JSON of a header and, behind the newline, of claims: they are encoded here and
// given a signature of nobody, so that what is changed in them reaches the readers of both.
#pragma once

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>

#include "base/digest.h"
#include "serving/access/jwt.h"
#include "tests/support/paths.h"

namespace clops::serving::fuzz {

struct Issuer {
  Jwks keys;
  std::set<std::string> signed_by_it;  // each token that has a good signature
};

inline const Issuer& issuer() {
  static const Issuer it = [] {
    const std::string folder = test::source_dir() + "/tests/data/access/";
    std::ifstream jwks(folder + "jwks.json"), cases(folder + "cases.tsv");
    auto keys = Jwks::parse(std::string(std::istreambuf_iterator<char>(jwks), {}));
    if (!keys) std::abort();
    Issuer out{.keys = std::move(*keys), .signed_by_it = {}};
    for (std::string name, verdict, token; cases >> name >> verdict >> token;)
      if (verdict != "unauthenticated") out.signed_by_it.insert(token);
    if (out.signed_by_it.empty()) std::abort();
    return out;
  }();
  return it;
}

inline std::string base64url(std::string_view bytes) {
  std::string out = base64_encode(bytes);
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return out.substr(0, out.find('='));
}

inline bool holds_for_jwt(std::string_view text) {
  static const JwtPolicy policy{.issuer = "https://issuer.example",
                                .audiences = {"other", "fraud"},
                                .required_claims = {{"role", "scorer"}, {"scope", "predict"}},
                                .leeway = std::chrono::seconds(60)};
  const WallTime now{std::chrono::seconds(1'800'000'000)};
  const size_t line = text.find('\n');
  const std::string token = line == std::string_view::npos
                                ? std::string(text)
                                : base64url(text.substr(0, line)) + "." + base64url(text.substr(line + 1)) + "." +
                                      base64url(std::string(64, 'x'));
  const auto verdict = verify_jwt(token, issuer().keys, policy, now);
  // Refused for want of a claim: that too takes a signature.
  const bool believed = verdict || verdict.error().code == Code::PermissionDenied;
  if (believed && !issuer().signed_by_it.contains(token)) return false;
  if (!verdict) return !verdict.error().message.empty() && (believed || verdict.error().code == Code::Unauthenticated);
  return verdict->subject.size() <= 256 && verdict->expires > now;
}

}  // namespace clops::serving::fuzz
