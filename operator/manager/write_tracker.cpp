#include "operator/manager/write_tracker.h"

namespace clops::op {

bool Expectation::seen_by(const Cache& cache) const {
  const Store& store = cache.of(type);
  if (!deleted) return store.reached(resource_version);
  const ObjectPtr object = store.get(key);
  return !object || (!uid.empty() && object->meta.uid != uid) || !object->meta.deletion_timestamp.empty();
}

uint64_t TrackingClient::lists_of(const kube::Call& call) const {
  return cache_.declared(call.type) ? cache_.of(call.type).lists() : 0;
}

Result<std::string> TrackingClient::call(const kube::Call& call) {
  const uint64_t lists = lists_of(call);
  auto answer = inner_.call(call);
  note(call, answer, lists);
  return answer;
}

std::vector<Result<std::string>> TrackingClient::call_all(std::span<const kube::Call> calls) {
  std::vector<uint64_t> lists;
  for (const auto& each : calls) lists.push_back(lists_of(each));
  auto answers = inner_.call_all(calls);
  for (size_t i = 0; i < calls.size(); ++i) note(calls[i], answers[i], lists[i]);
  return answers;
}

void TrackingClient::note(const kube::Call& call, const Result<std::string>& answer, uint64_t lists) {
  if (!answer && kube::is_write(call.verb))
    in_doubt_ |= answer.error().code == Code::Unavailable || answer.error().code == Code::DeadlineExceeded;
  if (!answer || !kube::is_write(call.verb) || !cache_.declared(call.type)) return;
  const auto body = parse_json(*answer, {.bytes_max = 64u << 20, .depth_max = 128});
  if (!body) return;  // the caller will find the same
  Expectation wrote{.type = call.type,
                    .key = call.key,
                    .uid = string_at(*body, {"metadata", "uid"}),
                    .resource_version = string_at(*body, {"metadata", "resourceVersion"}),
                    .deleted = call.verb == kube::Verb::Delete,
                    .lists = lists};
  if (wrote.key.name.empty()) wrote.key = kube::key_of(*body);
  if (wrote.deleted) wrote.uid = string_at(*body, {"details", "uid"}, wrote.uid);
  if (wrote.deleted || !wrote.resource_version.empty()) written_.push_back(std::move(wrote));
}

}  // namespace clops::op
