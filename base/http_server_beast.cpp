#include "base/http_server_beast.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>  // Asio 1.74 uses std::exchange without it

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "base/http_server_wire.h"

namespace clops::beast {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using SteadyTime = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;

constexpr milliseconds kForgetTime{5'000};  // for the rest of a body nobody wants, and for the client to hang up
constexpr milliseconds kEndTime{200};       // for answers under way when the server ends
constexpr milliseconds kAcceptPause{100};   // when no file descriptors are left
constexpr size_t kForgetBytes = 64u << 20;  // of such a body
constexpr size_t kReadBytes = 4u << 10, kReadBodyBytes = 64u << 10;
constexpr size_t kKeepCapacity = 64u << 10;  // a buffer that once was larger is given back
constexpr size_t kTrailerBytesMax = 16u << 10;

std::string_view std_view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

// The way from other threads to the listener's thread. It outlives the listener: then nothing passes.
class Gate {
 public:
  explicit Gate(asio::io_context& context) : context_(&context) {}
  template <class Call>
  bool post(Call call) {
    const std::lock_guard lock(mutex_);
    if (!context_) return false;
    asio::post(*context_, std::move(call));
    return true;
  }
  bool open() {
    const std::lock_guard lock(mutex_);
    return context_ != nullptr;
  }
  void close() {
    const std::lock_guard lock(mutex_);
    context_ = nullptr;
  }

 private:
  std::mutex mutex_;
  asio::io_context* context_;
};

class Connection;
void go_on(const std::weak_ptr<Connection>& to);

// The way for a stream's writer to its connection.
Wake wake_of(const std::shared_ptr<Gate>& gate, const std::weak_ptr<Connection>& to) {
  return {.open = [gate] { return gate->open(); }, .wake = [gate, to] { return gate->post([to] { go_on(to); }); }};
}

// The listener's side that its connections see; all of it on the listener's thread.
struct Hub {
  explicit Hub(const HttpServerOptions& what, HttpHandler on) : options(what), on_request(std::move(on)) {}
  virtual ~Hub() = default;
  virtual void left(const std::shared_ptr<Connection>& connection) = 0;
  virtual void one_is_idle() = 0;

  const HttpServerOptions options;
  const HttpHandler on_request;
  asio::io_context context{1};
  const asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  const std::shared_ptr<Gate> gate = std::make_shared<Gate>(context);
  std::optional<asio::ssl::context> tls;
  bool ending = false;
};

// One client. Reading a request → Handling (somewhere else) and answering → the next one, or Leaving.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Hub& hub, tcp::socket socket) : hub_(hub), socket_(std::move(socket)), timer_(hub.context) {
    error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    socket_.set_option(asio::socket_base::keep_alive(true), ignored);  // a silent stream's dead client is found out
    const auto set = [&](int option, int value) {
      ::setsockopt(socket_.native_handle(), IPPROTO_TCP, option, &value, sizeof value);
    };
    set(TCP_KEEPIDLE, 60), set(TCP_KEEPINTVL, 15), set(TCP_KEEPCNT, 4);
    const auto peer = socket_.remote_endpoint(ignored);
    if (!ignored) remote_ = peer.address().to_string();
    if (hub.tls) tls_.emplace(socket_, *hub.tls);
  }

  void begin() {
    if (!tls_) return next_request();
    arm(hub_.options.progress_max);
    tls_->async_handshake(asio::ssl::stream_base::server, [self = shared_from_this()](error_code failed) {
      if (self->closed_) return;
      failed ? self->close() : self->next_request();
    });
  }
  void respond(HttpResponse response);
  bool start(int status, const Headers& headers, const std::shared_ptr<Outbox>& box);
  void go_on() { box_ && box_->cut() ? close() : pump(); }
  void end();
  void close();
  [[nodiscard]] std::optional<SteadyTime> idle_since() const {
    return state_ == State::Reading && !started_ ? std::optional(idle_since_) : std::nullopt;
  }

 private:
  enum class State { Handshake, Reading, Handling, Leaving };

