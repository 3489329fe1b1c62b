#include "crds/validation.h"

#include <algorithm>
#include <functional>
#include <set>

#include "crds/logger_codec.h"
#include "crds/override_codec.h"
#include "crds/validation_door.h"
#include "crds/validation_steps.h"

namespace clops::crds {
namespace {

using Violations = std::vector<Violation>;

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_lower_alnum(char c) {
  return is_lower(c) || is_digit(c);
}
bool is_alnum(char c) {
  return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

// Begins and ends with `edge`, and has nothing but `edge` and `inner` between.
bool framed(std::string_view text, bool (*edge)(char), std::string_view inner) {
  if (text.empty() || !edge(text.front()) || !edge(text.back())) return false;
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return edge(c) || inner.find(c) != std::string_view::npos; });
}

bool is_label(std::string_view text) {
  return framed(text, is_lower_alnum, "-");
}
bool is_object_name(std::string_view text) {
  return framed(text, is_lower_alnum, "-.");
}
bool is_model_name(std::string_view text) {
  return framed(text, is_alnum, "-_.");
}
bool is_service_name(std::string_view text) {
  return text.size() <= 50 && is_label(text) && is_lower(text.front());
}
bool is_version(std::string_view text) {
  return !text.empty() && text.size() <= 18 && std::all_of(text.begin(), text.end(), is_digit);
}
bool is_header(std::string_view text) {
  return !text.empty() && is_alnum(text.front()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_alnum(c) || c == '-' || c == '_'; });
}
bool is_digest(std::string_view text) {
  constexpr std::string_view kPrefix = "sha256:";
  return text.starts_with(kPrefix) && text.size() == kPrefix.size() + 64 &&
         std::all_of(text.begin() + kPrefix.size(), text.end(),
                     [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}
bool is_storage_uri(std::string_view text) {
  for (const std::string_view scheme : {"pvc://", "http://", "https://", "file://"}) {
    if (!text.starts_with(scheme)) continue;
    const std::string_view rest = text.substr(scheme.size());
    return !rest.empty() && rest.find_first_of(" \t\n\f\r") == std::string_view::npos;
  }
  return false;
}

// The messages stand in the CRDs too, word for word.
constexpr const char* kServiceAccountMessage =
    "write the name of a ServiceAccount of this namespace: lower-case letters, digits, '-' and '.'";
constexpr const char* kHeaderMessage =
    "write the name of an HTTP header: letters, digits, '-' and '_', such as x-user-id";

struct TextRule {
  std::initializer_list<std::string_view> path;
  bool (*holds)(std::string_view);
  const char* message;
};

std::string dotted(std::initializer_list<std::string_view> path) {
  std::string out;
  for (const auto step : path) out += (out.empty() ? "" : ".") + std::string(step);
  return out;
}

void check_text(const Json& object, const TextRule& rule, const std::string& prefix, Violations& out) {
  const Json* value = find_path(object, rule.path);
  if (!value || !value->is_string() || rule.holds(value->get_ref<const std::string&>())) return;
  out.push_back({prefix + dotted(rule.path), rule.message});
}

const Json& list_at(const Json& object, std::initializer_list<std::string_view> path) {
  static const Json none = Json::array();
  const Json* value = find_path(object, path);
  return value && value->is_array() ? *value : none;
}

void check_model_version(const Json& object, const Json* old, Violations& out) {
  const std::string name = string_at(object, {"metadata", "name"});
  if (name.size() > 63) out.push_back({"", "metadata.name becomes a label: use at most 63 characters"});
  if (old) {
    const Json* before = find_path(*old, {"spec"});
    const Json* after = find_path(object, {"spec"});
    if (before && after && *before != *after) {
      out.push_back({"spec",
                     "spec is immutable, because it describes one artifact: make a new ModelVersion with another name "
                     "and version instead"});
    }
  }
  static const TextRule rules[] = {
      {{"spec", "model"},
       is_model_name,
       "write letters, digits, '-', '_' and '.', beginning and ending with a letter or digit, such as fraud"},
      {{"spec", "version"}, is_version, "write the version as 1 to 18 digits in quotes, such as \"7\""},
      {{"spec", "modelFormat", "name"}, is_label, "write lower-case letters, digits and '-', such as xgboost or auto"},
      {{"spec", "storageUri"},
       is_storage_uri,
       "write pvc://CLAIM/path, http://host/path, https://host/path or file:///path, without spaces"},
      {{"spec", "digest"},
       is_digest,
       "write sha256: and 64 lower-case hex digits, as sha256sum prints them; or leave digest out to pin what is "
       "found"},
      {{"spec", "serviceAccountName"}, is_object_name, kServiceAccountMessage},
  };
  for (const auto& rule : rules) check_text(object, rule, "", out);
}

void check_variants(const Json& variants, Violations& out) {
  int64_t total = 0;
  std::set<std::string> names;
  for (size_t i = 0; i < variants.size(); ++i) {
    const std::string where = "spec.variants[" + std::to_string(i) + "]";
    const std::string name = string_at(variants[i], {"name"});
    if (!name.empty() && !names.insert(name).second) {
      out.push_back({where, "Duplicate value: " + dump_json(Json{{"name", name}})});
    }
    static const TextRule rules[] = {
        {{"name"},
         is_label,
         "write lower-case letters, digits and '-', beginning and ending with a letter or digit, such as champion"},
        {{"modelVersion"},
         is_object_name,
         "write the metadata.name of a ModelVersion of this namespace, such as fraud-7"},
    };
    for (const auto& rule : rules) check_text(variants[i], rule, where + ".", out);
    if (const Json* steps = find_path(variants[i], {"steps"})) check_steps(*steps, where + ".steps", out);
    total += int_at(variants[i], {"weight"});
  }
  if (total != 100)
    out.push_back(
        {"spec.variants", "the weights must total 100: write percentages that add up to it, such as 90 and 10"});
}

bool is_one_of(const Json& variants, const std::string& name) {
  return std::any_of(variants.begin(), variants.end(), [&](const Json& v) { return string_at(v, {"name"}) == name; });
}

void check_mirror(const Json& object, const Json& variants, Violations& out) {
  const Json* mirror = find_path(object, {"spec", "mirror"});
  if (mirror == nullptr || !mirror->is_object() || is_one_of(variants, string_at(*mirror, {"variant"}))) return;
  out.push_back({"spec",
                 "mirror names a variant that is not in spec.variants: write the name of one that is, or add the "
                 "variant (with weight 0 it answers nobody and is computed only as the mirror)"});
}

void check_routing(const Json& object, const Json& variants, Violations& out) {
  check_text(object, {{"spec", "routing", "stickyKey", "header"}, is_header, kHeaderMessage}, "", out);
  if (const Json* key = find_path(object, {"spec", "routing", "stickyKey"}))
    check_sticky_key(*key, "spec.routing.stickyKey", out);
  const Json& rules = list_at(object, {"spec", "routing", "rules"});
  bool all_known = true;
  for (size_t i = 0; i < rules.size(); ++i) {
    check_text(rules[i], {{"header"}, is_header, kHeaderMessage}, "spec.routing.rules[" + std::to_string(i) + "].",
               out);
    const std::string wanted = string_at(rules[i], {"variant"});
    all_known = all_known && is_one_of(variants, wanted);
  }
  if (!all_known) {
    out.push_back({"spec",
                   "routing.rules names a variant that is not in spec.variants: write the name of one that is, or add "
                   "the variant "
                   "(with weight 0 it gets only what the rules send)"});
  }
}

constexpr const char* kReferenceMessage =
    "write the name of an object of this namespace: lower-case letters, digits, '-' and '.'";

bool is_claim(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alnum(c) || std::string_view("-_.:/").find(c) != std::string_view::npos;
  });
}

