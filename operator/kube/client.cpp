#include "operator/kube/client.h"

#include <atomic>
#include <charconv>

#include "operator/kube/status.h"

namespace clops::kube {
namespace {

using namespace std::chrono_literals;
constexpr Duration kRetryAfterMax = 60s;
constexpr size_t kLogBytesMax = 16u << 20;

const char* method_of(Verb verb) {
  switch (verb) {
    case Verb::Get:
    case Verb::List:
    case Verb::Watch:
    case Verb::Logs:
      return "GET";
    case Verb::Create:
      return "POST";
    case Verb::Update:
      return "PUT";
    case Verb::Patch:
    case Verb::Apply:
      return "PATCH";
    case Verb::Delete:
      return "DELETE";
  }
  return "GET";
}

std::string path_and_query(const Call& call) {
  std::string out = call.type.path(call.key.ns);
  if (!call.key.name.empty()) out += "/" + url_encode(call.key.name);
  if (!call.subresource.empty()) out += "/" + call.subresource;
  char mark = '?';
  for (const auto& [name, value] : call.query) {
    out += mark + name + "=" + url_encode(value);
    mark = '&';
  }
  return out;
}

void add_query(Call& call, const char* name, std::string value) {
  if (!value.empty()) call.query.emplace_back(name, std::move(value));
}

Result<Json> as_object(Result<std::string> body) {
  if (!body) return std::unexpected(std::move(body).error());
  return parse_json(*body, {.bytes_max = 64u << 20, .depth_max = 128});
}

class HttpKubeClient final : public Client {
 public:
  HttpKubeClient(ClientOptions options, HttpClient& http, const Clock& clock, Credentials* credentials)
      : options_(std::move(options)), http_(http), clock_(clock), credentials_(credentials) {}

  Result<std::string> call(const Call& call) override {
    return finish(call, http_.send(request(call), limits_of(call)));
  }

  std::vector<Result<std::string>> call_all(std::span<const Call> calls) override {
    std::vector<HttpRequest> requests;
    requests.reserve(calls.size());
    for (const Call& each : calls) requests.push_back(request(each));
    std::vector<Result<HttpResponse>> answers = http_.send_all(requests, options_.limits);
    std::vector<Result<std::string>> out;
    out.reserve(calls.size());
    for (size_t i = 0; i < calls.size(); ++i) out.push_back(finish(calls[i], std::move(answers[i])));
    return out;
  }

  std::unique_ptr<HttpStream> watch(const ResourceType& type, const std::string& ns, const WatchOptions& options,
                                    StreamSink& sink) override {
    Call call{.verb = Verb::Watch,
              .type = type,
              .key = {ns, ""},
              .subresource = "",
              .query = {},
              .content_type = "",
              .body = ""};
    call.query.emplace_back("watch", "1");
    add_query(call, "labelSelector", options.label_selector);
    add_query(call, "fieldSelector", options.field_selector);
    add_query(call, "resourceVersion", options.resource_version);
    add_query(call, "timeoutSeconds", std::to_string(options.timeout.count()));
    if (options.bookmarks) add_query(call, "allowWatchBookmarks", "true");
    return std::make_unique<Watch>(*this, call, sink);
  }

  Duration retry_after() const override {
    const Duration left{stay_away_until_.load(std::memory_order_relaxed) - clock_.now().time_since_epoch().count()};
    return left > Duration{0} ? left : Duration{0};
  }

 private:
  // A watch's head tells of refused tokens and of Retry-After as any other answer does.
  class Watch final : public HttpStream, public StreamSink {
   public:
    Watch(HttpKubeClient& client, const Call& call, StreamSink& sink) : client_(client), sink_(sink) {
      stream_ = client.http_.open(client.request(call), client.options_.limits, *this);
    }
    bool on_head(int status, const Headers& headers) override {
      if (status == 401 && client_.credentials_) client_.credentials_->rejected();
      client_.heed(status, headers);
      return sink_.on_head(status, headers);
    }
    bool on_data(std::string_view bytes) override { return sink_.on_data(bytes); }
    void on_end(Status status) override { sink_.on_end(std::move(status)); }