  void next_request();
  void parse();
  bool take_head();
  void deliver();
  void refuse(int status, std::string why);
  void read();
  void have_read(error_code failed, size_t bytes);
  std::string head(int status, const Headers& headers, std::string_view type, std::optional<size_t> length);
  void send(std::string bytes);
  void pump();
  void answer_sent();
  void forget();
  void arm(milliseconds time) {
    deadline_ = std::chrono::steady_clock::now() + time;
    if (!timing_ || timer_.expiry() > deadline_) wait();
  }
  void disarm() { deadline_ = SteadyTime::max(); }
  void wait();

  Hub& hub_;
  tcp::socket socket_;
  std::optional<asio::ssl::stream<tcp::socket&>> tls_;
  asio::steady_timer timer_;
  SteadyTime deadline_ = SteadyTime::max(), idle_since_;
  std::string remote_;
  boost::beast::flat_buffer in_;
  std::optional<http::request_parser<http::string_body>> parser_;
  ServerRequest request_;
  std::string out_, next_;  // being written from sent_ on; and what follows it
  std::shared_ptr<Outbox> box_;
  size_t sent_ = 0, body_moved_ = 0, forgotten_ = 0;
  State state_ = State::Handshake;
  bool timing_ = false, reading_ = false, writing_ = false, closed_ = false;
  bool started_ = false, head_taken_ = false;  // of the request being read
  bool keep_ = true, old_ = false, no_body_ = false, answered_ = false, out_of_box_ = false;
  bool gone_ = false;  // the client sends no more
};

void go_on(const std::weak_ptr<Connection>& to) {
  if (const auto connection = to.lock()) connection->go_on();
}

// Answers one request once, from whatever thread; dropped without, it says so to the client.
class Answer final : public Responder {
 public:
  Answer(std::shared_ptr<Gate> gate, std::weak_ptr<Connection> to, size_t stream_bytes_max, bool chunked)
      : gate_(std::move(gate)), to_(std::move(to)), stream_bytes_max_(stream_bytes_max), chunked_(chunked) {}
  ~Answer() override { Answer::respond({.status = 500, .headers = {}, .body = "the request was not answered"}); }

  void respond(HttpResponse response) override {
    if (answered_.exchange(true)) return;
    gate_->post([to = to_, response = std::move(response)]() mutable {
      if (const auto connection = to.lock()) connection->respond(std::move(response));
    });
  }
  std::shared_ptr<ResponseStream> start(int status, Headers headers) override {
    auto box = std::make_shared<Outbox>(wake_of(gate_, to_), stream_bytes_max_, chunked_);
    const bool first = !answered_.exchange(true);
    if (!first || !gate_->post([to = to_, box, status, headers = std::move(headers)] {
          const auto connection = to.lock();
          if (!connection || !connection->start(status, headers, box)) box->kill();
        })) {
      box->kill();
    }
    return std::make_shared<OutboxStream>(std::move(box));
  }

 private:
  const std::shared_ptr<Gate> gate_;
  const std::weak_ptr<Connection> to_;
  const size_t stream_bytes_max_;
  const bool chunked_;
  std::atomic<bool> answered_ = false;
};

void Connection::next_request() {
  state_ = State::Reading;
  started_ = head_taken_ = answered_ = no_body_ = old_ = false;
  parser_.emplace();
  parser_->header_limit(static_cast<uint32_t>(hub_.options.head_bytes_max));
  parser_->body_limit(hub_.options.body_bytes_max);
  if (in_.size() == 0) {
    idle_since_ = std::chrono::steady_clock::now();
    arm(hub_.options.idle_max);
    hub_.one_is_idle();
  }
  parse();
}

void Connection::parse() {
  while (in_.size() > 0) {
    if (!std::exchange(started_, true)) arm(hub_.options.progress_max);  // the whole head has this long
    error_code failed;
    in_.consume(parser_->put(in_.data(), failed));
    const bool more = failed == http::error::need_more;
    if (failed == http::error::body_limit) {
      return refuse(413, "the body is over the limit of " + std::to_string(hub_.options.body_bytes_max) + " bytes");
    }
    if (failed == http::error::header_limit) return refuse(431, "the headers are over the limit");
    if (failed && !more) return refuse(400, "this is no HTTP request: " + failed.message());
    if (parser_->is_header_done() && !std::exchange(head_taken_, true) && !take_head()) return;
    if (parser_->is_done()) return deliver();
    if (more) break;
  }
  if (head_taken_ && in_.size() > kTrailerBytesMax) return refuse(400, "a chunk's head or trailer has no end");
  if (gone_) return close();
  read();
}

