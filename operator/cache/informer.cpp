#include "operator/cache/informer.h"

#include "operator/watch/decoder.h"
#include "operator/watch/list_watch.h"

namespace clops::op {
namespace {

constexpr size_t kBehindBytesMax = 64u << 20;
constexpr size_t kErrorBodyBytesMax = 64u << 10;

}  // namespace

struct Informer::Impl : std::enable_shared_from_this<Informer::Impl> {
  // One watch: the HTTP client's thread puts bytes in, the strand takes them out.
  struct Watch final : StreamSink {
    Watch(std::weak_ptr<Impl> o, uint64_t a) : owner(std::move(o)), attempt(a) {}
    bool on_head(int code, const Headers&) override {
      const std::lock_guard lock(mutex);
      status = code;
      return true;
    }
    bool on_data(std::string_view bytes) override {
      bool wake = false;
      {
        const std::lock_guard lock(mutex);
        if (status != 200 && waiting.size() >= kErrorBodyBytesMax) return true;  // enough to say why
        if (waiting.size() + bytes.size() > kBehindBytesMax) {
          behind = true;
          return false;
        }
        waiting.append(bytes);
        wake = status == 200 && !std::exchange(announced, true);
      }
      if (wake) announce();
      return true;
    }
    void on_end(Status how) override {
      {
        const std::lock_guard lock(mutex);
        ended = std::move(how);
        if (behind) ended = fail(Code::Unavailable, "the watch sends faster than it can be read");
        announced = true;
      }
      announce();
    }
    void announce() {
      if (const auto impl = owner.lock()) {
        impl->strand.post([weak = owner, number = attempt] {
          if (const auto self = weak.lock()) self->drain(number);
        });
      }
    }
    const std::weak_ptr<Impl> owner;
    const uint64_t attempt;
    std::mutex mutex;
    std::string waiting;
    int status = 0;
    bool announced = false, behind = false;
    std::optional<Status> ended;
    watch::LineSplitter lines;  // the strand's own
    std::unique_ptr<HttpStream> stream;
  };

  Impl(Deps d, Store& s, Handler h) : deps(d), store(s), handler(std::move(h)), decoder(s.spec()), strand(d.executor) {}

  void input(const watch::Input& what) {
    watch::Step result = watch::step(std::move(state), what, {deps.clock.now(), deps.random.unit()});
    state = std::move(result.state);
    for (const watch::Effect& effect : result.effects) {
      std::visit([this](const auto& e) { run(e); }, effect);
    }
  }

  void run(const watch::ListPage& effect) {
    if (effect.continue_token.empty()) {
      collected.clear();
      counters.lists.fetch_add(1, std::memory_order_relaxed);
    }
    strand.run_beside([weak = weak_from_this(), effect] {
      if (const auto self = weak.lock()) self->list(effect);
    });
  }
  void run(const watch::Commit& effect) {
    const bool first = !store.synced();
    const auto changes = store.replace(std::exchange(collected, {}), effect.resource_version);
    deps.log.debug(
        "listed",
        {{"type", store.spec().type.plural}, {"objects", store.size()}, {"resourceVersion", effect.resource_version}});
    handler(changes, first);
  }
  void run(const watch::OpenWatch& effect) {
    counters.watches.fetch_add(1, std::memory_order_relaxed);
    current = std::make_unique<Watch>(weak_from_this(), effect.attempt);
    const InformerSpec& spec = store.spec();
    current->stream = deps.client.watch(spec.type, spec.ns,
                                        {.label_selector = spec.label_selector,
                                         .field_selector = spec.field_selector,
                                         .resource_version = effect.resource_version,
                                         .timeout = effect.timeout},
                                        *current);
  }
  void run(const watch::CloseWatch&) {
    if (!current) return;
    current->stream.reset();  // no more calls from here on
    closing = std::move(current);
  }
  void run(const watch::SetTimer& effect) {
    strand.post_after(effect.after, [weak = weak_from_this(), id = effect.timer] {
      if (const auto self = weak.lock()) self->input(watch::TimerFired{id});
    });
  }

