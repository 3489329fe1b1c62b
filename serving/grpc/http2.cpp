#include "serving/grpc/http2.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <vector>

namespace clops::serving::grpc {
namespace {

using namespace std::chrono_literals;

constexpr int32_t kStreamWindow = 1 << 20, kConnectionWindow = 4 << 20;
constexpr size_t kPooled = 128;
constexpr Duration kNotice = 2s;  // between the two GOAWAYs where the client does not say that it has read the first
constexpr uint8_t kHaveYouRead[8] = {'g', 'o', 'i', 'n', 'g', ' ', 'o', 'n'};
constexpr Duration kWatchedPing = 30s;  // a silent connection with a Watch is asked whether its client is there

template <class T, void (*Delete)(T*)>
struct Deleter {
  void operator()(T* thing) const { Delete(thing); }
};
using Callbacks =
    std::unique_ptr<nghttp2_session_callbacks, Deleter<nghttp2_session_callbacks, nghttp2_session_callbacks_del>>;
using Session = std::unique_ptr<nghttp2_session, Deleter<nghttp2_session, nghttp2_session_del>>;

// What the connections of a thread share.
struct Shared {
  GrpcService& service;
  Http2Options options;
  const std::atomic<bool>& draining;
  Compressor compressor;
  std::string unpacked;
  Callbacks callbacks;
  std::vector<std::unique_ptr<CallStream>> pool;

  CallStream::Parts parts() { return {service, options.call, compressor, unpacked}; }
  std::unique_ptr<CallStream> take() {
    if (pool.empty()) return std::make_unique<CallStream>();
    auto stream = std::move(pool.back());
    pool.pop_back();
    return stream;
  }
  void give_back(std::unique_ptr<CallStream> stream) {
    stream->forget();
    if (pool.size() < kPooled) pool.push_back(std::move(stream));
  }
};

nghttp2_nv header(std::string_view name, std::string_view value, uint8_t flags) {
  // The library's type is not const, but it writes to neither.
  const auto bytes = [](std::string_view text) { return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data())); };
  return {bytes(name), bytes(value), name.size(), value.size(), flags};
}
constexpr uint8_t kStatic = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
constexpr uint8_t kCopied = NGHTTP2_NV_FLAG_NO_COPY_NAME;

using HeaderFields = std::array<nghttp2_nv, 6>;  // the most that an answer has

// grpc-status and, where there are any, grpc-message and grpc-retry-pushback-ms.
class StatusHeaders {
 public:
  explicit StatusHeaders(const Outcome& outcome) {
    code_.resize(4);
    const auto end = std::to_chars(code_.data(), code_.data() + code_.size(), static_cast<int>(outcome.code)).ptr;
    code_.resize(static_cast<size_t>(end - code_.data()));
    constexpr size_t kShown = 1000;  // a client's own words may be in it, and headers have limits
    append_percent_encoded(message_, std::string_view(outcome.message).substr(0, kShown));
    if (outcome.retry_ms > 0) retry_ = std::to_string(outcome.retry_ms);
  }
  size_t write(HeaderFields& out, size_t at) const {
    out[at++] = header("grpc-status", code_, kCopied);
    if (!message_.empty()) out[at++] = header("grpc-message", message_, kCopied);
    if (!retry_.empty()) out[at++] = header("grpc-retry-pushback-ms", retry_, kCopied);
    return at;
  }

 private:
  std::string code_, message_, retry_;
};

class Http2 final : public StreamHandler {
 public:
  explicit Http2(Shared& shared);
  ~Http2() override;
  Progress on_input(std::string_view in, std::string& out) override;
  bool idle() const override {
    return std::ranges::all_of(open_, [](const auto& stream) { return stream->watching(); });
  }
  bool unsent() const override { return more_; }
  size_t held_bytes() const override {
    size_t sum = 0;
    for (const auto& stream : open_) sum += stream->held_bytes();
    return sum;
  }
  Progress on_time(std::string& out) override;
  void retire() override { retired_ = true; }
  void farewell(std::string& out) override;

