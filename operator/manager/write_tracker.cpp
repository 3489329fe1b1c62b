#include "operator/manager/write_tracker.h"

namespace clops::op {

bool Expectation::seen_by(const Cache& cache) const {
  const Store& store = cache.of(type);
  if (!deleted) return store.reached(resource_version);
  const ObjectPtr object = store.get(key);
  return !object || (!uid.empty() && object->meta.uid != uid) || !object->meta.deletion_timestamp.empty();
}

Result<std::string> TrackingClient::call(const kube::Call& call) {
  const uint64_t lists = cache_.declared(call.type) ? cache_.of(call.type).lists() : 0;
  auto answer = inner_.call(call);
  if (!answer && kube::is_write(call.verb))
    in_doubt_ |= answer.error().code == Code::Unavailable || answer.error().code == Code::DeadlineExceeded;
  if (!answer || !kube::is_write(call.verb) || !cache_.declared(call.type)) return answer;
  const auto body = parse_json(*answer, {.bytes_max = 64u << 20, .depth_max = 128});
  if (!body) return answer;  // the caller will find the same
  Expectation wrote{.type = call.type,
                    .key = call.key,
                    .uid = string_at(*body, {"metadata", "uid"}),
                    .resource_version = string_at(*body, {"metadata", "resourceVersion"}),
                    .deleted = call.verb == kube::Verb::Delete,
                    .lists = lists};
  if (wrote.key.name.empty()) wrote.key = kube::key_of(*body);
  if (wrote.deleted) wrote.uid = string_at(*body, {"details", "uid"}, wrote.uid);
  if (wrote.deleted || !wrote.resource_version.empty()) written_.push_back(std::move(wrote));
  return answer;
}

}  // namespace clops::op
