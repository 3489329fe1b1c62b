#include "operator/watch/list_watch.h"

#include <algorithm>

namespace clops::op::watch {
namespace {

class Stepper {
 public:
  Stepper(State state, const Now& now) : out_{std::move(state), {}}, now_(now) {}

  void operator()(const Start&) {
    if (s().phase == Phase::Idle) list_from_the_start();
  }
  void operator()(const Stop&) {
    if (s().phase == Phase::Watching) emit(CloseWatch{});
    s().phase = Phase::Stopped;
    ++s().attempt;
  }
  void operator()(const PageCame& page) {
    if (s().phase != Phase::Listing || page.attempt != s().attempt) return;
    if (!page.continue_token.empty()) {
      emit(ListPage{++s().attempt, page.continue_token, s().settings.page});
      return;
    }
    s().resource_version = page.resource_version;
    s().empty_watches = 0;
    emit(Commit{page.resource_version});
    open_watch();
  }
  void operator()(const ListFailed& failed) {
    if (s().phase != Phase::Listing || failed.attempt != s().attempt) return;
    s().resource_version.clear();
    wait(failed
             .retry_after);  // also when a continue token expired: a list that always outlives its tokens must not spin
  }
  void operator()(const FrameCame& frame) {
    if (s().phase != Phase::Watching || frame.attempt != s().attempt) return;
    s().heard = true;
    s().heard_at = now_.time;
    s().empty_watches = 0;
    if (!frame.resource_version.empty()) s().resource_version = frame.resource_version;
  }
  void operator()(const WatchEnded& ended) {
    if (s().phase != Phase::Watching || ended.attempt != s().attempt) return;
    emit(CloseWatch{});
    if (ended.code == Code::Expired) return start_over(ended.retry_after);
    const bool worked = s().heard || now_.time - s().opened_at >= s().settings.short_watch;
    if (worked && ended.code) s().backoff = Duration{0};
    if (ended.code) return wait(ended.retry_after);
    if (worked) return open_watch();
    if (++s().empty_watches >= s().settings.empty_max) return start_over(ended.retry_after);
    wait(ended.retry_after);
  }
  void operator()(const TimerFired& fired) {
    if (fired.timer != s().timer) return;
    if (s().phase == Phase::Waiting) {
      s().resource_version.empty() ? list_from_the_start() : open_watch();
    } else if (s().phase == Phase::Watching) {
      watchdog();
    }
  }
  Step take() { return std::move(out_); }

 private:
  State& s() { return out_.state; }
  void emit(Effect effect) { out_.effects.push_back(std::move(effect)); }

  void list_from_the_start() {
    s().phase = Phase::Listing;
    s().resource_version.clear();
    emit(ListPage{++s().attempt, "", s().settings.page});
  }
  void open_watch() {
    s().phase = Phase::Watching;
    s().opened_at = s().heard_at = now_.time;
    s().heard = false;
    const auto span = s().settings.watch_most - s().settings.watch_least;
    const std::chrono::seconds timeout =
        s().settings.watch_least +
        std::chrono::seconds{static_cast<int64_t>(now_.unit * static_cast<double>(span.count()))};
    emit(OpenWatch{++s().attempt, s().resource_version, timeout});
    set_timer(s().settings.silence);
  }
  // The first relist after a good time is made at once; a server that expires everything is left in peace.
  void start_over(Duration retry_after) {
    s().resource_version.clear();
    s().empty_watches = 0;
    const bool good = s().backoff == Duration{0} || now_.time - s().failed_at >= s().settings.good_time;
    if (good && retry_after == Duration{0}) {
      note_failure();
      return list_from_the_start();
    }
    wait(retry_after);
  }
  void note_failure() {
    const bool good = s().backoff == Duration{0} || now_.time - s().failed_at >= s().settings.good_time;
    s().backoff = good ? s().settings.backoff_first : std::min(s().backoff * 2, s().settings.backoff_max);
    s().failed_at = now_.time;
  }
  void wait(Duration retry_after) {
    note_failure();
    s().phase = Phase::Waiting;
    const Duration jittered =
        s().backoff + Duration{static_cast<int64_t>(now_.unit * static_cast<double>(s().backoff.count()))};
    set_timer(std::max(std::min(jittered, s().settings.backoff_max), retry_after));
  }
  void set_timer(Duration after) { emit(SetTimer{++s().timer, after}); }
  void watchdog() {
    const Duration quiet = now_.time - s().heard_at;
    if (quiet < s().settings.silence) return set_timer(s().settings.silence - quiet);
    emit(CloseWatch{});
    wait(Duration{0});
  }
  Step out_;
  const Now& now_;
};

}  // namespace

Step step(State state, const Input& input, const Now& now) {
  Stepper stepper(std::move(state), now);
  std::visit(stepper, input);
  return stepper.take();
}

}  // namespace clops::op::watch
