// An Api in memory, for tests of what stands on it: no defaults, no validation, no ownership; deleting a pod marks it.
#pragma once

#include <cstdlib>
#include <map>
#include <mutex>

#include "local/api/api.h"

namespace clops::local::testing {

class FakeApi final : public Api {
 public:
  Result<StoredPtr> get(const crds::ResourceType& type, const crds::ObjectKey& key) const override {
    const std::lock_guard lock(mutex_);
    const auto it = objects_.find({type.plural, key.ns, key.name});
    if (it == objects_.end()) return fail(Code::NotFound, type.plural + " \"" + key.name + "\" not found");
    return it->second;
  }
  Result<StoreList> list(const crds::ResourceType& type, const std::string& ns,
                         const std::string& selector) const override {
    if (!selector.empty()) return fail(Code::Unsupported, "no selectors here");
    const std::lock_guard lock(mutex_);
    StoreList out{.items = {}, .revision = revision_};
    for (const auto& [key, object] : objects_) {
      if (key.resource == type.plural && (ns.empty() || key.ns == ns)) out.items.push_back(object);
    }
    return out;
  }
  Result<StoredPtr> create(const crds::ResourceType& type, Json object, const WriteOptions&) override {
    const std::lock_guard lock(mutex_);
    Json& meta = object["metadata"];
    std::string name = string_at(meta, {"name"});
    if (name.empty()) meta["name"] = name = string_at(meta, {"generateName"}) + std::to_string(revision_);
    const StoreKey key{type.plural, string_at(meta, {"namespace"}), name};
    if (objects_.contains(key)) return fail(Code::AlreadyExists, name + " exists");
    meta["uid"] = "uid-" + std::to_string(++last_uid_);
    meta["generation"] = 1;
    meta["creationTimestamp"] = to_rfc3339(SystemClock().wall());
    return put(EventType::Added, key, std::move(object));
  }
  Result<StoredPtr> mutate(const crds::ResourceType& type, const crds::ObjectKey& at, const std::string&,
                           const std::function<Status(Json&)>& change, const WriteOptions&) override {
    const std::lock_guard lock(mutex_);
    const StoreKey key{type.plural, at.ns, at.name};
    const auto it = objects_.find(key);
    if (it == objects_.end()) return fail(Code::NotFound, at.name + " not found");
    Json object = it->second->json;
    CLOPS_TRY(change(object));
    if (object == it->second->json) return it->second;
    return put(EventType::Modified, key, std::move(object));
  }
  Result<StoredPtr> remove(const crds::ResourceType& type, const crds::ObjectKey& at,
                           const DeleteOptions& options) override {
    const std::lock_guard lock(mutex_);
    const StoreKey key{type.plural, at.ns, at.name};
    const auto it = objects_.find(key);
    if (it == objects_.end()) return fail(Code::NotFound, at.name + " not found");
    const auto old = it->second;
    if (!options.uid.empty() && options.uid != string_at(old->json, {"metadata", "uid"}))
      return fail(Code::Conflict, "another UID");
    if (type.plural == "pods" && options.grace_seconds != 0) {
      Json object = old->json;
      object["metadata"]["deletionTimestamp"] = to_rfc3339(SystemClock().wall());
      object["metadata"]["deletionGracePeriodSeconds"] =
          options.grace_seconds.value_or(int_at(object, {"spec", "terminationGracePeriodSeconds"}, 30));
      return put(EventType::Modified, key, std::move(object));
    }
    objects_.erase(it);
    publish({.type = EventType::Deleted, .revision = ++revision_, .key = key, .object = old, .previous = old});
    return old;
  }
  std::unique_ptr<StoreWatch> watch(const crds::ResourceType& type, const std::string& ns,
                                    WatchCallback callback) override {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, object] : objects_) {
      if (key.resource == type.plural && (ns.empty() || key.ns == ns)) {
        callback({.type = EventType::Added,
                  .revision = object->revision,
                  .key = key,
                  .object = object,
                  .previous = nullptr});
      }
    }
    const int id = ++last_watch_;
    watches_[id] = {type.plural, ns, std::move(callback)};
    return std::make_unique<Watch>(*this, id);
  }
  Core& core() override { std::abort(); }  // only the real API's own parts ask for it

 private:
  struct Watch final : StoreWatch {
    Watch(FakeApi& a, int i) : api(a), id(i) {}
    ~Watch() override {
      const std::lock_guard lock(api.mutex_);
      api.watches_.erase(id);
    }
    FakeApi& api;
    int id;
  };
  struct Watcher {
    std::string resource, ns;
    WatchCallback callback;
  };
  StoredPtr put(EventType type, const StoreKey& key, Json object) {
    object["metadata"]["resourceVersion"] = std::to_string(++revision_);
    auto stored = std::make_shared<Stored>(Stored{.json = std::move(object), .text = "", .revision = revision_});
    objects_[key] = stored;
    publish({.type = type, .revision = revision_, .key = key, .object = stored, .previous = nullptr});
    return stored;
  }
  void publish(const StoreEvent& event) {
    for (auto& [id, watcher] : watches_) {
      if (watcher.resource == event.key.resource && (watcher.ns.empty() || watcher.ns == event.key.ns))
        watcher.callback(event);
    }
  }
  mutable std::mutex mutex_;
  std::map<StoreKey, StoredPtr> objects_;
  std::map<int, Watcher> watches_;
  int64_t revision_ = 0;
  int last_uid_ = 0, last_watch_ = 0;
};

}  // namespace clops::local::testing
