// Which variant answers a request: rules by header first, in order; then the sticky key's bucket; else a random bucket.
//
// Where the key is a parameter of the request or a value of its input, choose() says Content and nothing of a variant:
// choose_by() is for when the key is known.
// Between the two, where the model names callers who may choose: asked_for() says which variant the header asks for.
// Sticky: XXH3-64 of salt ‖ key, mod 10 000, over the explicit layout of serving.json, so a user stays on a side while
// weights move. A request without the sticky header is split like any other, per request.
// Thread rule: immutable once made; choose() is safe from any thread, does not allocate and has no state: the caller
// brings the random number (one generator per thread). Errors: make() InvalidArgument (a rule or bucket names no
// variant; gaps); asked_for() PermissionDenied, NotFound, fit for the client.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crds/serving_config.h"

namespace clops::serving {

// Bucket of a sticky key, 0 to 9 999.
[[nodiscard]] uint32_t bucket_of(std::string_view salt, std::string_view key);

enum class RouteReason : uint8_t { Rule, Sticky, PerRequest, Content };

struct Route {
  uint32_t variant = 0;  // index into ServingModel::variants
  RouteReason reason = RouteReason::PerRequest;
  bool operator==(const Route&) const = default;
};

struct HeaderView {
  std::string_view name, value;
};
[[nodiscard]] bool same_header_name(std::string_view a, std::string_view b);  // ASCII, without case

class Router {
 public:
  [[nodiscard]] static Result<Router> make(const crds::ServingModel& model);

  // lookup(name) gives the value of the header called `name` (compared without case; names come in lower case) as
  // std::optional<std::string_view>. `random`: 64 uniform bits.
  template <class Lookup>
  [[nodiscard]] Route choose(const Lookup& lookup, uint64_t random) const {
    for (const Rule& rule : rules_) {
      const std::optional<std::string_view> value = lookup(std::string_view(rule.header));
      if (value && *value == rule.value) return {rule.variant, RouteReason::Rule};
    }
    if (!sticky_header_.empty()) {
      const std::optional<std::string_view> key = lookup(std::string_view(sticky_header_));
      if (key && !key->empty()) return {variant_of(bucket_of(salt_, *key)), RouteReason::Sticky};
    }
    if (by_content_) return {0, RouteReason::Content};
    return per_request(random);
  }
  [[nodiscard]] Route choose_by(std::string_view key, uint64_t random) const {  // a key that is empty: per request
    if (key.empty()) return per_request(random);
    return {variant_of(bucket_of(salt_, key)), RouteReason::Sticky};
  }
  // Whether callers may choose at all; the variant that this one chose, none if it did not.
  [[nodiscard]] bool has_choosers() const { return !choosers_.empty(); }
  [[nodiscard]] Result<std::optional<uint32_t>> asked_for(std::span<const HeaderView> headers,
                                                          std::string_view caller) const;
  [[nodiscard]] bool by_content() const { return by_content_; }
  [[nodiscard]] const std::string& sticky_parameter() const { return sticky_parameter_; }
  [[nodiscard]] const std::string& sticky_column() const { return sticky_column_; }
  [[nodiscard]] Route choose_from(std::span<const HeaderView> headers, uint64_t random) const;

  [[nodiscard]] uint32_t variant_of(uint32_t bucket) const;

 private:
  [[nodiscard]] Route per_request(uint64_t random) const {
    const uint64_t bucket = ((random >> 32) * crds::kBuckets) >> 32;
    return {variant_of(static_cast<uint32_t>(bucket)), RouteReason::PerRequest};
  }

  struct Rule {
    std::string header, value;
    uint32_t variant = 0;
  };
  struct Run {
    uint32_t end = 0, variant = 0;
  };
  std::string salt_, sticky_header_, sticky_parameter_, sticky_column_;
  bool by_content_ = false;
  std::vector<Rule> rules_;
  std::vector<std::string> choosers_, variants_;  // the former sorted; the latter only with them
  std::vector<Run> runs_;
};

}  // namespace clops::serving
