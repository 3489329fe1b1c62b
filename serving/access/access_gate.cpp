#include "serving/access/access_gate.h"

#include <algorithm>
#include <cstring>

namespace clops::serving {
namespace {

constexpr size_t kCallersMax = 1000, kTokensMax = 4000, kTokenBytesLeast = 16;

std::unexpected<Error> refused(std::atomic<uint64_t>& counter, const char* why) {
  counter.fetch_add(1, std::memory_order_relaxed);
  return fail(Code::Unauthenticated, why);
}

size_t place_of(const TokenDigest& digest, size_t places) {
  uint64_t head = 0;
  std::memcpy(&head, digest.data(), sizeof head);
  return head % places;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r' || text.back() == '\t')) text.remove_suffix(1);
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  return text;
}

bool is_token(std::string_view text) {
  return text.size() <= kTokenBytesMax && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

// The token of the one Authorization header, empty where its scheme is another. Nothing: no header, or several.
std::optional<std::string_view> token_in(std::span<const HeaderView> headers) {
  constexpr std::string_view kScheme = "bearer ";
  std::optional<std::string_view> value;
  for (const HeaderView& header : headers) {
    if (!same_header_name(header.name, "authorization")) continue;
    if (value) return std::nullopt;
    value = trimmed(header.value);
  }
  if (!value) return std::nullopt;
  if (value->size() < kScheme.size() || !same_header_name(value->substr(0, kScheme.size()), kScheme))
    return std::string_view();
  return trimmed(value->substr(kScheme.size()));
}

}  // namespace

Result<CallerTokens> CallerTokens::make(const std::vector<std::pair<std::string, std::string>>& files,
                                        const HmacSha256& key) {
  if (files.size() > kCallersMax) return fail(Code::InvalidArgument, "there are more than 1000 callers");
  CallerTokens out;
  for (const auto& [caller, content] : files) {
    const size_t before = out.entries_.size();
    for (size_t at = 0; at < content.size();) {
      const size_t end = std::min(content.find('\n', at), content.size());
      const std::string_view token = trimmed(std::string_view(content).substr(at, end - at));
      at = end + 1;
      if (token.empty()) continue;
      if (token.size() < kTokenBytesLeast)
        return fail(Code::InvalidArgument, caller + ": a token of fewer than 16 characters can be guessed");
      if (!is_token(token))
        return fail(Code::InvalidArgument, caller + ": a token is printable ASCII without spaces, 8 KiB at most");
      out.entries_.push_back({key.sign(token), caller});
    }
    if (out.entries_.size() == before) return fail(Code::InvalidArgument, caller + ": there is no token in it");
    if (out.entries_.size() > kTokensMax) return fail(Code::InvalidArgument, "there are more than 4000 tokens");
  }
  if (out.entries_.empty()) return fail(Code::InvalidArgument, "there is no caller");
  std::ranges::sort(out.entries_, {}, &Entry::digest);
  const auto twice = std::ranges::adjacent_find(out.entries_, {}, &Entry::digest);
  if (twice != out.entries_.end())
    return fail(Code::InvalidArgument, twice->caller + " and " + std::next(twice)->caller + ": a token is there twice");
  return out;
}

const std::string* CallerTokens::find(const TokenDigest& digest) const {
  const auto at = std::ranges::lower_bound(entries_, digest, {}, &Entry::digest);
  return at != entries_.end() && at->digest == digest ? &at->caller : nullptr;
}

AccessGate::AccessGate(Parts parts) : parts_(parts), keys_(parts.keys) {}
AccessGate::~AccessGate() = default;

void AccessGate::look() {
  current_ = keys_.current();
  if (version_ == keys_.version()) return;
  version_ = keys_.version();
  for (Good& entry : good_) entry = {};
  std::ranges::fill(bad_, TokenDigest{});
}

bool AccessGate::able() {
  look();
  if (current_ == nullptr) return false;
  return (!parts_.policy.callers || current_->callers != nullptr) && (!parts_.policy.jwt || current_->jwks != nullptr);
}

Result<std::string_view> AccessGate::admit(std::span<const HeaderView> headers) {
  if (!able()) {
    parts_.counters.unavailable.fetch_add(1, std::memory_order_relaxed);
    return fail(Code::Unavailable, "who may call could not be read yet: see the server's log");
  }
  const auto token = token_in(headers);
  if (!token) return refused(parts_.counters.no_token, "say who calls: one header \"Authorization: Bearer TOKEN\"");
  if (token->empty() || token->size() > kTokenBytesMax) return no_bearer();
  // What was good before has this digest and so these bytes: nothing else of them need be looked at again.
  const TokenDigest digest = parts_.digest_key.sign(*token);
  if (parts_.policy.callers) {
    if (const std::string* const caller = current_->callers->find(digest)) return *caller;
  }
  const WallTime now = parts_.policy.jwt ? parts_.clock.wall() : WallTime();
  if (!good_.empty()) {
    const Good& place = place_for(digest);
    if (place.digest == digest && now < place.until) return place.caller;
  }
  if (!is_token(*token)) return no_bearer();
  if (parts_.policy.jwt && token->find('.') != std::string_view::npos) return admit_jwt(*token, digest, now);
  return refused(parts_.counters.bad_token, "the token is not known here");
}

std::unexpected<Error> AccessGate::no_bearer() {
  return refused(parts_.counters.bad_token, "the Authorization header is not \"Bearer TOKEN\"");
}

Result<std::string_view> AccessGate::admit_jwt(std::string_view token, const TokenDigest& digest, WallTime now) {
  if (good_.empty()) {
    good_.resize(kGoodMax);
    bad_.resize(kBadMax);
  }
  TokenDigest& bad = bad_[place_of(digest, kBadMax)];
  if (bad == digest) return refused(parts_.counters.bad_token, "the token is not good here");
  auto identity = verify_jwt(token, *current_->jwks, *parts_.policy.jwt, now);
  if (!identity) {
    const bool good = identity.error().code == Code::PermissionDenied;
    (good ? parts_.counters.not_enough : parts_.counters.bad_token).fetch_add(1, std::memory_order_relaxed);
    if (identity.error().message == kWrongSignature) bad = digest;
    return std::unexpected(std::move(identity).error());
  }
  parts_.counters.verified.fetch_add(1, std::memory_order_relaxed);
  Good& place = place_for(digest);
  place = {.digest = digest, .until = identity->expires, .caller = std::move(identity->subject)};
  return place.caller;
}

// Its own place if it has one, else of its set an empty one or the one that ends first.
AccessGate::Good& AccessGate::place_for(const TokenDigest& digest) {
  Good* const set = &good_[place_of(digest, kGoodMax / kWays) * kWays];
  Good* first = set;
  for (Good* at = set; at < set + kWays; ++at) {
    if (at->digest == digest) return *at;
    if (at->until < first->until) first = at;
  }
  return *first;
}

}  // namespace clops::serving