void check_access(const Json& object, Violations& out) {
  const auto has = [&](std::initializer_list<std::string_view> path) {
    const Json* value = find_path(object, path);
    return value && !value->is_null();
  };
  static const TextRule rules[] = {
      {{"spec", "tls", "secretName"}, is_object_name, kReferenceMessage},
      {{"spec", "tls", "clientCASecretName"}, is_object_name, kReferenceMessage},
      {{"spec", "auth", "bearer", "secretName"}, is_object_name, kReferenceMessage},
      {{"spec", "auth", "jwt", "jwksSecretName"}, is_object_name, kReferenceMessage},
      {{"spec", "auth", "jwt", "jwksConfigMapName"}, is_object_name, kReferenceMessage},
  };
  for (const auto& rule : rules) check_text(object, rule, "", out);
  if (has({"spec", "tls", "clientCASecretName"}) && !has({"spec", "tls", "clientAuth"}))
    out.push_back({"spec.tls", "clientCASecretName is of use only with clientAuth: write Require or Request there"});
  if (has({"spec", "auth"}) && !has({"spec", "auth", "bearer"}) && !has({"spec", "auth", "jwt"}))
    out.push_back({"spec.auth", "auth says nothing: write bearer, jwt or both, or leave auth out"});
  if (!has({"spec", "auth", "jwt"})) return;
  if (has({"spec", "auth", "jwt", "jwksSecretName"}) == has({"spec", "auth", "jwt", "jwksConfigMapName"}))
    out.push_back(
        {"spec.auth.jwt", "write where the issuer's keys are: jwksSecretName or jwksConfigMapName, one of the two"});
  const Json& claims = list_at(object, {"spec", "auth", "jwt", "requiredClaims"});
  for (size_t i = 0; i < claims.size(); ++i)
    check_text(claims[i], {{"name"}, is_claim, "write the name of a claim: letters, digits and any of -_.:/"},
               "spec.auth.jwt.requiredClaims[" + std::to_string(i) + "].", out);
}

void check_model_deployment(const Json& object, Violations& out) {
  if (!is_service_name(string_at(object, {"metadata", "name"}))) {
    out.push_back({"",
                   "metadata.name becomes the Service's name: use at most 50 lower-case letters, digits and '-', "
                   "beginning with a "
                   "letter and ending with a letter or digit, such as fraud-eu"});
  }
  const Json& variants = list_at(object, {"spec", "variants"});
  if (find_path(object, {"spec", "variants"})) check_variants(variants, out);
  if (const Json* steps = find_path(object, {"spec", "steps"})) check_steps(*steps, "spec.steps", out);
  check_routing(object, variants, out);
  if (const Json* validation = find_path(object, {"spec", "validation"}))
    check_validation(*validation, "spec.validation", out);
  check_mirror(object, variants, out);
  check_text(object, {{"spec", "serviceAccountName"}, is_object_name, kServiceAccountMessage}, "", out);
  check_text(object, {{"spec", "logger", "url"}, is_logger_url, kLoggerUrlMessage}, "", out);
  check_access(object, out);
  check_override(object, out);
}

}  // namespace

std::vector<Violation> validate_object(std::string_view kind, const Json& object, const Json* old) {
  Violations out;
  if (kind == "ModelVersion") check_model_version(object, old, out);
  if (kind == "ModelDeployment") check_model_deployment(object, out);
  return out;
}

}  // namespace clops::crds
