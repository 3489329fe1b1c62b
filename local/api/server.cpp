#include <algorithm>

#include "base/digest.h"
#include "local/api/api.h"
#include "local/api/core.h"
#include "local/api/discovery.h"
#include "local/api/request.h"
#include "local/api/selector.h"
#include "local/api/watch_session.h"

namespace clops::local {
namespace {

HttpResponse json_response(int status, std::string body) {
  HttpResponse out{.status = status, .headers = {}, .body = std::move(body)};
  out.headers.set("Content-Type", "application/json");
  out.headers.set("Cache-Control", "no-cache, private");
  return out;
}
void add_warnings(HttpResponse& response, const std::vector<std::string>& warnings) {
  for (const auto& warning : warnings) {
    std::string quoted;
    for (const char c : warning) quoted += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    const auto before = response.headers.get("Warning");
    response.headers.set("Warning", (before ? std::string(*before) + ", " : "") + "299 - \"" + quoted + "\"");
  }
}
HttpResponse error_response(const ApiError& error) {
  auto out = json_response(error.code, dump_json(error.to_status()));
  if (error.retry_after_seconds > 0) out.headers.set("Retry-After", std::to_string(error.retry_after_seconds));
  return out;
}

std::unexpected<ApiError> not_allowed() {
  return api_fail(405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
}

// Which fields a field selector may name: more would be silently always empty.
Done known_fields(const Resource& resource, const Selector& fields) {
  for (const auto& key : fields.keys()) {
    bool known = key == "metadata.name" || (key == "metadata.namespace" && resource.type.namespaced);
    const std::string& kind = resource.type.kind;
    if (resource.builtin) {
      known = known ||
              (kind == "Pod" && (key == "status.phase" || key == "spec.nodeName" || key == "status.podIP" ||
                                 key == "spec.restartPolicy" || key == "spec.serviceAccountName")) ||
              (kind == "Event" && (key.starts_with("involvedObject.") || key == "reason" || key == "type" ||
                                   key == "source" || key == "reportingComponent")) ||
              (kind == "Namespace" && key == "status.phase") || (kind == "Secret" && key == "type") ||
              (kind == "Job" && key == "status.successful") || (kind == "ReplicaSet" && key == "status.replicas");
    }
    if (!known) return bad_request("field label not supported: " + key);
  }
  return {};
}

// Kinds whose deletion is answered with the object.
bool returns_deleted(const Resource& resource) {
  const std::string& kind = resource.type.kind;
  return resource.builtin &&
         (kind == "Pod" || kind == "Service" || kind == "ServiceAccount" || kind == "PersistentVolumeClaim");
}

// In a query '+' is a space: Go's clients write selectors so.
std::string with_spaces(std::string url) {
  for (size_t at = url.find('?'); at != std::string::npos && (at = url.find('+', at)) != std::string::npos;)
    url.replace(at, 1, "%20");
  return url;
}

struct Call {
  ServerRequest request;
  Target target;
  Accepts accepts;
  std::shared_ptr<Responder> responder;
  Route route;
  ResourcePtr resource;
  std::vector<std::string> warnings;
  [[nodiscard]] const std::string& method() const { return request.http.method; }
  [[nodiscard]] crds::ObjectKey key() const { return {route.ns, route.name}; }
};

class Server final : public ApiServer {
 public:
  Server(Core& core, Executor& executor, const Clock& clock, Log& log, ApiServerOptions options)
      : core_(core),
        clock_(clock),
        log_(log),
        options_(std::move(options)),
        hub_(core, executor, clock, options_.bookmark_every, options_.watches_max) {}

  void handle(ServerRequest request, std::shared_ptr<Responder> responder) override {
    Call call{.request = std::move(request),
              .target = {},
              .accepts = {},
              .responder = responder,
              .route = {},
              .resource = nullptr,
              .warnings = {}};
    call.target = parse_target(with_spaces(call.request.http.url));
    call.accepts = parse_accept(call.request.http.headers.get("accept").value_or(""));
    log_.debug("request", {{"method", call.method()}, {"url", call.request.http.url}});
    if (auto done = dispatch(call); !done) {
      log_.debug("refused", {{"code", done.error().code}, {"message", done.error().message}});
      auto out = error_response(done.error());
      add_warnings(out, call.warnings);
      responder->respond(std::move(out));
    }
  }

 private:
  Done dispatch(Call& call) {
    const std::string& path = call.target.path;
    if (path == "/healthz" || path == "/livez" || path == "/readyz") {
      call.responder->respond({.status = 200, .headers = {}, .body = "ok"});
      return {};
    }
    if (path == "/version") return reply(call, version_info(options_.version));
    const auto authorization = call.request.http.headers.get("authorization").value_or("");
    if (!authorization.starts_with("Bearer ") || !equal_constant_time(authorization.substr(7), options_.token))
      return api_fail(401, "Unauthorized", "Unauthorized");
    if (auto described = describe(call)) return reply(call, std::move(*described));
    auto route = parse_route(path);
    if (!route) return std::unexpected(route.error());
    call.route = std::move(*route);
    call.resource = core_.catalog().find(call.route.group, call.route.version, call.route.plural);
    if (!call.resource) return api_fail(404, "NotFound", "the server could not find the requested resource");
    const auto& type = call.resource->type;
    if (!type.namespaced && !call.route.ns.empty())
      return api_fail(404, "NotFound", "the server could not find the requested resource");
    if (type.namespaced && call.route.ns.empty() &&
        (!call.route.name.empty() || (call.method() != "GET" && call.method() != "DELETE"))) {
      return call.route.name.empty() ? not_allowed()
                                     : api_fail(404, "NotFound", "the server could not find the requested resource");
    }
    if (!call.accepts.json && !call.accepts.table) {
      return api_fail(406, "NotAcceptable", "only the following media types are accepted: application/json");
    }
    return call.route.name.empty() ? collection(call) : one(call);
  }

  // Discovery and OpenAPI; nothing when the path is another's.
  std::optional<Json> describe(const Call& call) const {
    std::string path = call.target.path;
    if (path.size() > 1 && path.ends_with('/')) path.pop_back();
    if (call.method() != "GET") return {};
    const auto resources = core_.catalog().all();
    if (path == "/api") return call.accepts.aggregated ? aggregated(resources, true) : core_versions();
    if (path == "/apis") return call.accepts.aggregated ? aggregated(resources, false) : group_list(resources);
    if (path == "/api/v1") return resource_list(resources, "", "v1");
    if (path == "/openapi/v3") return openapi_index(resources);
    if (path == "/openapi/v3/api/v1") return openapi_document(resources, "", "v1");
    const bool openapi = path.starts_with("/openapi/v3/apis/");
    if (!openapi && !path.starts_with("/apis/")) return {};
    const std::string rest = path.substr(openapi ? 17 : 6);
    const size_t slash = rest.find('/');
    if (slash == std::string::npos) return openapi ? std::nullopt : one_group(resources, rest);
    const std::string group = rest.substr(0, slash), version = rest.substr(slash + 1);
    if (version.find('/') != std::string::npos || group.empty()) return {};
    return openapi ? openapi_document(resources, group, version) : resource_list(resources, group, version);
  }

  Done reply(Call& call, const Json& body) {
    auto out = json_response(200, dump_json(body));
    if (string_at(body, {"kind"}) == "APIGroupDiscoveryList")
      out.headers.set("Content-Type", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
    call.responder->respond(std::move(out));
    return {};
  }

  Done reply_object(Call& call, int status, const StoredPtr& object) {
    std::string body = object->text;
    if (call.accepts.table) {
      auto include = include_object(call.target);
      if (!include) return std::unexpected(include.error());
      Json rows = Json::array({table_row(*call.resource, object->json, clock_.wall(), *include)});
      body = dump_json(
          table_of(*call.resource, std::move(rows), string_at(object->json, {"metadata", "resourceVersion"}), ""));
    } else if (call.route.subresource == "scale") {
      body = dump_json(Core::scale_of(*call.resource, object->json));
    }
    auto out = json_response(status, std::move(body));
    add_warnings(out, call.warnings);
    call.responder->respond(std::move(out));
    return {};
  }

  Done collection(Call& call) {
    if (call.method() == "GET") return flag_param(call.target, "watch") ? watch(call) : list(call);
    if (call.method() == "POST") return create(call);
    if (call.method() == "DELETE") return erase_collection(call);
    return not_allowed();
  }

  Done create(Call& call) {
    auto context = write_context(call.target, call.request.http.headers, call.warnings);
    if (!context) return std::unexpected(context.error());
    auto body = checked_body(call);
    if (!body) return std::unexpected(body.error());
    auto made = core_.insert(*call.resource, call.route.ns, std::move(*body), *context);
    if (!made) return std::unexpected(made.error());
    return reply_object(call, 201, *made);
  }

  // An applied or built-in object is decoded by its kind; another kind of ours is only invalid.
  static bool type_is_fixed(const Call& call) { return call.resource->builtin || call.method() == "PATCH"; }

  // The body as an object of this resource: its version, kind and namespace are those of the path.
  Outcome<Json> checked_body(Call& call) {
    auto body = parse_body(call.request.http);
    if (!body) return body;
    if (!body->is_object()) return bad_request("the body is no object");
    const auto& type = call.resource->type;
    if (call.route.subresource == "scale") return body;
    const std::string kind = string_at(*body, {"kind"}, type.kind),
                      version = string_at(*body, {"apiVersion"}, type.api_version());
    if (version != type.api_version() && call.method() != "PATCH")
      return bad_request("the API version in the data (" + version + ") does not match the expected API version (" +
                         type.api_version() + ")");
    if (kind != type.kind && type_is_fixed(call))
      return bad_request(type.kind + " in version \"" + type.version + "\" cannot be handled as a " + kind +
                         ": the kind in the data does not match the resource");
    const std::string ns = string_at(*body, {"metadata", "namespace"});
    if (type.namespaced && !ns.empty() && ns != call.route.ns)
      return bad_request("the namespace of the provided object does not match the namespace sent on the request");
    (*body)["kind"] = kind;
    (*body)["apiVersion"] = version;
    return body;
  }

  struct Selected {
    Selector labels, fields;
  };
  Outcome<Selected> selectors(const Call& call) {
    auto labels = Selector::parse(call.target.param("labelSelector").value_or(""), Selector::Kind::Labels);
    if (!labels) return std::unexpected(labels.error());
    auto fields = Selector::parse(call.target.param("fieldSelector").value_or(""), Selector::Kind::Fields);
    if (!fields) return std::unexpected(fields.error());
    if (auto known = known_fields(*call.resource, *fields); !known) return std::unexpected(known.error());
    return Selected{std::move(*labels), std::move(*fields)};
  }

  Done list(Call& call) {
    auto selected = selectors(call);
    if (!selected) return std::unexpected(selected.error());
    auto limit = number_param(call.target, "limit");
    if (!limit) return std::unexpected(limit.error());
    std::string after;  // continues behind this "namespace/name"
    auto state = listed(call, after);
    if (!state) return std::unexpected(state.error());
    std::vector<StoredPtr> page;
    std::string next;
    size_t remaining = 0;
    for (const auto& item : state->items) {
      const std::string place = place_of(*item);
      if (!after.empty() && place <= after) continue;
      if (!selected->labels.matches(item->json) || !selected->fields.matches(item->json)) continue;
      if (limit->value_or(0) > 0 && page.size() >= static_cast<size_t>(**limit)) {
        ++remaining;
        continue;
      }
      page.push_back(as_version(*call.resource, item));
      next = place;
    }
    const std::string token = remaining == 0 ? "" : base64_encode(std::to_string(state->revision) + " " + next);
    return reply_list(call, page, state->revision, token, remaining,
                      selected->labels.empty() && selected->fields.empty());
  }

  // Where etcd keeps it; lists are in this order.
  static std::string place_of(const Stored& item) {
    return string_at(item.json, {"metadata", "namespace"}) + "/" + string_at(item.json, {"metadata", "name"});
  }

  // The objects at the revision that the request means: now, or an earlier one of which it continues a list.
  Outcome<StoreList> listed(Call& call, std::string& after) {
    Store& store = core_.store();
    std::optional<int64_t> at;
    const auto token = call.target.param("continue");
    if (token && !token->empty()) {
      auto parsed = read_token(*token);
      if (!parsed) return std::unexpected(parsed.error());
      at = parsed->first;
      after = parsed->second;
    } else {
      auto wanted = wanted_version(call, store.revision());
      if (!wanted) return std::unexpected(wanted.error());
      at = *wanted;
    }
    Result<StoreList> out = at ? store.list_at(call.resource->store_name(), call.route.ns, *at)
                               : Result<StoreList>(store.list(call.resource->store_name(), call.route.ns));
    if (!out && out.error().code == Code::Expired) {
      return api_fail(410, "Expired",
                      after.empty() ? "The resourceVersion for the provided list is too old."
                                    : "The provided continue parameter is too old to display a consistent list result. "
                                      "You can start a new list without the continue parameter.");
    }
    if (!out) return std::unexpected(from_error(out.error()));
    if (call.route.ns.empty()) std::ranges::sort(out->items, {}, [](const StoredPtr& item) { return place_of(*item); });
    return std::move(*out);
  }

  static Outcome<std::pair<int64_t, std::string>> read_token(std::string_view token) {
    const auto text = base64_decode(token);
    const size_t space = text ? text->find(' ') : std::string::npos;
    Target number;
    if (space != std::string::npos) number.query.emplace_back("continue", text->substr(0, space));
    auto revision = number_param(number, "continue");
    if (!revision || !*revision) return bad_request("continue key is not valid");
    return std::pair(**revision, text->substr(space + 1));
  }

  // Set for an exact one; any other is satisfied by the state now, unless it has not come yet.
  static Outcome<std::optional<int64_t>> wanted_version(const Call& call, int64_t current) {
    auto wanted = number_param(call.target, "resourceVersion");
    if (!wanted) return std::unexpected(wanted.error());
    if (wanted->value_or(0) > current) {
      auto error =
          api_fail(504, "Timeout",
                   "Too large resource version: " + std::to_string(**wanted) + ", current: " + std::to_string(current));
      error.error().causes.push_back({"ResourceVersionTooLarge", "Too large resource version", ""});
      error.error().retry_after_seconds = 1;
      return error;
    }
    if (call.target.param("resourceVersionMatch").value_or("") == "Exact") return *wanted;
    return std::optional<int64_t>();
  }

  Done reply_list(Call& call, const std::vector<StoredPtr>& page, int64_t revision, const std::string& token,
                  size_t remaining, bool count_is_known) {
    if (call.accepts.table) {
      auto include = include_object(call.target);
      if (!include) return std::unexpected(include.error());
      Json rows = Json::array();
      for (const auto& item : page) rows.push_back(table_row(*call.resource, item->json, clock_.wall(), *include));
      return reply(call, table_of(*call.resource, std::move(rows), std::to_string(revision), token));
    }
    Json meta{{"resourceVersion", std::to_string(revision)}};
    if (!token.empty()) meta["continue"] = token;
    if (!token.empty() && count_is_known) meta["remainingItemCount"] = remaining;
    const auto& type = call.resource->type;
    std::string body = R"({"kind":")" + type.kind + R"(List","apiVersion":")" + type.api_version() +
                       R"(","metadata":)" + dump_json(meta) + R"(,"items":[)";
    for (size_t i = 0; i < page.size(); ++i) {
      body += i == 0 ? "" : ",";
      if (!call.resource->builtin) {
        body += page[i]->text;
        continue;
      }
      Json item = page[i]->json;  // the real server's typed items do not repeat what they are
      item.erase("apiVersion");
      item.erase("kind");
      body += dump_json(item);
    }
    body += "]}";
    call.responder->respond(json_response(200, std::move(body)));
    return {};
  }

  Done watch(Call& call) {
    auto selected = selectors(call);
    if (!selected) return std::unexpected(selected.error());
    WatchRequest wanted{.resource = call.resource,
                        .ns = call.route.ns,
                        .labels = std::move(selected->labels),
                        .fields = std::move(selected->fields)};
    auto timeout = number_param(call.target, "timeoutSeconds");
    auto from = number_param(call.target, "resourceVersion");
    auto include = include_object(call.target);
    if (!timeout) return std::unexpected(timeout.error());
    if (!from) return std::unexpected(from.error());
    if (!include) return std::unexpected(include.error());
    if (timeout->value_or(0) > 0) wanted.timeout = std::chrono::seconds(std::min<int64_t>(**timeout, 3'600));
    if (from->value_or(0) > 0) wanted.from = *from;
    wanted.bookmarks = flag_param(call.target, "allowWatchBookmarks");
    wanted.as_table = call.accepts.table;
    wanted.include = *include;
    const auto initial = call.target.param("sendInitialEvents");
    const auto match = call.target.param("resourceVersionMatch").value_or("");
    if (initial && match != "NotOlderThan") {
      return invalid(
          "meta.k8s.io", "ListOptions", "",
          {{"FieldValueForbidden", "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            "resourceVersionMatch"}});
    }
    if (!initial && !match.empty()) {
      return invalid("meta.k8s.io", "ListOptions", "",
                     {{"FieldValueForbidden",
                       "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
                       "resourceVersionMatch"}});
    }
    if (initial && *initial == "true") {
      wanted.from.reset();
      wanted.initial_events_end = wanted.bookmarks;
    } else if (initial) {
      wanted.from = wanted.from.value_or(core_.store().revision());
    }
    if (!hub_.open(std::move(wanted), *call.responder)) {
      auto busy = api_fail(429, "TooManyRequests", "too many watches are open, please try again later");
      busy.error().retry_after_seconds = 1;
      return busy;
    }
    return {};
  }

  Done erase_collection(Call& call) {
    if (call.resource->type.namespaced && call.route.ns.empty()) return not_allowed();
    auto selected = selectors(call);
    if (!selected) return std::unexpected(selected.error());
    auto body = call.request.http.body.empty() ? Outcome<Json>(Json()) : parse_body(call.request.http);
    if (!body) return std::unexpected(body.error());
    bool dry_run = false;
    auto options = delete_options(call.target, *body, dry_run);
    if (!options) return std::unexpected(options.error());
    std::vector<StoredPtr> erased;
    const StoreList state = core_.store().list(call.resource->store_name(), call.route.ns);
    for (const auto& item : state.items) {
      if (!selected->labels.matches(item->json) || !selected->fields.matches(item->json)) continue;
      bool gone = false;
      auto done = core_.erase(*call.resource, {call.route.ns, string_at(item->json, {"metadata", "name"})}, *options,
                              dry_run, gone);
      if (done) erased.push_back(*done);
      if (!done && done.error().code != 404) return std::unexpected(done.error());
    }
    return reply_list(call, erased, core_.store().revision(), "", 0, false);
  }

  Done one(Call& call) {
    const std::string& sub = call.route.subresource;
    const Resource& resource = *call.resource;
    if (sub == "log" && resource.builtin && resource.type.kind == "Pod")
      return call.method() == "GET" ? logs(call) : not_allowed();
    if (!sub.empty() && !(sub == "status" && resource.status) && !(sub == "scale" && resource.scale())) {
      return api_fail(404, "NotFound", "the server could not find the requested resource");
    }
    if (call.method() == "GET") {
      auto found = core_.read(resource, call.key());
      if (!found) return std::unexpected(found.error());
      return reply_object(call, 200, *found);
    }
    if (call.method() == "DELETE" && sub.empty()) return erase(call);
    if (call.method() != "PUT" && call.method() != "PATCH") return not_allowed();
    auto context = write_context(call.target, call.request.http.headers, call.warnings);
    if (!context) return std::unexpected(context.error());
    if (call.method() == "PUT") {
      auto body = checked_body(call);
      if (!body) return std::unexpected(body.error());
      bool created = false;
      auto written = core_.update(resource, call.key(), std::move(*body), sub, *context, created);
      if (!written) return std::unexpected(written.error());
      return reply_object(call, created ? 201 : 200, *written);
    }
    return patch(call, *context);
  }

  Done patch(Call& call, const WriteContext& context) {
    auto kind = patch_kind(call.request.http.headers);
    if (!kind) return std::unexpected(kind.error());
    if (*kind == PatchKind::Strategic && !call.resource->builtin) {
      return api_fail(415, "UnsupportedMediaType",
                      "the body of the request was in an unknown format - accepted media types include: "
                      "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml");
    }
    if (*kind == PatchKind::Apply && !call.target.param("fieldManager")) {
      return invalid("meta.k8s.io", "PatchOptions", "",
                     {{"FieldValueRequired", "Required value: is required for apply patch", "fieldManager"}});
    }
    auto body = *kind == PatchKind::Apply ? checked_body(call) : parse_body(call.request.http);
    if (!body) return std::unexpected(body.error());
    bool created = false;
    auto written = core_.patch(*call.resource, call.key(), *kind, *body, call.route.subresource,
                               flag_param(call.target, "force"), context, created);
    if (!written) return std::unexpected(written.error());
    return reply_object(call, created ? 201 : 200, *written);
  }

  Done erase(Call& call) {
    auto body = call.request.http.body.empty() ? Outcome<Json>(Json()) : parse_body(call.request.http);
    if (!body) return std::unexpected(body.error());
    bool dry_run = false, gone = false;
    auto options = delete_options(call.target, *body, dry_run);
    if (!options) return std::unexpected(options.error());
    auto erased = core_.erase(*call.resource, call.key(), *options, dry_run, gone);
    if (!erased) return std::unexpected(erased.error());
    if (!gone || returns_deleted(*call.resource)) return reply_object(call, 200, *erased);
    const auto& type = call.resource->type;
    Json details{
        {"name", call.route.name}, {"kind", type.plural}, {"uid", string_at((*erased)->json, {"metadata", "uid"})}};
    if (!type.group.empty()) details["group"] = type.group;
    return reply(call, {{"kind", "Status"},
                        {"apiVersion", "v1"},
                        {"metadata", Json::object()},
                        {"status", "Success"},
                        {"details", details}});
  }

  Done logs(Call& call) {
    auto pod = core_.read(*call.resource, call.key());
    if (!pod) return std::unexpected(pod.error());
    if (!options_.logs) return api_fail(404, "NotFound", "the server could not find the requested resource");
    LogRequest wanted{.ns = call.route.ns,
                      .pod = call.route.name,
                      .container = std::string(call.target.param("container").value_or("")),
                      .follow = flag_param(call.target, "follow"),
                      .previous = flag_param(call.target, "previous"),
                      .timestamps = flag_param(call.target, "timestamps")};
    const Json* containers = find_path((*pod)->json, {"spec", "containers"});
    std::string names;
    bool known = false;
    for (const auto& container : containers ? *containers : Json::array()) {
      names += (names.empty() ? "" : " ") + string_at(container, {"name"});
      known = known || string_at(container, {"name"}) == wanted.container;
    }
    if (wanted.container.empty()) {
      if (containers && containers->size() != 1)
        return bad_request("a container name must be specified for pod " + wanted.pod + ", choose one of: [" + names +
                           "]");
      wanted.container = names;
    } else if (!known) {
      return bad_request("container " + wanted.container + " is not valid for pod " + wanted.pod);
    }
    for (auto [name, into] : {std::pair{"tailLines", &wanted.tail_lines},
                              {"sinceSeconds", &wanted.since_seconds},
                              {"limitBytes", &wanted.limit_bytes}}) {
      auto number = number_param(call.target, name);
      if (!number) return std::unexpected(number.error());
      *into = *number;
    }
    const Status done = options_.logs->stream(wanted, [&] {
      Headers headers;
      headers.set("Content-Type", "text/plain");
      return call.responder->start(200, std::move(headers));
    });
    if (!done) return std::unexpected(from_error(done.error()));
    return {};
  }

  Core& core_;
  const Clock& clock_;
  Log& log_;
  const ApiServerOptions options_;
  WatchHub hub_;
};

}  // namespace

std::unique_ptr<ApiServer> make_api_server(Api& api, Executor& executor, const Clock& clock, Log& log,
                                           ApiServerOptions options) {
  return std::make_unique<Server>(api.core(), executor, clock, log, std::move(options));
}

}  // namespace clops::local
