#include "local/api/request.h"

#include <algorithm>
#include <charconv>

#include "base/yaml.h"

namespace clops::local {
namespace {

constexpr size_t kStepsMax = 16;

std::unexpected<ApiError> no_such_path() {
  return api_fail(404, "NotFound", "the server could not find the requested resource");
}

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> out;
  while (!path.empty() && out.size() <= kStepsMax) {
    if (path.front() == '/') {
      path.remove_prefix(1);
      continue;
    }
    const size_t slash = std::min(path.find('/'), path.size());
    out.push_back(url_decode(path.substr(0, slash)));
    path.remove_prefix(slash);
  }
  return out;
}

std::string media_type(const Headers& headers) {
  std::string out(headers.get("content-type").value_or("application/json"));
  out = out.substr(0, out.find(';'));
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out.empty() ? "application/json" : out;
}

}  // namespace

Outcome<Route> parse_route(std::string_view path) {
  auto steps = split_path(path);
  Route out;
  size_t at = 0;
  if (steps.size() >= 2 && steps[0] == "api") {
    out.version = steps[1];
    at = 2;
  } else if (steps.size() >= 3 && steps[0] == "apis") {
    out.group = steps[1];
    out.version = steps[2];
    at = 3;
  } else {
    return no_such_path();
  }
  std::vector<std::string> rest(steps.begin() + static_cast<std::ptrdiff_t>(at), steps.end());
  const bool core = out.group.empty();
  // namespaces/NS/RESOURCE is a resource in a namespace, but namespaces/NS/status is a namespace's own.
  const bool own = core && rest.size() == 3 && (rest[2] == "status" || rest[2] == "finalize");
  if (rest.size() >= 3 && rest[0] == "namespaces" && !own) {
    out.ns = rest[1];
    rest.erase(rest.begin(), rest.begin() + 2);
  }
  if (rest.empty() || rest.size() > 3) return no_such_path();
  out.plural = rest[0];
  if (rest.size() > 1) out.name = rest[1];
  if (rest.size() > 2) out.subresource = rest[2];
  return out;
}

Accepts parse_accept(std::string_view header) {
  Accepts out;
  if (header.empty()) return out;
  out.json = false;
  while (!header.empty()) {
    const size_t comma = std::min(header.find(','), header.size());
    const std::string_view part = header.substr(0, comma);
    header.remove_prefix(std::min(comma + 1, header.size()));
    const bool json = part.find("application/json") != part.npos || part.find("*/*") != part.npos ||
                      part.find("application/*") != part.npos;
    if (!json) continue;
    if (part.find("as=Table") != part.npos) {
      out.table = out.table || (part.find("g=meta.k8s.io") != part.npos && part.find("v=v1beta1") == part.npos);
    } else if (part.find("as=APIGroupDiscoveryList") != part.npos) {
      out.aggregated = out.aggregated || part.find("v=v2beta1") == part.npos;
    } else if (part.find("as=") == part.npos) {
      out.json = true;
    }
  }
  return out;
}

Outcome<WriteContext> write_context(const Target& target, const Headers& headers, std::vector<std::string>& warnings) {
  WriteContext out;
  out.warnings = &warnings;
  const std::string agent(headers.get("user-agent").value_or("unknown"));
  out.manager = std::string(target.param("fieldManager").value_or(""));
  if (out.manager.empty()) out.manager = agent.substr(0, std::min(agent.find('/'), size_t{128}));
  if (out.manager.size() > 128) {
    return invalid("meta.k8s.io", "PatchOptions", "",
                   {{"FieldValueTooLong", "Too long: may not be more than 128 bytes", "fieldManager"}});
  }
  if (const auto dry = target.param("dryRun"); dry && !dry->empty()) {
    if (*dry != "All")
      return invalid("meta.k8s.io", "CreateOptions", "",
                     {{"FieldValueNotSupported",
                       "Unsupported value: \"" + std::string(*dry) + "\": supported values: \"All\"", "dryRun"}});
    out.dry_run = true;
  }
  const auto validation = target.param("fieldValidation").value_or("Warn");
  if (validation == "Strict") {
    out.unknown = UnknownFields::Strict;
  } else if (validation == "Warn" || validation.empty()) {
    out.unknown = UnknownFields::Warn;
  } else if (validation != "Ignore") {
    return invalid(
        "meta.k8s.io", "CreateOptions", "",
        {{"FieldValueNotSupported",
          "Unsupported value: \"" + std::string(validation) + "\": supported values: \"Ignore\", \"Strict\", \"Warn\"",
          "fieldValidation"}});
  }
  return out;
}

