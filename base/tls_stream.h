// TLS without sockets: bytes in, bytes out. One of the doors to openssl.
//
// A TlsServer is what is agreed with every client (certificate, key, authority of clients); a TlsSession is one
// connection. TLS 1.2 at least, forward secrecy and AEAD only; no renegotiation, no compression, no early data; tickets
// instead of a session cache. Thread rule: a TlsServer is immutable and safe from any thread; a TlsSession belongs to
// one. Ownership: a TlsSession keeps its TlsServer's state alive; the views given to attach() are the caller's. Errors:
// make() InvalidArgument (PEM that does not parse, a key that is not the certificate's, one with a pass phrase); the
// message names which, and never a secret.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace clops {

struct TlsServerOptions {
  std::string cert_pem;  // the server's certificate, then those that lead to its authority
  std::string key_pem;
  std::string client_ca_pem;         // empty: clients are not asked for a certificate
  bool client_cert_required = true;  // with client_ca_pem: whoever has none is refused
};

class TlsServer {
 public:
  [[nodiscard]] static Result<std::shared_ptr<const TlsServer>> make(const TlsServerOptions& options);
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;
  [[nodiscard]] WallTime not_after() const { return not_after_; }  // of the first certificate

 private:
  friend class TlsSession;
  struct Impl;
  explicit TlsServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
  WallTime not_after_{};
};

// The other side, for who only wants to hear whether anybody answers: it believes every certificate.
struct UnverifiedClientOptions {
  std::vector<std::string> protocols;  // ALPN; none: not said
  std::string cert_pem, key_pem;       // empty: none to show
  bool old = false;                    // offers TLS 1.1 at most
};

class TlsSession {
 public:
  explicit TlsSession(const TlsServer& server);
  [[nodiscard]] static Result<std::unique_ptr<TlsSession>> unverified_client(
      const UnverifiedClientOptions& options = {});
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // Where bytes come from and go to until the next attach(): good for the calls below.
  void attach(std::string_view in, std::string& out);
  [[nodiscard]] size_t taken() const;  // bytes of `in` that are not needed any more

  enum class Step : uint8_t { Done, More, Closed, Failed };  // Closed: the client has said goodbye
  [[nodiscard]] Step handshake();
  // Appends what could be decrypted, at most about `bytes_max`, to `plain`. Done: there may be more.
  [[nodiscard]] Step read(std::string& plain, size_t bytes_max);
  [[nodiscard]] Step write(std::string_view plain);  // all of it; Done or Failed
  void close();                                      // says goodbye
  [[nodiscard]] bool mid_record() const;             // part of a record has come, and not the rest
  [[nodiscard]] std::string why() const;             // of the last Failed: openssl's words
  [[nodiscard]] std::string protocol() const;        // ALPN's, once hands are shaken; empty: none

 private:
  struct Impl;
  explicit TlsSession(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace clops
