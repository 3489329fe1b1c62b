#include "base/tls_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <vector>

#include "base/free_with.h"
#include "base/tls.h"

namespace clops {
namespace {

using Bio = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using Cert = std::unique_ptr<X509, FreeWith<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using Context = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;

constexpr size_t kCertsMax = 64;        // of a chain, or of authorities
constexpr size_t kPieceBytes = 16'384;  // what one record holds

// openssl keeps errors in a queue of the thread: what one connection leaves there would be read as the next one's.
std::string last_error() {
  char text[256] = "unknown";
  const unsigned long code = ERR_peek_last_error();
  if (code != 0) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

std::unexpected<Error> bad(const char* what) {
  return fail(Code::InvalidArgument, std::string(what) + ": " + last_error());
}

Bio reader_of(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(std::min<size_t>(pem.size(), INT_MAX))));
}

// A key with a pass phrase would ask the terminal for it.
int no_pass_phrase(char*, int, int, void*) {
  return 0;
}

Result<std::vector<Cert>> read_certs(const std::string& pem, const char* what) {
  const Bio in = reader_of(pem);
  std::vector<Cert> out;
  while (out.size() < kCertsMax) {
    Cert cert(PEM_read_bio_X509(in.get(), nullptr, no_pass_phrase, nullptr));
    if (!cert) break;
    out.push_back(std::move(cert));
  }
  const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (out.empty() || !ended) return bad(what);
  ERR_clear_error();
  return out;
}

// gRPC clients offer h2 alone. Who offers both (curl, browsers) speaks REST, which is HTTP/1.1 here.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in, unsigned in_size,
                    void*) {
  for (const std::string_view wanted : {std::string_view("http/1.1"), std::string_view("h2")}) {
    for (unsigned at = 0; at < in_size && at + 1u + in[at] <= in_size; at += 1u + in[at]) {
      if (in[at] != wanted.size() || std::memcmp(in + at + 1, wanted.data(), wanted.size()) != 0) continue;
      *out = in + at + 1;
      *out_size = in[at];
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

struct Pipe {  // what a session's BIO reads from and writes to
  std::string_view in;
  size_t taken = 0;
  std::string* out = nullptr;
};

int pipe_read(BIO* bio, char* to, int most) {
  auto* const pipe = static_cast<Pipe*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const std::string_view rest = pipe->in.substr(pipe->taken);
  const size_t count = std::min(rest.size(), static_cast<size_t>(std::max(most, 0)));
  if (count == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  std::memcpy(to, rest.data(), count);
  pipe->taken += count;
  return static_cast<int>(count);
}

int pipe_write(BIO* bio, const char* from, int count) {
  auto* const pipe = static_cast<Pipe*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (pipe->out == nullptr || count < 0) return -1;
  pipe->out->append(from, static_cast<size_t>(count));
  return count;
}

long pipe_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

int pipe_create(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

const BIO_METHOD* pipe_method() {
  static const std::unique_ptr<BIO_METHOD, FreeWith<BIO_meth_free>> method = [] {
    std::unique_ptr<BIO_METHOD, FreeWith<BIO_meth_free>> made(
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "clops"));
    BIO_meth_set_read(made.get(), pipe_read);
    BIO_meth_set_write(made.get(), pipe_write);
    BIO_meth_set_ctrl(made.get(), pipe_control);
    BIO_meth_set_create(made.get(), pipe_create);
    return made;
  }();
  return method.get();
}

Status harden(SSL_CTX* context) {
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);  // an idle connection keeps no record's memory
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_max_early_data(context, 0);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  static constexpr unsigned char kContextId[] = "clops";  // without one, resumption with client certificates fails
  if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1 ||
      SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") !=
          1 ||
      SSL_CTX_set_session_id_context(context, kContextId, sizeof kContextId - 1) != 1)
    return fail(Code::Internal, "TLS: " + last_error());
  return {};
}

Status use_certificate(SSL_CTX* context, const TlsServerOptions& options) {
  CLOPS_ASSIGN(std::vector<Cert> certs, read_certs(options.cert_pem, "the certificate is not PEM"));
  const Bio in = reader_of(options.key_pem);
  const Key key(PEM_read_bio_PrivateKey(in.get(), nullptr, no_pass_phrase, nullptr));
  if (!key) return bad("the private key is not PEM, or has a pass phrase");
  if (SSL_CTX_use_certificate(context, certs[0].get()) != 1) return bad("the certificate cannot be used");
  for (size_t i = 1; i < certs.size(); ++i)
    if (SSL_CTX_add1_chain_cert(context, certs[i].get()) != 1) return bad("a certificate of the chain cannot be used");
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1)
    return bad("the private key is not the certificate's");
  return {};
}

Status use_client_authority(SSL_CTX* context, const TlsServerOptions& options) {
  if (options.client_ca_pem.empty()) return {};
  CLOPS_ASSIGN(const std::vector<Cert> certs, read_certs(options.client_ca_pem, "the clients' authority is not PEM"));
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  for (const Cert& cert : certs) {
    if (X509_STORE_add_cert(store, cert.get()) != 1 || SSL_CTX_add_client_CA(context, cert.get()) != 1)
      return bad("the clients' authority cannot be used");
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (options.client_cert_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                     nullptr);
  return {};
}

}  // namespace

struct TlsServer::Impl {
  Context context;
};

TlsServer::TlsServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsServer::~TlsServer() = default;

Result<std::shared_ptr<const TlsServer>> TlsServer::make(const TlsServerOptions& options) {
  ERR_clear_error();
  auto impl = std::make_unique<Impl>(Impl{Context(SSL_CTX_new(TLS_server_method()))});
  SSL_CTX* const context = impl->context.get();
  if (context == nullptr) return fail(Code::Internal, "TLS: " + last_error());
  CLOPS_TRY(harden(context));
  CLOPS_TRY(use_certificate(context, options));
  CLOPS_TRY(use_client_authority(context, options));
  CLOPS_ASSIGN(const WallTime end, clops::not_after(options.cert_pem));
  ERR_clear_error();
  std::shared_ptr<TlsServer> out(new TlsServer(std::move(impl)));
  out->not_after_ = end;
  return out;
}

struct TlsSession::Impl {
  explicit Impl(SSL_CTX* context) : ssl(SSL_new(context)) {}
  std::unique_ptr<SSL, FreeWith<SSL_free>> ssl;
  Pipe pipe;
  std::string why;

  Step step_of(int result) {
    switch (SSL_get_error(ssl.get(), result)) {
      case SSL_ERROR_NONE:
        return Step::Done;
      case SSL_ERROR_WANT_READ:
        return Step::More;
      case SSL_ERROR_ZERO_RETURN:
        return Step::Closed;
      default:
        why = last_error();
        return Step::Failed;
    }
  }
};

TlsSession::TlsSession(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
  BIO* const bio = BIO_new(pipe_method());
  BIO_set_data(bio, &impl_->pipe);
  SSL_set_bio(impl_->ssl.get(), bio, bio);
}
TlsSession::TlsSession(const TlsServer& server) : TlsSession(std::make_unique<Impl>(server.impl_->context.get())) {
  SSL_set_accept_state(impl_->ssl.get());
}

Result<std::unique_ptr<TlsSession>> TlsSession::unverified_client(const UnverifiedClientOptions& options) {
  ERR_clear_error();
  const Context context(SSL_CTX_new(TLS_client_method()));
  if (!context) return fail(Code::Internal, "TLS: " + last_error());
  if (options.old) {
    SSL_CTX_set_security_level(context.get(), 0);
    SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context.get(), TLS1_1_VERSION);
  }
  std::string wire;
  for (const std::string& protocol : options.protocols) (wire += static_cast<char>(protocol.size())) += protocol;
  if (SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                              static_cast<unsigned>(wire.size())) != 0)
    return fail(Code::InvalidArgument, "TLS: a protocol's name is empty or too long");
  if (!options.cert_pem.empty())
    CLOPS_TRY(use_certificate(context.get(), {.cert_pem = options.cert_pem, .key_pem = options.key_pem}));
  std::unique_ptr<TlsSession> out(new TlsSession(std::make_unique<Impl>(context.get())));
  SSL_set_connect_state(out->impl_->ssl.get());
  return out;
}
TlsSession::~TlsSession() = default;

