#include "local/api/watch_session.h"

namespace clops::local {
namespace {

// As the real server: a client that comes back after the time limit finds where to go on from.
constexpr std::chrono::seconds kLastBookmark{2};

std::string event_line(const char* type, const std::string& object) {
  return std::string(R"({"type":")") + type + R"(","object":)" + object + "}\n";
}

Json bookmark_object(const Resource& resource, int64_t revision, bool initial_end) {
  Json meta{{"resourceVersion", std::to_string(revision)}, {"creationTimestamp", nullptr}};
  if (initial_end) meta["annotations"] = {{"k8s.io/initial-events-end", "true"}};
  return {{"kind", resource.type.kind}, {"apiVersion", resource.type.api_version()}, {"metadata", std::move(meta)}};
}

}  // namespace

class WatchHub::Session {
 public:
  Session(WatchRequest request, std::shared_ptr<ResponseStream> stream, const Clock& clock, TimePoint ends)
      : request_(std::move(request)), stream_(std::move(stream)), clock_(clock), ends_(ends) {}

  // While this holds the lock, a change committed meanwhile waits in its deliver(): so the state always comes first.
  void start(Core& core) {
    const std::lock_guard lock(mutex_);
    Store& store = core.store();
    const auto callback = [this](const StoreEvent& event) { deliver(event); };
    if (request_.from) {
      auto watch = store.watch(request_.resource->store_name(), request_.ns, *request_.from, callback);
      if (watch) {
        watch_ = std::move(*watch);
      } else {
        ApiError error = from_error(watch.error());
        if (watch.error().code == Code::InvalidArgument) error.code = 504, error.reason = "Timeout";
        send(event_line("ERROR", dump_json(error.to_status())));
        end();
      }
      return;
    }
    auto [state, watch] = store.list_and_watch(request_.resource->store_name(), request_.ns, callback);
    watch_ = std::move(watch);
    for (const auto& item : state.items) {
      if (wanted(item)) send_object("ADDED", item);
    }
    if (request_.initial_events_end) send_bookmark(state.revision, true);
  }

  // Called regularly. The revision is one up to which every change has been delivered.
  void tick(int64_t revision, TimePoint now) {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    if (now >= ends_) return end();
    if (request_.bookmarks) {
      send_bookmark(revision, false);
    } else {
      send("\n");  // JSON allows it, and only a write shows that the client has gone
    }
  }
  void last_bookmark(int64_t revision) {
    const std::lock_guard lock(mutex_);
    if (!ended_ && request_.bookmarks) send_bookmark(revision, false);
  }
  void end() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    stream_->close();
  }
  // True once, when the end comes before the tick after the next.
  [[nodiscard]] bool end_is_near(TimePoint now, Duration tick_every) {
    const std::lock_guard lock(mutex_);
    if (ended_ || end_planned_ || ends_ - now > tick_every + kLastBookmark) return false;
    return end_planned_ = true;
  }
  [[nodiscard]] TimePoint ends() const { return ends_; }
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  [[nodiscard]] bool wanted(const StoredPtr& object) const {
    return object && request_.labels.matches(object->json) && request_.fields.matches(object->json);
  }

  void deliver(const StoreEvent& event) {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    const bool before = event.type != EventType::Added && wanted(event.previous ? event.previous : event.object);
    const bool after = event.type != EventType::Deleted && wanted(event.object);
    if (after) {
      send_object(before ? "MODIFIED" : "ADDED", event.object);
    } else if (before) {
      send_object("DELETED", event.type == EventType::Deleted ? event.object : left(event));
    }
  }

  // An object that no longer matches is deleted for this client: its last matching state, at the change's revision.
  static StoredPtr left(const StoreEvent& event) {
    auto out = std::make_shared<Stored>(event.previous ? *event.previous : *event.object);
    out->json["metadata"]["resourceVersion"] = std::to_string(event.revision);
    out->text = dump_json(out->json);
    return out;
  }

  void send_object(const char* type, const StoredPtr& stored) {
    const StoredPtr object = as_version(*request_.resource, stored);
    if (!request_.as_table) return send(event_line(type, object->text));
    Json rows = Json::array({table_row(*request_.resource, object->json, clock_.wall(), request_.include)});
    send(event_line(type, dump_json(table_of(*request_.resource, std::move(rows),
                                             string_at(object->json, {"metadata", "resourceVersion"}), ""))));
  }
  void send_bookmark(int64_t revision, bool initial_end) {
    Json object = bookmark_object(*request_.resource, revision, initial_end);
    if (request_.as_table) {
      Json row{{"cells", Json::array()}, {"object", std::move(object)}};
      object = table_of(*request_.resource, Json::array({std::move(row)}), std::to_string(revision), "");
    }
    send(event_line("BOOKMARK", dump_json(object)));
  }
  void send(const std::string& line) {
    if (!ended_ && !stream_->write(line)) ended_ = true;
  }

