#include "serving/access/credentials.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/file.h"

namespace clops::serving {
namespace {

constexpr size_t kPemBytesMax = 1u << 20, kTokensBytesMax = 64u << 10, kFilesMax = 1001;
using Files = std::vector<std::pair<std::string, std::string>>;  // name, content; sorted

// What a mounted Secret shows: its own links begin with a dot.
Result<Files> read_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::directory_iterator at(folder, error);
  if (error) return fail(Code::Unavailable, folder + ": " + error.message());
  Files out;
  for (const std::filesystem::directory_iterator end; at != end && out.size() < kFilesMax; at.increment(error)) {
    if (error) return fail(Code::Unavailable, folder + ": " + error.message());
    std::string name = at->path().filename().string();
    if (name.starts_with('.') || !at->is_regular_file(error)) continue;
    CLOPS_ASSIGN(std::string content, read_file(at->path(), kTokensBytesMax));
    out.emplace_back(std::move(name), std::move(content));
  }
  std::ranges::sort(out);
  return out;
}

Result<Files> read_files(std::initializer_list<const std::string*> paths) {
  Files out;
  for (const std::string* path : paths) {
    if (path->empty()) continue;
    CLOPS_ASSIGN(std::string content, read_file(*path, kPemBytesMax));
    out.emplace_back(*path, std::move(content));
  }
  return out;
}

std::string digest_of(const Files& files) {
  Sha256 hash;
  for (const auto& [name, content] : files) {
    hash.update(std::to_string(name.size()) + "," + std::to_string(content.size()) + ":");
    hash.update(name);
    hash.update(content);
  }
  return hash.finish();
}

void append_counter(std::string& out, std::string_view name, std::string_view labels, uint64_t value) {
  ((((out += name) += '{') += labels) += "} ") += std::to_string(value);
  out += '\n';
}

void append_head(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  ((((out += "# HELP ") += name) += ' ') += help) += '\n';
  ((((out += "# TYPE ") += name) += ' ') += type) += '\n';
}

}  // namespace

Credentials::Credentials(CredentialOptions options, const Clock& clock, Log& log)
    : options_(std::move(options)), clock_(clock), log_(log), digest_key_(random_hex(32)) {
  policy_ = {.callers = !options_.callers_folder.empty(), .jwt = options_.jwt};
}

Credentials::~Credentials() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Credentials::start() {
  if (!tls() && !guarded()) return;
  thread_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, options_.poll, [this] { return stopping_; })) {
      lock.unlock();
      look();
      lock.lock();
    }
  });
}

void Credentials::look() {
  if (tls()) look_at_tls();
  if (policy_.callers) look_at_callers();
  if (policy_.jwt) look_at_jwks();
}

// By content, as a mounted Secret changes through links that say nothing reliable about times. All its files change at
// once, but not under a reader between two of them: what is bad is read a second time before it is called so.
template <class Read, class Take>
void Credentials::look_at(Watched& what, const char* name, const Read& read, const Take& take) {
  for (const bool again : {false, true}) {
    Result<Files> files = read();
    const std::string digest = files ? digest_of(*files) : files.error().message;
    if (digest == what.seen) return;
    const Status taken = files ? take(*files) : Status(std::unexpected(files.error()));
    if (!taken && !again) continue;
    what.seen = digest;
    (taken ? what.taken : what.refused).fetch_add(1, std::memory_order_relaxed);
    if (taken) return;
    log_.error("credentials not taken: what was in force stays", {{"what", name}, {"error", taken.error().message}});
  }
}