// False when the request is refused on its head alone.
bool Connection::take_head() {
  const auto& message = parser_->get();
  keep_ = parser_->keep_alive();
  old_ = message.version() < 11;
  no_body_ = message.method() == http::verb::head;
  request_ = {.http = {.method = std::string(std_view(message.method_string())),
                       .url = std::string(std_view(message.target())),
                       .headers = {},
                       .body = {}},
              .remote = remote_};
  for (const auto& field : message) {  // now: what a body's trailer says is no header
    request_.http.headers.items.emplace_back(std_view(field.name_string()), std_view(field.value()));
  }
  if (message.count(http::field::transfer_encoding) > 0 && !parser_->chunked()) {
    return refuse(501, "the only transfer encoding understood is chunked"), false;
  }
  if (parser_->is_done()) return true;
  parser_->eager(true);
  body_moved_ = 0;
  arm(hub_.options.progress_max);
  const auto expects = message.find(http::field::expect);
  if (!old_ && in_.size() == 0 && expects != message.end() && boost::beast::iequals(expects->value(), "100-continue")) {
    send("HTTP/1.1 100 Continue\r\n\r\n");
  }
  return !closed_;
}

void Connection::deliver() {
  request_.http.body = std::move(parser_->get().body());
  parser_.reset();
  state_ = State::Handling;
  if (!writing_) disarm();  // the handler takes its time
  if (in_.size() == 0) in_.shrink_to_fit();
  auto answer = std::make_shared<Answer>(hub_.gate, weak_from_this(), hub_.options.stream_buffer_bytes_max, !old_);
  hub_.on_request(std::exchange(request_, {}), std::move(answer));
  if (in_.size() == 0 && !gone_) read();  // so that a client which leaves is seen
}

void Connection::refuse(int status, std::string why) {
  parser_.reset();
  state_ = State::Handling;
  keep_ = no_body_ = old_ = false;
  respond({.status = status, .headers = {}, .body = std::move(why)});
}

void Connection::read() {
  if (reading_ || closed_) return;
  reading_ = true;
  const auto space = in_.prepare(head_taken_ && state_ == State::Reading ? kReadBodyBytes : kReadBytes);
  auto done = [self = shared_from_this()](error_code failed, size_t bytes) {
    self->reading_ = false;
    if (!self->closed_) self->have_read(failed, bytes);
  };
  tls_ ? tls_->async_read_some(space, std::move(done)) : socket_.async_read_some(space, std::move(done));
}

void Connection::have_read(error_code failed, size_t bytes) {
  if (failed) {
    gone_ = true;
    // A client that only ended its own side still gets its answer; of a stream it will not tell when it leaves.
    const bool waits = failed == asio::error::eof && state_ == State::Handling && !box_;
    return waits ? void() : close();
  }
  if (state_ == State::Leaving) return forget();
  in_.commit(bytes);
  if (state_ != State::Reading) return;  // the next request waits its turn
  body_moved_ += bytes;
  if (head_taken_ && body_moved_ >= kReadBodyBytes) {  // not for every byte: a body has no end of time to come
    body_moved_ = 0;
    arm(hub_.options.progress_max);
  }
  parse();
}

std::string Connection::head(int status, const Headers& headers, std::string_view type, std::optional<size_t> length) {
  Framing framing{.length = length, .old = old_, .keep = keep_ && !hub_.ending};
  const auto reason = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status)));
  std::string out = response_head(status, std_view(reason), headers, type, framing);
  keep_ = framing.keep;
  no_body_ = no_body_ || framing.bodiless;
  return out;
}

void Connection::respond(HttpResponse response) {
  if (closed_ || state_ != State::Handling || answered_ || box_) return;
  std::string first = head(response.status, response.headers, "text/plain", response.body.size());
  const bool small = response.body.size() <= kReadBytes;
  if (small && !no_body_) first.append(response.body);
  if (!small && !no_body_) {
    send(std::move(first));
    first = std::move(response.body);  // not copied
  }
  answered_ = true;
  send(std::move(first));
}

