// The semantics of the API: what a create, update, patch, apply or delete does to an object. Under both faces of api.h.
//
// Thread rule: safe from any thread (the store's writer lock orders writes). Objects that break a rule never reach the
// store.
#pragma once

#include <map>

#include "local/api/api.h"
#include "local/api/error.h"
#include "local/api/managed_fields.h"
#include "local/api/resources.h"

namespace clops::local {

enum class UnknownFields { Ignore, Warn, Strict };

struct WriteContext {
  std::string manager = "clops-local";
  bool dry_run = false;
  UnknownFields unknown = UnknownFields::Ignore;
  std::vector<std::string>* warnings = nullptr;
};

enum class PatchKind { Json, Merge, Strategic, Apply };

class Core final : public Api {
 public:
  Core(Store& store, const Clock& clock, ApiOptions options);
  [[nodiscard]] Status open();

  // Api
  [[nodiscard]] Result<StoredPtr> get(const crds::ResourceType& type, const crds::ObjectKey& key) const override;
  [[nodiscard]] Result<StoreList> list(const crds::ResourceType& type, const std::string& ns,
                                       const std::string& selector) const override;
  [[nodiscard]] Result<StoredPtr> create(const crds::ResourceType& type, Json object,
                                         const WriteOptions& options) override;
  [[nodiscard]] Result<StoredPtr> mutate(const crds::ResourceType& type, const crds::ObjectKey& key,
                                         const std::string& subresource,
                                         const std::function<Status(Json& object)>& change,
                                         const WriteOptions& options) override;
  [[nodiscard]] Result<StoredPtr> remove(const crds::ResourceType& type, const crds::ObjectKey& key,
                                         const DeleteOptions& options) override;
  [[nodiscard]] std::unique_ptr<StoreWatch> watch(const crds::ResourceType& type, const std::string& ns,
                                                  WatchCallback callback) override;
  [[nodiscard]] Core& core() override { return *this; }

  // What the HTTP face needs more of
  [[nodiscard]] const Catalog& catalog() const { return catalog_; }
  [[nodiscard]] Store& store() { return store_; }
  [[nodiscard]] Outcome<StoredPtr> read(const Resource& resource, const crds::ObjectKey& key) const;
  [[nodiscard]] Outcome<StoredPtr> insert(const Resource& resource, const std::string& ns, Json object,
                                          const WriteContext& context);
  [[nodiscard]] Outcome<StoredPtr> update(const Resource& resource, const crds::ObjectKey& key, Json object,
                                          const std::string& subresource, const WriteContext& context, bool& created);
  // created: set when the write made the object.
  [[nodiscard]] Outcome<StoredPtr> patch(const Resource& resource, const crds::ObjectKey& key, PatchKind kind,
                                         const Json& body, const std::string& subresource, bool force,
                                         const WriteContext& context, bool& created);
  [[nodiscard]] Outcome<StoredPtr> erase(const Resource& resource, const crds::ObjectKey& key,
                                         const DeleteOptions& options, bool dry_run, bool& gone);
  [[nodiscard]] static Json scale_of(const Resource& resource, const Json& object);
  // One step of finishing a namespace or CRD being deleted, or an owner's dependents; used by the garbage collector.
  [[nodiscard]] Status finish_namespace(const std::string& name);
  [[nodiscard]] Status finish_crd(const std::string& name);

 private:
  struct Change {  // one write on its way
    const Resource& resource;
    StoreKey key;
    StoredPtr before;  // null: created
    Json after;
    std::string subresource;
    bool owners_noted = false;  // managedFields are settled already (apply)
  };
  [[nodiscard]] Outcome<StoredPtr> run(const WriteContext& context,
                                       const std::function<Outcome<StoredPtr>(Transaction&)>& body);
  [[nodiscard]] Outcome<StoredPtr> finish(Transaction& transaction, Change change, const WriteContext& context);
  [[nodiscard]] Outcome<StoredPtr> insert_in(Transaction& transaction, const Resource& resource, StoreKey key,
                                             Json object, const WriteContext& context, bool owners_noted);
  void complete(const Resource& resource, Json& object) const;
  [[nodiscard]] WriterIdentity writer(const Resource& resource, const std::string& subresource,
                                      const WriteContext& context) const;
  void prepare_new(const Resource& resource, Json& object) const;
  [[nodiscard]] Done allocate(Transaction& transaction, Change& change) const;
  [[nodiscard]] Done accept_fields(const Resource& resource, Json& object, const WriteContext& context) const;
  [[nodiscard]] Done restrict_to(Change& change) const;
  [[nodiscard]] Done validate(const Change& change) const;
  void check_schema(const Change& change, std::vector<Cause>& causes) const;
  void check_replicas(const Change& change, std::vector<Cause>& causes) const;
  void check_rules(const Change& change, std::vector<Cause>& causes) const;
  [[nodiscard]] Done admit_namespace(Transaction& transaction, const Resource& resource, const StoreKey& key) const;
  [[nodiscard]] Done give_cluster_ip(Transaction& transaction, Json& object) const;
  [[nodiscard]] Outcome<StoredPtr> patch_live(Transaction& transaction, const Resource& resource, const StoreKey& key,
                                              PatchKind kind, const Json& body, const std::string& subresource,
                                              bool force, const WriteContext& context, bool& created);
  [[nodiscard]] Outcome<StoredPtr> begin_deletion(Transaction& transaction, const Resource& resource,
                                                  const StoreKey& key, const StoredPtr& live,
                                                  const DeleteOptions& options, bool& gone);
  [[nodiscard]] Outcome<StoredPtr> patch_scale(Transaction& transaction, const Resource& resource, const StoreKey& key,
                                               const StoredPtr& live, std::optional<PatchKind> kind, const Json& body,
                                               bool force, const WriteContext& context);  // no kind: the body is whole
  void crd_conditions(Json& crd, const Json* before) const;
  // After every write, whatever its door: what a definition says is in force before its writer hears of it.
  void after_write(const Resource& resource, const std::string& name, bool dry_run);
  void refresh_crd(const std::string& name);
  [[nodiscard]] std::string now() const { return to_rfc3339(clock_.wall()); }

  Store& store_;
  const Clock& clock_;
  const ApiOptions options_;
  Catalog catalog_;
  std::mutex crd_mutex_;  // orders what the catalog takes over from the store
};

// Kinds that a PUT may create.
[[nodiscard]] bool creates_on_update(const Resource& resource);

// The object as version `type.version` of its kind sees it.
[[nodiscard]] StoredPtr as_version(const Resource& resource, const StoredPtr& stored);

}  // namespace clops::local