void Credentials::look_at_tls() {
  const auto read = [this] {
    return read_files({&options_.tls_cert_file, &options_.tls_key_file, &options_.client_ca_file});
  };
  look_at(certificate_, "certificate", read, [this](const Files& files) -> Status {
    CLOPS_ASSIGN(auto server, TlsServer::make({.cert_pem = files[0].second,
                                               .key_pem = files[1].second,
                                               .client_ca_pem = files.size() > 2 ? files[2].second : std::string(),
                                               .client_cert_required = options_.client_cert_required}));
    const WallTime end = server->not_after();
    if (end < clock_.wall()) log_.warn("the certificate has expired", {{"not_after", to_rfc3339(end)}});
    not_after_seconds_.store(std::chrono::duration_cast<std::chrono::seconds>(end.time_since_epoch()).count());
    servers_.publish(std::move(server));
    log_.info("certificate in force", {{"file", options_.tls_cert_file}, {"not_after", to_rfc3339(end)}});
    return {};
  });
}

void Credentials::look_at_callers() {
  const auto read = [this] { return read_folder(options_.callers_folder); };
  look_at(callers_, "callers", read, [this](const Files& files) -> Status {
    CLOPS_ASSIGN(CallerTokens callers, CallerTokens::make(files, digest_key_));
    log_.info("callers' tokens in force", {{"callers", files.size()}, {"tokens", callers.size()}});
    keys_.callers = std::make_shared<const CallerTokens>(std::move(callers));
    publish_keys();
    return {};
  });
}

void Credentials::look_at_jwks() {
  const auto read = [this] { return read_files({&options_.jwks_file}); };
  look_at(jwks_, "jwks", read, [this](const Files& files) -> Status {
    CLOPS_ASSIGN(Jwks keys, Jwks::parse(files[0].second));
    log_.info("keys of the issuer in force", {{"keys", keys.size()}});
    keys_.jwks = std::make_shared<const Jwks>(std::move(keys));
    publish_keys();
    return {};
  });
}

void Credentials::publish_keys() {
  published_.publish(std::make_shared<const AccessKeys>(keys_));
}

std::unique_ptr<Gate> Credentials::make_gate() {
  if (!guarded()) return nullptr;
  return std::make_unique<AccessGate>(AccessGate::Parts{published_, digest_key_, policy_, clock_, counters_});
}

void Credentials::append_metrics(std::string& out) const {
  if (tls() || guarded()) {
    append_head(out, "clops_credential_reloads_total", "counter", "Contents of mounted credentials, as they changed.");
    const std::pair<std::string, const Watched*> all[] = {{"certificate", tls() ? &certificate_ : nullptr},
                                                          {"callers", policy_.callers ? &callers_ : nullptr},
                                                          {"jwks", policy_.jwt ? &jwks_ : nullptr}};
    for (const auto& [name, what] : all) {
      if (what == nullptr) continue;
      append_counter(out, "clops_credential_reloads_total", "what=\"" + name + "\",result=\"taken\"", what->taken);
      append_counter(out, "clops_credential_reloads_total", "what=\"" + name + "\",result=\"refused\"", what->refused);
    }
  }
  if (tls()) {
    append_head(out, "clops_tls_handshakes_total", "counter", "TLS handshakes by how they ended.");
    append_counter(out, "clops_tls_handshakes_total", "result=\"ok\"", tls_counters_.handshakes);
    append_counter(out, "clops_tls_handshakes_total", "result=\"failed\"", tls_counters_.failed);
    append_head(out, "clops_tls_certificate_not_after_seconds", "gauge", "When the certificate in force ends.");
    out += "clops_tls_certificate_not_after_seconds " + std::to_string(not_after_seconds_.load()) + "\n";
  }
  if (guarded()) {
    append_head(out, "clops_access_refused_total", "counter", "Calls that were refused at the gate.");
    const std::pair<const char*, uint64_t> all[] = {{"no_token", counters_.no_token},
                                                    {"bad_token", counters_.bad_token},
                                                    {"not_enough", counters_.not_enough},
                                                    {"unavailable", counters_.unavailable}};
    for (const auto& [reason, count] : all)
      append_counter(out, "clops_access_refused_total", std::string("reason=\"") + reason + "\"", count);
    append_head(out, "clops_access_jwt_verified_total", "counter", "JWTs that were verified and found good.");
    out += "clops_access_jwt_verified_total " + std::to_string(counters_.verified.load()) + "\n";
  }
}

}  // namespace clops::serving
