// SHA256_CTX can be copied in the middle of a hash, which the newer interface charges an allocation for, and needs no
// tables of algorithms, which take OpenSSL a millisecond to fill: a start is to be over by then.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <vector>

namespace clops {
namespace {

std::string hex(const unsigned char* bytes, size_t count) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(count * 2);
  for (size_t i = 0; i < count; ++i) {
    out += kDigits[bytes[i] >> 4];
    out += kDigits[bytes[i] & 15];
  }
  return out;
}

}  // namespace

struct Sha256::Impl {
  SHA256_CTX ctx{};
};

Sha256::Sha256() : impl_(std::make_unique<Impl>()) {
  SHA256_Init(&impl_->ctx);
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
void Sha256::update(std::string_view bytes) {
  SHA256_Update(&impl_->ctx, bytes.data(), bytes.size());
}
std::string Sha256::finish() {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256_Final(digest, &impl_->ctx);
  return "sha256:" + hex(digest, sizeof digest);
}

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

bool is_sha256(std::string_view digest) {
  return digest.size() == 71 && digest.starts_with("sha256:") &&
         digest.substr(7).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string hmac_sha256_hex(std::string_view key, std::string_view message) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(message.data()),
       message.size(), digest, &size);
  return hex(digest, size);
}

struct HmacSha256::Impl {
  SHA256_CTX inner{}, outer{};
};

HmacSha256::HmacSha256(std::string_view key) : impl_(std::make_unique<Impl>()) {
  std::array<unsigned char, SHA256_CBLOCK> block{};
  if (key.size() > block.size()) {
    SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), block.data());
  } else {
    std::ranges::copy(key, block.begin());
  }
  for (unsigned char& byte : block) byte ^= 0x36;
  SHA256_Init(&impl_->inner);
  SHA256_Update(&impl_->inner, block.data(), block.size());
  for (unsigned char& byte : block) byte ^= 0x36 ^ 0x5c;
  SHA256_Init(&impl_->outer);
  SHA256_Update(&impl_->outer, block.data(), block.size());
  OPENSSL_cleanse(block.data(), block.size());
}
HmacSha256::~HmacSha256() {
  OPENSSL_cleanse(impl_.get(), sizeof(Impl));
}

std::array<unsigned char, 32> HmacSha256::sign(std::string_view message) const {
  std::array<unsigned char, 32> out{};
  SHA256_CTX hash = impl_->inner;
  SHA256_Update(&hash, message.data(), message.size());
  SHA256_Final(out.data(), &hash);
  hash = impl_->outer;
  SHA256_Update(&hash, out.data(), out.size());
  SHA256_Final(out.data(), &hash);
  return out;
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string random_hex(size_t bytes) {
  std::vector<unsigned char> raw(bytes);
  for (size_t done = 0; done < bytes;) {
    const ssize_t got = ::getrandom(raw.data() + done, bytes - done, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) std::abort();  // keys are made of it: there is no going on with less
    done += static_cast<size_t>(got);
  }
  return hex(raw.data(), raw.size());
}

std::string base64_encode(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3), '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(bytes.data()),
                  static_cast<int>(bytes.size()));
  return out;
}

Result<std::string> base64_decode(std::string_view text) {
  std::string clean;
  for (const char c : text) {
    if (c != '\n' && c != '\r') clean += c;
  }
  if (clean.size() % 4 != 0) return fail(Code::InvalidArgument, "not base64: length is no multiple of 4");
  if (const size_t padding = clean.find('='); padding != std::string::npos && padding + 2 < clean.size()) {
    return fail(Code::InvalidArgument, "not base64: padding before the end");
  }
  std::string out(clean.size() / 4 * 3, '\0');
  const int n = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                reinterpret_cast<const unsigned char*>(clean.data()), static_cast<int>(clean.size()));
  if (n < 0) return fail(Code::InvalidArgument, "not base64");
  size_t size = static_cast<size_t>(n);
  if (clean.ends_with("=="))
    size -= 2;
  else if (clean.ends_with("="))
    size -= 1;
  out.resize(size);
  return out;
}

bool base64url_decode(std::string_view text, std::string& out) {
  const size_t before = out.size();
  uint32_t bits = 0;
  int count = 0;
  bool good = text.size() % 4 != 1;
  for (const char c : text) {
    uint32_t value = 0;
    if (c >= 'A' && c <= 'Z') {
      value = static_cast<uint32_t>(c - 'A');
    } else if (c >= 'a' && c <= 'z') {
      value = static_cast<uint32_t>(c - 'a') + 26;
    } else if (c >= '0' && c <= '9') {
      value = static_cast<uint32_t>(c - '0') + 52;
    } else if (c == '-' || c == '_') {
      value = c == '-' ? 62 : 63;
    } else {
      good = false;
    }
    bits = (bits << 6) | value;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>((bits >> count) & 0xff);
  }
  good = good && (bits & ((1u << count) - 1)) == 0;
  if (!good) out.resize(before);
  return good;
}

}  // namespace clops