  // The library's callbacks; a result other than 0 ends the connection.
  int on_frame_begun(const nghttp2_frame_hd& head);
  int on_headers_begun(const nghttp2_frame& frame);
  int on_header(const nghttp2_frame& frame, std::string_view name, std::string_view value);
  int on_data(int32_t id, std::string_view bytes);
  int on_frame(const nghttp2_frame& frame);
  int on_frame_sent(const nghttp2_frame& frame);
  int on_closed(int32_t id);
  ssize_t on_read(CallStream& stream, size_t most, uint32_t& flags);
  int on_send(CallStream& stream, const uint8_t* head, size_t bytes);

 private:
  // Mostly the one that was asked for last: a call's headers and frames come together.
  CallStream* stream_of(int32_t id) {
    if (recent_ == nullptr || recent_->id() != id)
      recent_ = static_cast<CallStream*>(nghttp2_session_get_stream_user_data(session_.get(), id));
    return recent_;
  }
  CallStream::Parts parts() {
    CallStream::Parts out = shared_.parts();
    out.alone = open_.size() < 2;
    return out;
  }
  void take_up();
  void respond(CallStream& stream);
  bool submit(CallStream& stream);
  void end_late(TimePoint now);
  void leave(std::string& out);
  Progress pump(std::string& out);

  Shared& shared_;
  Session session_;
  std::vector<std::unique_ptr<CallStream>> open_;
  CallStream* recent_ = nullptr;  // one of open_
  std::string* out_ = nullptr;  // while pump() runs
  TimePoint now_{}, heard_{}, pinged_{}, leave_at_{};
  double idle_frames_ = 0;  // how many more are let pass
  TimePoint refilled_{};
  size_t held_ = 0;   // of all calls, as of the last bytes that came, and these
  size_t later_ = 0;  // calls that are answered at the end of the loop's round
  bool more_ = false, completed_ = false, calm_ = false, retired_ = false, noticed_ = false, left_ = false;
};

Http2& self(void* user) {
  return *static_cast<Http2*>(user);
}
std::string_view text(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

Callbacks make_callbacks() {
  nghttp2_session_callbacks* made = nullptr;
  if (nghttp2_session_callbacks_new(&made) != 0) return nullptr;
  Callbacks out(made);
  nghttp2_session_callbacks_set_on_begin_frame_callback(
      made,
      [](nghttp2_session*, const nghttp2_frame_hd* head, void* user) { return self(user).on_frame_begun(*head); });
  nghttp2_session_callbacks_set_on_begin_headers_callback(
      made,
      [](nghttp2_session*, const nghttp2_frame* frame, void* user) { return self(user).on_headers_begun(*frame); });
  nghttp2_session_callbacks_set_on_header_callback(
      made, [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
               const uint8_t* value, size_t value_size, uint8_t,
               void* user) { return self(user).on_header(*frame, text(name, name_size), text(value, value_size)); });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      made, [](nghttp2_session*, uint8_t, int32_t id, const uint8_t* data, size_t size, void* user) {
        return self(user).on_data(id, text(data, size));
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      made, [](nghttp2_session*, const nghttp2_frame* frame, void* user) { return self(user).on_frame(*frame); });
  nghttp2_session_callbacks_set_on_frame_send_callback(
      made, [](nghttp2_session*, const nghttp2_frame* frame, void* user) { return self(user).on_frame_sent(*frame); });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      made, [](nghttp2_session*, int32_t id, uint32_t, void* user) { return self(user).on_closed(id); });
  nghttp2_session_callbacks_set_send_data_callback(
      made, [](nghttp2_session*, nghttp2_frame*, const uint8_t* head, size_t size, nghttp2_data_source* source,
               void* user) { return self(user).on_send(*static_cast<CallStream*>(source->ptr), head, size); });
  return out;
}

Http2::Http2(Shared& shared) : shared_(shared), idle_frames_(shared.options.idle_frames_max) {
  now_ = heard_ = pinged_ = refilled_ = shared.service.now();
  nghttp2_session* made = nullptr;
  if (shared.callbacks == nullptr || nghttp2_session_server_new(&made, shared.callbacks.get(), this) != 0) return;
  session_.reset(made);
  const std::array<nghttp2_settings_entry, 4> settings = {
      {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, shared.options.streams_max},
       {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
       {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(shared.options.call.header_bytes_max)},
       {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1}}};
  if (nghttp2_submit_settings(made, NGHTTP2_FLAG_NONE, settings.data(), settings.size()) != 0 ||
      nghttp2_session_set_local_window_size(made, NGHTTP2_FLAG_NONE, 0, kConnectionWindow) != 0)
    session_.reset();
}

