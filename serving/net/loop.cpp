#include "serving/net/loop.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <utility>

#include "serving/net/connection.h"

namespace clops::serving {
namespace {

constexpr size_t kReadBytes = 64u << 10;
constexpr std::chrono::milliseconds kTick{250};
constexpr uint64_t kListenerTag = ~0ull, kWakeTag = ~0ull - 1;
constexpr int kAcceptsPerEvent = 32;
constexpr int kEventsPerAccept = 16;              // a round of floods must not let newcomers wait for its end
constexpr std::chrono::milliseconds kMerit{100};  // how exactly it is known when a connection last got an answer

void add_relaxed(std::atomic<uint64_t>& cell, uint64_t by) {
  cell.store(cell.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

}  // namespace

struct Loop::Impl {
  Impl(Parts p, LoopLimits l) : parts(p), limits(l) {}
  ~Impl() {
    for (const Adopted& one : adopted) ::close(one.socket);
    if (poll >= 0) ::close(poll);
    if (wake_event >= 0) ::close(wake_event);
  }

  void run();
  int next_events();
  void handle(const epoll_event& event);
  void on_woken();
  void follow_active();
  void on_tick();
  void accept_some(int at_most);
  Loop* loop_for_next() const;
  Connection* next_to_go();
  bool make_room();
  void honour(Connection& c);
  void weigh(Connection& c);
  void evict(Connection& c);
  void add(int socket, TimePoint came);
  void read_first(Connection& c);
  void on_readable(Connection& c);
  void feed(Connection& c, std::string_view in, bool from_own_buffer);
  void flush(Connection& c, std::string& bytes);
  void resume(Connection& c);
  void take_up();
  void begin_close(Connection& c);
  void close(Connection& c);
  void watch(Connection& c);
  void settle(Connection& c, const Progress& progress);
  void on_time(Connection& c);
  void listen_again(bool on);

  Parts parts;
  LoopLimits limits;
  int poll = -1, wake_event = -1;
  std::vector<Loop*> peers;
  std::vector<std::unique_ptr<Connection>> slots;
  std::vector<uint32_t> free_slots;
  Queue unproven, proven;           // who is to go first is in front
  std::vector<uint64_t> later;      // tags of those that are called again at the end of the round
  std::vector<uint64_t> taken_up;   // working memory
  std::vector<char> buffer;         // made by run(): a loop that never runs needs none
  std::vector<epoll_event> events;  // room for all there can be; made by run() too
  std::string out;                  // answers of the connection being fed, sent at once
  TimePoint now{}, round_began{}, next_tick{}, arrived{};
  uint64_t round = 0, accepted_in = 0;
  int events_since = 0;  // of the round accepted_in
  uint32_t places = 0;   // where rounds begin: multiples of the golden ratio
  size_t waiting_count = 0, held = 0;
  bool listening = false, draining_seen = false;
  unsigned ticks = 0;

  std::atomic<bool> stopping{false}, draining{false}, active{false};
  std::atomic<uint32_t> connections{0}, in_hand{0};
  std::atomic<uint64_t> busy_ns{0}, lag_ns{0}, lag_before_ns{0}, evicted{0};
  std::mutex mutex;
  struct Adopted {
    int socket = -1;
    TimePoint came{};
  };
  std::vector<Adopted> adopted;  // guarded by mutex
};

Result<std::unique_ptr<Loop>> Loop::make(Parts parts, LoopLimits limits) {
  auto impl = std::make_unique<Impl>(parts, limits);
  impl->poll = ::epoll_create1(EPOLL_CLOEXEC);
  impl->wake_event = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (impl->poll < 0 || impl->wake_event < 0)
    return fail(Code::Unavailable, std::string("epoll: ") + std::strerror(errno));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWakeTag;
  if (::epoll_ctl(impl->poll, EPOLL_CTL_ADD, impl->wake_event, &event) != 0) {
    return fail(Code::Unavailable, std::string("epoll: ") + std::strerror(errno));
  }
  return std::unique_ptr<Loop>(new Loop(std::move(impl)));
}

Loop::Loop(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Loop::~Loop() = default;
void Loop::share_with(std::vector<Loop*> peers) {
  impl_->peers = std::move(peers);
}
void Loop::set_active(bool active) {
  if (impl_->active.exchange(active, std::memory_order_acq_rel) != active) wake();
}
void Loop::run() {
  impl_->run();
}
void Loop::stop() {
  impl_->stopping.store(true, std::memory_order_release);
  wake();
}
void Loop::wake() {
  const uint64_t one = 1;
  // A full counter means that a wake is already pending, which is all that is asked for.
  [[maybe_unused]] const ssize_t written = ::write(impl_->wake_event, &one, sizeof one);
}
void Loop::adopt(int socket, TimePoint came) {
  impl_->connections.fetch_add(1, std::memory_order_relaxed);
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->adopted.push_back({socket, came});
  }
  wake();
}
void Loop::drain() {
  impl_->draining.store(true, std::memory_order_release);
  wake();
}
LoopStats Loop::stats() const {
  return {.busy_ns = impl_->busy_ns.load(std::memory_order_relaxed),
          .lag_max_ns = std::max(impl_->lag_ns.load(std::memory_order_relaxed),
                                 impl_->lag_before_ns.load(std::memory_order_relaxed)),
          .connections = impl_->connections.load(std::memory_order_relaxed),
          .in_hand = impl_->in_hand.load(std::memory_order_relaxed),
          .active = impl_->active.load(std::memory_order_relaxed),
          .evicted = impl_->evicted.load(std::memory_order_relaxed)};
}

void Loop::Impl::run() {
  parts.observer.on_start();
  buffer.resize(kReadBytes);
  events.resize(limits.connections_max + 2);
  follow_active();
  now = parts.clock.now();
  round_began = now;
  next_tick = now + kTick;
  while (!stopping.load(std::memory_order_acquire)) {
    const int count = next_events();
    places += 0x9e3779b9u;
    int at = static_cast<int>((uint64_t{places} * static_cast<uint64_t>(std::max(count, 0))) >> 32);
    for (int left = count; left > 0; --left, at = at + 1 < count ? at + 1 : 0) {
      in_hand.store(static_cast<uint32_t>(left), std::memory_order_relaxed);
      if (parts.turn != nullptr) parts.turn->in_hand = static_cast<uint32_t>(left);
      handle(events[static_cast<size_t>(at)]);
      if (!later.empty() && (left == 1 || parts.observer.due())) take_up();
    }
    in_hand.store(0, std::memory_order_relaxed);
    if (now >= next_tick) {
      on_tick();
      next_tick = now + kTick;
    }
    now = parts.clock.now();
    const auto busy = static_cast<uint64_t>((now - round_began).count());
    add_relaxed(busy_ns, busy);
    if (busy > lag_ns.load(std::memory_order_relaxed)) lag_ns.store(busy, std::memory_order_relaxed);
  }
  for (auto& slot : slots) {
    if (slot->socket >= 0) close(*slot);
  }
  parts.observer.on_stop();
}

// What is ready, at the latest at the next tick; sets the clock, and says when it came.
int Loop::Impl::next_events() {
  const auto size = static_cast<int>(events.size());
  const TimePoint before = round_began;
  int count = now - before > kLongRound ? ::epoll_wait(poll, events.data(), size, 0) : 0;
  const bool waited_for_us = count > 0;
  if (!waited_for_us) {
    const auto until_tick = std::chrono::ceil<std::chrono::milliseconds>(next_tick - now).count();
    count = ::epoll_wait(poll, events.data(), size, static_cast<int>(std::max<int64_t>(until_tick, 0)));
  }
  round_began = now = parts.clock.now();
  ++round;
  arrived = waited_for_us ? before + (now - before) / 2 : now;
  if (parts.turn != nullptr) parts.turn->arrived = arrived;
  return count;
}

void Loop::Impl::handle(const epoll_event& event) {
  if (event.data.u64 == kListenerTag) return accept_some(kAcceptsPerEvent);
  if (event.data.u64 == kWakeTag) return on_woken();
  const size_t slot = event.data.u64 & 0xffffffffu;
  Connection& c = *slots[slot];
  if (c.socket < 0 || c.tag() != event.data.u64) return;
  if ((event.events & EPOLLOUT) != 0) {
    flush(c, c.out);
    if (c.socket >= 0 && c.out.empty()) resume(c);
  } else if ((event.events & EPOLLIN) != 0) {
    c.added > 0 ? read_first(c) : on_readable(c);
  } else if ((event.events & (EPOLLERR | EPOLLHUP)) != 0) {
    close(c);
  }
  if (c.socket >= 0) weigh(c);
  if (std::exchange(accepted_in, round) != round) events_since = 0;
  if (listening && ++events_since % kEventsPerAccept == 0) accept_some(kEventsPerAccept);
}

// What its calls asked for is computed: all that said Later are called again, and perhaps say it once more.
void Loop::Impl::take_up() {
  while (!later.empty()) {
    parts.observer.on_later();
    taken_up.swap(later);
    for (const uint64_t tag : taken_up) {
      Connection& c = *slots[tag & 0xffffffffu];
      if (c.socket >= 0 && c.tag() == tag && std::exchange(c.later, false)) feed(c, c.in, true);
      if (c.socket >= 0) weigh(c);
    }
    taken_up.clear();
    parts.observer.on_taken_up();
  }
}

void Loop::Impl::on_woken() {
  take_up();  // before anything changes
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(wake_event, &count, sizeof count);
  std::vector<Adopted> sockets;
  {
    const std::lock_guard lock(mutex);
    sockets.swap(adopted);
  }
  for (const Adopted& one : sockets) add(one.socket, std::min(one.came, arrived));
  parts.observer.on_wake();
  if (!draining_seen) follow_active();
  if (draining.load(std::memory_order_acquire) && !std::exchange(draining_seen, true)) {
    if (listening) accept_some(kAcceptsPerEvent);  // who got in before the end is answered
    listen_again(false);
  }
  for (size_t i = 0; i < slots.size() && waiting_count > 0; ++i) {
    if (slots[i]->socket >= 0 && slots[i]->waiting) resume(*slots[i]);
  }
}

void Loop::Impl::follow_active() {
  const bool wanted = active.load(std::memory_order_acquire);
  for (auto& slot : slots)
    if (!wanted && listening && slot->socket >= 0 && !std::exchange(slot->retired, true)) slot->handler->retire();
  listen_again(wanted);
}

void Loop::Impl::on_tick() {
  parts.observer.on_tick(now);
  if (!draining_seen) follow_active();
  if (++ticks % 4 == 0) {
    lag_before_ns.store(lag_ns.exchange(0, std::memory_order_relaxed), std::memory_order_relaxed);
  }
  for (auto& slot : slots) {
    Connection& c = *slot;
    if (c.socket < 0) continue;
    if (limits.age.count() > 0 && now >= c.retire_at && !std::exchange(c.retired, true)) c.handler->retire();
    on_time(c);
  }
}

void Loop::Impl::on_time(Connection& c) {
  if (c.out.empty() && !c.closing && !c.lingering && !c.waiting) {
    out.clear();
    settle(c, c.handler->on_time(out));
    if (c.socket < 0) return;
  }
  switch (due(c, now, limits, draining_seen)) {
    case Due::No:
      if (c.waiting) resume(c);
      break;
    case Due::Farewell:
      out.clear();
      c.handler->farewell(out);
      if (out.empty()) return close(c);
      c.closing = true;
      flush(c, out);
      break;
    case Due::Cut:
      close(c);
      break;
  }
}

void Loop::Impl::listen_again(bool on) {
  if (parts.listener < 0 || on == listening) return;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLEXCLUSIVE;
  event.data.u64 = kListenerTag;
  if (::epoll_ctl(poll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, parts.listener, &event) == 0) listening = on;
}

// The loop with the fewest connections; null: this one.
Loop* Loop::Impl::loop_for_next() const {
  Loop* least = nullptr;
  uint32_t fewest = active.load(std::memory_order_relaxed) ? connections.load(std::memory_order_relaxed) : UINT32_MAX;
  for (Loop* peer : peers) {
    if (peer->impl_.get() == this || !peer->impl_->active.load(std::memory_order_relaxed)) continue;
    const uint32_t of_peer = peer->impl_->connections.load(std::memory_order_relaxed);
    if (of_peer >= fewest) continue;
    fewest = of_peer;
    least = peer;
  }
  return fewest < limits.connections_max ? least : nullptr;  // only of its own can it make room
}

void Loop::Impl::accept_some(int at_most) {
  for (int i = 0; i < at_most; ++i) {
    Loop* const to = loop_for_next();
    if (to == nullptr && connections.load(std::memory_order_relaxed) >= limits.connections_max &&
        next_to_go() == nullptr)
      return listen_again(false);  // until the next tick, when somebody's grace may be over
    const int socket = ::accept4(parts.listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0) {
      if ((errno == EMFILE || errno == ENFILE) && make_room()) continue;
      // Out of what cannot be made room for: a ready listener would spin the loop. The next tick listens again.
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) listen_again(false);
      return;
    }
    const int one = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (i > 0 && parts.turn != nullptr) ++parts.turn->in_hand;
    if (to != nullptr) {
      to->adopt(socket, arrived);
    } else {
      connections.fetch_add(1, std::memory_order_relaxed);
      add(socket, arrived);
    }
  }
}

void Loop::Impl::add(int socket, TimePoint came) {
  const uint32_t count = connections.load(std::memory_order_relaxed);
  if (count > limits.connections_max && !make_room() && count > limits.connections_max + kAcceptsPerEvent) {
    ::close(socket);
    connections.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  size_t slot = slots.size();
  if (free_slots.empty()) {
    slots.push_back(std::make_unique<Connection>());
  } else {
    slot = free_slots.back();
    free_slots.pop_back();
  }
  Connection& c = *slots[slot];
  const uint32_t generation = c.generation + 1;
  c = Connection{};
  c.generation = generation & 0x7fffffffu;  // keeps tags apart from the listener's and the wake's
  c.slot = static_cast<uint32_t>(slot);
  c.socket = socket;
  c.handler = parts.protocol.open();
  c.active = c.merit = now;
  c.came = came;
  c.added = round;
  c.retire_at = now + life_of(c, limits.age);
  c.place = unproven.insert(unproven.end(), c.slot);
  c.interest = EPOLLIN;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = c.tag();
  if (::epoll_ctl(poll, EPOLL_CTL_ADD, socket, &event) != 0) return close(c);
  // Where many wait to be accepted its request is there already; who has been answered is not in the next one's way.
  read_first(c);
  if (c.socket >= 0) weigh(c);
}

// Who connects and says nothing, or never to the end, must not keep out who has something to ask.
Connection* Loop::Impl::next_to_go() {
  constexpr int kLooks = 8;
  for (int look = 0; look < kLooks; ++look) {
    const Queue& from = unproven.empty() ? proven : unproven;
    if (from.empty()) return nullptr;
    Connection& c = *slots[from.front()];
    if (!c.lingering && now - c.merit < limits.grace) return nullptr;
    if (!c.proven || c.lingering || !c.out.empty() || !has_unread(c)) return &c;
    honour(c);  // its next request is here, and would be lost
  }
  return nullptr;
}

bool Loop::Impl::make_room() {
  Connection* const c = next_to_go();
  if (c != nullptr) evict(*c);
  return c != nullptr;
}

void Loop::Impl::evict(Connection& c) {
  if (c.out.empty() && !c.closing && !c.lingering) {
    std::string words;
    c.handler->farewell(words);
    [[maybe_unused]] const ssize_t sent =
        ::send(c.socket, words.data(), words.size(), MSG_NOSIGNAL);  // or they are lost
  }
  add_relaxed(evicted, 1);
  close(c);
}

// Counts what it holds now. Bodies that never end, and answers that nobody takes, must not use up the memory; whoever
// is only large is done before those have held theirs for long.
void Loop::Impl::weigh(Connection& c) {
  held += counted(c, now);
  while (held > limits.held_bytes_max) {
    Connection* const first = longest_heavy(slots);
    if (first == nullptr) return;
    evict(*first);
  }
}

// It has had an answer just now: all others go before it.
void Loop::Impl::honour(Connection& c) {
  proven.splice(proven.end(), std::exchange(c.proven, true) ? proven : unproven, c.place);
  c.merit = now;
}

// What a client says as it comes has waited since it came: a new connection is heard as it is taken.
void Loop::Impl::read_first(Connection& c) {
  if (parts.turn != nullptr && c.added + 1 >= round) parts.turn->arrived = c.came;
  c.added = 0;
  on_readable(c);
  if (parts.turn != nullptr) parts.turn->arrived = arrived;
}

void Loop::Impl::on_readable(Connection& c) {
  const ssize_t got = ::recv(c.socket, buffer.data(), buffer.size(), 0);
  if (got < 0) {
    if (errno != EAGAIN && errno != EINTR) close(c);
    return;
  }
  if (c.lingering) {
    if (got == 0) close(c);
    return;
  }
  if (got == 0) {
    c.ended = true;
    if (c.out.empty()) close(c);
    return;
  }
  c.active = now;
  const std::string_view bytes(buffer.data(), static_cast<size_t>(got));
  if (c.in.empty()) return feed(c, bytes, false);
  if (c.in.size() + bytes.size() > limits.in_bytes_max) return close(c);
  c.in.append(bytes);
  feed(c, c.in, true);
}

// The bytes come straight from the loop's buffer when nothing was left over: a whole request is never copied.
void Loop::Impl::feed(Connection& c, std::string_view in, bool from_own_buffer) {
  for (;;) {
    out.clear();
    const Progress progress = c.handler->on_input(in, out);
    const std::string_view left = in.substr(progress.consumed);
    if (from_own_buffer) {
      c.in.erase(0, progress.consumed);
      if (c.in.empty() && c.in.capacity() > kKeepBytes) std::string().swap(c.in);
    } else if (!left.empty()) {
      c.in.assign(left);
    }
    const bool full = out.size() >= limits.out_bytes_max;
    if (!c.out.empty()) {  // what came before is not all sent yet
      c.out += out;
      out.clear();
    }
    settle(c, progress);
    // It stopped for want of room, and the socket took all: nothing else would call it again.
    const bool more = full && c.socket >= 0 && c.out.empty() && !c.closing && !c.waiting &&
                      (c.handler->unsent() || (progress.consumed > 0 && !c.in.empty()));
    if (!more) return;
    in = c.in;
    from_own_buffer = true;
  }
}

// What a handler has said: its answers in `out` are sent, and the connection is watched for what comes next.
void Loop::Impl::settle(Connection& c, const Progress& progress) {
  const bool waits = progress.next == Next::Wait || progress.next == Next::Later;
  if (progress.next == Next::Later && !std::exchange(c.later, true)) later.push_back(c.tag());
  waiting_count += static_cast<size_t>(waits) - static_cast<size_t>(c.waiting);
  c.waiting = waits;
  c.closing = progress.next == Next::Close;
  const bool mid = !c.handler->idle();
  if (mid && (!c.mid_message || progress.completed)) c.message_began = now;
  c.mid_message = mid;
  if (progress.completed && (!c.proven || now - c.merit > kMerit)) honour(c);
  if (!out.empty()) {
    flush(c, out);
    if (out.capacity() > (1u << 20)) std::string().swap(out);
  } else if (c.closing && c.out.empty()) {
    begin_close(c);
  } else {
    watch(c);
  }
}

// Sends `bytes`: the loop's fresh answers, or what a connection still owes. What does not fit stays with the
// connection.
void Loop::Impl::flush(Connection& c, std::string& bytes) {
  const bool own = &bytes == &c.out;
  size_t at = own ? c.sent : 0;
  while (at < bytes.size()) {
    const ssize_t sent = ::send(c.socket, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return close(c);
      break;
    }
    at += static_cast<size_t>(sent);
    c.written = now;
  }
  if (at == bytes.size()) {
    if (own) {
      c.out.clear();
      c.sent = 0;
      if (c.out.capacity() > kKeepBytes) std::string().swap(c.out);
    }
    if (c.closing) return begin_close(c);
    if (c.ended) return close(c);
  } else if (own) {
    c.sent = at;
  } else {
    c.out.assign(bytes, at);
    c.sent = 0;
    c.written = now;
  }
  watch(c);
}

// After the client has taken what it was owed, or a wake: what was left over may be answerable now.
void Loop::Impl::resume(Connection& c) {
  if (c.closing || c.lingering || !c.out.empty()) return;
  if (c.in.empty() && !c.waiting && !c.handler->unsent()) return watch(c);
  feed(c, c.in, true);
}

// Closing at once would reset the connection under an answer that the client has not read yet, if it is still sending.
void Loop::Impl::begin_close(Connection& c) {
  if (c.lingering) return;
  ::shutdown(c.socket, SHUT_WR);
  c.lingering = true;
  c.written = now;
  unproven.splice(unproven.begin(), std::exchange(c.proven, false) ? proven : unproven, c.place);  // of no more use
  std::string().swap(c.in);
  watch(c);
}

void Loop::Impl::close(Connection& c) {
  ::close(c.socket);  // leaves the epoll set by itself
  c.socket = -1;
  if (c.waiting) --waiting_count;
  c.waiting = false;
  c.handler.reset();
  std::string().swap(c.in);
  std::string().swap(c.out);
  (c.proven ? proven : unproven).erase(c.place);
  held -= std::exchange(c.holds, 0);
  connections.fetch_sub(1, std::memory_order_relaxed);
  free_slots.push_back(c.slot);
}

void Loop::Impl::watch(Connection& c) {
  uint32_t want = 0;
  if (!c.out.empty()) {
    want = EPOLLOUT;
  } else if (!c.waiting || c.later) {  // the latter is over before anything is asked of epoll
    want = EPOLLIN;
  }
  if (want == c.interest) return;
  epoll_event event{};
  event.events = want;
  event.data.u64 = c.tag();
  if (::epoll_ctl(poll, EPOLL_CTL_MOD, c.socket, &event) != 0) return close(c);
  c.interest = want;
}

}  // namespace clops::serving
