#include "registry/http_source.h"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "registry/uri.h"

namespace clops::registry {
namespace {

constexpr std::chrono::milliseconds kLook{50};  // how often a waiting fetch looks at the clock

// What has come so far, across attempts.
struct Progress {
  uint64_t bytes = 0;
  std::string etag;  // strong; empty = a broken download cannot go on
};

std::optional<uint64_t> number(std::optional<std::string_view> text) {
  uint64_t value = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc{}) return std::nullopt;
  return value;
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// A status that is no answer to go on with.
std::unexpected<Error> refused(int status) {
  const std::string text = "the server answered " + std::to_string(status);
  switch (status) {
    case 404:
    case 410:
      return fail(Code::NotFound, text + " (not found)");
    case 401:
      return fail(Code::PermissionDenied, text + " (needs credentials)");
    case 403:
      return fail(Code::PermissionDenied, text + " (forbidden)");
    case 408:
    case 425:
    case 429:
      return fail(Code::Unavailable, text);
    default:
      return fail(status >= 500 ? Code::Unavailable : Code::InvalidArgument, text);
  }
}

// One GET into the deposit. Callbacks come on the client's thread; wait() is the fetching thread's.
class Download final : public StreamSink {
 public:
  Download(Deposit& deposit, uint64_t bytes_max, Progress& progress)
      : deposit_(deposit), bytes_max_(bytes_max), progress_(progress) {}

  bool on_head(int status, const Headers& headers) override {
    const Status accepted = head(status, headers);
    if (!accepted || !location_.empty()) {
      finish(accepted);
      return false;
    }
    return true;
  }

  bool on_data(std::string_view bytes) override {
    if (Status status = deposit_.write(bytes); !status) {
      finish(status);
      return false;
    }
    progress_.bytes += bytes.size();
    return true;
  }

  void on_end(Status status) override {
    if (status && total_ && progress_.bytes != *total_)
      status = fail(Code::Unavailable, "the download ended after " + std::to_string(progress_.bytes) + " of " +
                                           std::to_string(*total_) + " bytes");
    finish(status);
  }

  // Empty until the end or the deadline.
  std::optional<Status> wait(const Clock& clock, TimePoint deadline) {
    std::unique_lock lock(mutex_);
    while (!result_ && clock.now() < deadline) done_.wait_for(lock, kLook);
    return result_;
  }

  [[nodiscard]] const std::string& location() const { return location_; }

 private:
  Status head(int status, const Headers& headers) {
    if (is_redirect(status)) {
      location_ = headers.get("location").value_or("");
      if (location_.empty()) return fail(Code::Unavailable, "the server answered with a redirect to nowhere");
      return {};
    }
    if (status != 200 && status != 206) return refused(status);
    if (status == 206 && !continues(headers))
      return fail(Code::Unavailable, "the server sent another part than was asked for");
    if (status == 200 && progress_.bytes != 0) {
      CLOPS_TRY(deposit_.restart_file());
      progress_.bytes = 0;
    }
    const std::string_view etag = headers.get("etag").value_or("");
    progress_.etag = etag.starts_with('"') ? etag : "";
    if (const auto length = number(headers.get("content-length"))) {
      if (*length > bytes_max_ - std::min(bytes_max_, progress_.bytes))
        return fail(Code::TooLarge,
                    "larger (" + std::to_string(*length) + " bytes) than the limit of " + std::to_string(bytes_max_));
      total_ = progress_.bytes + *length;
    }
    return {};
  }

  [[nodiscard]] bool continues(const Headers& headers) const {
    const std::string_view range = headers.get("content-range").value_or("");
    return range.starts_with("bytes " + std::to_string(progress_.bytes) + "-");
  }

  void finish(const Status& status) {
    const std::lock_guard lock(mutex_);
    if (!result_) result_ = status;
    done_.notify_all();
  }

  Deposit& deposit_;
  const uint64_t bytes_max_;
  Progress& progress_;
  std::optional<uint64_t> total_;
  std::string location_;
  std::mutex mutex_;
  std::condition_variable done_;
  std::optional<Status> result_;
};

class HttpSource final : public ModelSource {
 public:
  HttpSource(HttpClient& client, const Clock& clock) : client_(client), clock_(clock) {}

  Result<bool> fetch(std::string_view text, const FetchLimits& limits, TimePoint deadline,
                     Deposit& deposit) const override {
    CLOPS_ASSIGN(const Uri uri, parse_uri(text));
    if (uri.authority.empty()) return fail(Code::InvalidArgument, "the URI names no host");
    std::string name = uri.path.substr(uri.path.rfind('/') + 1);
    if (name.empty())
      return fail(Code::InvalidArgument, "an http URI names one file; folders cannot be listed over http");
    if (name == "." || name == "..") name = "file";
    CLOPS_TRY(deposit.add_file(url_decode_name(name)));
    Progress progress;
    for (int attempt = 1;; ++attempt) {
      const Status status = follow(std::string(text), limits, deadline, deposit, progress);
      if (status) return false;
      const bool again =
          status.error().code == Code::Unavailable && attempt < limits.attempts_max && clock_.now() < deadline;
      if (!again) return std::unexpected(status.error());
      if (progress.etag.empty() && progress.bytes != 0) {
        CLOPS_TRY(deposit.restart_file());
        progress.bytes = 0;
      }
    }
  }

 private:
  static std::string url_decode_name(const std::string& name) {
    const std::string decoded = url_decode(name);
    return decoded.find('/') == std::string::npos ? decoded : name;
  }

  Status follow(std::string url, const FetchLimits& limits, TimePoint deadline, Deposit& deposit,
                Progress& progress) const {
    for (int redirects = 0;; ++redirects) {
      Download download(deposit, limits.size.bytes_max, progress);
      CLOPS_TRY(get(url, limits, deadline, download, progress));
      if (download.location().empty()) return {};
      if (redirects == limits.redirects_max)
        return fail(Code::InvalidArgument, "more than " + std::to_string(limits.redirects_max) + " redirects");
      CLOPS_ASSIGN(url, resolve_redirect(url, download.location()));
    }
  }

  Status get(const std::string& url, const FetchLimits& limits, TimePoint deadline, Download& download,
             const Progress& progress) const {
    HttpRequest request;
    request.url = url;
    request.headers.set("Accept-Encoding", "identity");  // the digest is of the file, not of a compressed form
    if (progress.bytes != 0) {
      request.headers.set("Range", "bytes=" + std::to_string(progress.bytes) + "-");
      request.headers.set("If-Range", progress.etag);
    }
    HttpLimits http;
    http.total = limits.idle;
    http.idle = limits.idle;
    const auto stream = client_.open(request, http, download);
    const auto result = download.wait(clock_, deadline);
    if (!result)
      return fail(Code::DeadlineExceeded,
                  "the download took longer than " + std::to_string(limits.total.count() / 1000) + " s");
    return *result;
  }

  HttpClient& client_;
  const Clock& clock_;
};

}  // namespace

std::unique_ptr<ModelSource> make_http_source(HttpClient& client, const Clock& clock) {
  return std::make_unique<HttpSource>(client, clock);
}

}  // namespace clops::registry
