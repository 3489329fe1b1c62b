#include "local/node/pod_logs.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <deque>
#include <map>

#include "base/file.h"
#include "crds/workload.h"
#include "local/api/types.h"

namespace clops::local {
namespace {

namespace fs = std::filesystem;

constexpr size_t kFollowersMax = 64;
constexpr size_t kTimeBytes = 30;  // "2026-11-21T10:00:00.123456789Z"

// A line of the file, "TIME TEXT\n", as it is asked for.
std::string_view shown(std::string_view line, bool timestamps) {
  return timestamps || line.size() <= kTimeBytes ? line : line.substr(kTimeBytes + 1);
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> out;
  for (size_t begin = 0; begin < text.size();) {
    const size_t newline = text.find('\n', begin);
    const size_t end = newline == std::string_view::npos ? text.size() : newline + 1;
    out.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return out;
}

std::string select(const std::string& text, const LogRequest& request, WallTime now) {
  auto lines = lines_of(text);
  if (request.since_seconds) {
    const std::string from = to_rfc3339(now - std::chrono::seconds(*request.since_seconds));
    std::erase_if(lines,
                  [&](std::string_view line) { return line.substr(0, 19) < std::string_view(from).substr(0, 19); });
  }
  if (request.tail_lines && *request.tail_lines >= 0 && lines.size() > static_cast<size_t>(*request.tail_lines)) {
    lines.erase(lines.begin(), lines.end() - *request.tail_lines);
  }
  std::string out;
  for (const auto line : lines) out += shown(line, request.timestamps);
  if (request.limit_bytes && *request.limit_bytes >= 0)
    out.resize(std::min(out.size(), static_cast<size_t>(*request.limit_bytes)));
  return out;
}

// Writes a growing log to a client. On the loop's thread.
class Follower {
 public:
  Follower(EventLoop& loop, fs::path run_dir, LogRequest request, std::shared_ptr<ResponseStream> stream,
           std::function<void()> done)
      : loop_(loop),
        run_dir_(std::move(run_dir)),
        request_(std::move(request)),
        stream_(std::move(stream)),
        done_(std::move(done)) {}
  ~Follower() {
    if (notify_ >= 0) {
      loop_.unwatch(notify_);
      ::close(notify_);
    }
    if (log_ >= 0) ::close(log_);
    stream_->close();
  }
  void begin(WallTime now) {
    notify_ = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    // Watched before it is read: what comes between is seen twice by the watch, never by nobody.
    if (notify_ < 0 ||
        ::inotify_add_watch(notify_, run_dir_.c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF) < 0 ||
        !loop_.watch(notify_, EPOLLIN, [this](uint32_t) { changed(); })) {
      return done_();
    }
    std::string text = read_file(run_dir_ / "log.1").value_or("");
    open_log();
    text += read_more();
    const size_t whole = text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1;
    pending_ = text.substr(whole);
    text.resize(whole);
    const std::string out = select(text, request_, now);
    if (!out.empty() && !stream_->write(out)) return done_();
    changed();
  }

 private:
  void open_log() {
    if (log_ >= 0) ::close(log_);
    log_ = ::open((run_dir_ / "log").c_str(), O_RDONLY | O_CLOEXEC);
  }
  std::string read_more() {
    std::string out;
    char buffer[65536];
    for (ssize_t n; log_ >= 0 && (n = ::read(log_, buffer, sizeof buffer)) > 0;)
      out.append(buffer, static_cast<size_t>(n));
    return out;
  }
  void changed() {
    bool rotated = false;
    alignas(inotify_event) char events[4096];
    for (ssize_t n; (n = ::read(notify_, events, sizeof events)) > 0;) {
      for (char* at = events; at < events + n;) {
        const auto* event = reinterpret_cast<const inotify_event*>(at);
        if (event->len > 0 && std::string_view(event->name) == "log.1") rotated = true;
        at += sizeof(inotify_event) + event->len;
      }
    }
    // Looked at before the last reading: everything was written by then.
    std::error_code ignored;
    const bool over = fs::exists(run_dir_ / "exit", ignored) || !fs::exists(run_dir_, ignored);
    pending_ += read_more();
    if (rotated || log_ < 0) {
      open_log();
      pending_ += read_more();
    }
    std::string out;
    size_t used = 0;
    for (const auto line : lines_of(pending_)) {
      if (line.back() != '\n') break;
      used += line.size();
      out += shown(line, request_.timestamps);
    }
    pending_.erase(0, used);
    if (!out.empty() && !stream_->write(out)) return done_();
    if (over) done_();
  }

  EventLoop& loop_;
  const fs::path run_dir_;
  const LogRequest request_;
  const std::shared_ptr<ResponseStream> stream_;
  const std::function<void()> done_;
  std::string pending_;  // an unfinished line
  int notify_ = -1, log_ = -1;
};

class PodLogsImpl final : public PodLogs {
 public:
  PodLogsImpl(const Api& api, EventLoop& loop, fs::path pods_dir)
      : api_(api), loop_(loop), pods_dir_(std::move(pods_dir)) {}
  ~PodLogsImpl() override {
    loop_.run_and_wait([this] { followers_.clear(); });
  }

  Status stream(const LogRequest& request, const std::function<std::shared_ptr<ResponseStream>()>& start) override {
    CLOPS_ASSIGN(const fs::path run_dir, find_run(request));
    if (!request.follow) {
      const std::string text = read_file(run_dir / "log.1").value_or("") + read_file(run_dir / "log").value_or("");
      const auto stream = start();
      stream->write(select(text, request, loop_.clock().wall()));
      stream->close();
      return {};
    }
    auto stream = start();
    loop_.post([this, run_dir, request, stream = std::move(stream)]() mutable {
      if (followers_.size() >= kFollowersMax) {
        stream->write("clops: too many log followers at once; this one is not served\n");
        stream->close();
        return;
      }
      const int id = ++last_;
      auto follower = std::make_unique<Follower>(loop_, run_dir, request, std::move(stream),
                                                 [this, id] { loop_.post([this, id] { followers_.erase(id); }); });
      Follower& begun = *follower;
      followers_[id] = std::move(follower);
      begun.begin(loop_.clock().wall());
    });
    return {};
  }

 private:
  Result<fs::path> find_run(const LogRequest& request) const {
    CLOPS_ASSIGN(const StoredPtr object, api_.get(types::kPods, {request.ns, request.pod}));
    CLOPS_ASSIGN(const crds::Pod pod, crds::decode_pod(object->json));
    std::vector<std::string> names;
    for (const auto& container : pod.spec.containers) names.push_back(container.name);
    std::string container = request.container;
    if (container.empty()) {
      if (names.size() > 1) {
        std::string all;
        for (const auto& name : names) all += (all.empty() ? "" : " ") + name;
        return fail(Code::InvalidArgument,
                    "a container name must be specified for pod " + request.pod + ", choose one of: [" + all + "]");
      }
      container = names.front();
    }
    for (const auto& init : pod.spec.init_containers) names.push_back(init.name);
    if (std::ranges::find(names, container) == names.end()) {
      return fail(Code::InvalidArgument, "container " + container + " is not valid for pod " + request.pod);
    }
    const fs::path folder = pods_dir_ / pod.meta.uid / "containers" / container;
    int last = -1;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
      const std::string name = it->path().filename().string();
      int number = -1;
      if (std::from_chars(name.data(), name.data() + name.size(), number).ec == std::errc{})
        last = std::max(last, number);
    }
    if (last < 0) {
      return fail(Code::InvalidArgument, "container \"" + container + "\" in pod \"" + request.pod +
                                             "\" is waiting to start: ContainerCreating");
    }
    const fs::path run = folder / std::to_string(request.previous ? last - 1 : last);
    if (!fs::exists(run, error)) {
      return fail(Code::InvalidArgument,
                  "previous terminated container \"" + container + "\" in pod \"" + request.pod + "\" not found");
    }
    return run;
  }

  const Api& api_;
  EventLoop& loop_;
  const fs::path pods_dir_;
  std::map<int, std::unique_ptr<Follower>> followers_;  // on the loop
  int last_ = 0;
};

}  // namespace

std::unique_ptr<PodLogs> make_pod_logs(const Api& api, EventLoop& loop, fs::path pods_dir) {
  return std::make_unique<PodLogsImpl>(api, loop, std::move(pods_dir));
}

}  // namespace clops::local
