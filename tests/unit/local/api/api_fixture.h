// An API server over a store in memory, a clock that stands still, and requests made without sockets.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <mutex>
#include <set>

#include "base/yaml.h"
#include "local/api/api.h"
#include "local/api/types.h"

namespace clops::local {

class StillClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return TimePoint{} + passed; }
  [[nodiscard]] WallTime wall() const override {
    return from_rfc3339("2026-11-22T10:00:00Z").value() + std::chrono::duration_cast<std::chrono::microseconds>(passed);
  }
  Duration passed{0};
};

// Runs what is due when told that time has passed.
class ManualExecutor final : public Executor {
 public:
  explicit ManualExecutor(StillClock& clock) : clock_(clock) {}
  void post(std::function<void()> task) override { post_after(Duration{0}, std::move(task)); }
  void post_after(Duration delay, std::function<void()> task) override {
    tasks_.emplace(clock_.passed + delay, std::move(task));
  }
  void advance(Duration by) {
    const Duration until = clock_.passed + by;
    while (!tasks_.empty() && tasks_.begin()->first <= until) {
      clock_.passed = std::max(clock_.passed, tasks_.begin()->first);
      const auto task = std::move(tasks_.begin()->second);
      tasks_.erase(tasks_.begin());
      task();
    }
    clock_.passed = until;
  }

 private:
  StillClock& clock_;
  std::multimap<Duration, std::function<void()>> tasks_;
};

class TextStream final : public ResponseStream {
 public:
  bool write(std::string_view bytes) override {
    if (closed) return false;
    text += bytes;
    return true;
  }
  void close() override { closed = true; }
  std::string text;
  bool closed = false;
};

class RecordedAnswer final : public Responder {
 public:
  void respond(HttpResponse r) override { response = std::move(r); }
  std::shared_ptr<ResponseStream> start(int status, Headers headers) override {
    response.status = status;
    response.headers = std::move(headers);
    stream = std::make_shared<TextStream>();
    return stream;
  }
  [[nodiscard]] Json json() const { return parse_json(response.body).value_or(Json()); }
  [[nodiscard]] std::string message() const { return string_at(json(), {"message"}); }
  [[nodiscard]] std::vector<Json> events() const {  // of a watch
    std::vector<Json> out;
    for (size_t from = 0; stream && from < stream->text.size();) {
      const size_t end = stream->text.find('\n', from);
      if (end > from) out.push_back(parse_json(std::string_view(stream->text).substr(from, end - from)).value());
      from = end + 1;
    }
    return out;
  }
  HttpResponse response;
  std::shared_ptr<TextStream> stream;
};
using Answer = std::shared_ptr<RecordedAnswer>;

class ApiTest : public testing::Test {
 protected:
  void SetUp() override { start({}); }
  void start(Validator validator) {
    server_.reset();
    store_ = open_store({.path = "", .log_events_max = 1'000}).value();
    api_ = make_api(*store_, clock_, {.validator = std::move(validator)}).value();
    server_ =
        make_api_server(*api_, executor_, clock_, *log_,
                        {.token = "secret", .bookmark_every = std::chrono::milliseconds(1'000), .watches_max = 3});
  }
  Answer call(const std::string& method, const std::string& url, const std::string& body = "",
              const std::string& type = "application/json", const std::string& accept = "application/json") {
    ServerRequest request;
    request.http.method = method;
    request.http.url = url;
    request.http.body = body;
    request.http.headers.set("Authorization", "Bearer secret");
    request.http.headers.set("Accept", accept);
    if (!body.empty()) request.http.headers.set("Content-Type", type);
    request.http.headers.set("User-Agent", "unit/1.0");
    auto answer = std::make_shared<RecordedAnswer>();
    server_->handle(std::move(request), answer);
    return answer;
  }
  static std::string yaml(const std::string& text) { return dump_json(parse_yaml(text).value().at(0)); }
  Answer apply(const std::string& url, const std::string& manager, const std::string& text,
               const std::string& more = "") {
    return call("PATCH", url + "?fieldManager=" + manager + more, text, "application/apply-patch+yaml");
  }
  Answer merge(const std::string& url, const std::string& text) {
    return call("PATCH", url, yaml(text), "application/merge-patch+json");
  }

  StillClock clock_;
  ManualExecutor executor_{clock_};
  std::unique_ptr<Log> log_ = make_null_log();
  std::unique_ptr<Store> store_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<ApiServer> server_;
};

inline constexpr const char* kMaps = "/api/v1/namespaces/default/configmaps";
inline constexpr const char* kDeployments = "/apis/apps/v1/namespaces/default/deployments";
inline constexpr const char* kWidgets = "/apis/test.dev/v1/namespaces/default/widgets";

inline constexpr const char* kWidgetCrd = R"(
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.test.dev}
spec:
  group: test.dev
  scope: Namespaced
  names: {plural: widgets, kind: Widget, shortNames: [wd]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}}
    additionalPrinterColumns: [{name: Color, type: string, jsonPath: .spec.color}, {name: Age, type: date, jsonPath: .metadata.creationTimestamp}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [color]
            properties:
              color: {type: string, enum: [red, green]}
              replicas: {type: integer, minimum: 0, default: 1}
              tags: {type: array, items: {type: string}, x-kubernetes-list-type: set}
              parts:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items: {type: object, required: [name], properties: {name: {type: string}, size: {type: integer}}}
          status: {type: object, properties: {replicas: {type: integer}, phase: {type: string}}}
)";

}  // namespace clops::local