Http2::~Http2() {
  session_.reset();
  for (auto& stream : open_) shared_.give_back(std::move(stream));
}

Progress Http2::on_input(std::string_view in, std::string& out) {
  if (session_ == nullptr) return {.consumed = in.size(), .next = Next::Close};
  now_ = shared_.service.now();
  completed_ = false;
  if (later_ > 0) take_up();
  if (!in.empty()) {
    heard_ = now_;
    held_ = held_bytes();
    const double since = std::chrono::duration<double>(now_ - std::exchange(refilled_, now_)).count();
    idle_frames_ =
        std::min(idle_frames_ + since * shared_.options.idle_frames_per_second, shared_.options.idle_frames_max);
    const ssize_t taken =
        nghttp2_session_mem_recv(session_.get(), reinterpret_cast<const uint8_t*>(in.data()), in.size());
    if (taken < 0) {
      const bool flooded = calm_ || taken == NGHTTP2_ERR_FLOODED || taken == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS;
      nghttp2_session_terminate_session(session_.get(), flooded ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
      (void)pump(out);
      return {.consumed = in.size(), .next = Next::Close, .completed = true};
    }
  }
  Progress progress = pump(out);
  progress.consumed = in.size();
  progress.completed = completed_;
  if (later_ > 0 && progress.next == Next::Read) progress.next = Next::Later;
  return progress;
}

// The round is over, and what its calls asked for is computed.
void Http2::take_up() {
  later_ = 0;
  for (const auto& stream : open_) {
    if (!stream->later()) continue;
    stream->look_for_news(parts());
    respond(*stream);
  }
}

// Writes what may be written now, up to the loop's limit.
Progress Http2::pump(std::string& out) {
  out_ = &out;
  more_ = false;
  bool broken = false;
  for (;;) {
    if (out.size() >= shared_.options.out_bytes_max) {
      more_ = nghttp2_session_want_write(session_.get()) != 0;
      break;
    }
    const uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_.get(), &bytes);
    broken = size < 0;
    if (size <= 0) {
      // on_send() may have found no more room.
      more_ = !broken && out.size() >= shared_.options.out_bytes_max;
      break;
    }
    out.append(text(bytes, static_cast<size_t>(size)));
  }
  out_ = nullptr;
  const bool over = nghttp2_session_want_read(session_.get()) == 0 && nghttp2_session_want_write(session_.get()) == 0;
  return {.consumed = 0, .next = broken || (over && !more_) ? Next::Close : Next::Read};
}

// Frames that bring a call further are free; others are paid for from a purse that fills with time and with calls.
int Http2::on_frame_begun(const nghttp2_frame_hd& head) {
  const bool useful = head.type == NGHTTP2_HEADERS || (head.type == NGHTTP2_DATA && head.length > 0);
  if (useful) return 0;
  idle_frames_ -= head.type == NGHTTP2_SETTINGS || head.type == NGHTTP2_RST_STREAM ? 8 : 1;
  calm_ = idle_frames_ < 0;
  return calm_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

int Http2::on_headers_begun(const nghttp2_frame& frame) {
  if (frame.hd.type != NGHTTP2_HEADERS || frame.headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  auto stream = shared_.take();
  stream->open(frame.hd.stream_id, shared_.service.arrived());
  nghttp2_session_set_stream_user_data(session_.get(), frame.hd.stream_id, stream.get());
  recent_ = open_.emplace_back(std::move(stream)).get();
  return 0;
}

int Http2::on_header(const nghttp2_frame& frame, std::string_view name, std::string_view value) {
  if (frame.hd.type != NGHTTP2_HEADERS || frame.headers.cat != NGHTTP2_HCAT_REQUEST) return 0;  // trailers say nothing
  if (CallStream* const stream = stream_of(frame.hd.stream_id)) stream->add_header(name, value, shared_.options.call);
  return 0;
}

int Http2::on_data(int32_t id, std::string_view bytes) {
  CallStream* const stream = stream_of(id);
  if (stream == nullptr) return 0;
  stream->add_data(bytes, shared_.parts());
  held_ += bytes.size();
  if (held_ > shared_.options.held_bytes_max && !stream->concluded()) {
    shared_.service.on_refused(GrpcCode::ResourceExhausted);
    stream->conclude({GrpcCode::ResourceExhausted, "this connection has too much under way: take the answers first"});
  }
  respond(*stream);
  return 0;
}

int Http2::on_frame(const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_PING && (frame.hd.flags & NGHTTP2_FLAG_ACK) != 0 && noticed_ &&
      std::ranges::equal(frame.ping.opaque_data, kHaveYouRead))
    leave_at_ = std::min(leave_at_, now_);
  if (frame.hd.type != NGHTTP2_HEADERS && frame.hd.type != NGHTTP2_DATA) return 0;
  CallStream* const stream = stream_of(frame.hd.stream_id);
  if (stream == nullptr) return 0;
  if (frame.hd.type == NGHTTP2_HEADERS && frame.headers.cat == NGHTTP2_HCAT_REQUEST) stream->begin(shared_.parts());
  if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) stream->end(parts());
  if (stream->later()) ++later_;
  respond(*stream);
  return 0;
}

