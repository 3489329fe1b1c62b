#include "operator/events/recorder.h"

#include <deque>
#include <list>
#include <map>
#include <tuple>

#include "operator/strand.h"

namespace clops::op {
namespace {

using namespace std::chrono_literals;
constexpr Duration kSameFor = 10min;
constexpr double kBurst = 25, kRefillPerSecond = 1.0 / 300;
constexpr int kTriesMax = 5;
constexpr Duration kTryAgain = 10s;
constexpr size_t kMessageBytesMax = 1'024;  // the API's limit

const crds::ResourceType& event_type() {
  static const crds::ResourceType type{.group = "", .version = "v1", .kind = "Event", .plural = "events"};
  return type;
}

// A map that forgets what was touched longest ago.
template <class Key, class Value>
class Remembered {
 public:
  explicit Remembered(size_t max) : max_(max) {}
  Value* find(const Key& key) {
    const auto it = index_.find(key);
    if (it == index_.end()) return nullptr;
    order_.splice(order_.begin(), order_, it->second);
    return &it->second->second;
  }
  Value& add(const Key& key, Value value) {
    order_.emplace_front(key, std::move(value));
    index_[key] = order_.begin();
    if (order_.size() > max_) {
      index_.erase(order_.back().first);
      order_.pop_back();
    }
    return order_.front().second;
  }

 private:
  const size_t max_;
  std::list<std::pair<Key, Value>> order_;
  std::map<Key, typename std::list<std::pair<Key, Value>>::iterator> index_;
};

struct Told {
  std::string ns, name;
  int count = 0;
  TimePoint last;
};
struct Bucket {
  double tokens = kBurst;
  TimePoint at;
};
struct Waiting {
  ObjectReference about;
  EventType type;
  std::string reason, message;
  WallTime when;
  int tries = 0;
};

class Recorder final : public EventRecorder {
 public:
  Recorder(EventRecorderDeps deps, EventRecorderOptions options)
      : deps_(deps),
        options_(std::move(options)),
        told_(options_.remembered_max),
        buckets_(options_.remembered_max),
        strand_(deps.executor) {}

  void record(const ObjectReference& about, EventType type, std::string_view reason,
              std::string_view message) override {
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.size() >= options_.waiting_max) {
        if (dropped_++ == 0)
          deps_.log.warn("events are dropped: too many wait to be written", {{"max", options_.waiting_max}});
        return;
      }
      waiting_.push_back(
          {about, type, std::string(reason), std::string(message.substr(0, kMessageBytesMax)), deps_.clock.wall()});
    }
    strand_.post([this] { write_next(); });
  }

 private:
  void write_next() {
    std::optional<Waiting> next;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) return;
      next = std::move(waiting_.front());
      waiting_.pop_front();
      if (waiting_.empty()) dropped_ = 0;
    }
    if (next->tries == 0 && !allowed(next->about.uid)) return;
    const Status written = write(*next);
    if (written || written.error().code != Code::Unavailable) {
      if (!written)
        deps_.log.debug("event not written", {{"reason", next->reason}, {"error", written.error().message}});
      return;
    }
    if (++next->tries >= kTriesMax) return;
    strand_.post_after(kTryAgain, [this, again = std::make_shared<Waiting>(std::move(*next))] {
      {
        const std::lock_guard lock(mutex_);
        if (waiting_.size() >= options_.waiting_max) return;
        waiting_.push_back(std::move(*again));
      }
      write_next();
    });
  }

  bool allowed(const std::string& uid) {
    const TimePoint now = deps_.clock.now();
    Bucket* bucket = buckets_.find(uid);
    if (!bucket) bucket = &buckets_.add(uid, {.tokens = kBurst, .at = now});
    bucket->tokens =
        std::min(kBurst, bucket->tokens + std::chrono::duration<double>(now - bucket->at).count() * kRefillPerSecond);
    bucket->at = now;
    if (bucket->tokens < 1) return false;
    bucket->tokens -= 1;
    return true;
  }

  Status write(const Waiting& event) {
    const Key key{event.about.uid, static_cast<int>(event.type), event.reason, event.message};
    const TimePoint now = deps_.clock.now();
    if (Told* told = told_.find(key); told && now - told->last < kSameFor) {
      const auto answer = deps_.client.patch(event_type(), {told->ns, told->name}, kube::PatchKind::Merge,
                                             {{"count", told->count + 1}, {"lastTimestamp", to_rfc3339(event.when)}});
      if (answer) {
        told->count += 1;
        told->last = now;
        return {};
      }
      if (answer.error().code != Code::NotFound) return std::unexpected(answer.error());
    }
    const Json object = render(event);
    if (const auto answer = deps_.client.create(event_type(), object); !answer) return std::unexpected(answer.error());
    Told fresh{.ns = string_at(object, {"metadata", "namespace"}),
               .name = string_at(object, {"metadata", "name"}),
               .count = 1,
               .last = now};
    if (Told* told = told_.find(key)) {
      *told = std::move(fresh);
    } else {
      told_.add(key, std::move(fresh));
    }
    return {};
  }

  Json render(const Waiting& event) {
    const std::string ns = event.about.key.ns.empty() ? "default" : event.about.key.ns;
    char suffix[20];
    std::snprintf(suffix, sizeof suffix, ".%016llx", static_cast<unsigned long long>(deps_.random.next()));
    const std::string when = to_rfc3339(event.when);
    Json involved{{"apiVersion", event.about.type.api_version()},
                  {"kind", event.about.type.kind},
                  {"name", event.about.key.name}};
    if (!event.about.key.ns.empty()) involved["namespace"] = event.about.key.ns;
    if (!event.about.uid.empty()) involved["uid"] = event.about.uid;
    if (!event.about.resource_version.empty()) involved["resourceVersion"] = event.about.resource_version;
    return Json{{"apiVersion", "v1"},
                {"kind", "Event"},
                {"metadata", {{"name", event.about.key.name.substr(0, 230) + suffix}, {"namespace", ns}}},
                {"involvedObject", std::move(involved)},
                {"type", event.type == EventType::Normal ? "Normal" : "Warning"},
                {"reason", event.reason},
                {"message", event.message},
                {"count", 1},
                {"firstTimestamp", when},
                {"lastTimestamp", when},
                {"source", {{"component", options_.component}}},
                {"reportingComponent", options_.component},
                {"reportingInstance", options_.instance}};
  }

  using Key = std::tuple<std::string, int, std::string, std::string>;
  const EventRecorderDeps deps_;
  const EventRecorderOptions options_;
  std::mutex mutex_;
  std::deque<Waiting> waiting_;
  uint64_t dropped_ = 0;
  Remembered<Key, Told> told_;  // the strand's own, as are the buckets
  Remembered<std::string, Bucket> buckets_;
  Strand strand_;
};

}  // namespace

std::unique_ptr<EventRecorder> make_event_recorder(EventRecorderDeps deps, EventRecorderOptions options) {
  return std::make_unique<Recorder>(deps, std::move(options));
}

}  // namespace clops::op
