#include "serving/routing/router.h"

#include <algorithm>

#include "base/http.h"
#include "serving/routing/hash.h"

namespace clops::serving {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), ascii_lower);
  return out;
}

Result<uint32_t> index_of(const crds::ServingModel& model, std::string_view variant, std::string_view where) {
  const auto at = std::ranges::find(model.variants, variant, &crds::ServingVariant::name);
  if (at == model.variants.end())
    return fail(Code::InvalidArgument,
                model.name + "." + std::string(where) + ": there is no variant '" + std::string(variant) + "'");
  return static_cast<uint32_t>(at - model.variants.begin());
}

// A configuration without a layout yet: the weights, in the order of the variants.
Result<crds::BucketLayout> layout_of(const crds::ServingModel& model) {
  if (!model.buckets.empty()) {
    if (auto status = crds::validate(model.buckets); !status) return fail_in(model.name + ".buckets", status.error());
    return model.buckets;
  }
  std::vector<crds::VariantShare> shares;
  int total = 0;
  for (const crds::ServingVariant& variant : model.variants) {
    if (variant.weight < 0 || variant.weight > 100)
      return fail(Code::InvalidArgument, model.name + ".variants: a weight is not from 0 to 100");
    total += variant.weight;
    shares.push_back({variant.name, static_cast<uint32_t>(variant.weight) * (crds::kBuckets / 100)});
  }
  if (total != 100)
    return fail(Code::InvalidArgument, model.name + ".variants: weights total " + std::to_string(total) + ", not 100");
  return crds::rebalance({}, shares);
}

}  // namespace

uint32_t bucket_of(std::string_view salt, std::string_view key) {
  return static_cast<uint32_t>(xxh3_64(salt, key) % crds::kBuckets);
}

bool same_header_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return ascii_lower(x) == ascii_lower(y); });
}

Result<Router> Router::make(const crds::ServingModel& model) {
  Router router;
  router.salt_ = model.salt;
  router.sticky_header_ = lower(model.sticky_header);
  router.sticky_parameter_ = model.sticky_parameter;
  router.sticky_column_ = model.sticky_column;
  const int ways = (model.sticky_header.empty() ? 0 : 1) + (model.sticky_parameter.empty() ? 0 : 1) +
                   (model.sticky_column.empty() ? 0 : 1);
  if (ways > 1)
    return fail(Code::InvalidArgument,
                model.name + ": stickyHeader, stickyParameter and stickyColumn exclude each other");
  router.by_content_ = !model.sticky_parameter.empty() || !model.sticky_column.empty();
  for (const crds::ServingRule& rule : model.rules) {
    if (rule.header.empty()) return fail(Code::InvalidArgument, model.name + ".rules: a rule names no header");
    CLOPS_ASSIGN(const uint32_t variant, index_of(model, rule.variant, "rules"));
    router.rules_.push_back({lower(rule.header), rule.value, variant});
  }
  router.choosers_ = model.chosen_by.callers;
  std::ranges::sort(router.choosers_);
  if (router.has_choosers())
    for (const crds::ServingVariant& variant : model.variants) router.variants_.push_back(variant.name);
  CLOPS_ASSIGN(const crds::BucketLayout layout, layout_of(model));
  for (const crds::BucketRun& run : layout) {
    CLOPS_ASSIGN(const uint32_t variant, index_of(model, run.variant, "buckets"));
    router.runs_.push_back({run.end, variant});
  }
  return router;
}

Result<std::optional<uint32_t>> Router::asked_for(std::span<const HeaderView> headers, std::string_view caller) const {
  const auto header = std::ranges::find_if(
      headers, [](const HeaderView& h) { return same_header_name(h.name, crds::kOverrideHeader); });
  if (header == headers.end() || header->value.empty()) return std::nullopt;
  const std::string prefix = std::string(crds::kOverrideHeader) + ": ";
  if (caller.empty())
    return fail(Code::PermissionDenied,
                prefix + "only callers who are named may choose the variant, and this one is not");
  if (!std::ranges::binary_search(choosers_, caller))
    return fail(Code::PermissionDenied, prefix + "the caller " + std::string(caller) +
                                            " may not choose the variant: routing.override.callers does not name it");
  const auto at = std::ranges::find(variants_, header->value);
  if (at != variants_.end()) return static_cast<uint32_t>(at - variants_.begin());
  std::string known;
  for (const std::string& name : variants_) known += (known.empty() ? "" : ", ") + name;
  return fail(Code::NotFound,
              prefix + "there is no variant " + std::string(header->value.substr(0, 64)) + ", there are: " + known);
}

uint32_t Router::variant_of(uint32_t bucket) const {
  return std::ranges::upper_bound(runs_, bucket, {}, &Run::end)->variant;
}

Route Router::choose_from(std::span<const HeaderView> headers, uint64_t random) const {
  const auto lookup = [&](std::string_view name) -> std::optional<std::string_view> {
    for (const HeaderView& header : headers)
      if (same_header_name(header.name, name)) return header.value;
    return std::nullopt;
  };
  return choose(lookup, random);
}

}  // namespace clops::serving
