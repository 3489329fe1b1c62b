// The gate of one serving thread: bearer tokens of a list of callers, and JWTs of an issuer.
//
// A token is known by its HMAC under a key of this process, so that nothing can be learnt from how long comparing
// takes. JWTs that were good are remembered until they end, within a fixed table, so that each is verified once per
// thread and not per call; those whose signature was bad are remembered too, in a table of their own, which no flood of
// them can grow. Both are forgotten when keys change. Thread rule: one per serving thread; AccessKeys are immutable.
// Ownership: borrows the published keys, clock and counters. Errors: as Gate.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/time.h"
#include "serving/access/jwt.h"
#include "serving/access/published.h"
#include "serving/protocol/gate.h"

namespace clops::serving {

using TokenDigest = std::array<unsigned char, 32>;

// The callers of a Secret: every key's name, with the tokens that are its value's lines.
class CallerTokens {
 public:
  struct Entry {
    TokenDigest digest{};
    std::string caller;
  };
  // `files`: name and content. InvalidArgument names the caller, never the token.
  [[nodiscard]] static Result<CallerTokens> make(const std::vector<std::pair<std::string, std::string>>& files,
                                                 const HmacSha256& key);
  [[nodiscard]] const std::string* find(const TokenDigest& digest) const;
  [[nodiscard]] size_t size() const { return entries_.size(); }

 private:
  std::vector<Entry> entries_;  // sorted by digest
};

struct AccessKeys {  // what is in force
  std::shared_ptr<const CallerTokens> callers;
  std::shared_ptr<const Jwks> jwks;
};

struct AccessPolicy {
  bool callers = false;          // tokens of a list are taken
  std::optional<JwtPolicy> jwt;  // JWTs are
};

struct AccessCounters {  // of all threads
  std::atomic<uint64_t> no_token{0}, bad_token{0}, not_enough{0}, unavailable{0}, verified{0};
};

class AccessGate final : public Gate {
 public:
  struct Parts {
    const Published<AccessKeys>& keys;
    const HmacSha256& digest_key;
    const AccessPolicy& policy;
    const Clock& clock;
    AccessCounters& counters;
  };
  explicit AccessGate(Parts parts);
  ~AccessGate() override;
  [[nodiscard]] Result<std::string_view> admit(std::span<const HeaderView> headers) override;
  [[nodiscard]] bool able() override;

 private:
  struct Good {
    TokenDigest digest{};
    WallTime until{};
    std::string caller;
  };
  static constexpr size_t kGoodMax = 4096, kWays = 4, kBadMax = 1024;
  void look();
  [[nodiscard]] std::unexpected<Error> no_bearer();
  [[nodiscard]] Result<std::string_view> admit_jwt(std::string_view token, const TokenDigest& digest, WallTime now);
  Good& place_for(const TokenDigest& digest);

  Parts parts_;
  Published<AccessKeys>::Reader keys_;
  const AccessKeys* current_ = nullptr;
  uint64_t version_ = 0;
  std::vector<Good> good_;        // sets of kWays; made with the first JWT
  std::vector<TokenDigest> bad_;  // one place per digest
};

}  // namespace clops::serving