   private:
    HttpKubeClient& client_;
    StreamSink& sink_;
    std::unique_ptr<HttpStream> stream_;  // last: its end waits for calls into this object
  };

  HttpLimits limits_of(const Call& call) const {
    HttpLimits limits = options_.limits;
    if (call.verb == Verb::Logs) limits.body_bytes_max = kLogBytesMax;
    return limits;
  }

  // The first answer, or that of another try where one is right.
  Result<std::string> finish(const Call& call, Result<HttpResponse> answer) {
    const HttpLimits limits = limits_of(call);
    const bool safe = !is_write(call.verb);
    if (!answer && safe && answer.error().code == Code::Unavailable) answer = http_.send(request(call), limits);
    if (answer && answer->status == 401 && credentials_) {  // refused before it was done: safe for every verb
      credentials_->rejected();
      answer = http_.send(request(call), limits);
    }
    if (!answer) return std::unexpected(std::move(answer).error());
    heed(answer->status, answer->headers);
    if (answer->status < 200 || answer->status > 299)
      return std::unexpected(decode_status(answer->status, answer->body));
    return std::move(answer->body);
  }

  HttpRequest request(const Call& call) const {
    HttpRequest out{.method = method_of(call.verb),
                    .url = options_.server + path_and_query(call),
                    .headers = {},
                    .body = call.body};
    if (call.verb != Verb::Logs) out.headers.set("Accept", "application/json");
    if (!call.content_type.empty()) out.headers.set("Content-Type", call.content_type);
    if (credentials_) {
      if (const std::string token = credentials_->bearer_token(); !token.empty())
        out.headers.set("Authorization", "Bearer " + token);
    }
    return out;
  }

