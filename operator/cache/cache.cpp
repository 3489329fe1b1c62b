#include "operator/cache/cache.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "operator/kube/status.h"

namespace clops::op {

Json Object::body() const {
  auto parsed = parse_json(text_, {.bytes_max = 64u << 20, .depth_max = 128});
  return parsed ? std::move(*parsed) : Json::object();  // the decoder printed it: only a nesting beyond 128 gets here
}

ObjectPtr Store::get(const ObjectKey& key) const {
  const std::lock_guard lock(mutex_);
  const auto it = objects_.find(key);
  return it == objects_.end() ? nullptr : it->second;
}

std::vector<ObjectPtr> Store::list(const std::string& ns) const {
  const std::lock_guard lock(mutex_);
  std::vector<ObjectPtr> out;
  for (auto it = objects_.lower_bound({ns, ""}); it != objects_.end() && (ns.empty() || it->first.ns == ns); ++it) {
    out.push_back(it->second);
  }
  return out;
}

namespace {
template <class Index>
std::vector<ObjectPtr> looked_up(const Index& index, const std::string& key) {
  std::vector<ObjectPtr> out;
  if (const auto it = index.find(key); it != index.end()) {
    for (const auto& [_, object] : it->second) out.push_back(object);
  }
  return out;
}
}  // namespace

std::vector<ObjectPtr> Store::owned_by(const std::string& owner_uid) const {
  const std::lock_guard lock(mutex_);
  return looked_up(by_owner_, owner_uid);
}

std::vector<ObjectPtr> Store::by_label(const std::string& label, const std::string& value) const {
  const std::lock_guard lock(mutex_);
  const auto index = labels_.find(label);
  if (index != labels_.end()) return looked_up(index->second, value);
  std::vector<ObjectPtr> out;  // not declared as an index: the same answer, slower
  for (const auto& [_, object] : objects_) {
    const auto it = object->meta.labels.find(label);
    if (it != object->meta.labels.end() && it->second == value) out.push_back(object);
  }
  return out;
}

size_t Store::size() const {
  const std::lock_guard lock(mutex_);
  return objects_.size();
}
bool Store::synced() const {
  const std::lock_guard lock(mutex_);
  return synced_;
}
std::string Store::resource_version() const {
  const std::lock_guard lock(mutex_);
  return resource_version_;
}
uint64_t Store::lists() const {
  const std::lock_guard lock(mutex_);
  return lists_;
}
bool Store::reached(std::string_view resource_version) const {
  const std::lock_guard lock(mutex_);
  return synced_ && kube::compare_resource_versions(resource_version_, resource_version) >= 0;
}

void Store::link(const ObjectPtr& object) {
  for (const auto& owner : object->meta.owners) by_owner_[owner.uid].emplace(object->key(), object);
  for (const std::string& label : spec_.label_indices) {
    if (const auto it = object->meta.labels.find(label); it != object->meta.labels.end())
      labels_[label][it->second].emplace(object->key(), object);
  }
}

void Store::unlink(const ObjectPtr& object) {
  const auto remove = [&](Index& index, const std::string& value) {
    const auto it = index.find(value);
    if (it == index.end()) return;
    it->second.erase(object->key());
    if (it->second.empty()) index.erase(it);
  };
  for (const auto& owner : object->meta.owners) remove(by_owner_, owner.uid);
  for (const std::string& label : spec_.label_indices) {
    if (const auto it = object->meta.labels.find(label); it != object->meta.labels.end())
      remove(labels_[label], it->second);
  }
}

std::vector<Change> Store::replace(std::vector<ObjectPtr> objects, std::string resource_version) {
  std::map<ObjectKey, ObjectPtr> fresh;
  for (ObjectPtr& object : objects) fresh.insert_or_assign(object->key(), std::move(object));
  const std::lock_guard lock(mutex_);
  std::vector<Change> changes;
  for (const auto& [key, old] : objects_) {
    if (!fresh.contains(key)) changes.push_back({old, nullptr});
  }
  for (const auto& [key, now] : fresh) {
    const auto it = objects_.find(key);
    if (it == objects_.end()) {
      changes.push_back({nullptr, now});
    } else if (it->second->meta.uid != now->meta.uid) {  // deleted and made again in between: both are news
      changes.push_back({it->second, nullptr});
      changes.push_back({nullptr, now});
    } else if (it->second->meta.resource_version != now->meta.resource_version) {
      changes.push_back({it->second, now});
    }
  }
  by_owner_.clear();
  labels_.clear();
  objects_ = std::move(fresh);
  for (const auto& [_, object] : objects_) link(object);
  resource_version_ = std::move(resource_version);
  synced_ = true;
  ++lists_;
  return changes;
}

std::vector<Change> Store::put(ObjectPtr object) {
  const std::lock_guard lock(mutex_);
  resource_version_ = object->meta.resource_version;
  ObjectPtr& slot = objects_[object->key()];
  const ObjectPtr old = slot;
  if (old && old->meta.resource_version == object->meta.resource_version && old->meta.uid == object->meta.uid)
    return {};
  if (old) unlink(old);
  slot = object;
  link(object);
  if (old && old->meta.uid != object->meta.uid) return {{old, nullptr}, {nullptr, object}};
  return {{old, object}};
}

std::vector<Change> Store::erase(const ObjectPtr& last_state) {
  const std::lock_guard lock(mutex_);
  resource_version_ = last_state->meta.resource_version;
  const auto it = objects_.find(last_state->key());
  if (it == objects_.end() || it->second->meta.uid != last_state->meta.uid) return {};  // an older one of that name
  unlink(it->second);
  objects_.erase(it);
  return {{last_state, nullptr}};
}

void Store::advance(std::string resource_version) {
  const std::lock_guard lock(mutex_);
  resource_version_ = std::move(resource_version);
}

Cache::Cache(const std::vector<InformerSpec>& specs) {
  for (const InformerSpec& spec : specs) stores_.emplace(spec.type, std::make_unique<Store>(spec));
}

const Store& Cache::of(const ResourceType& type) const {
  const auto it = stores_.find(type);
  if (it == stores_.end()) {
    std::fprintf(stderr, "defect: %s/%s is read from the cache, but no informer was declared for it\n",
                 type.api_version().c_str(), type.plural.c_str());
    std::abort();
  }
  return *it->second;
}
Store& Cache::store(const ResourceType& type) {
  return const_cast<Store&>(of(type));
}

bool Cache::synced() const {
  return std::ranges::all_of(stores_, [](const auto& entry) { return entry.second->synced(); });
}

}  // namespace clops::op
