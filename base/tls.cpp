#include "base/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <memory>

#include "base/free_with.h"

namespace clops {
namespace {

using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using X509Cert = std::unique_ptr<X509, FreeWith<X509_free>>;
using Bio = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;

std::unexpected<Error> openssl_error(const std::string& doing) {
  char text[256] = "";
  ERR_error_string_n(ERR_get_error(), text, sizeof text);
  return fail(Code::Internal, doing + ": " + text);
}

std::string contents(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<size_t>(size)) : std::string();
}

Result<Certificate> print(X509* cert, EVP_PKEY* key) {
  const Bio cert_out(BIO_new(BIO_s_mem())), key_out(BIO_new(BIO_s_mem()));
  if (!cert_out || !key_out || PEM_write_bio_X509(cert_out.get(), cert) != 1 ||
      PEM_write_bio_PKCS8PrivateKey(key_out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return openssl_error("writing PEM");
  }
  return Certificate{contents(cert_out.get()), contents(key_out.get())};
}

Status extend(X509* cert, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  if (extension == nullptr) return fail(Code::InvalidArgument, "a certificate cannot say '" + value + "'");
  const bool ok = X509_add_ext(cert, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  if (!ok) return openssl_error("extending a certificate");
  return {};
}

// Unsigned, with serial, subject, validity and key set.
Result<X509Cert> blank(const std::string& common_name, EVP_PKEY* key, WallTime now, int days) {
  X509Cert cert(X509_new());
  if (!cert) return openssl_error("making a certificate");
  unsigned char serial[16];
  if (RAND_bytes(serial, sizeof serial) != 1) return openssl_error("choosing a serial number");
  serial[0] &= 0x7f;
  BIGNUM* number = BN_bin2bn(serial, sizeof serial, nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert.get()));
  BN_free(number);
  const std::time_t start =
      std::chrono::system_clock::to_time_t(std::chrono::time_point_cast<std::chrono::system_clock::duration>(now)) -
      300;
  X509_set_version(cert.get(), 2);
  ASN1_TIME_set(X509_getm_notBefore(cert.get()), start);
  ASN1_TIME_set(X509_getm_notAfter(cert.get()), start + std::time_t{days} * 86'400);
  X509_set_pubkey(cert.get(), key);
  X509_NAME* name = X509_get_subject_name(cert.get());
  if (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(common_name.c_str()),
                                 -1, -1, 0) != 1) {
    return fail(Code::InvalidArgument, "'" + common_name + "' cannot be the name of a certificate");
  }
  return cert;
}

Result<X509Cert> parse_cert(const std::string& pem) {
  const Bio in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  X509Cert cert(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
  if (!cert) return fail(Code::InvalidArgument, "not a certificate in PEM");
  return cert;
}

// `names`: of subjectAltName; empty: none.
Result<Certificate> issue(const Certificate& authority, const std::string& common_name, const char* usage,
                          const std::string& names, WallTime now, int days) {
  CLOPS_ASSIGN(const X509Cert issuer, parse_cert(authority.cert_pem));
  const Bio key_in(BIO_new_mem_buf(authority.key_pem.data(), static_cast<int>(authority.key_pem.size())));
  const Key issuer_key(PEM_read_bio_PrivateKey(key_in.get(), nullptr, nullptr, nullptr));
  if (!issuer_key) return fail(Code::InvalidArgument, "not a private key in PEM");
  const Key key(EVP_EC_gen("P-256"));
  if (!key) return openssl_error("making a key");
  CLOPS_ASSIGN(const X509Cert cert, blank(common_name, key.get(), now, days));
  X509_set_issuer_name(cert.get(), X509_get_subject_name(issuer.get()));
  CLOPS_TRY(extend(cert.get(), issuer.get(), NID_basic_constraints, "critical,CA:FALSE"));
  CLOPS_TRY(extend(cert.get(), issuer.get(), NID_key_usage, "critical,digitalSignature"));
  CLOPS_TRY(extend(cert.get(), issuer.get(), NID_ext_key_usage, usage));
  CLOPS_TRY(extend(cert.get(), issuer.get(), NID_authority_key_identifier, "keyid"));
  if (!names.empty()) CLOPS_TRY(extend(cert.get(), issuer.get(), NID_subject_alt_name, names));
  if (X509_sign(cert.get(), issuer_key.get(), EVP_sha256()) == 0) return openssl_error("signing a certificate");
  CLOPS_ASSIGN(Certificate out, print(cert.get(), key.get()));
  out.cert_pem += authority.cert_pem;
  return out;
}

}  // namespace

Result<Certificate> make_authority(const std::string& common_name, WallTime now, int days) {
  const Key key(EVP_EC_gen("P-256"));
  if (!key) return openssl_error("making a key");
  CLOPS_ASSIGN(const X509Cert cert, blank(common_name, key.get(), now, days));
  X509_set_issuer_name(cert.get(), X509_get_subject_name(cert.get()));
  CLOPS_TRY(extend(cert.get(), cert.get(), NID_basic_constraints, "critical,CA:TRUE"));
  CLOPS_TRY(extend(cert.get(), cert.get(), NID_key_usage, "critical,keyCertSign,cRLSign"));
  CLOPS_TRY(extend(cert.get(), cert.get(), NID_subject_key_identifier, "hash"));
  if (X509_sign(cert.get(), key.get(), EVP_sha256()) == 0) return openssl_error("signing a certificate");
  return print(cert.get(), key.get());
}

Result<Certificate> issue_server_certificate(const Certificate& authority, const std::vector<std::string>& dns_names,
                                             const std::vector<std::string>& addresses, WallTime now, int days) {
  std::string names;
  for (const auto& name : dns_names) names += (names.empty() ? "DNS:" : ",DNS:") + name;
  for (const auto& address : addresses) names += (names.empty() ? "IP:" : ",IP:") + address;
  if (names.empty()) return fail(Code::InvalidArgument, "a server certificate needs a name or an address");
  return issue(authority, dns_names.empty() ? addresses[0] : dns_names[0], "serverAuth", names, now, days);
}

Result<Certificate> issue_client_certificate(const Certificate& authority, const std::string& common_name, WallTime now,
                                             int days) {
  return issue(authority, common_name, "clientAuth", "", now, days);
}

Result<WallTime> not_after(const std::string& cert_pem) {
  CLOPS_ASSIGN(const X509Cert cert, parse_cert(cert_pem));
  std::tm parts{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(cert.get()), &parts) != 1)
    return fail(Code::InvalidArgument, "the certificate's end is no time");
  return WallTime(std::chrono::seconds(timegm(&parts)));
}

}  // namespace clops