  void heed(int status, const Headers& headers) {
    if (status != 429 && status != 503) return;
    const auto text = headers.get("retry-after");
    int64_t seconds = 0;
    if (!text || std::from_chars(text->data(), text->data() + text->size(), seconds).ec != std::errc{} || seconds <= 0)
      return;
    const Duration wait = std::min<Duration>(std::chrono::seconds{std::min<int64_t>(seconds, 3'600)}, kRetryAfterMax);
    stay_away_until_.store((clock_.now() + wait).time_since_epoch().count(), std::memory_order_relaxed);
  }

  const ClientOptions options_;
  HttpClient& http_;
  const Clock& clock_;
  Credentials* const credentials_;
  std::atomic<int64_t> stay_away_until_{INT64_MIN / 2};
};

}  // namespace

namespace {

Call get_call(const ResourceType& type, const ObjectKey& key) {
  return {.verb = Verb::Get, .type = type, .key = key, .subresource = "", .query = {}, .content_type = "", .body = ""};
}

}  // namespace

Result<Json> Client::get(const ResourceType& type, const ObjectKey& key) {
  return as_object(call(get_call(type, key)));
}

std::vector<Result<Json>> Client::get_all(std::span<const std::pair<ResourceType, ObjectKey>> names) {
  std::vector<Call> calls;
  for (const auto& [type, key] : names) calls.push_back(get_call(type, key));
  std::vector<Result<Json>> out;
  for (auto& answer : call_all(calls)) out.push_back(as_object(std::move(answer)));
  return out;
}

Call list_call(const ResourceType& type, const std::string& ns, const ListOptions& options) {
  Call out{.verb = Verb::List,
           .type = type,
           .key = {ns, ""},
           .subresource = "",
           .query = {},
           .content_type = "",
           .body = ""};
  add_query(out, "labelSelector", options.label_selector);
  add_query(out, "fieldSelector", options.field_selector);
  add_query(out, "resourceVersion", options.resource_version);
  add_query(out, "continue", options.continue_token);
  if (options.limit > 0) add_query(out, "limit", std::to_string(options.limit));
  return out;
}

Result<ListPage> Client::list(const ResourceType& type, const std::string& ns, const ListOptions& options) {
  CLOPS_ASSIGN(Json body, as_object(call(list_call(type, ns, options))));
  ListPage out{.items = {},
               .resource_version = string_at(body, {"metadata", "resourceVersion"}),
               .continue_token = string_at(body, {"metadata", "continue"})};
  const auto items = body.find("items");
  if (items == body.end() || items->is_null()) return out;
  if (!items->is_array()) return fail(Code::DataLoss, "a list whose items are no array");
  for (Json& item : *items) {
    item["apiVersion"] = type.api_version();
    item["kind"] = type.kind;
    out.items.push_back(std::move(item));
  }
  return out;
}

Call create_call(const ResourceType& type, const Json& object, const std::string& field_manager) {
  Call request{.verb = Verb::Create,
               .type = type,
               .key = {key_of(object).ns, ""},
               .subresource = "",
               .query = {},
               .content_type = "application/json",
               .body = dump_json(object)};
  add_query(request, "fieldManager", field_manager);
  return request;
}

Result<Json> Client::create(const ResourceType& type, const Json& object, const std::string& field_manager) {
  return as_object(call(create_call(type, object, field_manager)));
}

Result<Json> Client::update(const ResourceType& type, const Json& object, const std::string& subresource) {
  if (string_at(object, {"metadata", "resourceVersion"}).empty()) {
    return fail(Code::InvalidArgument,
                "an update needs metadata.resourceVersion: without it, it would undo others' writes");
  }
  return as_object(call({.verb = Verb::Update,
                         .type = type,
                         .key = key_of(object),
                         .subresource = subresource,
                         .query = {},
                         .content_type = "application/json",
                         .body = dump_json(object)}));
}

Result<Json> Client::patch(const ResourceType& type, const ObjectKey& key, PatchKind kind, const Json& patch,
                           const std::string& subresource, const std::string& field_manager) {
  Call request{
      .verb = Verb::Patch,
      .type = type,
      .key = key,
      .subresource = subresource,
      .query = {},
      .content_type = kind == PatchKind::Merge ? "application/merge-patch+json" : "application/json-patch+json",
      .body = dump_json(patch)};
  add_query(request, "fieldManager", field_manager);
  return as_object(call(request));
}

Call apply_call(const ResourceType& type, const Json& object, const ApplyOptions& options) {
  Call request{.verb = Verb::Apply,
               .type = type,
               .key = key_of(object),
               .subresource = options.subresource,
               .query = {},
               .content_type = "application/apply-patch+yaml",
               .body = dump_json(object)};  // JSON is YAML
  add_query(request, "fieldManager", options.field_manager);
  if (options.force) add_query(request, "force", "true");
  return request;
}

Result<Json> Client::apply(const ResourceType& type, const Json& object, const ApplyOptions& options) {
  if (options.field_manager.empty()) return fail(Code::InvalidArgument, "apply needs a field manager");
  return as_object(call(apply_call(type, object, options)));
}

Status Client::remove(const ResourceType& type, const ObjectKey& key, const DeleteOptions& options) {
  Json body{{"kind", "DeleteOptions"}, {"apiVersion", "v1"}, {"propagationPolicy", options.propagation}};
  if (!options.uid.empty()) body["preconditions"]["uid"] = options.uid;
  if (!options.resource_version.empty()) body["preconditions"]["resourceVersion"] = options.resource_version;
  const auto answer = call({.verb = Verb::Delete,
                            .type = type,
                            .key = key,
                            .subresource = "",
                            .query = {},
                            .content_type = "application/json",
                            .body = dump_json(body)});
  if (!answer) return std::unexpected(answer.error());
  return {};
}

Result<std::string> Client::logs(const ObjectKey& pod, const LogOptions& options) {
  static const ResourceType pods{.group = "", .version = "v1", .kind = "Pod", .plural = "pods"};
  Call request{
      .verb = Verb::Logs, .type = pods, .key = pod, .subresource = "log", .query = {}, .content_type = "", .body = ""};
  add_query(request, "container", options.container);
  if (options.tail_lines) add_query(request, "tailLines", std::to_string(*options.tail_lines));
  if (options.limit_bytes) add_query(request, "limitBytes", std::to_string(*options.limit_bytes));
  if (options.previous) add_query(request, "previous", "true");
  return call(request);
}

std::unique_ptr<Client> make_client(ClientOptions options, HttpClient& http, const Clock& clock,
                                    Credentials* credentials) {
  while (options.server.ends_with('/')) options.server.pop_back();
  return std::make_unique<HttpKubeClient>(std::move(options), http, clock, credentials);
}

}  // namespace clops::kube
