// Talking to a Kubernetes API: every verb clops uses, over unstructured objects (Json as the API prints them).
//
// Thread rule: safe from any thread; calls wait for their answer (bounded by the limits given to make_client) and never
// sleep: whoever wants to try again later schedules that, see retry_after().
// Ownership: make_client borrows its HttpClient, Clock and Credentials.
// Errors, by HTTP status and Status.reason: NotFound 404 · AlreadyExists 409/AlreadyExists · Conflict 409, 412 ·
// InvalidArgument 400, 422 · Unauthenticated 401 · PermissionDenied 403 · Expired 410, and a resourceVersion too large
// · TooLarge 413 · Unsupported 405, 406, 415 · Unavailable 429, 500, 502, 503 and transport · DeadlineExceeded 504. The
// message is the server's.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/http_client.h"
#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "crds/meta.h"
#include "operator/kube/status.h"  // decode_meta, key_of, decode_status: part of what callers use

namespace clops::kube {

using crds::ObjectKey;
using crds::ObjectMeta;
using crds::ResourceType;

enum class Verb { Get, List, Watch, Create, Update, Patch, Apply, Delete, Logs };
inline constexpr size_t kVerbs = 9;
[[nodiscard]] constexpr bool is_write(Verb verb) {
  return verb == Verb::Create || verb == Verb::Update || verb == Verb::Patch || verb == Verb::Apply ||
         verb == Verb::Delete;
}

// One call, before it is a URL. Decorators (write gate, write tracker) look at it; simulations may record it.
struct Call {
  Verb verb = Verb::Get;
  ResourceType type;
  ObjectKey key;            // name empty for List, Watch, Create
  std::string subresource;  // "", "status", "scale", "log"
  std::vector<std::pair<std::string, std::string>> query;
  std::string content_type;
  std::string body;
};

struct ListOptions {
  std::string label_selector, field_selector;
  std::string resource_version, continue_token;
  int limit = 0;  // 0: everything in one answer
};
struct ListPage {
  std::vector<Json> items;  // apiVersion and kind filled in
  std::string resource_version, continue_token;
};

struct WatchOptions {
  std::string label_selector, field_selector, resource_version;
  std::chrono::seconds timeout{300};
  bool bookmarks = true;
};

enum class PatchKind { Merge, Json };

struct ApplyOptions {
  std::string field_manager;
  bool force = true;
  std::string subresource;
};

struct DeleteOptions {
  std::string uid, resource_version;       // preconditions; empty = none
  std::string propagation = "Background";  // Background | Foreground | Orphan
};

struct LogOptions {
  std::string container;
  std::optional<int> tail_lines;
  std::optional<int64_t> limit_bytes;
  bool previous = false;
};

[[nodiscard]] Call list_call(const ResourceType& type, const std::string& ns, const ListOptions& options);
[[nodiscard]] Call create_call(const ResourceType& type, const Json& object, const std::string& field_manager);
[[nodiscard]] Call apply_call(const ResourceType& type, const Json& object, const ApplyOptions& options);

class Client {
 public:
  virtual ~Client() = default;

  [[nodiscard]] Result<Json> get(const ResourceType& type, const ObjectKey& key);
  // Several at once; the answers in the order of the names.
  [[nodiscard]] std::vector<Result<Json>> get_all(std::span<const std::pair<ResourceType, ObjectKey>> names);
  [[nodiscard]] Result<ListPage> list(const ResourceType& type, const std::string& ns, const ListOptions& options = {});
  [[nodiscard]] Result<Json> create(const ResourceType& type, const Json& object,
                                    const std::string& field_manager = "");
  // PUT. `object` carries metadata.resourceVersion: an update without one is refused here (it would win blindly).
  [[nodiscard]] Result<Json> update(const ResourceType& type, const Json& object, const std::string& subresource = "");
  [[nodiscard]] Result<Json> patch(const ResourceType& type, const ObjectKey& key, PatchKind kind, const Json& patch,
                                   const std::string& subresource = "", const std::string& field_manager = "");
  // Server-side apply; `object` names apiVersion, kind, metadata.name (and namespace).
  [[nodiscard]] Result<Json> apply(const ResourceType& type, const Json& object, const ApplyOptions& options);
  [[nodiscard]] Status remove(const ResourceType& type, const ObjectKey& key, const DeleteOptions& options = {});
  [[nodiscard]] Result<std::string> logs(const ObjectKey& pod, const LogOptions& options = {});

  // What the verbs above are made of: the answer's body, or its error.
  [[nodiscard]] virtual Result<std::string> call(const Call& call) = 0;
  // Calls that do not depend on each other, side by side where that is possible; the answers in the order of the calls.
  [[nodiscard]] virtual std::vector<Result<std::string>> call_all(std::span<const Call> calls) {
    std::vector<Result<std::string>> answers;
    for (const Call& each : calls) answers.push_back(call(each));
    return answers;
  }
  // Frames of {"type":..,"object":..}, one a line, until it ends; see operator/watch. The sink's on_head gets the
  // status.
  [[nodiscard]] virtual std::unique_ptr<HttpStream> watch(const ResourceType& type, const std::string& ns,
                                                          const WatchOptions& options, StreamSink& sink) = 0;
  // How much longer the server has asked everybody to stay away (Retry-After of a 429 or 503); zero = it has not.
  [[nodiscard]] virtual Duration retry_after() const = 0;
};

// What to send as Authorization: asked before each request, told when the server did not accept it.
class Credentials {
 public:
  virtual ~Credentials() = default;
  [[nodiscard]] virtual std::string bearer_token() = 0;  // empty: none (client certificates live in the HttpClient)
  virtual void rejected() = 0;                           // 401: forget what was cached
};

struct ClientOptions {
  std::string server;  // "https://host:port", no trailing slash
  HttpLimits limits;
};
[[nodiscard]] std::unique_ptr<Client> make_client(ClientOptions options, HttpClient& http, const Clock& clock,
                                                  Credentials* credentials = nullptr);

}  // namespace clops::kube
