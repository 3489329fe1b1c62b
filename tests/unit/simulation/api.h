// A Kubernetes API in memory, as far as the operator uses one: get, list, watch, create, update, server-side apply,
// merge and JSON patch, delete, status, finalizers, preconditions, field and label selectors, compaction.
//
// Made for simulation: no threads, no I/O, nothing drawn by chance; a call costs microseconds. Where local/api (the
// product's embedded API) and this differ, local/api is judged by the contract suite and this by its own tests. Thread
// rule: one thread. Ownership: objects are immutable and shared.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/http.h"
#include "base/json.h"
#include "base/result.h"
#include "base/time.h"

namespace clops::sim {

struct ApiKey {
  std::string resource;  // "pods", "deployments.apps"
  std::string ns, name;
  auto operator<=>(const ApiKey&) const = default;
};
[[nodiscard]] std::string to_string(const ApiKey& key);

using Snapshot = std::shared_ptr<const Json>;
enum class Happened { Added, Modified, Deleted };

struct ApiEvent {  // one accepted change
  int64_t revision = 0;
  Happened what = Happened::Added;
  ApiKey key;
  Snapshot object;  // Deleted: the last state, with the revision of the deletion
  Snapshot previous;
  std::string actor;        // who asked
  std::string subresource;  // what was written
};

// What a list or watch is about.
struct Selection {
  std::string resource, ns;
  std::string labels, fields;  // "a=b,c!=d,e"
  [[nodiscard]] bool matches(const ApiKey& key, const Json& object) const;
};

// A request's path, taken apart.
struct Route {
  std::string resource, ns, name, subresource;
};
[[nodiscard]] std::optional<Route> parse_route(std::string_view path);

// What the API says of a new or changed object beyond its own rules: empty = fine. Stands for CRD schema and CEL.
using Admission = std::function<std::string(const Json& object, const Json* old)>;

class Api {
 public:
  explicit Api(const Clock& clock, Admission admission = {}) : clock_(clock), admission_(std::move(admission)) {}

  // Any request but a watch. `actor` goes into the events.
  [[nodiscard]] HttpResponse handle(const std::string& actor, const HttpRequest& request);
  // The pods/log subresource is asked here.
  std::function<Result<std::string>(const ApiKey& pod)> logs;

  // The world's own hand: cluster controllers, users, tests.
  [[nodiscard]] Snapshot get(const ApiKey& key) const;
  // An object's JSON, printed once for all who are told of it. Valid until the next call for this key.
  [[nodiscard]] const std::string& text(const ApiKey& key, const Snapshot& object) const;
  [[nodiscard]] std::vector<Snapshot> list(const std::string& resource, const std::string& ns = "") const;
  [[nodiscard]] const std::map<ApiKey, Snapshot>& objects() const { return objects_; }
  Result<Snapshot> create(const std::string& actor, const std::string& resource, Json object);
  Result<Snapshot> mutate(const std::string& actor, const ApiKey& key, const std::string& subresource,
                          const std::function<void(Json&)>& change);
  Result<Snapshot> apply(const std::string& actor, const std::string& resource, const Json& object,
                         const std::string& manager, bool force, const std::string& subresource = "");
  struct DeleteHow {
    std::string propagation = "Background", uid, resource_version;
    std::optional<int64_t> grace_seconds;
  };
  Status remove(const std::string& actor, const ApiKey& key, const DeleteHow& how);
  Status remove(const std::string& actor, const ApiKey& key) { return remove(actor, key, DeleteHow{}); }

  [[nodiscard]] int64_t revision() const { return revision_; }
  // Told of every change, in order, within the call that made it.
  std::function<void(const ApiEvent&)> on_event;
  // The log of changes after `revision`; nullopt: compacted away.
  [[nodiscard]] std::optional<std::vector<ApiEvent>> since(int64_t revision) const;
  void compact() { compacted_ = revision_, log_.clear(); }

 private:
  HttpResponse read(const Route& route, const Target& target);
  HttpResponse list_response(const Route& route, const Target& target);
  Result<Snapshot> write(const std::string& actor, const Route& route, const Target& target,
                         const HttpRequest& request);
  Result<Snapshot> update(const std::string& actor, const Route& route, Json object);
  Result<Snapshot> patch(const std::string& actor, const Route& route, const Json& patch, bool json_patch);
  // Stores `next` in place of `old` (null: new); the object as it now is.
  Result<Snapshot> commit(const std::string& actor, const ApiKey& key, const std::string& subresource,
                          const Snapshot& old, Json next);
  void erase(const std::string& actor, const ApiKey& key, const Snapshot& old);
  void publish(ApiEvent event);

  const Clock& clock_;
  const Admission admission_;
  std::map<ApiKey, Snapshot> objects_;
  mutable std::map<ApiKey, std::pair<Snapshot, std::string>> texts_;  // what was printed last of each
  std::map<ApiKey, std::map<std::string, Json>> applied_;  // by manager (and subresource): what it last applied
  std::vector<ApiEvent> log_;
  int64_t revision_ = 100, compacted_ = 100;
  uint64_t uids_ = 0;
};

// Server-side apply's merge: what `before` (the same manager's last) had and `now` lacks goes, unless one of `others`
// has it.
[[nodiscard]] Json apply_merge(Json live, const Json& before, const Json& now, const std::vector<const Json*>& others);
// The path of a scalar that `now` sets otherwise than one of `others`; empty: none.
[[nodiscard]] std::string apply_conflict(const Json& now, const std::vector<const Json*>& others);

[[nodiscard]] HttpResponse status_answer(int status, std::string_view reason, std::string_view message);

}  // namespace clops::sim