bool Connection::start(int status, const Headers& headers, const std::shared_ptr<Outbox>& box) {
  if (closed_ || state_ != State::Handling || answered_ || box_) return false;
  std::string first = head(status, headers, "application/octet-stream", std::nullopt);
  if (gone_ || no_body_) {
    answered_ = true;
    send(std::move(first));
    return false;
  }
  box_ = box;
  send(std::move(first));
  return true;
}

void Connection::send(std::string bytes) {
  if (next_.empty()) {
    next_ = std::move(bytes);
  } else {
    next_.append(bytes);
  }
  pump();
}

// Goes on with what there is to write.
void Connection::pump() {
  if (writing_ || closed_) return;
  if (sent_ == out_.size()) {
    sent_ = 0;
    out_of_box_ = false;
    out_.clear();
    if (out_.capacity() > kKeepCapacity) out_ = {};
    out_.swap(next_);
    if (out_.empty() && box_) {
      const auto taken = box_->take(out_);
      out_of_box_ = taken == Outbox::Taken::Bytes;
      if (taken == Outbox::Taken::End) {
        box_.reset();
        answered_ = true;
      }
    }
  }
  if (out_.empty()) {
    if (answered_) return answer_sent();
    if (state_ == State::Handling) disarm();
    return;
  }
  writing_ = true;
  arm(hub_.options.progress_max);
  auto done = [self = shared_from_this()](error_code failed, size_t bytes) {
    self->writing_ = false;
    if (failed || self->closed_) return self->close();
    self->sent_ += bytes;
    if (self->out_of_box_ && self->box_) self->box_->sent(bytes);
    self->pump();
  };
  const auto rest = asio::buffer(out_) + sent_;
  tls_ ? tls_->async_write_some(rest, std::move(done)) : socket_.async_write_some(rest, std::move(done));
}

void Connection::answer_sent() {
  if (state_ != State::Handling) return;
  if (hub_.ending) return close();
  if (keep_) return next_request();
  // Closing with bytes unread would have the kernel take the answer back: what still comes is read and forgotten.
  state_ = State::Leaving;
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  arm(kForgetTime);
  in_.consume(in_.size());
  if (gone_) return close();
  forget();
}

void Connection::forget() {
  if (reading_ || closed_) return;
  reading_ = true;
  socket_.async_read_some(in_.prepare(kReadBodyBytes),
                          [self = shared_from_this()](error_code failed, size_t bytes) {  // of TLS too: as it comes
                            self->reading_ = false;
                            self->forgotten_ += bytes;
                            failed || self->forgotten_ > kForgetBytes ? self->close() : self->forget();
                          });
}

void Connection::wait() {
  timing_ = true;
  timer_.expires_at(deadline_);
  timer_.async_wait([self = shared_from_this()](error_code failed) {
    if (failed || self->closed_) return;
    self->timing_ = false;
    if (self->deadline_ == SteadyTime::max()) return;
    std::chrono::steady_clock::now() < self->deadline_ ? self->wait() : self->close();
  });
}

// The server ends: what is being written may go out, within kEndTime.
void Connection::end() {
  if (box_) {
    box_->close();
    pump();
  } else if (!answered_ || state_ != State::Handling) {
    close();
  }
}

void Connection::close() {
  if (std::exchange(closed_, true)) return;
  const auto self = shared_from_this();
  timer_.cancel();
  error_code ignored;
  socket_.close(ignored);
  if (box_) box_->kill();
  box_.reset();
  hub_.left(self);
}

class BeastListener final : public Listener, public Hub {
 public:
  using Hub::Hub;
  ~BeastListener() override {
    gate->close();
    if (!thread_.joinable()) return;
    asio::post(context, [this] { end(); });
    thread_.join();
    clients_.clear();  // what the context still holds goes with it, on this thread
  }
  [[nodiscard]] int port() const override { return port_; }