// The answer's headers are submitted once; what follows is read from the stream when the client has room for it.
void Http2::respond(CallStream& stream) {
  if (!stream.submitted) {
    if (!stream.concluded() && stream.unsent().empty()) return;
    stream.submitted = true;
    stream.moved = now_;
    completed_ = true;
    idle_frames_ = std::min(idle_frames_ + shared_.options.idle_frames_per_call, shared_.options.idle_frames_max);
    if (!submit(stream))
      nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream.id(), NGHTTP2_INTERNAL_ERROR);
  } else if (stream.deferred && (stream.concluded() || !stream.unsent().empty())) {
    stream.deferred = false;
    nghttp2_session_resume_data(session_.get(), stream.id());
  }
}

bool Http2::submit(CallStream& stream) {
  HeaderFields headers{};
  size_t count = 0;
  if (stream.http_status() != 200) {
    headers[count++] = header(":status", stream.http_status() == 405 ? "405" : "415", kStatic);
    return nghttp2_submit_response(session_.get(), stream.id(), headers.data(), count, nullptr) == 0;
  }
  headers[count++] = header(":status", "200", kStatic);
  headers[count++] = header("content-type", "application/grpc", kStatic);
  if (stream.concluded() && stream.unsent().empty()) {  // the status comes at once, and nothing else
    const StatusHeaders status(stream.outcome());       // outlives the submission, which copies
    if (stream.outcome().code == GrpcCode::Unimplemented)
      headers[count++] = header("grpc-accept-encoding", kEncodingsTaken, kStatic);
    count = status.write(headers, count);
    return nghttp2_submit_response(session_.get(), stream.id(), headers.data(), count, nullptr) == 0;
  }
  nghttp2_data_provider from{};
  from.source.ptr = &stream;
  from.read_callback = [](nghttp2_session*, int32_t, uint8_t*, size_t most, uint32_t* flags,
                          nghttp2_data_source* source, void* user) {
    return self(user).on_read(*static_cast<CallStream*>(source->ptr), most, *flags);
  };
  return nghttp2_submit_response(session_.get(), stream.id(), headers.data(), count, &from) == 0;
}

