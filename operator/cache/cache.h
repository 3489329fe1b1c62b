// What informers have seen: the reads of every reconcile. Objects are immutable; a read takes a pointer, never a copy.
//
// Types are declared up front (InformerSpec): reading one that is not declared is a defect and ends the program with
// its name, so that no read ever starts a cluster-wide watch by itself. Thread rule: reads from any thread; writes
// (replace, put, erase) from the type's informer only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "operator/cache/object.h"

namespace clops::op {

struct InformerSpec {
  ResourceType type;
  std::string ns;  // empty: all namespaces
  std::string label_selector, field_selector;
  // JSON pointers of what is not kept, e.g. "/status/images"; metadata.managedFields and kubectl's last-applied
  // annotation never are.
  std::vector<std::string> drop;
  std::vector<std::string> label_indices;  // labels that by_label() is asked for
};

struct Change {  // old null: added; now null: deleted
  ObjectPtr old, now;
};

// The objects of one type, with indices by controller owner and by the declared labels.
class Store {
 public:
  explicit Store(InformerSpec spec) : spec_(std::move(spec)) {}
  [[nodiscard]] const InformerSpec& spec() const { return spec_; }
  [[nodiscard]] ObjectPtr get(const ObjectKey& key) const;
  [[nodiscard]] std::vector<ObjectPtr> list(const std::string& ns = "") const;  // empty: all; sorted by key
  [[nodiscard]] std::vector<ObjectPtr> owned_by(const std::string& owner_uid) const;
  [[nodiscard]] std::vector<ObjectPtr> by_label(const std::string& label, const std::string& value) const;
  [[nodiscard]] size_t size() const;
  [[nodiscard]] bool synced() const;                   // a whole list has been seen
  [[nodiscard]] std::string resource_version() const;  // how far the informer has read
  [[nodiscard]] bool reached(std::string_view resource_version) const;
  // How often a whole list has taken the place of what was read one by one: what came and went in between nobody told.
  [[nodiscard]] uint64_t lists() const;

  // The informer's side. Each returns what changed.
  std::vector<Change> replace(std::vector<ObjectPtr> objects, std::string resource_version);
  std::vector<Change> put(ObjectPtr object);  // two when the name was deleted and made again unseen
  std::vector<Change> erase(const ObjectPtr& last_state);
  void advance(std::string resource_version);  // a bookmark

 private:
  using Index = std::unordered_map<std::string, std::map<ObjectKey, ObjectPtr>>;
  void link(const ObjectPtr& object);
  void unlink(const ObjectPtr& object);
  const InformerSpec spec_;
  mutable std::mutex mutex_;
  std::map<ObjectKey, ObjectPtr> objects_;
  Index by_owner_;                       // by the uid of every owner reference
  std::map<std::string, Index> labels_;  // per declared label
  std::string resource_version_;
  bool synced_ = false;
  uint64_t lists_ = 0;
};

class Cache {
 public:
  explicit Cache(const std::vector<InformerSpec>& specs);
  [[nodiscard]] const Store& of(const ResourceType& type) const;  // ends the program when not declared
  [[nodiscard]] Store& store(const ResourceType& type);
  [[nodiscard]] bool declared(const ResourceType& type) const { return stores_.contains(type); }
  [[nodiscard]] bool synced() const;

  // Shorthands for of(type).
  [[nodiscard]] ObjectPtr get(const ResourceType& type, const ObjectKey& key) const { return of(type).get(key); }
  [[nodiscard]] std::vector<ObjectPtr> list(const ResourceType& type, const std::string& ns = "") const {
    return of(type).list(ns);
  }
  [[nodiscard]] std::vector<ObjectPtr> owned_by(const ResourceType& type, const std::string& uid) const {
    return of(type).owned_by(uid);
  }

 private:
  std::map<ResourceType, std::unique_ptr<Store>> stores_;
};

}  // namespace clops::op
