#include "serving/access/jwt.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "base/digest.h"
#include "serving/protocol/json_cursor.h"

namespace clops::serving {
namespace {

constexpr size_t kKeysMax = 64, kSubjectBytesMax = 256;
constexpr size_t kMembersMax = 96;  // of an object: each is compared with those before
constexpr int kDepthMax = 16;
constexpr double kSecondsMax = 1e11;  // the year 5138: beyond, a wall clock here has no number

std::unexpected<Error> refused(const char* why) {
  return fail(Code::Unauthenticated, why);
}

// Each member of an object once: member(key, cursor) reads the value, or returns false to leave it aside.
template <class Member>
const char* read_object(JsonCursor& json, const Member& member) {
  std::vector<std::string> seen;
  bool first = true;
  json.expect('{', "it is not an object");
  for (std::string_view raw; json.next_key(first, raw);) {
    std::string key = unescaped(raw);
    if (std::ranges::find(seen, key) != seen.end()) json.fail("a member is there twice");
    if (seen.size() == kMembersMax) json.fail("there are too many members");
    if (!json.ok()) break;
    if (!member(key, json)) json.skip_value();
    seen.push_back(std::move(key));
  }
  return json.why();
}

std::string text_of(JsonCursor& json) {
  return unescaped(json.string_raw());
}

// ---- keys

struct RawKey {
  std::string kty, kid, use, alg, crv, n, e, x, y;
  bool verifies = true;  // key_ops, where it is there
};

bool read_key_member(RawKey& key, std::string_view name, JsonCursor& json) {
  const std::pair<std::string_view, std::string*> texts[] = {{"kty", &key.kty}, {"kid", &key.kid}, {"use", &key.use},
                                                             {"alg", &key.alg}, {"crv", &key.crv}, {"n", &key.n},
                                                             {"e", &key.e},     {"x", &key.x},     {"y", &key.y}};
  for (const auto& [known, to] : texts) {
    if (name != known) continue;
    *to = text_of(json);
    return true;
  }
  if (name != "key_ops") return false;
  key.verifies = false;
  bool first = true;
  json.expect('[', "key_ops is no list");
  while (json.next_element(first)) key.verifies = text_of(json) == "verify" || key.verifies;
  return true;
}

// Nothing: a key that is for something else.
Result<std::optional<PublicKey>> key_of(const RawKey& raw) {
  if (!raw.verifies || (!raw.use.empty() && raw.use != "sig")) return std::nullopt;
  const auto is = [&](std::string_view kty, std::string_view crv, std::string_view alg) {
    return raw.kty == kty && (crv.empty() || raw.crv == crv) && (raw.alg.empty() || raw.alg == alg);
  };
  std::string a, b;
  if (is("RSA", "", "RS256")) {
    if (!base64url_decode(raw.n, a) || !base64url_decode(raw.e, b))
      return fail(Code::InvalidArgument, "n or e is not base64url");
    CLOPS_ASSIGN(PublicKey key, PublicKey::rsa(a, b));
    return key;
  }
  if (is("EC", "P-256", "ES256")) {
    if (!base64url_decode(raw.x, a) || !base64url_decode(raw.y, b))
      return fail(Code::InvalidArgument, "x or y is not base64url");
    CLOPS_ASSIGN(PublicKey key, PublicKey::p256(a, b));
    return key;
  }
  if (is("OKP", "Ed25519", "EdDSA") || is("OKP", "Ed25519", "Ed25519")) {
    if (!base64url_decode(raw.x, a)) return fail(Code::InvalidArgument, "x is not base64url");
    CLOPS_ASSIGN(PublicKey key, PublicKey::ed25519(a));
    return key;
  }
  return std::nullopt;
}

// ---- tokens

struct Header {
  std::string alg, kid;
  bool has_kid = false, critical = false;
};

struct Claims {
  std::optional<double> exp, nbf;
  std::string iss, sub;
  bool audience = false;        // one of ours
  std::vector<char> satisfied;  // by index of the policy's required claims
};

bool same_text(JsonCursor& json, std::string_view wanted) {
  return raw_equals(json.string_raw(), wanted);
}

bool has_word(std::string_view words, std::string_view wanted) {
  while (!words.empty()) {
    const size_t end = std::min(words.find(' '), words.size());
    if (words.substr(0, end) == wanted) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

// A claim's value as it stands in the payload: text, a list with the text in it, or a number or a truth value written
// so.
bool claim_has(std::string_view value, std::string_view wanted, bool words) {
  JsonCursor json(value, kDepthMax);
  if (json.peek() == '"') {
    const std::string text = text_of(json);
    return text == wanted || (words && has_word(text, wanted));
  }
  if (json.peek() != '[') return value == wanted && json.peek() != '{' && json.peek() != 'n';
  bool first = true, found = false;
  (void)json.take('[');
  while (json.next_element(first)) {
    if (json.peek() == '"') {
      found = same_text(json, wanted) || found;
    } else {
      json.skip_value();
    }
  }
  return found && json.ok();
}

std::optional<double> seconds_of(JsonCursor& json) {
  const std::string text(json.number().text);
  if (!json.ok()) return std::nullopt;
  const double value = std::strtod(text.c_str(), nullptr);
  if (!std::isfinite(value) || std::abs(value) > kSecondsMax) {
    json.fail("a time is out of range");
    return std::nullopt;
  }
  return value;
}

bool read_claim(const JwtPolicy& policy, Claims& claims, std::string_view name, JsonCursor& json) {
  if (name == "exp" || name == "nbf") {
    (name == "exp" ? claims.exp : claims.nbf) = seconds_of(json);
    return true;
  }
  if (name == "iss" || name == "sub") {
    JsonCursor again = json;
    (name == "iss" ? claims.iss : claims.sub) = text_of(again);
    if (!again.ok()) json.fail("iss or sub is no text");
  }
  const std::string_view value = json.value_text();
  if (!json.ok()) return true;
  if (name == "aud") {
    claims.audience = std::ranges::any_of(
        policy.audiences, [&](const std::string& audience) { return claim_has(value, audience, false); });
  }
  for (size_t i = 0; i < policy.required_claims.size(); ++i) {
    const auto& [claim, wanted] = policy.required_claims[i];
    if (name == claim) claims.satisfied[i] = claim_has(value, wanted, claim == "scope" || claim == "scp") ? 1 : 0;
  }
  return true;
}

Result<Header> read_header(std::string_view encoded) {
  std::string text;
  if (!base64url_decode(encoded, text)) return refused("the token is not a JWT");
  JsonCursor json(text, kDepthMax);
  Header out;
  read_object(json, [&](std::string_view name, JsonCursor& in) {
    if (name == "alg") {
      out.alg = text_of(in);
    } else if (name == "kid") {
      out.kid = text_of(in);
      out.has_kid = true;
    } else {
      out.critical = out.critical || name == "crit";
      return false;
    }
    return true;
  });
  json.expect_end();
  if (!json.ok()) return refused("the token's header is no JSON object");
  if (out.critical) return refused("the token needs an extension that is not known here");
  return out;
}

Result<Claims> read_claims(std::string_view encoded, const JwtPolicy& policy) {
  std::string text;
  if (!base64url_decode(encoded, text)) return refused("the token is not a JWT");
  JsonCursor json(text, kDepthMax);
  Claims out;
  out.satisfied.assign(policy.required_claims.size(), 0);
  read_object(json, [&](std::string_view name, JsonCursor& in) { return read_claim(policy, out, name, in); });
  json.expect_end();
  if (!json.ok()) return refused("the token's claims are no JSON object, or of the wrong kind");
  return out;
}

std::optional<SignatureKind> kind_of(std::string_view alg) {
  if (alg == "RS256") return SignatureKind::Rs256;
  if (alg == "ES256") return SignatureKind::Es256;
  if (alg == "EdDSA" || alg == "Ed25519") return SignatureKind::Ed25519;
  return std::nullopt;
}

Status check_claims(const Claims& claims, const JwtPolicy& policy, WallTime now) {
  const double seconds = std::chrono::duration<double>(now.time_since_epoch()).count();
  const auto leeway = static_cast<double>(policy.leeway.count());
  if (!claims.exp) return refused("the token has no end (exp)");
  if (seconds >= *claims.exp + leeway) return refused("the token has expired");
  if (claims.nbf && seconds < *claims.nbf - leeway) return refused("the token is not valid yet");
  if (claims.iss.empty() || claims.iss != policy.issuer) return refused("the token is from another issuer");
  if (!claims.audience) return refused("the token is for another audience");
  if (claims.sub.size() > kSubjectBytesMax) return refused("the token's subject is too long");
  return {};
}

}  // namespace

Result<Jwks> Jwks::parse(std::string_view text) {
  if (text.size() > kJwksBytesMax) return fail(Code::InvalidArgument, "a JWKS must not be larger than 256 KiB");
  JsonCursor json(text, kDepthMax);
  std::vector<RawKey> raw;
  bool any = false;
  read_object(json, [&](std::string_view name, JsonCursor& in) {
    if (name != "keys") return false;
    any = true;
    bool first = true;
    in.expect('[', "keys is no list");
    while (in.next_element(first) && raw.size() <= kKeysMax)
      read_object(in, [&key = raw.emplace_back()](std::string_view member, JsonCursor& value) {
        return read_key_member(key, member, value);
      });
    return true;
  });
  json.expect_end();
  if (raw.size() > kKeysMax) return fail(Code::InvalidArgument, "a JWKS must not have more than 64 keys");
  if (!json.ok())
    return fail(Code::InvalidArgument, "at byte " + std::to_string(json.at()) + " of the JWKS: " + json.why());
  if (!any) return fail(Code::InvalidArgument, "a JWKS has its keys in the list \"keys\", and there is none");
  Jwks out;
  for (size_t i = 0; i < raw.size(); ++i) {
    auto key = key_of(raw[i]);
    if (!key) return fail_in("keys[" + std::to_string(i) + "]", key.error());
    if (!*key) continue;
    const auto same = [&](const Entry& e) { return e.kid == raw[i].kid && e.key.kind() == (*key)->kind(); };
    if (!raw[i].kid.empty() && std::ranges::any_of(out.keys_, same))
      return fail(Code::InvalidArgument, "keys[" + std::to_string(i) + "]: another key of its kind has the same kid");
    out.keys_.push_back({raw[i].kid, std::move(**key)});
  }
  if (out.keys_.empty())
    return fail(Code::InvalidArgument, "no key is for signatures of RS256, ES256 or EdDSA (Ed25519)");
  return out;
}

const PublicKey* Jwks::find(const std::string* kid, SignatureKind kind) const {
  const PublicKey* found = nullptr;
  for (const Entry& entry : keys_) {
    if (entry.key.kind() != kind || (kid != nullptr && entry.kid != *kid)) continue;
    if (found != nullptr) return nullptr;
    found = &entry.key;
  }
  return found;
}

Result<JwtIdentity> verify_jwt(std::string_view token, const Jwks& keys, const JwtPolicy& policy, WallTime now) {
  if (token.size() > kTokenBytesMax) return refused("the token is too long");
  const size_t first = token.find('.');
  const size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
    return refused("the token is not a JWT");
  CLOPS_ASSIGN(const Header header, read_header(token.substr(0, first)));
  const auto kind = kind_of(header.alg);
  if (!kind) return refused("the token's algorithm is none of RS256, ES256 and EdDSA");
  const PublicKey* const key = keys.find(header.has_kid ? &header.kid : nullptr, *kind);
  if (key == nullptr)
    return refused(header.has_kid ? "the token's key (kid) is not known here"
                                  : "the token does not name its key (kid), and there is not just one of its kind");
  CLOPS_ASSIGN(Claims claims, read_claims(token.substr(first + 1, second - first - 1), policy));
  CLOPS_TRY(check_claims(claims, policy, now));
  std::string signature;
  if (!base64url_decode(token.substr(second + 1), signature) || !key->verify(token.substr(0, second), signature))
    return refused(kWrongSignature);
  for (const char satisfied : claims.satisfied)
    if (satisfied == 0) return fail(Code::PermissionDenied, "the token lacks a claim that is required here");
  const double end = *claims.exp + static_cast<double>(policy.leeway.count());
  return JwtIdentity{.subject = std::move(claims.sub),
                     .expires = WallTime(std::chrono::microseconds(static_cast<int64_t>(end * 1e6)))};
}

}  // namespace clops::serving
