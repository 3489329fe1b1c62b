#include "controllers/common/objects.h"

#include <charconv>
#include <cmath>

#include "base/digest.h"

namespace clops::controllers {
namespace {

// "500m" and "0.5", "1Gi" and "1024Mi" are the same to Kubernetes, which prints its own form back.
std::optional<double> quantity(const Json& value) {
  if (value.is_number()) return value.get<double>();
  if (!value.is_string()) return {};
  const auto& text = value.get_ref<const std::string&>();
  double number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc{}) return {};
  const std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  constexpr std::pair<std::string_view, double> kUnits[] = {
      {"", 1},        {"n", 1e-9},    {"u", 1e-6},    {"m", 1e-3},   {"k", 1e3},     {"M", 1e6},
      {"G", 1e9},     {"T", 1e12},    {"P", 1e15},    {"E", 1e18},   {"Ki", 0x1p10}, {"Mi", 0x1p20},
      {"Gi", 0x1p30}, {"Ti", 0x1p40}, {"Pi", 0x1p50}, {"Ei", 0x1p60}};
  for (const auto& [name, factor] : kUnits) {
    if (name == unit) return number * factor;
  }
  return {};
}

bool equal_scalars(const Json& live, const Json& wanted) {
  if (live == wanted) return true;
  const auto a = quantity(live), b = quantity(wanted);
  return a && b && std::fabs(*a - *b) <= 1e-9 * std::fabs(*b);
}

}  // namespace

Owner owner_of(const ObjectMeta& child, const ResourceType& type, const ObjectMeta& owner) {
  for (const auto& reference : child.owners) {
    if (!reference.controller) continue;
    if (reference.uid == owner.uid) return Owner::Us;
    return reference.kind == type.kind && reference.name == owner.name ? Owner::Former : Owner::Another;
  }
  return Owner::Nobody;
}

Json frame(const ResourceType& type, const std::string& name, const ResourceType& owner_type, const ObjectMeta& owner,
           const Json& labels) {
  return {{"apiVersion", type.api_version()},
          {"kind", type.kind},
          {"metadata",
           {{"name", name},
            {"namespace", owner.ns},
            {"labels", labels},
            {"ownerReferences", Json::array({{{"apiVersion", owner_type.api_version()},
                                              {"kind", owner_type.kind},
                                              {"name", owner.name},
                                              {"uid", owner.uid},
                                              {"controller", true},
                                              {"blockOwnerDeletion", true}}})}}}};
}

WantedChild seal(const ResourceType& type, Json object) {
  const std::string hash = sha256(dump_json(object));
  object["metadata"]["annotations"][kHashAnnotation] = hash;
  return {type, std::move(object)};
}

bool covers(const Json& live, const Json& wanted) {
  if (wanted.is_object()) {
    if (!live.is_object()) return wanted.empty() && live.is_null();
    for (const auto& [key, value] : wanted.items()) {
      const auto it = live.find(key);
      if (it == live.end() ? !(value.is_object() && value.empty()) : !covers(*it, value)) return false;
    }
    return true;
  }
  if (wanted.is_array()) {
    if (!live.is_array() || live.size() != wanted.size()) return false;
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (!covers(live[i], wanted[i])) return false;
    }
    return true;
  }
  return equal_scalars(live, wanted);
}

bool still_applied(const LiveChild& live, const WantedChild& wanted) {
  const auto it = live.meta.annotations.find(kHashAnnotation);
  const std::string hash = string_at(wanted.object, {"metadata", "annotations", kHashAnnotation});
  return it != live.meta.annotations.end() && it->second == hash && covers(live.body, wanted.object);
}

std::string claim_of(std::string_view uri) {
  constexpr std::string_view kScheme = "pvc://";
  if (!uri.starts_with(kScheme)) return "";
  uri.remove_prefix(kScheme.size());
  return std::string(uri.substr(0, uri.find('/')));
}

ClaimParts claim_parts(const std::vector<std::string>& claims) {
  ClaimParts parts;
  for (size_t i = 0; i < claims.size(); ++i) {
    const std::string volume = "claim-" + std::to_string(i), path = "/mnt/pvc/" + claims[i];
    parts.volumes.push_back(
        {{"name", volume}, {"persistentVolumeClaim", {{"claimName", claims[i]}, {"readOnly", true}}}});
    parts.mounts.push_back({{"name", volume}, {"mountPath", path}, {"readOnly", true}});
    parts.flags.push_back("--pvc=" + claims[i] + "=" + path);
  }
  return parts;
}

std::string literal_argument(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '$' ? std::string("$$") : std::string(1, c);
  return out;
}

Json restricted_pod_security() {
  return {{"runAsNonRoot", true},
          {"runAsUser", 65532},
          {"runAsGroup", 65532},
          {"fsGroup", 65532},
          {"seccompProfile", {{"type", "RuntimeDefault"}}}};
}

Json restricted_container_security() {
  return {{"allowPrivilegeEscalation", false},
          {"readOnlyRootFilesystem", true},
          {"capabilities", {{"drop", Json::array({"ALL"})}}}};
}

crds::Condition condition(const char* type, crds::ConditionStatus status, crds::Reason reason, std::string message,
                          int64_t generation, const std::string& now) {
  return {.type = type,
          .status = status,
          .reason = std::string(crds::to_string(reason)),
          .message = clipped(std::move(message)),
          .last_transition_time = now,
          .observed_generation = generation};
}

std::string clipped(std::string text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  size_t end = bytes_max - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // not inside a UTF-8 sequence
  return text.substr(0, end) + "...";
}

}  // namespace clops::controllers
