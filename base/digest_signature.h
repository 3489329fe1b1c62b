// Public keys that check signatures: what JWTs are signed with. One of the doors to openssl.
//
// Thread rule: immutable values, safe from any thread. Ownership: copies share the key. Errors: InvalidArgument
// (numbers that are no key, a key that is too weak).
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/result.h"

namespace clops {

enum class SignatureKind : uint8_t { Rs256, Es256, Ed25519 };

class PublicKey {
 public:
  // Numbers are big-endian bytes, as JWKs have them. RSA: 2,048 to 8,192 bits.
  [[nodiscard]] static Result<PublicKey> rsa(std::string_view modulus, std::string_view exponent);
  [[nodiscard]] static Result<PublicKey> p256(std::string_view x, std::string_view y);
  [[nodiscard]] static Result<PublicKey> ed25519(std::string_view x);

  [[nodiscard]] SignatureKind kind() const { return kind_; }
  // `signature` as JWS has it: for ES256 r and s, 32 bytes each.
  [[nodiscard]] bool verify(std::string_view message, std::string_view signature) const;

 private:
  struct Impl;
  PublicKey(SignatureKind kind, std::shared_ptr<const Impl> impl) : kind_(kind), impl_(std::move(impl)) {}
  SignatureKind kind_;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace clops
