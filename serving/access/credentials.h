// The files that say who this server is and who may call it: certificate and key, the clients' authority, callers'
// tokens, an issuer's keys. Read again about once a second and put in force when their content has changed, as mounted
// Secrets change under a running pod; what is bad is logged once and counted, and what was in force stays.
//
// Thread rule: made and started by one thread; look() by its own thread alone once start() was called; the published
// values, counters and append_metrics() from any. Ownership: borrows clock and log. Errors: none: a server without a
// certificate answers nobody, and one without callers refuses every call and is not ready, until the files are good.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/digest.h"
#include "base/log.h"
#include "base/time.h"
#include "base/tls_stream.h"
#include "serving/access/access_gate.h"
#include "serving/access/published.h"
#include "serving/net/tls.h"

namespace clops::serving {

struct CredentialOptions {
  std::string tls_cert_file, tls_key_file;  // both or neither
  std::string client_ca_file;               // empty: clients are asked for no certificate
  bool client_cert_required = true;
  std::string callers_folder;  // a file for each caller, with its tokens as lines
  std::string jwks_file;
  std::optional<JwtPolicy> jwt;  // with jwks_file
  std::chrono::milliseconds poll{1'000};
};

class Credentials {
 public:
  Credentials(CredentialOptions options, const Clock& clock, Log& log);
  ~Credentials();
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;
  void look();  // once, now
  void start();

  [[nodiscard]] bool tls() const { return !options_.tls_cert_file.empty(); }
  [[nodiscard]] bool guarded() const { return policy_.callers || policy_.jwt; }
  [[nodiscard]] std::unique_ptr<Gate> make_gate();  // of one thread; null where everybody may call
  [[nodiscard]] const Published<TlsServer>& servers() const { return servers_; }
  [[nodiscard]] TlsCounters& tls_counters() { return tls_counters_; }
  void append_metrics(std::string& out) const;  // Prometheus text; nothing where nothing is configured

 private:
  struct Watched {  // one thing that is read
    std::string seen;
    std::atomic<uint64_t> taken{0}, refused{0};
  };
  void look_at_tls();
  void look_at_callers();
  void look_at_jwks();
  template <class Read, class Take>
  void look_at(Watched& what, const char* name, const Read& read, const Take& take);
  void publish_keys();

  CredentialOptions options_;
  AccessPolicy policy_;
  const Clock& clock_;
  Log& log_;
  HmacSha256 digest_key_;
  Watched certificate_, callers_, jwks_;
  AccessKeys keys_;  // the looking thread's
  Published<TlsServer> servers_;
  Published<AccessKeys> published_;
  std::atomic<int64_t> not_after_seconds_{0};
  TlsCounters tls_counters_;
  AccessCounters counters_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace clops::serving
