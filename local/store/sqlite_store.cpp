#include <sqlite3.h>

#include <mutex>
#include <optional>
#include <shared_mutex>
#include <utility>

#include "local/store/store.h"

namespace clops::local {
namespace {

using State = std::map<StoreKey, StoredPtr>;

// One prepared statement; bind in order, step, reset.
class Statement {
 public:
  Statement() = default;
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  bool prepare(sqlite3* db, const char* sql) {
    return sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement_, nullptr) == SQLITE_OK;
  }
  Statement& text(const std::string& value) {
    sqlite3_bind_text64(statement_, ++bound_, value.data(), value.size(), SQLITE_STATIC, SQLITE_UTF8);
    return *this;
  }
  Statement& number(int64_t value) {
    sqlite3_bind_int64(statement_, ++bound_, value);
    return *this;
  }
  bool run() {
    const int code = sqlite3_step(statement_);
    reset();
    return code == SQLITE_DONE;
  }
  bool row() { return sqlite3_step(statement_) == SQLITE_ROW; }
  void reset() {
    sqlite3_reset(statement_);
    bound_ = 0;
  }
  [[nodiscard]] int64_t number_at(int column) { return sqlite3_column_int64(statement_, column); }
  [[nodiscard]] std::string text_at(int column) {
    const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return data ? std::string(data, static_cast<size_t>(sqlite3_column_bytes(statement_, column))) : std::string();
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

StoredPtr make_stored(Json json, int64_t revision) {
  json["metadata"]["resourceVersion"] = std::to_string(revision);
  auto out = std::make_shared<Stored>();
  out->text = dump_json(json);
  out->json = std::move(json);
  out->revision = revision;
  return out;
}

// The file: every method is called under the writer's lock.
class Database {
 public:
  ~Database() {
    // Statements go before the connection they belong to.
    statements_.reset();
    sqlite3_close_v2(db_);
  }

  Status open(const std::filesystem::path& path) {
    const std::string name = path.empty() ? ":memory:" : path.string();
    if (sqlite3_open_v2(name.c_str(), &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        nullptr) != SQLITE_OK)
      return failed("opening");
    sqlite3_busy_timeout(db_, 1'000);
    // EXCLUSIVE: a second plane on the same file is refused. NORMAL: a commit outlives the process, as the file cache
    // does.
    for (const char* sql :
         {"PRAGMA locking_mode=EXCLUSIVE", "PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL",
          "CREATE TABLE IF NOT EXISTS objects(resource TEXT, ns TEXT, name TEXT, revision INTEGER NOT NULL, text TEXT "
          "NOT NULL, "
          "PRIMARY KEY(resource, ns, name)) WITHOUT ROWID",
          "CREATE TABLE IF NOT EXISTS events(revision INTEGER PRIMARY KEY, type INTEGER NOT NULL, resource TEXT NOT "
          "NULL, ns TEXT NOT NULL, "
          "name TEXT NOT NULL, text TEXT NOT NULL, previous_revision INTEGER NOT NULL, previous TEXT NOT NULL)",
          "CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
          "INSERT OR IGNORE INTO meta VALUES('revision', 0), ('compacted', 0)"}) {
      if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failed("opening");
    }
    statements_.emplace();
    auto& s = *statements_;
    const bool ok = s.begin.prepare(db_, "BEGIN IMMEDIATE") && s.commit.prepare(db_, "COMMIT") &&
                    s.rollback.prepare(db_, "ROLLBACK") &&
                    s.put.prepare(db_, "INSERT OR REPLACE INTO objects VALUES(?,?,?,?,?)") &&
                    s.erase.prepare(db_, "DELETE FROM objects WHERE resource=? AND ns=? AND name=?") &&
                    s.event.prepare(db_, "INSERT INTO events VALUES(?,?,?,?,?,?,?,?)") &&
                    s.trim.prepare(db_, "DELETE FROM events WHERE revision<=?") &&
                    s.meta.prepare(db_, "UPDATE meta SET value=? WHERE name=?");
    return ok ? Status{} : Status(failed("preparing"));
  }

  Result<std::pair<int64_t, int64_t>> load(State& state) {
    Statement objects, meta;
    if (!objects.prepare(db_, "SELECT resource, ns, name, revision, text FROM objects") ||
        !meta.prepare(db_, "SELECT value FROM meta WHERE name IN ('revision', 'compacted') ORDER BY name")) {
      return failed("reading");
    }
    while (objects.row()) {
      CLOPS_ASSIGN(StoredPtr stored, parse(objects.text_at(4), objects.number_at(3)));
      state.emplace(StoreKey{objects.text_at(0), objects.text_at(1), objects.text_at(2)}, std::move(stored));
    }
    int64_t compacted = 0, revision = 0;
    if (meta.row()) compacted = meta.number_at(0);
    if (meta.row()) revision = meta.number_at(0);
    return std::pair{revision, compacted};
  }

  // The log stays on disk: parsed objects of thousands of events would be most of the plane's memory.
  Result<std::vector<StoreEvent>> events_after(int64_t from, const std::string& resource, const std::string& ns) {
    Statement events;
    if (!events.prepare(db_,
                        "SELECT revision, type, ns, name, text, previous_revision, previous FROM events "
                        "WHERE revision>?1 AND resource=?2 AND (?3='' OR ns=?3) ORDER BY revision")) {
      return failed("reading");
    }
    events.number(from).text(resource).text(ns);
    std::vector<StoreEvent> out;
    while (events.row()) {
      StoreEvent event{.type = static_cast<EventType>(events.number_at(1)),
                       .revision = events.number_at(0),
                       .key = {resource, events.text_at(2), events.text_at(3)},
                       .object = nullptr,
                       .previous = nullptr};
      CLOPS_ASSIGN(event.object, parse(events.text_at(4), event.revision));
      if (events.number_at(5) != 0) {
        CLOPS_ASSIGN(event.previous, parse(events.text_at(6), events.number_at(5)));
      }
      out.push_back(std::move(event));
    }
    return out;
  }

  Status write(const std::vector<StoreEvent>& events, int64_t revision, std::optional<int64_t> compact_to) {
    auto& s = *statements_;
    if (!s.begin.run()) return failed("beginning a write");
    bool ok = true;
    for (const auto& e : events) {
      const auto& k = e.key;
      ok = ok && (e.type == EventType::Deleted
                      ? s.erase.text(k.resource).text(k.ns).text(k.name).run()
                      : s.put.text(k.resource).text(k.ns).text(k.name).number(e.revision).text(e.object->text).run());
      static const std::string none;
      ok = ok && s.event.number(e.revision)
                     .number(static_cast<int>(e.type))
                     .text(k.resource)
                     .text(k.ns)
                     .text(k.name)
                     .text(e.object->text)
                     .number(e.previous ? e.previous->revision : 0)
                     .text(e.previous ? e.previous->text : none)
                     .run();
    }
    static const std::string revision_name = "revision", compacted_name = "compacted";
    ok = ok && s.meta.number(revision).text(revision_name).run();
    if (compact_to)
      ok = ok && s.trim.number(*compact_to).run() && s.meta.number(*compact_to).text(compacted_name).run();
    if (ok && s.commit.run()) return {};
    auto error = failed("writing");
    s.rollback.run();
    return error;
  }

 private:
  std::unexpected<Error> failed(const std::string& doing) const {
    const int code = sqlite3_errcode(db_);
    const std::string text = doing + " the plane's database: " + sqlite3_errmsg(db_) +
                             (code == SQLITE_BUSY ? " (is another plane running on it?)" : "");
    return fail(code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? Code::DataLoss : Code::Unavailable, text);
  }
  static Result<StoredPtr> parse(const std::string& text, int64_t revision) {
    auto json = parse_json(text);
    if (!json) return fail(Code::DataLoss, "an object in the plane's database is damaged: " + json.error().message);
    auto out = std::make_shared<Stored>();
    out->json = std::move(*json);
    out->text = text;
    out->revision = revision;
    return StoredPtr(std::move(out));
  }
  struct Statements {
    Statement begin, commit, rollback, put, erase, event, trim, meta;
  };
  sqlite3* db_ = nullptr;
  std::optional<Statements> statements_;
};

bool concerns(const StoreKey& key, const std::string& resource, const std::string& ns) {
  return key.resource == resource && (ns.empty() || key.ns == ns);
}

std::vector<StoredPtr> range(const State& state, const std::string& resource, const std::string& ns) {
  std::vector<StoredPtr> out;
  for (auto it = state.lower_bound(StoreKey{resource, ns, ""}); it != state.end() && concerns(it->first, resource, ns);
       ++it)
    out.push_back(it->second);
  return out;
}

class Overlay final : public Transaction {
 public:
  Overlay(const State& state, int64_t revision) : state_(state), revision_(revision) {}
  [[nodiscard]] StoredPtr get(const StoreKey& key) const override {
    if (const auto it = changed_.find(key); it != changed_.end()) return it->second;
    const auto it = state_.find(key);
    return it == state_.end() ? nullptr : it->second;
  }
  [[nodiscard]] std::vector<StoredPtr> list(const std::string& resource, const std::string& ns) const override {
    if (changed_.empty()) return range(state_, resource, ns);
    State merged;
    for (auto it = state_.lower_bound(StoreKey{resource, ns, ""});
         it != state_.end() && concerns(it->first, resource, ns); ++it)
      merged.insert(*it);
    for (const auto& [key, object] : changed_) {
      if (concerns(key, resource, ns)) merged[key] = object;
    }
    std::vector<StoredPtr> out;
    for (const auto& [key, object] : merged) {
      if (object) out.push_back(object);
    }
    return out;
  }
  StoredPtr put(const StoreKey& key, Json object) override {
    StoreEvent event{
        .type = EventType::Added, .revision = ++revision_, .key = key, .object = nullptr, .previous = get(key)};
    if (event.previous) event.type = EventType::Modified;
    event.object = make_stored(std::move(object), revision_);
    changed_[key] = event.object;
    events.push_back(event);
    return event.object;
  }
  StoredPtr erase(const StoreKey& key) override {
    const StoredPtr previous = get(key);
    if (!previous) return nullptr;
    ++revision_;
    events.push_back({EventType::Deleted, revision_, key, make_stored(previous->json, revision_), previous});
    changed_[key] = nullptr;
    return events.back().object;
  }
  std::vector<StoreEvent> events;

 private:
  const State& state_;
  int64_t revision_;
  State changed_;  // null: erased
};

// A watch's callback runs under its own lock, so that cancelling waits for it; recursive, for a callback that cancels
// itself.
struct Watcher {
  std::string resource, ns;
  WatchCallback callback;
  std::recursive_mutex mutex;
  bool active = true;
  void deliver(const StoreEvent& event) {
    const std::lock_guard lock(mutex);
    if (active && concerns(event.key, resource, ns)) callback(event);
  }
};

class WatchHandle final : public StoreWatch {
 public:
  explicit WatchHandle(std::shared_ptr<Watcher> watcher) : watcher_(std::move(watcher)) {}
  ~WatchHandle() override {
    const std::lock_guard lock(watcher_->mutex);
    watcher_->active = false;
  }

 private:
  std::shared_ptr<Watcher> watcher_;
};

class SqliteStore final : public Store {
 public:
  explicit SqliteStore(StoreOptions options) : options_(std::move(options)) {}
  Status open() {
    CLOPS_TRY(database_.open(options_.path));
    CLOPS_ASSIGN(const auto positions, database_.load(state_));
    std::tie(revision_, compacted_) = positions;
    return {};
  }

  [[nodiscard]] StoredPtr get(const StoreKey& key) const override {
    const std::shared_lock lock(state_mutex_);
    const auto it = state_.find(key);
    return it == state_.end() ? nullptr : it->second;
  }
  [[nodiscard]] StoreList list(const std::string& resource, const std::string& ns) const override {
    const std::shared_lock lock(state_mutex_);
    return {range(state_, resource, ns), revision_};
  }
  // What has happened since is taken back, newest first.
  Result<StoreList> list_at(const std::string& resource, const std::string& ns, int64_t revision) override {
    const std::lock_guard writer(writer_mutex_);
    CLOPS_TRY(check_reachable(revision));
    if (revision == revision_) return list(resource, ns);
    CLOPS_ASSIGN(const std::vector<StoreEvent> since, database_.events_after(revision, resource, ns));
    State state;
    for (auto it = state_.lower_bound(StoreKey{resource, ns, ""});
         it != state_.end() && concerns(it->first, resource, ns); ++it)
      state.insert(*it);
    for (auto event = since.rbegin(); event != since.rend(); ++event) {
      if (event->previous) {
        state[event->key] = event->previous;
      } else {
        state.erase(event->key);
      }
    }
    return StoreList{range(state, resource, ns), revision};
  }
  [[nodiscard]] int64_t revision() const override {
    const std::shared_lock lock(state_mutex_);
    return revision_;
  }

  Status transact(const std::function<Status(Transaction&)>& change) override {
    const std::lock_guard writer(writer_mutex_);
    Overlay overlay(state_, revision_);  // only the writer changes state_, and that is us
    CLOPS_TRY(change(overlay));
    if (overlay.events.empty()) return {};
    const int64_t revision = overlay.events.back().revision;
    std::optional<int64_t> compact_to;
    // A quarter at a time, so that most writes do not pay for it.
    const auto most = static_cast<int64_t>(options_.log_events_max);
    if (revision - compacted_ > most + most / 4) compact_to = revision - most;
    CLOPS_TRY(database_.write(overlay.events, revision, compact_to));
    {
      const std::unique_lock lock(state_mutex_);
      for (const auto& event : overlay.events) {
        if (event.type == EventType::Deleted) {
          state_.erase(event.key);
        } else {
          state_[event.key] = event.object;
        }
      }
      revision_ = revision;
    }
    if (compact_to) compacted_ = *compact_to;
    publish(overlay.events);
    return {};
  }

  Result<std::unique_ptr<StoreWatch>> watch(const std::string& resource, const std::string& ns, int64_t from,
                                            WatchCallback callback) override {
    const std::lock_guard writer(writer_mutex_);
    CLOPS_TRY(check_reachable(from));
    auto watcher = std::make_shared<Watcher>();
    watcher->resource = resource;
    watcher->ns = ns;
    watcher->callback = std::move(callback);
    if (from < revision_) {
      CLOPS_ASSIGN(const std::vector<StoreEvent> missed, database_.events_after(from, resource, ns));
      for (const auto& event : missed) watcher->deliver(event);
    }
    watchers_.push_back(watcher);
    return std::make_unique<WatchHandle>(std::move(watcher));
  }

  std::pair<StoreList, std::unique_ptr<StoreWatch>> list_and_watch(const std::string& resource, const std::string& ns,
                                                                   WatchCallback callback) override {
    const std::lock_guard writer(writer_mutex_);
    auto watcher = std::make_shared<Watcher>();
    watcher->resource = resource;
    watcher->ns = ns;
    watcher->callback = std::move(callback);
    watchers_.push_back(watcher);
    return {list(resource, ns), std::make_unique<WatchHandle>(std::move(watcher))};
  }

 private:
  [[nodiscard]] Status check_reachable(int64_t revision) const {
    if (revision < compacted_)
      return fail(Code::Expired,
                  "too old resource version: " + std::to_string(revision) + " (" + std::to_string(compacted_) + ")");
    if (revision > revision_) {
      return fail(Code::InvalidArgument, "Too large resource version: " + std::to_string(revision) +
                                             ", current: " + std::to_string(revision_));
    }
    return {};
  }
  void publish(const std::vector<StoreEvent>& events) {
    std::erase_if(watchers_, [](const auto& watcher) {
      const std::lock_guard lock(watcher->mutex);
      return !watcher->active;
    });
    for (const auto& event : events) {
      for (const auto& watcher : watchers_) watcher->deliver(event);
    }
  }
  const StoreOptions options_;
  std::mutex writer_mutex_;  // guards the database and the watchers; taken before state_mutex_
  Database database_;
  int64_t compacted_ = 0;
  std::vector<std::shared_ptr<Watcher>> watchers_;
  mutable std::shared_mutex state_mutex_;  // guards what readers read; written only by the holder of writer_mutex_
  State state_;
  int64_t revision_ = 0;
};

}  // namespace

Result<std::unique_ptr<Store>> open_store(StoreOptions options) {
  auto store = std::make_unique<SqliteStore>(std::move(options));
  CLOPS_TRY(store->open());
  return store;
}

}  // namespace clops::local
