#include <atomic>
#include <map>
#include <mutex>

#include "local/api/core.h"

namespace clops::local {
namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(100);
constexpr const char* kForeground = "foregroundDeletion";
constexpr const char* kOrphan = "orphan";

struct Item {
  ResourcePtr resource;
  StoredPtr object;
  [[nodiscard]] crds::ObjectKey key() const {
    return {string_at(object->json, {"metadata", "namespace"}), string_at(object->json, {"metadata", "name"})};
  }
  [[nodiscard]] std::string uid() const { return string_at(object->json, {"metadata", "uid"}); }
  [[nodiscard]] bool deleting() const { return find_path(object->json, {"metadata", "deletionTimestamp"}) != nullptr; }
  [[nodiscard]] bool has_finalizer(const char* name) const {
    const Json* list = find_path(object->json, {"metadata", "finalizers"});
    return list && list->is_array() && std::find(list->begin(), list->end(), Json(name)) != list->end();
  }
};

Json owners_of(const Json& object) {
  const Json* owners = find_path(object, {"metadata", "ownerReferences"});
  return owners && owners->is_array() ? *owners : Json::array();
}

// Looks when the store's revision has moved: a pass over everything is cheap at this size and cannot miss anything.
class Collector final : public GarbageCollector, public std::enable_shared_from_this<Collector> {
 public:
  Collector(Core& core, Executor& executor, Log& log) : core_(core), executor_(executor), log_(log) {}
  void schedule() {
    executor_.post_after(kLookEvery, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->look();
    });
  }
  void stop() {
    const std::lock_guard lock(pass_);
    stopped_ = true;
  }

 private:
  void look() {
    const std::lock_guard lock(pass_);
    if (stopped_) return;
    const int64_t revision = core_.store().revision();
    if (revision != seen_) {
      seen_ = revision;
      pass();
    }
    schedule();
  }

  void pass() {
    std::vector<Item> all;
    std::string last;
    for (const auto& resource : core_.catalog().all()) {
      if (resource->store_name() == last) continue;  // another version of the same objects
      last = resource->store_name();
      for (auto& object : core_.store().list(last, "").items) all.push_back({resource, std::move(object)});
    }
    std::map<std::string, std::vector<const Item*>> dependents;
    std::map<std::string, const Item*> by_uid;
    for (const auto& item : all) {
      by_uid[item.uid()] = &item;
      for (const auto& owner : owners_of(item.object->json)) dependents[string_at(owner, {"uid"})].push_back(&item);
    }
    for (const auto& item : all) {
      note(item, collect(item, by_uid));
      if (!item.deleting()) continue;
      if (item.has_finalizer(kForeground)) note(item, finish_foreground(item, dependents[item.uid()]));
      if (item.has_finalizer(kOrphan)) note(item, orphan(item, dependents[item.uid()]));
      if (item.resource->builtin && item.resource->type.kind == "Namespace")
        note(item, core_.finish_namespace(item.key().name));
      if (item.resource->builtin && item.resource->type.kind == "CustomResourceDefinition")
        note(item, core_.finish_crd(item.key().name));
    }
  }

  void note(const Item& item, const Status& status) {
    if (status || status.error().code == Code::NotFound || status.error().code == Code::Conflict) return;
    log_.warn("cannot collect", {{"resource", item.resource->store_name()},
                                 {"namespace", item.key().ns},
                                 {"name", item.key().name},
                                 {"why", status.error().message}});
  }

  // The snapshot may be older than an owner: it is gone only if it is gone now.
  bool exists(const Json& owner, const std::string& ns, const std::map<std::string, const Item*>& by_uid) const {
    if (by_uid.contains(string_at(owner, {"uid"}))) return true;
    const auto resource = core_.catalog().find_kind(string_at(owner, {"apiVersion"}), string_at(owner, {"kind"}));
    if (!resource) return true;  // an owner of a kind that is not served cannot be looked up: its dependents stay
    const auto live =
        core_.store().get({resource->store_name(), resource->type.namespaced ? ns : "", string_at(owner, {"name"})});
    return live && string_at(live->json, {"metadata", "uid"}) == string_at(owner, {"uid"});
  }

  Status collect(const Item& item, const std::map<std::string, const Item*>& by_uid) {
    const Json owners = owners_of(item.object->json);
    if (owners.empty() || item.deleting()) return {};
    Json left = Json::array();
    for (const auto& owner : owners) {
      if (exists(owner, item.key().ns, by_uid)) left.push_back(owner);
    }
    if (left.size() == owners.size()) return {};
    if (left.empty()) {
      DeleteOptions options;
      options.uid = item.uid();
      auto removed = core_.remove(item.resource->type, item.key(), options);
      return removed ? Status{} : Status(std::unexpected(removed.error()));
    }
    return change(item, [&](Json& meta) { meta["ownerReferences"] = left; });
  }

  Status finish_foreground(const Item& item, const std::vector<const Item*>& dependents) {
    bool blocked = false;
    for (const Item* dependent : dependents) {
      for (const auto& owner : owners_of(dependent->object->json)) {
        if (string_at(owner, {"uid"}) == item.uid() && bool_at(owner, {"blockOwnerDeletion"})) blocked = true;
      }
      if (dependent->deleting()) continue;
      DeleteOptions options;
      options.uid = dependent->uid();
      options.propagation = Propagation::Foreground;
      if (auto removed = core_.remove(dependent->resource->type, dependent->key(), options);
          !removed && removed.error().code != Code::NotFound)
        return std::unexpected(removed.error());
    }
    return blocked ? Status{} : drop_finalizer(item, kForeground);
  }

  Status orphan(const Item& item, const std::vector<const Item*>& dependents) {
    for (const Item* dependent : dependents) {
      CLOPS_TRY(change(*dependent, [&](Json& meta) {
        if (meta.contains("ownerReferences"))
          std::erase_if(meta["ownerReferences"].get_ref<Json::array_t&>(),
                        [&](const Json& owner) { return string_at(owner, {"uid"}) == item.uid(); });
      }));
    }
    return drop_finalizer(item, kOrphan);
  }

  Status drop_finalizer(const Item& item, const char* name) {
    return change(item, [&](Json& meta) {
      if (meta.contains("finalizers")) std::erase(meta["finalizers"].get_ref<Json::array_t&>(), Json(name));
    });
  }
  Status change(const Item& item, const std::function<void(Json& meta)>& how) {
    auto done = core_.mutate(item.resource->type, item.key(), "",
                             [&](Json& object) -> Status {
                               if (string_at(object, {"metadata", "uid"}) != item.uid())
                                 return fail(Code::Conflict, "it has been replaced");
                               how(object["metadata"]);
                               return {};
                             },
                             {});
    return done ? Status{} : Status(std::unexpected(done.error()));
  }

  Core& core_;
  Executor& executor_;
  Log& log_;
  std::mutex pass_;
  bool stopped_ = false;
  int64_t seen_ = -1;
};

// The executor may still hold a task when the caller lets go; the collector itself lives as long as either.
class Handle final : public GarbageCollector {
 public:
  explicit Handle(std::shared_ptr<Collector> collector) : collector_(std::move(collector)) { collector_->schedule(); }
  ~Handle() override { collector_->stop(); }

 private:
  std::shared_ptr<Collector> collector_;
};

}  // namespace

std::unique_ptr<GarbageCollector> start_garbage_collector(Api& api, Executor& executor, Log& log) {
  return std::make_unique<Handle>(std::make_shared<Collector>(api.core(), executor, log));
}

}  // namespace clops::local
