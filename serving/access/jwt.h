// JSON Web Tokens: signed words of an issuer about a caller (RFC 7519), against the issuer's keys (a JWKS, RFC 7517).
//
// RS256, ES256 and EdDSA (Ed25519) only: `none`, HMAC and critical extensions are refused, and a key is used with its
// own algorithm alone. A token must have an issuer, an audience and an end. What costs little is looked at before the
// signature. Thread rule: pure; a Jwks is immutable. Errors: Jwks::parse InvalidArgument; verify_jwt Unauthenticated
// (no good token), PermissionDenied (a good one, that lacks a claim). Messages say nothing of the token's content.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/digest_signature.h"
#include "base/result.h"
#include "base/time.h"

namespace clops::serving {

inline constexpr size_t kTokenBytesMax = 8u << 10;
inline constexpr size_t kJwksBytesMax = 256u << 10;
inline constexpr const char* kWrongSignature = "the token's signature is wrong";

class Jwks {
 public:
  // Keys of kinds that are not known here, or not for signatures, are left aside; one at least must remain.
  [[nodiscard]] static Result<Jwks> parse(std::string_view json);
  // The key of this name; without a name the only one of its kind. Null: none, or more than one.
  [[nodiscard]] const PublicKey* find(const std::string* kid, SignatureKind kind) const;
  [[nodiscard]] size_t size() const { return keys_.size(); }

 private:
  struct Entry {
    std::string kid;
    PublicKey key;
  };
  std::vector<Entry> keys_;
};

struct JwtPolicy {
  std::string issuer;
  std::vector<std::string> audiences;                                // the token names one of them
  std::vector<std::pair<std::string, std::string>> required_claims;  // equal, or among the claim's list or words
  std::chrono::seconds leeway{60};                                   // of clocks
};

struct JwtIdentity {
  std::string subject;  // empty: the token has none
  WallTime expires{};   // leeway included
};

[[nodiscard]] Result<JwtIdentity> verify_jwt(std::string_view token, const Jwks& keys, const JwtPolicy& policy,
                                             WallTime now);

}  // namespace clops::serving