Outcome<DeleteOptions> delete_options(const Target& target, const Json& body, bool& dry_run) {
  DeleteOptions out;
  // As upstream: options in a body make those in the query void.
  const bool in_body = !body.is_null();
  const auto text = [&](const char* name) {
    return in_body ? string_at(body, {name}) : std::string(target.param(name).value_or(""));
  };
  const std::string policy = text("propagationPolicy");
  if (policy == "Background") {
    out.propagation = Propagation::Background;
  } else if (policy == "Foreground") {
    out.propagation = Propagation::Foreground;
  } else if (policy == "Orphan" || bool_at(body, {"orphanDependents"})) {
    out.propagation = Propagation::Orphan;
  } else if (!policy.empty()) {
    return invalid(
        "meta.k8s.io", "DeleteOptions", "",
        {{"FieldValueNotSupported",
          "Unsupported value: \"" + policy + "\": supported values: \"Background\", \"Foreground\", \"Orphan\"",
          "propagationPolicy"}});
  }
  out.uid = string_at(body, {"preconditions", "uid"});
  out.resource_version = string_at(body, {"preconditions", "resourceVersion"});
  if (const Json* grace = find_path(body, {"gracePeriodSeconds"}); grace && grace->is_number_integer())
    out.grace_seconds = grace->get<int64_t>();
  auto grace = number_param(target, "gracePeriodSeconds");
  if (!grace) return std::unexpected(grace.error());
  if (*grace && !in_body) out.grace_seconds = **grace;
  const Json* dry = find_path(body, {"dryRun"});
  dry_run = in_body ? dry && dry->is_array() && std::find(dry->begin(), dry->end(), Json("All")) != dry->end()
                    : target.param("dryRun").value_or("") == "All";
  return out;
}

Outcome<IncludeObject> include_object(const Target& target) {
  const auto wanted = target.param("includeObject").value_or("Metadata");
  if (wanted == "None") return IncludeObject::None;
  if (wanted == "Object") return IncludeObject::Object;
  if (wanted == "Metadata" || wanted.empty()) return IncludeObject::Metadata;
  return bad_request("unrecognized includeObject value: " + std::string(wanted));
}

Outcome<Json> parse_body(const HttpRequest& request) {
  const std::string type = media_type(request.headers);
  if (type == "application/yaml" || type == "application/apply-patch+yaml") {
    auto documents = parse_yaml(request.body);
    if (!documents) return bad_request("error decoding YAML: " + documents.error().message);
    if (documents->size() != 1) return bad_request("the body must be one YAML document");
    return std::move(documents->front());
  }
  if (type != "application/json" && !type.ends_with("+json")) {
    return api_fail(415, "UnsupportedMediaType",
                    "the body of the request was in an unknown format - accepted media types include: "
                    "application/json, application/yaml");
  }
  auto parsed = parse_json(request.body);
  if (!parsed) return bad_request(parsed.error().message);
  return std::move(*parsed);
}

Outcome<PatchKind> patch_kind(const Headers& headers) {
  const std::string type = media_type(headers);
  if (type == "application/json-patch+json") return PatchKind::Json;
  if (type == "application/merge-patch+json") return PatchKind::Merge;
  if (type == "application/strategic-merge-patch+json") return PatchKind::Strategic;
  if (type == "application/apply-patch+yaml") return PatchKind::Apply;
  return api_fail(415, "UnsupportedMediaType",
                  "the body of the request was in an unknown format - accepted media types include: "
                  "application/json-patch+json, application/merge-patch+json, "
                  "application/strategic-merge-patch+json, application/apply-patch+yaml");
}

Outcome<std::optional<int64_t>> number_param(const Target& target, const char* name) {
  const auto text = target.param(name);
  if (!text || text->empty()) return std::optional<int64_t>();
  int64_t out = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), out);
  if (error != std::errc() || end != text->data() + text->size())
    return bad_request(std::string(name) + ": '" + std::string(*text) + "' is no number");
  return std::optional(out);
}

bool flag_param(const Target& target, const char* name) {
  const auto text = target.param(name);
  return text && (*text == "true" || *text == "1");
}

}  // namespace clops::local
