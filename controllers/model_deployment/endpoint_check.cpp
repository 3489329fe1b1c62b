#include "controllers/model_deployment/endpoint_check.h"

#include <algorithm>
#include <map>
#include <mutex>

namespace clops::controllers::model_deployment {
namespace {

using std::chrono::milliseconds;
constexpr Duration kRetryFirst = milliseconds{20}, kRetryMax = milliseconds{500};
constexpr int kTriesMax = 24;  // about ten seconds where connections are refused
// A packet that nobody answers is not worth waiting for its repetition, a second later.
const HttpLimits kLimits{
    .connect = milliseconds{250}, .total = milliseconds{1'000}, .idle = {}, .body_bytes_max = 64u << 10};

}  // namespace

struct EndpointCheck::Core : std::enable_shared_from_this<Core> {
  struct Entry {
    std::string url;
    Endpoint state = Endpoint::Asking;
    uint64_t ticket = 0;  // only the task that holds the latest ticket goes on
    int tries = 0;
  };
  Core(Executor& e, HttpClient& h) : executor(e), http(h) {}

  void schedule(const crds::ObjectKey& key, uint64_t ticket, Duration delay) {
    auto task = [weak = weak_from_this(), key, ticket] {
      if (const auto core = weak.lock()) core->round(key, ticket);
    };
    delay <= Duration(0) ? executor.post(std::move(task)) : executor.post_after(delay, std::move(task));
  }

  Entry* find(const crds::ObjectKey& key, uint64_t ticket) {
    const auto it = entries.find(key);
    return closed || it == entries.end() || it->second.ticket != ticket ? nullptr : &it->second;
  }

  void round(const crds::ObjectKey& key, uint64_t ticket) {
    std::string url;
    {
      const std::lock_guard lock(mutex);
      const Entry* entry = find(key, ticket);
      if (!entry) return;
      url = entry->url;
    }
    const auto answer =
        http.send({.method = "GET", .url = url + "/v2/health/live", .headers = {}, .body = {}}, kLimits);
    Changed tell;
    {
      const std::lock_guard lock(mutex);
      Entry* entry = find(key, ticket);
      if (!entry) return;
      ++entry->tries;
      if (!answer && entry->tries < kTriesMax)
        return schedule(key, ticket, std::min(kRetryMax, kRetryFirst * (int64_t{1} << std::min(entry->tries - 1, 10))));
      entry->state = answer ? Endpoint::Answers : Endpoint::Unreachable;
      tell = changed;
    }
    if (tell) tell(key);
  }

  Executor& executor;
  HttpClient& http;
  std::mutex mutex;
  Changed changed;                           // guarded by mutex, like the rest
  std::map<crds::ObjectKey, Entry> entries;  // one per deployment that is becoming ready
  uint64_t tickets = 0;
  bool closed = false;
};

EndpointCheck::EndpointCheck(Executor& executor, HttpClient& http) : core_(std::make_shared<Core>(executor, http)) {}

EndpointCheck::~EndpointCheck() {
  const std::lock_guard lock(core_->mutex);
  core_->closed = true;
}

void EndpointCheck::on_change(Changed changed) {
  const std::lock_guard lock(core_->mutex);
  core_->changed = std::move(changed);
}

Endpoint EndpointCheck::ask(const crds::ObjectKey& key, const std::string& url) {
  const std::lock_guard lock(core_->mutex);
  Core::Entry& entry = core_->entries[key];
  if (entry.url != url) {
    entry = {.url = url, .state = Endpoint::Asking, .ticket = ++core_->tickets, .tries = 0};
    core_->schedule(key, entry.ticket, Duration(0));
  }
  return entry.state;
}

void EndpointCheck::forget(const crds::ObjectKey& key) {
  const std::lock_guard lock(core_->mutex);
  core_->entries.erase(key);
}

}  // namespace clops::controllers::model_deployment
