#include "serving/net/tls.h"

#include <string>
#include <utility>

namespace clops::serving {
namespace {

constexpr size_t kReadBytes = 64u << 10;  // decrypted at once
constexpr size_t kKeepBytes = 64u << 10;  // of each buffer, between messages
using Step = TlsSession::Step;

// Of a thread: used within one call.
struct Shared {
  std::string plain, answer;
};

void trim(std::string& text, size_t most) {
  text.clear();
  if (text.capacity() > most) std::string().swap(text);
}

class TlsStream final : public StreamHandler {
 public:
  TlsStream(const TlsServer* server, StreamProtocol& inner, Shared& shared, TlsCounters& counters,
            const TlsStreamOptions& options)
      : inner_(inner.open()), shared_(shared), counters_(counters), options_(options) {
    if (server != nullptr) session_ = std::make_unique<TlsSession>(*server);
  }

  Progress on_input(std::string_view in, std::string& out) override {
    if (session_ == nullptr) return {.consumed = in.size(), .next = Next::Close};
    begun_ = begun_ || !in.empty();
    session_->attach(in, out);
    Progress progress;
    if (!open_ && !shake_hands(in, progress)) return progress;
    again_ = again_ || inner_->unsent();
    while (progress.next == Next::Read && turn(progress, out)) {
    }
    progress.consumed = progress.next == Next::Close ? in.size() : session_->taken();
    return progress;
  }

  bool idle() const override {
    if (!open_) return !begun_;
    return plain_.empty() && inner_->idle() && !session_->mid_record();
  }
  bool unsent() const override { return again_ || (open_ && inner_->unsent()); }

  size_t held_bytes() const override { return plain_.size() + inner_->held_bytes(); }

  Progress on_time(std::string& out) override {
    if (!open_) return {};
    shared_.answer.clear();
    Progress progress = inner_->on_time(shared_.answer);
    if (shared_.answer.empty() && progress.next != Next::Close) return progress;
    session_->attach({}, out);
    send(progress);
    return progress;
  }

  void retire() override { inner_->retire(); }
  void farewell(std::string& out) override {
    if (!open_) return;
    shared_.answer.clear();
    inner_->farewell(shared_.answer);
    session_->attach({}, out);
    Progress progress{.consumed = 0, .next = Next::Close};
    send(progress);
  }

 private:
  bool shake_hands(std::string_view in, Progress& progress) {
    const Step step = session_->handshake();
    progress.consumed = session_->taken();
    if (step == Step::More) return false;
    if (step == Step::Done) {
      open_ = true;
      counters_.handshakes.fetch_add(1, std::memory_order_relaxed);
      return true;
    }
    counters_.failed.fetch_add(1, std::memory_order_relaxed);
    progress.consumed = in.size();
    progress.next = Next::Close;
    return false;
  }

  // Decrypts some, has it answered, encrypts that. False: there is nothing more to do now.
  bool turn(Progress& progress, const std::string& out) {
    const bool again = std::exchange(again_, false);
    if (plain_.empty()) shared_.plain.clear();
    std::string& plain = plain_.empty() ? shared_.plain : plain_;
    if (!again) {
      const size_t before = plain.size();
      const Step step = session_->read(plain, kReadBytes);
      if (plain.size() == before) {
        if (step == Step::More) return false;
        session_->close();
        progress.next = Next::Close;
        return false;
      }
    }
    shared_.answer.clear();
    const Progress inner = inner_->on_input(plain, shared_.answer);
    keep(plain, inner.consumed);
    progress.completed = progress.completed || inner.completed;
    progress.next = inner.next;
    const bool full = shared_.answer.size() >= options_.out_bytes_max;  // then it may have stopped for want of room
    send(progress);
    if (plain_.size() > options_.in_bytes_max) progress.next = Next::Close;
    again_ = progress.next == Next::Wait || progress.next == Next::Later || (full && !plain_.empty());
    return progress.next == Next::Read && !full && out.size() < options_.out_bytes_max;
  }

  void keep(std::string& plain, size_t consumed) {
    if (&plain == &plain_) {
      plain_.erase(0, consumed);
      if (plain_.empty() && plain_.capacity() > kKeepBytes) std::string().swap(plain_);
    } else if (consumed < plain.size()) {
      plain_.assign(plain, consumed);
    }
    if (&plain != &plain_) trim(plain, 2 * kReadBytes);
  }

  void send(Progress& progress) {
    if (session_->write(shared_.answer) != Step::Done) progress.next = Next::Close;
    if (progress.next == Next::Close) session_->close();
    trim(shared_.answer, 1u << 20);
  }

  std::unique_ptr<TlsSession> session_;
  std::unique_ptr<StreamHandler> inner_;
  Shared& shared_;
  TlsCounters& counters_;
  const TlsStreamOptions& options_;
  std::string plain_;   // decrypted, and not consumed yet
  bool again_ = false;  // the inner handler is asked again before anything more is decrypted
  bool begun_ = false, open_ = false;
};

class TlsProtocol final : public StreamProtocol {
 public:
  TlsProtocol(std::unique_ptr<StreamProtocol> inner, std::function<const TlsServer*()> newest, TlsCounters& counters,
              TlsStreamOptions options)
      : inner_(std::move(inner)), newest_(std::move(newest)), counters_(counters), options_(options) {}
  std::unique_ptr<StreamHandler> open() override {
    return std::make_unique<TlsStream>(newest_(), *inner_, shared_, counters_, options_);
  }

 private:
  std::unique_ptr<StreamProtocol> inner_;
  std::function<const TlsServer*()> newest_;
  TlsCounters& counters_;
  TlsStreamOptions options_;
  Shared shared_;
};

}  // namespace

std::unique_ptr<StreamProtocol> make_tls(std::unique_ptr<StreamProtocol> inner,
                                         std::function<const TlsServer*()> newest, TlsCounters& counters,
                                         TlsStreamOptions options) {
  return std::make_unique<TlsProtocol>(std::move(inner), std::move(newest), counters, options);
}

}  // namespace clops::serving