  std::recursive_mutex mutex_;  // recursive: a replayed event comes from within start()
  const WatchRequest request_;
  const std::shared_ptr<ResponseStream> stream_;
  const Clock& clock_;
  const TimePoint ends_;
  std::atomic<bool> ended_ = false;
  bool end_planned_ = false;
  std::unique_ptr<StoreWatch> watch_;
};

struct WatchHub::Shared : std::enable_shared_from_this<WatchHub::Shared> {
  Shared(Core& c, Executor& e, const Clock& k, std::chrono::milliseconds every, size_t most)
      : core(c), executor(e), clock(k), bookmark_every(every), watches_max(most) {}
  Core& core;
  Executor& executor;
  const Clock& clock;
  const std::chrono::milliseconds bookmark_every;
  const size_t watches_max;
  std::mutex mutex;  // guards sessions; never held while a session is called or destroyed
  std::list<std::shared_ptr<Session>> sessions;
  std::mutex ticking;  // held while a tick runs, so that the end can wait for it
  bool stopped = false;

  std::vector<std::shared_ptr<Session>> all() {
    const std::lock_guard lock(mutex);
    return {sessions.begin(), sessions.end()};
  }
  void reap() {
    std::list<std::shared_ptr<Session>> ended;
    const std::lock_guard lock(mutex);
    for (auto it = sessions.begin(); it != sessions.end();) {
      const auto at = it++;
      if ((*at)->ended()) ended.splice(ended.end(), sessions, at);
    }
  }
  // Within the writer's lock everything committed so far has been delivered, so its revision is safe to name.
  template <class Call>
  void at_revision(const Call& call) {
    const Status ignored = core.store().transact([&](Transaction&) -> Status {
      call(core.store().revision());
      return {};
    });
    (void)ignored;  // nothing was written
  }
  void tick() {
    const std::lock_guard running(ticking);
    if (stopped) return;
    const auto open = all();
    at_revision([&](int64_t revision) {
      for (const auto& session : open) session->tick(revision, clock.now());
    });
    for (const auto& session : open) plan_end(session);
    reap();
    schedule();
  }
  // Tasks for an end still far away would outlive the many watches that are over sooner.
  void plan_end(const std::shared_ptr<Session>& session) {
    const TimePoint now = clock.now();
    if (!session->end_is_near(now, bookmark_every)) return;
    const Duration left = std::max(session->ends() - now, Duration{0});
    const auto later = [&](Duration delay, auto call) {
      executor.post_after(delay, [weak_hub = weak_from_this(), weak = std::weak_ptr(session), call] {
        const auto hub = weak_hub.lock();
        if (!hub) return;
        const std::lock_guard running(hub->ticking);  // let go of last: the hub's end waits for what is held here
        const auto open = hub->stopped ? nullptr : weak.lock();
        if (open) call(*hub, *open);
      });
    };
    if (left > kLastBookmark) {
      later(left - kLastBookmark, [](Shared& hub, Session& open) {
        hub.at_revision([&](int64_t revision) { open.last_bookmark(revision); });
      });
    }
    later(left, [](Shared&, Session& open) { open.end(); });
  }
  void schedule() {
    executor.post_after(bookmark_every, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->tick();
    });
  }
};

WatchHub::WatchHub(Core& core, Executor& executor, const Clock& clock, std::chrono::milliseconds bookmark_every,
                   size_t watches_max)
    : shared_(std::make_shared<Shared>(core, executor, clock, bookmark_every, watches_max)) {
  shared_->schedule();
}

WatchHub::~WatchHub() {
  {
    const std::lock_guard running(shared_->ticking);
    shared_->stopped = true;
  }
  for (const auto& session : shared_->all()) session->end();
  shared_->reap();
}

bool WatchHub::open(WatchRequest request, Responder& responder) {
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->sessions.size() >= shared_->watches_max) return false;
  }
  Headers headers;
  headers.set("Content-Type", "application/json");
  headers.set("Cache-Control", "no-cache, private");
  const auto timeout = request.timeout;
  auto session = std::make_shared<Session>(std::move(request), responder.start(200, std::move(headers)), shared_->clock,
                                           shared_->clock.now() + timeout);
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->sessions.push_back(session);
  }
  session->start(shared_->core);
  shared_->plan_end(session);
  return true;
}

}  // namespace clops::local