// How many bytes the next frame has; on_send() writes them, so that an answer is copied once.
ssize_t Http2::on_read(CallStream& stream, size_t most, uint32_t& flags) {
  const size_t left = stream.unsent().size(), bytes = std::min(most, left);
  if (bytes == 0 && !stream.concluded()) {
    stream.deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  if (bytes == left && stream.concluded()) {
    flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    HeaderFields trailers{};
    const StatusHeaders status(stream.outcome());
    const size_t count = status.write(trailers, 0);
    if (nghttp2_submit_trailer(session_.get(), stream.id(), trailers.data(), count) != 0)
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  if (bytes > 0) flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  return static_cast<ssize_t>(bytes);
}

int Http2::on_send(CallStream& stream, const uint8_t* head, size_t bytes) {
  constexpr size_t kFrameHead = 9;
  if (out_->size() >= shared_.options.out_bytes_max) return NGHTTP2_ERR_WOULDBLOCK;
  out_->append(text(head, kFrameHead));
  out_->append(stream.unsent().substr(0, bytes));
  stream.sent(bytes);
  stream.moved = now_;
  return 0;
}

// A client that goes on sending after its answer is told that nobody listens.
int Http2::on_frame_sent(const nghttp2_frame& frame) {
  if (frame.hd.type != NGHTTP2_HEADERS || (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
  if (nghttp2_session_get_stream_remote_close(session_.get(), frame.hd.stream_id) == 0)
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, frame.hd.stream_id, NGHTTP2_NO_ERROR);
  return 0;
}

int Http2::on_closed(int32_t id) {
  const auto at = std::ranges::find(open_, id, [](const auto& stream) { return stream->id(); });
  if (at == open_.end()) return 0;
  if (recent_ == at->get()) recent_ = nullptr;
  shared_.give_back(std::move(*at));
  *at = std::move(open_.back());
  open_.pop_back();
  return 0;
}

Progress Http2::on_time(std::string& out) {
  if (session_ == nullptr) return {.consumed = 0, .next = Next::Close};
  now_ = shared_.service.now();
  end_late(now_);
  for (const auto& stream : open_) {
    if (!stream->waiting()) continue;
    stream->look_for_news(shared_.parts());
    respond(*stream);
  }
  if (!open_.empty() && idle() && now_ - std::max(heard_, pinged_) > kWatchedPing) {
    pinged_ = now_;
    nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr);
  }
  if (retired_ || shared_.draining.load(std::memory_order_relaxed)) leave(out);
  return pump(out);
}

void Http2::end_late(TimePoint now) {
  for (const auto& stream : open_) {
    if (stream->submitted && !stream->watching()) {
      if (now - stream->moved > shared_.options.call_time)
        nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream->id(), NGHTTP2_CANCEL);
      continue;
    }
    const bool slow = !stream->watching() && now - stream->began() > shared_.options.call_time;
    if (!slow && !stream->expired(now)) continue;
    if (!stream->served()) shared_.service.on_refused(GrpcCode::DeadlineExceeded);
    stream->conclude({GrpcCode::DeadlineExceeded,
                      stream->expired(now) ? "the deadline has passed" : "the call did not come to its end in time"});
    respond(*stream);
  }
}

// First a notice, so that calls on their way are not lost, and a ping behind it: what a client begins before it has
// read the notice comes before the ping's answer. Then which calls were taken, and the end once they are answered.
void Http2::leave(std::string& out) {
  if (!std::exchange(noticed_, true)) {
    leave_at_ = now_ + kNotice;
    nghttp2_submit_shutdown_notice(session_.get());
    (void)pump(out);  // else the ping, as more urgent, goes before
    nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, kHaveYouRead);
  } else if (!left_ && now_ >= leave_at_) {
    left_ = true;
    for (const auto& stream : open_) {
      if (!stream->watching()) continue;
      stream->conclude({GrpcCode::Unavailable, "this connection ends: watch on another"});
      respond(*stream);
    }
    nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_.get()),
                          NGHTTP2_NO_ERROR, nullptr, 0);
  }
}

void Http2::farewell(std::string& out) {
  if (session_ == nullptr) return;
  nghttp2_session_terminate_session(session_.get(), NGHTTP2_NO_ERROR);
  (void)pump(out);
}

class Http2Protocol final : public StreamProtocol {
 public:
  Http2Protocol(GrpcService& service, const Http2Options& options, const std::atomic<bool>& draining)
      : shared_{.service = service, .options = options, .draining = draining, .callbacks = make_callbacks()} {}
  std::unique_ptr<StreamHandler> open() override { return std::make_unique<Http2>(shared_); }

 private:
  Shared shared_;
};

}  // namespace

std::unique_ptr<StreamProtocol> make_http2(GrpcService& service, const Http2Options& options,
                                           const std::atomic<bool>& draining) {
  return std::make_unique<Http2Protocol>(service, options, draining);
}

}  // namespace clops::serving::grpc
