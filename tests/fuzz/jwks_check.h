// What must hold of an issuer's keys for any bytes. Shared by the fuzzer and the test that replays its seeds.
#pragma once

#include <string>

#include "serving/access/jwt.h"

namespace clops::serving::fuzz {

// What is taken has keys, no more than the text can hold, which are found and refuse what is no signature; what is not
// taken is InvalidArgument, and says why.
inline bool holds_for_jwks(std::string_view text) {
  const auto keys = Jwks::parse(text);
  if (!keys) return keys.error().code == Code::InvalidArgument && !keys.error().message.empty();
  if (keys->size() == 0 || keys->size() > 64 || keys->size() * 8 > text.size()) return false;
  size_t found = 0;
  for (const SignatureKind kind : {SignatureKind::Rs256, SignatureKind::Es256, SignatureKind::Ed25519}) {
    const std::string unnamed;
    for (const std::string* kid : {static_cast<const std::string*>(nullptr), &unnamed}) {
      const PublicKey* const key = keys->find(kid, kind);
      if (key == nullptr) continue;
      ++found;
      if (key->kind() != kind || key->verify("a.b", "")) return false;
      if (key->verify("a.b", std::string(kind == SignatureKind::Rs256 ? 256 : 64, 'x'))) return false;
    }
  }
  return keys->size() != 1 || found > 0;
}

}  // namespace clops::serving::fuzz
