#include "local/api/core.h"

#include "local/api/selector.h"
#include "local/api/types.h"

namespace clops::local {
namespace {

Result<StoredPtr> to_result(Outcome<StoredPtr> outcome) {
  if (outcome) return std::move(*outcome);
  return std::unexpected(outcome.error().to_error());
}

Error unknown_type(const crds::ResourceType& type) {
  return {Code::NotFound, "the server does not serve " + type.api_version() + " " + type.plural};
}

}  // namespace

StoredPtr as_version(const Resource& resource, const StoredPtr& stored) {
  if (!stored || string_at(stored->json, {"apiVersion"}) == resource.type.api_version()) return stored;
  auto out = std::make_shared<Stored>(*stored);
  out->json["apiVersion"] = resource.type.api_version();
  out->text = dump_json(out->json);
  return out;
}

Core::Core(Store& store, const Clock& clock, ApiOptions options)
    : store_(store), clock_(clock), options_(std::move(options)) {}

Status Core::open() {
  for (const auto& crd : store_.list("customresourcedefinitions.apiextensions.k8s.io", "").items)
    catalog_.serve_crd(crd->json);
  for (const char* name : {"default", "kube-system", "kube-public", "kube-node-lease"}) {
    if (store_.get({"namespaces", "", name})) continue;
    Json object{{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}};
    auto made = create(types::kNamespaces, std::move(object), {});
    if (!made) return std::unexpected(made.error());
  }
  return {};
}

Outcome<StoredPtr> Core::run(const WriteContext& context, const std::function<Outcome<StoredPtr>(Transaction&)>& body) {
  Outcome<StoredPtr> out;
  const Status status = store_.transact([&](Transaction& transaction) -> Status {
    out = body(transaction);
    if (!out) return fail(Code::InvalidArgument, "refused");
    if (context.dry_run) return fail(Code::InvalidArgument, "dry run");
    return {};
  });
  if (!status && out && !context.dry_run) return std::unexpected(from_error(status.error()));
  return out;
}

Outcome<StoredPtr> Core::read(const Resource& resource, const crds::ObjectKey& key) const {
  auto found = store_.get({resource.store_name(), key.ns, key.name});
  if (!found) return not_found(resource.type.group, resource.type.plural, key.name);
  return as_version(resource, found);
}

Result<StoredPtr> Core::get(const crds::ResourceType& type, const crds::ObjectKey& key) const {
  const auto resource = catalog_.find(type);
  if (!resource) return std::unexpected(unknown_type(type));
  return to_result(read(*resource, key));
}

Result<StoreList> Core::list(const crds::ResourceType& type, const std::string& ns, const std::string& selector) const {
  const auto resource = catalog_.find(type);
  if (!resource) return std::unexpected(unknown_type(type));
  auto parsed = Selector::parse(selector, Selector::Kind::Labels);
  if (!parsed) return std::unexpected(parsed.error().to_error());
  StoreList out = store_.list(resource->store_name(), ns);
  std::erase_if(out.items, [&](const StoredPtr& item) { return !parsed->matches(item->json); });
  for (auto& item : out.items) item = as_version(*resource, item);
  return out;
}

Result<StoredPtr> Core::create(const crds::ResourceType& type, Json object, const WriteOptions& options) {
  const auto resource = catalog_.find(type);
  if (!resource) return std::unexpected(unknown_type(type));
  const std::string ns = string_at(object, {"metadata", "namespace"});
  return to_result(insert(*resource, ns, std::move(object), {.manager = options.manager, .dry_run = options.dry_run}));
}

Result<StoredPtr> Core::mutate(const crds::ResourceType& type, const crds::ObjectKey& key,
                               const std::string& subresource, const std::function<Status(Json& object)>& change,
                               const WriteOptions& options) {
  const auto resource = catalog_.find(type);
  if (!resource) return std::unexpected(unknown_type(type));
  const WriteContext context{.manager = options.manager, .dry_run = options.dry_run};
  const StoreKey store_key{resource->store_name(), key.ns, key.name};
  const auto out = run(context, [&](Transaction& transaction) -> Outcome<StoredPtr> {
    StoredPtr live = as_version(*resource, transaction.get(store_key));
    if (!live) return not_found(type.group, type.plural, key.name);
    Json after = live->json;
    if (const Status changed = change(after); !changed) return std::unexpected(from_error(changed.error()));
    if (after == live->json) return live;
    return finish(transaction, {*resource, store_key, live, std::move(after), subresource}, context);
  });
  if (out) after_write(*resource, key.name, context.dry_run);
  return to_result(out);
}

Result<StoredPtr> Core::remove(const crds::ResourceType& type, const crds::ObjectKey& key,
                               const DeleteOptions& options) {
  const auto resource = catalog_.find(type);
  if (!resource) return std::unexpected(unknown_type(type));
  bool gone = false;
  return to_result(erase(*resource, key, options, false, gone));
}

std::unique_ptr<StoreWatch> Core::watch(const crds::ResourceType& type, const std::string& ns, WatchCallback callback) {
  const std::string name = type.group.empty() ? type.plural : type.plural + "." + type.group;
  // Changes committed while the state is being handed out wait behind it, so that the order holds.
  struct Gate {
    std::mutex mutex;
    std::vector<StoreEvent> waiting;
    bool open = false;
  };
  auto gate = std::make_shared<Gate>();
  auto shared = std::make_shared<WatchCallback>(std::move(callback));
  auto [state, handle] = store_.list_and_watch(name, ns, [gate, shared](const StoreEvent& event) {
    {
      const std::lock_guard lock(gate->mutex);
      if (!gate->open) return gate->waiting.push_back(event);
    }
    (*shared)(event);
  });
  for (const auto& item : state.items) {
    const StoreKey key{name, string_at(item->json, {"metadata", "namespace"}),
                       string_at(item->json, {"metadata", "name"})};
    (*shared)({EventType::Added, item->revision, key, item, nullptr});
  }
  const std::lock_guard lock(gate->mutex);
  for (const auto& event : gate->waiting) (*shared)(event);
  gate->waiting.clear();
  gate->open = true;
  return std::move(handle);
}

void Core::after_write(const Resource& resource, const std::string& name, bool dry_run) {
  if (!dry_run && resource.builtin && resource.type.kind == "CustomResourceDefinition") refresh_crd(name);
}

void Core::refresh_crd(const std::string& name) {
  const std::lock_guard lock(crd_mutex_);
  const auto crd = store_.get({"customresourcedefinitions.apiextensions.k8s.io", "", name});
  if (crd) {
    catalog_.serve_crd(crd->json);
  } else {
    catalog_.drop_crd(name);
  }
}

Result<std::unique_ptr<Api>> make_api(Store& store, const Clock& clock, ApiOptions options) {
  auto core = std::make_unique<Core>(store, clock, std::move(options));
  CLOPS_TRY(core->open());
  return core;
}

}  // namespace clops::local
