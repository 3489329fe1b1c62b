#include "tests/unit/simulation/api.h"

#include <algorithm>
#include <array>

namespace clops::sim {
namespace {

struct Kind {
  std::string_view resource, kind;
};
constexpr std::array<Kind, 19> kKinds = {{
    {"pods", "Pod"},
    {"services", "Service"},
    {"configmaps", "ConfigMap"},
    {"secrets", "Secret"},
    {"serviceaccounts", "ServiceAccount"},
    {"events", "Event"},
    {"namespaces", "Namespace"},
    {"nodes", "Node"},
    {"endpoints", "Endpoints"},
    {"persistentvolumeclaims", "PersistentVolumeClaim"},
    {"deployments.apps", "Deployment"},
    {"replicasets.apps", "ReplicaSet"},
    {"controllerrevisions.apps", "ControllerRevision"},
    {"jobs.batch", "Job"},
    {"poddisruptionbudgets.policy", "PodDisruptionBudget"},
    {"leases.coordination.k8s.io", "Lease"},
    {"endpointslices.discovery.k8s.io", "EndpointSlice"},
    {"modelversions.clops.dev", "ModelVersion"},
    {"modeldeployments.clops.dev", "ModelDeployment"},
}};

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t end = text.find(at);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

std::string text_of(const Json* value) {
  if (value == nullptr || value->is_null()) return "";
  return value->is_string() ? value->get<std::string>() : dump_json(*value);
}

// One comma-separated requirement: "a=b", "a==b", "a!=b", "a", "!a". `value` null: absent.
bool holds(std::string_view requirement, const std::function<const Json*(const std::string&)>& value) {
  if (const size_t at = requirement.find("!="); at != std::string_view::npos) {
    return text_of(value(std::string(requirement.substr(0, at)))) != requirement.substr(at + 2);
  }
  if (const size_t at = requirement.find('='); at != std::string_view::npos) {
    std::string_view wanted = requirement.substr(at + 1);
    if (wanted.starts_with('=')) wanted.remove_prefix(1);
    const Json* found = value(std::string(requirement.substr(0, at)));
    return text_of(found) == wanted;
  }
  if (requirement.starts_with('!')) return value(std::string(requirement.substr(1))) == nullptr;
  return value(std::string(requirement)) != nullptr;
}

}  // namespace

std::string to_string(const ApiKey& key) {
  return key.resource + " " + (key.ns.empty() ? "" : key.ns + "/") + key.name;
}

bool Selection::matches(const ApiKey& key, const Json& object) const {
  if (key.resource != resource || (!ns.empty() && key.ns != ns)) return false;
  for (const std::string& requirement : split(labels, ',')) {
    const auto label = [&](const std::string& name) { return find_path(object, {"metadata", "labels", name}); };
    if (!holds(requirement, label)) return false;
  }
  for (const std::string& requirement : split(fields, ',')) {
    const auto field = [&](const std::string& path) {
      const Json* value = &object;
      for (const std::string& step : split(path, '.')) {
        if (value != nullptr) value = find_path(*value, {step});
      }
      return value;
    };
    if (!holds(requirement, field)) return false;
  }
  return true;
}

std::optional<Route> parse_route(std::string_view path) {
  std::vector<std::string> parts = split(path.substr(std::min<size_t>(1, path.size())), '/');
  for (std::string& part : parts) part = url_decode(part);
  size_t at = 0;
  std::string group;
  if (parts.size() >= 3 && parts[0] == "api") {
    at = 2;
  } else if (parts.size() >= 4 && parts[0] == "apis") {
    group = parts[1], at = 3;
  } else {
    return std::nullopt;
  }
  Route route;
  if (parts[at] == "namespaces" && parts.size() >= at + 3) route.ns = parts[at + 1], at += 2;
  route.resource = parts[at] + (group.empty() ? "" : "." + group);
  if (parts.size() > at + 1) route.name = parts[at + 1];
  if (parts.size() > at + 2) route.subresource = parts[at + 2];
  if (parts.size() > at + 3) return std::nullopt;
  const bool known = std::ranges::any_of(kKinds, [&](const Kind& kind) { return kind.resource == route.resource; });
  return known ? std::optional(route) : std::nullopt;
}

HttpResponse status_answer(int status, std::string_view reason, std::string_view message) {
  HttpResponse response;
  response.status = status;
  response.headers.set("Content-Type", "application/json");
  response.body = dump_json(Json{{"kind", "Status"},
                                 {"apiVersion", "v1"},
                                 {"metadata", Json::object()},
                                 {"status", status < 400 ? "Success" : "Failure"},
                                 {"reason", reason},
                                 {"message", message},
                                 {"code", status}});
  return response;
}

namespace {

HttpResponse error_answer(const Error& error) {
  switch (error.code) {
    case Code::NotFound:
      return status_answer(404, "NotFound", error.message);
    case Code::AlreadyExists:
      return status_answer(409, "AlreadyExists", error.message);
    case Code::Conflict:
      return status_answer(409, "Conflict", error.message);
    case Code::InvalidArgument:
      return status_answer(422, "Invalid", error.message);
    case Code::Unsupported:
      return status_answer(415, "UnsupportedMediaType", error.message);
    default:
      return status_answer(500, "InternalError", error.message);
  }
}

HttpResponse object_answer(std::string text, int status = 200) {
  HttpResponse response;
  response.status = status;
  response.headers.set("Content-Type", "application/json");
  response.body = std::move(text);
  return response;
}

}  // namespace

HttpResponse Api::handle(const std::string& actor, const HttpRequest& request) {
  const Target target = parse_target(request.url);
  const auto route = parse_route(target.path);
  if (!route) return status_answer(404, "NotFound", "the server could not find the requested resource");
  if (request.method == "GET") return read(*route, target);
  if (request.method == "DELETE") {
    if (route->name.empty()) return status_answer(405, "MethodNotAllowed", "deletecollection is not simulated");
    DeleteHow how;
    if (const auto options = parse_json(request.body); options && options->is_object()) {
      how.propagation = string_at(*options, {"propagationPolicy"}, "Background");
      how.uid = string_at(*options, {"preconditions", "uid"});
      how.resource_version = string_at(*options, {"preconditions", "resourceVersion"});
      if (options->contains("gracePeriodSeconds")) how.grace_seconds = int_at(*options, {"gracePeriodSeconds"});
    }
    if (const auto policy = target.param("propagationPolicy")) how.propagation = std::string(*policy);
    if (const Status done = remove(actor, {route->resource, route->ns, route->name}, how); !done)
      return error_answer(done.error());
    return status_answer(200, "", "");
  }
  const bool is_new = route->name.empty() || !objects_.contains({route->resource, route->ns, route->name});
  const auto written = write(actor, *route, target, request);
  if (!written) return error_answer(written.error());
  const Json& metadata = (**written)["metadata"];
  const ApiKey key{route->resource, string_at(metadata, {"namespace"}), string_at(metadata, {"name"})};
  return object_answer(text(key, *written), is_new ? 201 : 200);
}

HttpResponse Api::read(const Route& route, const Target& target) {
  if (route.name.empty()) return list_response(route, target);
  const ApiKey key{route.resource, route.ns, route.name};
  const Snapshot object = get(key);
  if (object == nullptr) return status_answer(404, "NotFound", key.resource + " \"" + key.name + "\" not found");
  if (route.subresource == "log") {
    const auto text = logs ? logs(key) : fail(Code::NotFound, "no logs");
    if (!text)
      return text.error().code == Code::InvalidArgument ? status_answer(400, "BadRequest", text.error().message)
                                                        : error_answer(text.error());
    HttpResponse response;
    response.status = 200;
    response.headers.set("Content-Type", "text/plain");
    response.body = *text;
    return response;
  }
  if (!route.subresource.empty() && route.subresource != "status")
    return status_answer(404, "NotFound", "no such subresource");
  return object_answer(text(key, object));
}

HttpResponse Api::list_response(const Route& route, const Target& target) {
  Selection selection{route.resource, route.ns, "", ""};
  if (const auto labels = target.param("labelSelector")) selection.labels = *labels;
  if (const auto fields = target.param("fieldSelector")) selection.fields = *fields;
  size_t limit = 0;
  if (const auto text = target.param("limit"))
    limit = static_cast<size_t>(std::max(0, std::atoi(std::string(*text).c_str())));
  // A continue token is the key to go on after; pages are not of one moment, so a test of that must compact in between.
  std::string after;
  if (const auto token = target.param("continue")) after = url_decode(*token);
  Json items = Json::array();
  std::string last, next;
  for (auto it = objects_.lower_bound({route.resource, route.ns, ""});
       it != objects_.end() && it->first.resource == route.resource; ++it) {
    const std::string place = it->first.ns + "/" + it->first.name;
    if (!after.empty() && place <= after) continue;
    if (!selection.matches(it->first, *it->second)) continue;
    if (limit > 0 && items.size() == limit) {
      next = last;
      break;
    }
    Json item = *it->second;  // items of a list carry neither kind nor apiVersion
    item.erase("kind"), item.erase("apiVersion");
    items.push_back(std::move(item));
    last = place;
  }
  const auto kind = std::ranges::find(kKinds, route.resource, &Kind::resource);
  Json metadata{{"resourceVersion", std::to_string(revision_)}};
  if (!next.empty()) metadata["continue"] = next;
  const size_t dot = route.resource.find('.');
  const std::string group = dot == std::string::npos ? "" : route.resource.substr(dot + 1);
  const std::string version = group == "clops.dev" ? "/v1alpha1" : "/v1";
  Json list{{"kind", std::string(kind->kind) + "List"},
            {"apiVersion", group.empty() ? "v1" : group + version},
            {"metadata", std::move(metadata)}};
  list["items"] = std::move(items);
  return object_answer(dump_json(list));
}

Snapshot Api::get(const ApiKey& key) const {
  const auto it = objects_.find(key);
  return it == objects_.end() ? nullptr : it->second;
}

const std::string& Api::text(const ApiKey& key, const Snapshot& object) const {
  auto& [printed, text] = texts_[key];
  if (printed != object) printed = object, text = dump_json(*object);
  return text;
}

std::vector<Snapshot> Api::list(const std::string& resource, const std::string& ns) const {
  std::vector<Snapshot> found;
  for (auto it = objects_.lower_bound({resource, ns, ""}); it != objects_.end() && it->first.resource == resource;
       ++it) {
    if (!ns.empty() && it->first.ns != ns) break;
    found.push_back(it->second);
  }
  return found;
}

std::optional<std::vector<ApiEvent>> Api::since(int64_t revision) const {
  if (revision < compacted_) return std::nullopt;
  const auto from = std::ranges::upper_bound(log_, revision, {}, &ApiEvent::revision);
  return std::vector<ApiEvent>(from, log_.end());
}

}  // namespace clops::sim