void TlsSession::attach(std::string_view in, std::string& out) {
  impl_->pipe = {.in = in, .taken = 0, .out = &out};
  ERR_clear_error();
}
size_t TlsSession::taken() const {
  return impl_->pipe.taken;
}

TlsSession::Step TlsSession::handshake() {
  return impl_->step_of(SSL_do_handshake(impl_->ssl.get()));
}

TlsSession::Step TlsSession::read(std::string& plain, size_t bytes_max) {
  const size_t before = plain.size();
  char piece[kPieceBytes];
  while (plain.size() - before < bytes_max) {
    size_t got = 0;
    const int result = SSL_read_ex(impl_->ssl.get(), piece, sizeof piece, &got);
    if (result != 1) return impl_->step_of(result);
    plain.append(piece, got);
  }
  return Step::Done;
}

TlsSession::Step TlsSession::write(std::string_view plain) {
  while (!plain.empty()) {
    size_t written = 0;
    const int result = SSL_write_ex(impl_->ssl.get(), plain.data(), std::min(plain.size(), kPieceBytes), &written);
    if (result != 1) {
      (void)impl_->step_of(result);
      return Step::Failed;
    }
    plain.remove_prefix(written);
  }
  return Step::Done;
}

void TlsSession::close() {
  if (SSL_is_init_finished(impl_->ssl.get()) == 1) SSL_shutdown(impl_->ssl.get());
  ERR_clear_error();
}
bool TlsSession::mid_record() const {
  // A whole head of a record is taken out of what is pending: then its body is being read.
  return SSL_has_pending(impl_->ssl.get()) == 1 || std::string_view(SSL_rstate_string(impl_->ssl.get())) == "RB";
}
std::string TlsSession::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(impl_->ssl.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}
std::string TlsSession::why() const {
  return impl_->why;
}

}  // namespace clops
