#include "base/digest_signature.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <string>

#include "base/free_with.h"

namespace clops {
namespace {

using Number = std::unique_ptr<BIGNUM, FreeWith<BN_free>>;
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, FreeWith<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, FreeWith<OSSL_PARAM_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>>;
using EcSignature = std::unique_ptr<ECDSA_SIG, FreeWith<ECDSA_SIG_free>>;

constexpr size_t kRsaBytesLeast = 256, kRsaBytesMost = 1024, kCurveBytes = 32;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Number number_of(std::string_view bytes) {
  return Number(BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr));
}

std::unexpected<Error> no_key(const char* kind) {
  ERR_clear_error();
  return fail(Code::InvalidArgument, std::string("the numbers are no ") + kind + " key");
}

Key key_from(const char* type, OSSL_PARAM_BLD* builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
    return nullptr;
  return Key(key);
}

// JWS writes r and s behind each other, openssl reads them as ASN.1.
std::string der_of(std::string_view signature) {
  if (signature.size() != 2 * kCurveBytes) return {};
  Number r = number_of(signature.substr(0, kCurveBytes)), s = number_of(signature.substr(kCurveBytes));
  const EcSignature pair(ECDSA_SIG_new());
  if (!r || !s || !pair) return {};
  // The pair's from now on: it refuses only nulls.
  if (ECDSA_SIG_set0(pair.get(), r.release(), s.release()) != 1) return {};
  unsigned char* out = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &out);
  if (size <= 0) return {};
  std::string der(reinterpret_cast<const char*>(out), static_cast<size_t>(size));
  OPENSSL_free(out);
  return der;
}

}  // namespace

struct PublicKey::Impl {
  Key key;
};

Result<PublicKey> PublicKey::rsa(std::string_view modulus, std::string_view exponent) {
  while (modulus.starts_with('\0')) modulus.remove_prefix(1);
  if (modulus.size() < kRsaBytesLeast || modulus.size() > kRsaBytesMost)
    return fail(Code::InvalidArgument, "an RSA key must have 2048 to 8192 bits");
  if (exponent.empty() || exponent.size() > 8) return no_key("RSA");
  const Number n = number_of(modulus), e = number_of(exponent);
  const Builder builder(OSSL_PARAM_BLD_new());
  if (!n || !e || !builder || BN_is_odd(e.get()) == 0 || BN_is_one(e.get()) == 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1)
    return no_key("RSA");
  Key key = key_from("RSA", builder.get());
  if (!key) return no_key("RSA");
  return PublicKey(SignatureKind::Rs256, std::make_shared<const Impl>(Impl{std::move(key)}));
}

Result<PublicKey> PublicKey::p256(std::string_view x, std::string_view y) {
  if (x.size() != kCurveBytes || y.size() != kCurveBytes) return no_key("P-256");
  std::string point("\x04");  // uncompressed
  (point += x) += y;
  const Builder builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1)
    return no_key("P-256");
  Key key = key_from("EC", builder.get());  // a point that is not on the curve is refused
  if (!key) return no_key("P-256");
  return PublicKey(SignatureKind::Es256, std::make_shared<const Impl>(Impl{std::move(key)}));
}

Result<PublicKey> PublicKey::ed25519(std::string_view x) {
  if (x.size() != kCurveBytes) return no_key("Ed25519");
  Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(x), x.size()));
  if (!key) return no_key("Ed25519");
  return PublicKey(SignatureKind::Ed25519, std::make_shared<const Impl>(Impl{std::move(key)}));
}

bool PublicKey::verify(std::string_view message, std::string_view signature) const {
  std::string der;
  if (kind_ == SignatureKind::Es256) {
    der = der_of(signature);
    if (der.empty()) return false;
    signature = der;
  }
  const DigestContext context(EVP_MD_CTX_new());
  const EVP_MD* const digest = kind_ == SignatureKind::Ed25519 ? nullptr : EVP_sha256();
  const bool good =
      context && EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, impl_->key.get()) == 1 &&
      EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(message), message.size()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace clops