  // Not on the strand: waits for the API, decodes, then tells the strand.
  void list(const watch::ListPage& effect) {
    const InformerSpec& spec = store.spec();
    const auto body = deps.client.call(kube::list_call(spec.type, spec.ns,
                                                       {.label_selector = spec.label_selector,
                                                        .field_selector = spec.field_selector,
                                                        .resource_version = "",
                                                        .continue_token = effect.continue_token,
                                                        .limit = effect.limit}));
    Result<watch::Page> page = body ? watch::Decoder(spec).page(*body) : std::unexpected(body.error());
    const Duration retry_after = page ? Duration{0} : deps.client.retry_after();
    strand.post([weak = weak_from_this(), attempt = effect.attempt, retry_after,
                 result = std::make_shared<Result<watch::Page>>(std::move(page))] {
      const auto self = weak.lock();
      if (!self || attempt != self->state.attempt) return;
      if (!*result) {
        self->failed("list", result->error());
        return self->input(watch::ListFailed{attempt, result->error().code, retry_after});
      }
      watch::Page& got = **result;
      std::ranges::move(got.objects, std::back_inserter(self->collected));
      self->input(watch::PageCame{attempt, got.resource_version, got.continue_token});
    });
  }

  void drain(uint64_t attempt) {
    closing.reset();
    if (!current || current->attempt != attempt) return;
    Watch& watch = *current;
    std::string bytes;
    std::optional<Status> ended;
    int status = 0;
    {
      const std::lock_guard lock(watch.mutex);
      bytes.swap(watch.waiting);
      watch.announced = watch.ended.has_value();
      ended = watch.ended;
      status = watch.status;
    }
    if (status == 200) {
      const bool whole = watch.lines.feed(bytes, [&](std::string_view line) {
        if (current.get() == &watch) frame(attempt, line);
      });
      if (current.get() != &watch) return;  // a frame ended it
      if (!whole) return end(attempt, Error{Code::TooLarge, "a watch frame is over the limit"});
    }
    if (!ended) return;
    if (status != 0 && status != 200) return end(attempt, kube::decode_status(status, bytes));
    if (!*ended) return end(attempt, ended->error());
    input(watch::WatchEnded{attempt, std::nullopt, Duration{0}});
  }

  void end(uint64_t attempt, const Error& error) {
    failed("watch", error);
    input(watch::WatchEnded{attempt, error.code, deps.client.retry_after()});
  }

  void frame(uint64_t attempt, std::string_view line) {
    counters.frames.fetch_add(1, std::memory_order_relaxed);
    counters.heard_at_ns.store(deps.clock.now().time_since_epoch().count(), std::memory_order_relaxed);
    auto decoded = decoder.frame(line);
    if (!decoded) return end(attempt, decoded.error());
    std::vector<Change> changes;
    switch (decoded->kind) {
      case watch::FrameKind::Error:
        return end(attempt, decoded->error);
      case watch::FrameKind::Bookmark:
        store.advance(decoded->resource_version);
        break;
      case watch::FrameKind::Added:
      case watch::FrameKind::Modified:
        changes = store.put(decoded->object);
        break;
      case watch::FrameKind::Deleted:
        changes = store.erase(decoded->object);
        break;
    }
    input(watch::FrameCame{attempt, decoded->resource_version});
    handler(changes, false);
  }

  void failed(const char* what, const Error& error) {
    counters.failures.fetch_add(1, std::memory_order_relaxed);
    const Level level = error.code == Code::Expired ? Level::Info : Level::Warn;
    deps.log.write(level, std::string(what) + " failed",
                   {{"type", store.spec().type.plural}, {"code", to_string(error.code)}, {"error", error.message}});
  }

  const Deps deps;
  Store& store;
  const Handler handler;
  Counters counters;
  watch::Decoder decoder;
  watch::State state;
  std::vector<ObjectPtr> collected;
  std::unique_ptr<Watch> current, closing;  // closing: ended from within its own frame, freed at the next chance
  Strand strand;
};

Informer::Informer(Deps deps, Store& store, Handler handler)
    : impl_(std::make_shared<Impl>(deps, store, std::move(handler))) {}
Informer::~Informer() = default;

void Informer::start() {
  impl_->strand.post([weak = std::weak_ptr(impl_)] {
    if (const auto self = weak.lock()) self->input(watch::Start{});
  });
}
void Informer::stop() {
  impl_->strand.post([weak = std::weak_ptr(impl_)] {
    if (const auto self = weak.lock()) self->input(watch::Stop{});
  });
}
const Informer::Counters& Informer::counters() const {
  return impl_->counters;
}

}  // namespace clops::op
