// The embedded plane's objects on disk: one writer, one global revision, the event log in the same transaction.
//
// Every object is also held in memory (the plane is one machine's), so reads never wait for a write's disk; the log is
// on disk only. A write is a transaction: a function that reads and changes objects under the writer's lock; either all
// of its changes are on disk (SQLite, WAL) when transact() returns ok, or none is. Changes are published to watches
// after the commit, in revision order. Thread rule: safe from any thread. A transaction's function and a watch's
// callback must not call the store they were given by for writes or watches (a callback runs on the thread that
// committed, before transact() returns: it takes note and returns; it may read). Ownership: objects are immutable and
// shared. Errors: Unavailable (disk), DataLoss (the file is damaged), Expired.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace clops::local {

struct StoreKey {
  std::string resource;  // "pods", "deployments.apps", "modelversions.clops.dev": plural, then group
  std::string ns, name;  // ns empty: cluster-scoped
  auto operator<=>(const StoreKey&) const = default;
};

// An object as stored: `json` holds metadata.resourceVersion == revision; `text` is its one-line JSON.
struct Stored {
  Json json;
  std::string text;
  int64_t revision = 0;
};
using StoredPtr = std::shared_ptr<const Stored>;

enum class EventType { Added, Modified, Deleted };

struct StoreEvent {
  EventType type = EventType::Added;
  int64_t revision = 0;
  StoreKey key;
  StoredPtr object;    // Deleted: the last state, with the revision of the deletion
  StoredPtr previous;  // null when Added
};

// The view a transaction's function has: its own changes included.
class Transaction {
 public:
  virtual ~Transaction() = default;
  [[nodiscard]] virtual StoredPtr get(const StoreKey& key) const = 0;  // null: none
  [[nodiscard]] virtual std::vector<StoredPtr> list(const std::string& resource, const std::string& ns) const = 0;
  virtual StoredPtr put(const StoreKey& key, Json object) = 0;  // creates or replaces; sets metadata.resourceVersion
  virtual StoredPtr erase(const StoreKey& key) = 0;             // null: there was none
};

struct StoreList {
  std::vector<StoredPtr> items;  // by namespace, then name
  int64_t revision = 0;          // the state they are a list of
};

class StoreWatch {
 public:
  virtual ~StoreWatch() = default;  // cancels; waits for a running callback of another thread
};
using WatchCallback = std::function<void(const StoreEvent&)>;

struct StoreOptions {
  std::filesystem::path path;     // the database file; empty = in memory only (tests)
  size_t log_events_max = 5'000;  // older events are compacted: a watch from before them is Expired
};

class Store {
 public:
  virtual ~Store() = default;
  [[nodiscard]] virtual StoredPtr get(const StoreKey& key) const = 0;  // null: none
  [[nodiscard]] virtual StoreList list(const std::string& resource, const std::string& ns)
      const = 0;  // ns empty: all
                  // As it was at that revision. Expired when the log no longer reaches back to it; InvalidArgument in
                  // the future.
  [[nodiscard]] virtual Result<StoreList> list_at(const std::string& resource, const std::string& ns,
                                                  int64_t revision) = 0;
  [[nodiscard]] virtual int64_t revision() const = 0;
  // Runs `change` under the writer's lock. When it fails, or the commit does, nothing has happened.
  [[nodiscard]] virtual Status transact(const std::function<Status(Transaction&)>& change) = 0;
  // Every later change of `resource` (in `ns`, or anywhere when empty) after revision `from`, in order and without
  // gaps; those already in the log are delivered before watch() returns. Expired when the log no longer reaches back to
  // `from`; InvalidArgument when `from` is in the future.
  [[nodiscard]] virtual Result<std::unique_ptr<StoreWatch>> watch(const std::string& resource, const std::string& ns,
                                                                  int64_t from, WatchCallback callback) = 0;
  // list() and watch() from exactly there, with no gap between.
  [[nodiscard]] virtual std::pair<StoreList, std::unique_ptr<StoreWatch>> list_and_watch(const std::string& resource,
                                                                                         const std::string& ns,
                                                                                         WatchCallback callback) = 0;
};

[[nodiscard]] Result<std::unique_ptr<Store>> open_store(StoreOptions options);

}  // namespace clops::local