  Status open() {
    CLOPS_TRY(load_certificate());
    error_code failed;
    const auto address = asio::ip::make_address(options.address, failed);
    if (failed) return fail(Code::InvalidArgument, "'" + options.address + "' is no address to listen on");
    const tcp::endpoint at(address, static_cast<unsigned short>(options.port));
    // Asio's own sockets would be inherited by the programs that this one starts.
    const int fd = ::socket(at.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return fail(Code::Unavailable, "no socket to be had");
    protocol_ = at.protocol();
    acceptor_.assign(protocol_, fd, failed);
    if (!failed) acceptor_.set_option(tcp::acceptor::reuse_address(true), failed);
    if (!failed) acceptor_.bind(at, failed);
    if (!failed) acceptor_.listen(asio::socket_base::max_listen_connections, failed);
    if (!failed) port_ = acceptor_.local_endpoint(failed).port();
    if (failed) {
      return fail(Code::Unavailable,
                  "cannot listen on " + options.address + ":" + std::to_string(options.port) + ": " + failed.message());
    }
    await_client();
    thread_ = std::thread([this] { run(); });
    return {};
  }

  void left(const std::shared_ptr<Connection>& connection) override {
    clients_.erase(connection);
    if (!ending) return await_client();
    if (clients_.empty()) context.stop();
  }
  void one_is_idle() override {
    if (full_) await_client();
  }

 private:
  void run() {
    for (;;) {
      try {
        context.run();
        return;
      } catch (const std::exception&) {  // no memory for one client: the others go on
      }
    }
  }

  Status load_certificate() {
    if (options.tls_cert_pem.empty()) return {};
    using Tls = asio::ssl::context;
    try {
      tls.emplace(Tls::tls_server);
      tls->set_options(Tls::default_workarounds | Tls::no_sslv2 | Tls::no_sslv3 | Tls::no_tlsv1 | Tls::no_tlsv1_1);
      tls->use_certificate_chain(asio::buffer(options.tls_cert_pem));
      tls->use_private_key(asio::buffer(options.tls_key_pem), Tls::pem);
      return {};
    } catch (const std::exception& e) {
      return fail(Code::Unavailable, std::string("the certificate or its key cannot be used: ") + e.what());
    }
  }

  void await_client() {
    if (ending || std::exchange(awaiting_, true)) return;
    full_ = false;
    acceptor_.async_wait(tcp::acceptor::wait_read, [this](error_code failed) {
      awaiting_ = false;
      if (!failed && !ending) take_client();
    });
  }

  void take_client() {
    if (clients_.size() >= options.connections_max) {
      full_ = true;
      if (const auto longest = longest_idle()) longest->close();  // goes on from left()
      return;
    }
    const int fd = ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
      if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) return await_client();
      pause_.expires_after(kAcceptPause);
      return pause_.async_wait([this](error_code failed) {
        if (!failed) await_client();
      });
    }
    tcp::socket socket(context);
    error_code failed;
    socket.assign(protocol_, fd, failed);
    if (failed) ::close(fd);
    await_client();
    if (failed) return;
    const auto client = std::make_shared<Connection>(*this, std::move(socket));
    clients_.insert(client);
    client->begin();
  }

  std::shared_ptr<Connection> longest_idle() const {
    std::shared_ptr<Connection> longest;
    for (const auto& client : clients_) {
      const auto since = client->idle_since();
      if (since && (!longest || *since < *longest->idle_since())) longest = client;
    }
    return longest;
  }

  void end() {
    ending = true;
    error_code ignored;
    acceptor_.close(ignored);
    pause_.expires_after(kEndTime);
    pause_.async_wait([this](error_code failed) {
      if (!failed) context.stop();
    });
    for (const auto& client : std::set(clients_)) client->end();
    if (clients_.empty()) context.stop();
  }

  tcp::acceptor acceptor_{context};
  asio::steady_timer pause_{context};
  std::set<std::shared_ptr<Connection>> clients_;
  std::thread thread_;
  tcp protocol_ = tcp::v4();
  int port_ = 0;
  bool awaiting_ = false, full_ = false;
};

}  // namespace

Result<std::unique_ptr<Listener>> listen(const HttpServerOptions& options, HttpHandler on_request) {
  auto out = std::make_unique<BeastListener>(options, std::move(on_request));
  CLOPS_TRY(out->open());
  return out;
}

}  // namespace clops::beast
