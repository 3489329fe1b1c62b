#include "tests/unit/simulation/network.h"

#include <algorithm>

namespace clops::sim {

using std::chrono::milliseconds;

struct Wire::Stream {
  const Api* api = nullptr;
  StreamSink* sink = nullptr;
  HttpRequest request;
  HttpLimits limits;
  Selection selection;
  std::deque<std::string> frames;
  bool live = false, pumping = false, stalled = false, ended = false, bookmarks = false;
};

class Wire::Handle final : public HttpStream {
 public:
  explicit Handle(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {}
  ~Handle() override { stream_->ended = true, stream_->sink = nullptr; }

 private:
  std::shared_ptr<Stream> stream_;
};

namespace {

std::string frame_of(std::string_view type, const std::string& object) {
  return R"({"type":")" + std::string(type) + R"(","object":)" + object + "}\n";
}

std::string without_scheme(std::string_view url, std::string& host) {
  const size_t start = url.find("://") + 3, slash = url.find('/', start);
  host = url.substr(start, slash - start);
  return slash == std::string_view::npos ? "/" : std::string(url.substr(slash));
}

}  // namespace

Wire::Wire(Network& network, std::string actor, Owner owner, Owner reader)
    : network_(network), actor_(std::move(actor)), owner_(owner), reader_(reader) {
  network_.wires_.push_back(this);
}

Wire::~Wire() {
  std::erase(network_.wires_, this);
}

Result<HttpResponse> Wire::carry(const HttpRequest& request) {
  std::string host;
  HttpRequest arrived = request;
  arrived.url = without_scheme(request.url, host);
  Result<HttpResponse> response;
  if (request.url.starts_with(kApiUrl)) {
    if (network_.api_down) return fail(Code::Unavailable, "connection refused");
    response = network_.api_.handle(actor_, arrived);
  } else {
    response = network_.pods ? network_.pods(host, arrived) : fail(Code::Unavailable, "no route to host");
  }
  if (response && network_.observer) network_.observer(actor_, request, *response);
  return response;
}

Result<HttpResponse> Wire::send(const HttpRequest& request, const HttpLimits& limits) {
  if (dead_) return fail(Code::Unavailable, "the process has ended");
  const Fate fated = fate ? fate(request) : Fate{};
  const auto crash = [&]() -> Result<HttpResponse> {
    dead_ = true;
    if (on_crash) on_crash();
    return fail(Code::Unavailable, "the process has ended");
  };
  if (fated.kind == Fate::Kind::CrashBefore) return crash();
  const Duration total = limits.total.count() > 0 ? Duration(limits.total) : std::chrono::hours(1);
  if (fated.to_server > Duration::zero())
    network_.loop_.wait_in_task(owner_, std::min(fated.to_server, total), threads);
  if (dead_) return fail(Code::Unavailable, "the process has ended");
  if (fated.to_server > total) {
    // The caller has given up; what it sent still arrives.
    network_.loop_.post(kWorld, fated.to_server - total, [network = &network_, request, actor = actor_] {
      if (!network->api_down && request.url.starts_with(kApiUrl)) {
        HttpRequest late = request;
        std::string host;
        late.url = without_scheme(request.url, host);
        (void)network->api_.handle(actor, late);
      }
    });
    return fail(Code::DeadlineExceeded, "no answer in time");
  }
  if (fated.kind == Fate::Kind::Lost) return fail(Code::Unavailable, "connection reset by peer");
  if (fated.kind == Fate::Kind::Answered) {
    HttpResponse response =
        status_answer(fated.status, fated.status == 429 ? "TooManyRequests" : "InternalError", "injected");
    if (!fated.retry_after.empty()) response.headers.set("Retry-After", fated.retry_after);
    return response;
  }
  Result<HttpResponse> response = carry(request);
  if (fated.kind == Fate::Kind::CrashAfter) return crash();
  if (fated.to_caller > Duration::zero()) network_.loop_.wait_in_task(owner_, fated.to_caller, threads);
  if (dead_) return fail(Code::Unavailable, "the process has ended");
  if (fated.kind == Fate::Kind::AnswerLost) return fail(Code::Unavailable, "connection reset by peer");
  return response;
}

std::unique_ptr<HttpStream> Wire::open(const HttpRequest& request, const HttpLimits& limits, StreamSink& sink) {
  auto stream = std::make_shared<Stream>();
  stream->api = &network_.api_;
  stream->sink = &sink;
  stream->request = request;
  stream->limits = limits;
  std::erase_if(streams_, [](const auto& old) { return old->ended; });
  streams_.push_back(stream);
  network_.loop_.post(reader_, milliseconds(1), [this, stream] { connect(stream); });
  return std::make_unique<Handle>(std::move(stream));
}

void Wire::connect(const std::shared_ptr<Stream>& stream) {
  if (dead_ || stream->ended) return;
  std::string host;
  const std::string url = without_scheme(stream->request.url, host);
  const Target target = parse_target(url);
  const auto route = parse_route(target.path);
  const auto refuse = [&](HttpResponse answer) {
    if (!stream->sink->on_head(answer.status, answer.headers)) return end(stream, {});
    if (!stream->ended && !stream->sink->on_data(answer.body)) return end(stream, {});
    end(stream, {});
  };
  if (network_.api_down || !stream->request.url.starts_with(kApiUrl))
    return end(stream, fail(Code::Unavailable, "connection refused"));
  if (network_.chance_.with(faults.cut)) return end(stream, fail(Code::Unavailable, "connection reset by peer"));
  if (network_.chance_.with(faults.cut / 4)) return refuse(status_answer(429, "TooManyRequests", "injected"));
  if (!route) return refuse(status_answer(404, "NotFound", "the server could not find the requested resource"));
  stream->selection = {route->resource, route->ns, std::string(target.param("labelSelector").value_or("")),
                       std::string(target.param("fieldSelector").value_or(""))};
  stream->bookmarks = target.param("allowWatchBookmarks").value_or("") == "true";
  const std::string from(target.param("resourceVersion").value_or(""));
  std::deque<std::string> backlog;
  if (from.empty() || from == "0") {
    for (const auto& [key, object] : network_.api_.objects()) {
      if (stream->selection.matches(key, *object))
        backlog.push_back(frame_of("ADDED", network_.api_.text(key, object)));
    }
  } else {
    const auto events = network_.api_.since(std::strtoll(from.c_str(), nullptr, 10));
    const bool gone = !events || network_.chance_.with(faults.gone);
    if (gone && network_.chance_.one_in(2)) return refuse(status_answer(410, "Expired", "too old resource version"));
    if (gone) {
      backlog.push_back(R"({"type":"ERROR","object":)" +
                        status_answer(410, "Expired", "too old resource version").body + "}\n");
    } else {
      for (const ApiEvent& event : *events) {
        if (std::string frame = frame_for(*stream, event); !frame.empty()) backlog.push_back(std::move(frame));
      }
    }
  }
  Headers headers;
  headers.set("Content-Type", "application/json");
  if (!stream->sink->on_head(200, headers)) return end(stream, {});
  if (stream->ended) return;
  stream->live = true;
  stream->frames = std::move(backlog);
  if (!stream->frames.empty()) pump(stream);
  if (stream->bookmarks) bookmark(stream);
  if (const auto timeout = target.param("timeoutSeconds")) {
    network_.loop_.post(reader_, std::chrono::seconds(std::atoi(std::string(*timeout).c_str())),
                        [this, stream] { end(stream, {}); });
  }
}

void Wire::on_event(const ApiEvent& event) {
  for (const auto& stream : streams_) {
    if (!stream->live || stream->ended) continue;
    if (std::string frame = frame_for(*stream, event); !frame.empty()) enqueue(stream, std::move(frame));
  }
}

std::string Wire::frame_for(const Stream& stream, const ApiEvent& event) {
  if (event.key.resource != stream.selection.resource) return "";
  const bool now = event.what != Happened::Deleted && stream.selection.matches(event.key, *event.object);
  const bool before = event.previous != nullptr && stream.selection.matches(event.key, *event.previous);
  if (!now && !before) return "";
  return frame_of(now ? (before ? "MODIFIED" : "ADDED") : "DELETED", stream.api->text(event.key, event.object));
}

void Wire::enqueue(const std::shared_ptr<Stream>& stream, std::string frame) {
  stream->frames.push_back(std::move(frame));
  pump(stream);
}

void Wire::pump(const std::shared_ptr<Stream>& stream) {
  if (stream->pumping || stream->stalled || stream->ended) return;
  stream->pumping = true;
  const Duration lag(static_cast<int64_t>(network_.chance_.below(static_cast<uint64_t>(faults.lag_max.count()) + 1)));
  network_.loop_.post(reader_, lag, [this, stream] { deliver(stream); });
}

void Wire::deliver(const std::shared_ptr<Stream>& stream) {
  stream->pumping = false;
  if (dead_ || stream->ended || stream->frames.empty()) return;
  Chance& chance = network_.chance_;
  if (chance.with(faults.cut))
    return end(stream, chance.one_in(2) ? Status{} : fail(Code::Unavailable, "connection reset by peer"));
  if (chance.with(faults.stall)) {
    // A half-open connection: nothing more comes, and nobody says so before the idle limit.
    stream->stalled = true;
    const Duration idle = stream->limits.idle.count() > 0 ? Duration(stream->limits.idle) : std::chrono::hours(1);
    network_.loop_.post(reader_, idle, [this, stream] { end(stream, fail(Code::DeadlineExceeded, "no data")); });
    return;
  }
  std::string bytes;
  for (size_t frames = 1 + chance.below(4); frames > 0 && !stream->frames.empty(); --frames) {
    bytes += stream->frames.front();
    if (chance.with(faults.repeat)) bytes += stream->frames.front();
    stream->frames.pop_front();
  }
  if (chance.with(faults.gone)) {
    bytes += R"({"type":"ERROR","object":)" + status_answer(410, "Expired", "too old resource version").body + "}\n";
  }
  const size_t at = chance.with(faults.split) ? chance.below(bytes.size()) : bytes.size();
  for (const std::string_view part : {std::string_view(bytes).substr(0, at), std::string_view(bytes).substr(at)}) {
    if (part.empty() || stream->ended) continue;
    if (!stream->sink->on_data(part)) return end(stream, {});
  }
  if (bytes.ends_with("\n") && bytes.find(R"({"type":"ERROR")") != std::string::npos) return end(stream, {});
  if (!stream->ended && !stream->frames.empty()) pump(stream);
}

void Wire::bookmark(const std::shared_ptr<Stream>& stream) {
  network_.loop_.post(reader_, std::chrono::seconds(60), [this, stream] {
    if (dead_ || stream->ended || stream->stalled) return;
    const Json object{{"metadata", {{"resourceVersion", std::to_string(network_.api_.revision())}}}};
    enqueue(stream, frame_of("BOOKMARK", dump_json(object)));
    bookmark(stream);
  });
}

void Wire::end(const std::shared_ptr<Stream>& stream, Status status) {
  if (stream->ended || dead_) return;
  stream->ended = true;
  if (StreamSink* sink = std::exchange(stream->sink, nullptr)) sink->on_end(std::move(status));
}

size_t Wire::open_streams() const {
  return static_cast<size_t>(std::ranges::count_if(streams_, [](const auto& stream) { return !stream->ended; }));
}

void Wire::cut_streams() {
  for (const auto& stream : std::vector(streams_)) {
    network_.loop_.post(reader_, milliseconds(1),
                        [this, stream] { end(stream, fail(Code::Unavailable, "connection reset by peer")); });
  }
}

void Network::on_event(const ApiEvent& event) {
  for (Wire* wire : wires_) {
    if (!wire->dead()) wire->on_event(event);
  }
}

}  // namespace clops::sim
