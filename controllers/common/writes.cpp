#include "controllers/common/writes.h"

namespace clops::controllers {

Status write_status(op::Context& context, const ResourceType& type, const ObjectMeta& meta, const Json& status) {
  const Json object{
      {"apiVersion", type.api_version()},
      {"kind", type.kind},
      {"metadata",
       {{"name", meta.name}, {"namespace", meta.ns}, {"uid", meta.uid}, {"resourceVersion", meta.resource_version}}},
      {"status", status}};
  const auto done =
      context.client.apply(type, object, {.field_manager = kStatusManager, .force = true, .subresource = "status"});
  if (!done) return fail_in("status of " + type.kind + " " + meta.ns + "/" + meta.name, done.error());
  return {};
}

Status owner_still_there(op::Context& context, const ResourceType& type, const ObjectMeta& owner) {
  return judge_owner(context.client.get(type, {owner.ns, owner.name}), type, owner);
}

Status judge_owner(const Result<Json>& live, const ResourceType& type, const ObjectMeta& owner) {
  if (!live && live.error().code != Code::NotFound) return std::unexpected(live.error());
  if (live) {
    const ObjectMeta meta = kube::decode_meta(*live);
    if (meta.uid == owner.uid && meta.deletion_timestamp.empty()) return {};
  }
  return fail(Code::Conflict, type.kind + " " + owner.ns + "/" + owner.name + " of uid " + owner.uid +
                                  " is gone; nothing is created for it");
}

namespace {

const kube::ApplyOptions kAsManager{.field_manager = kFieldManager, .force = true, .subresource = ""};

Status named(const WantedChild& child, const Error& error) {
  return fail_in(child.type.kind + " " + string_at(child.object, {"metadata", "name"}), error);
}

}  // namespace

Status create_children(op::Context& context, const std::vector<WantedChild>& wanted) {
  std::vector<kube::Call> calls;
  for (const WantedChild& child : wanted) {
    // An apply makes what is not there and cannot be told to do only that: one that arrives late would overwrite the
    // serving.json or the key of the next leader. Whoever creates is told AlreadyExists. (The other children are
    // applied from the first write on, so that fields left out later go; they say nothing that cannot be applied
    // again. A Service leaves nothing out later, and is what must be there first: a creation is done sooner.)
    const bool only_create = child.type == kConfigMaps || child.type == kSecrets || child.type == kServices;
    calls.push_back(only_create ? kube::create_call(child.type, child.object, kFieldManager)
                                : kube::apply_call(child.type, child.object, kAsManager));
  }
  const auto answers = context.client.call_all(calls);
  for (size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i]) return named(wanted[i], answers[i].error());
  }
  return {};
}

Status update_child(op::Context& context, const WantedChild& wanted, const ObjectMeta& live) {
  Json object = wanted.object;
  object["metadata"]["uid"] = live.uid;
  object["metadata"]["resourceVersion"] = live.resource_version;
  const auto done = context.client.apply(wanted.type, object, kAsManager);
  if (!done) return named(wanted, done.error());
  return {};
}

Status remove_child(op::Context& context, const ResourceType& type, const ObjectKey& key, const std::string& uid) {
  const Status done =
      context.client.remove(type, key, {.uid = uid, .resource_version = "", .propagation = "Background"});
  if (done || done.error().code == Code::NotFound) return {};
  return fail_in(type.kind + " " + key.name, done.error());
}

void tell(op::Context& context, const ResourceType& type, const ObjectMeta& about,
          const std::vector<PlannedEvent>& events) {
  for (const auto& event : events) {
    const std::string_view reason = crds::to_string(event.reason);
    context.events.record({type, {about.ns, about.name}, about.uid, about.resource_version},
                          event.warning ? op::EventType::Warning : op::EventType::Normal, reason, event.message);
    context.log.write(event.warning ? Level::Warn : Level::Info, event.message,
                      {{"kind", type.kind}, {"namespace", about.ns}, {"name", about.name}, {"reason", reason}});
  }
}

}  // namespace clops::controllers
