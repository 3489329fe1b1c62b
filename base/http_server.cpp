#include "base/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "base/http_server_cpprest.h"

namespace clops {
namespace {

constexpr size_t kWaitingRequestsMax = 1024;

class Stream final : public ResponseStream {
 public:
  explicit Stream(std::shared_ptr<cpprest::Body> body) : body_(std::move(body)) {}
  ~Stream() override { body_->close(); }
  bool write(std::string_view bytes) override { return body_->write(bytes); }
  void close() override { body_->close(); }

 private:
  std::shared_ptr<cpprest::Body> body_;
};

class OnceResponder final : public Responder {
 public:
  explicit OnceResponder(std::shared_ptr<cpprest::Reply> reply) : reply_(std::move(reply)) {}
  ~OnceResponder() override {
    if (!answered_.exchange(true))
      reply_->respond({.status = 500, .headers = {}, .body = "the request was not answered"});
  }
  void respond(HttpResponse response) override {
    if (!answered_.exchange(true)) reply_->respond(std::move(response));
  }
  std::shared_ptr<ResponseStream> start(int status, Headers headers) override {
    answered_ = true;
    return std::make_shared<Stream>(reply_->start(status, std::move(headers)));
  }

 private:
  std::shared_ptr<cpprest::Reply> reply_;
  std::atomic<bool> answered_ = false;
};

// Handlers run here and not on cpprestsdk's pool, so that one which takes its time does not stop bytes from moving.
class Workers {
 public:
  Workers(int threads, HttpHandler handler) : handler_(std::move(handler)) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
  }
  bool post(ServerRequest request, std::shared_ptr<Responder> responder) {
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.size() >= kWaitingRequestsMax) return false;
      waiting_.emplace_back(std::move(request), std::move(responder));
    }
    wake_.notify_one();
    return true;
  }

 private:
  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (wake_.wait(lock, stop, [this] { return !waiting_.empty(); })) {
      auto [request, responder] = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      handler_(std::move(request), std::move(responder));
      responder.reset();
      lock.lock();
    }
  }
  HttpHandler handler_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<std::pair<ServerRequest, std::shared_ptr<Responder>>> waiting_;
  std::vector<std::jthread> threads_;  // last: they end before what they use
};

// cpprestsdk cannot say which port the system chose, so it is chosen here and handed over.
Result<int> free_port(const std::string& address) {
  const bool v6 = address.find(':') != std::string::npos;
  sockaddr_storage storage{};
  socklen_t length = v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  storage.ss_family = v6 ? AF_INET6 : AF_INET;
  auto* in4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* in6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (inet_pton(storage.ss_family, address.c_str(),
                v6 ? static_cast<void*>(&in6->sin6_addr) : static_cast<void*>(&in4->sin_addr)) != 1) {
    return fail(Code::InvalidArgument, "'" + address + "' is no address to listen on");
  }
  const int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(Code::Unavailable, "no socket to be had");
  const bool ok = bind(fd, reinterpret_cast<sockaddr*>(&storage), length) == 0 &&
                  getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) == 0;
  const int port = ntohs(v6 ? in6->sin6_port : in4->sin_port);
  close(fd);
  if (!ok) return fail(Code::Unavailable, "cannot listen on " + address);
  return port;
}

class Server final : public HttpServer {
 public:
  Server(int threads, HttpHandler handler) : workers_(std::make_shared<Workers>(threads, std::move(handler))) {}
  Status open(const HttpServerOptions& options) {
    for (int attempt = 0;; ++attempt) {
      CLOPS_ASSIGN(const int free, free_port(options.address));
      port_ = options.port != 0 ? options.port : free;
      std::string error;
      listener_ = cpprest::listen(
          {.address = options.address,
           .port = port_,
           .tls_cert_pem = options.tls_cert_pem,
           .tls_key_pem = options.tls_key_pem,
           .body_bytes_max = options.body_bytes_max,
           .stream_buffer_bytes_max = options.stream_buffer_bytes_max,
           .on_request =
               [workers = workers_](HttpRequest request, std::string remote, std::shared_ptr<cpprest::Reply> reply) {
                 auto responder = std::make_shared<OnceResponder>(std::move(reply));
                 if (!workers->post({std::move(request), std::move(remote)}, responder)) {
                   responder->respond({.status = 503, .headers = {}, .body = "too many requests are waiting"});
                 }
               }},
          error);
      if (listener_) return {};
      if (options.port != 0 || attempt == 8) {
        return fail(Code::Unavailable,
                    "cannot listen on " + options.address + ":" + std::to_string(port_) + ": " + error);
      }
    }
  }
  [[nodiscard]] int port() const override { return port_; }

 private:
  std::shared_ptr<Workers> workers_;
  std::unique_ptr<cpprest::Listener> listener_;  // ends first: it then posts no more
  int port_ = 0;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> make_http_server(HttpServerOptions options, HttpHandler handler) {
  if (options.threads < 1) return fail(Code::InvalidArgument, "a server needs at least one thread");
  if (options.tls_cert_pem.empty() != options.tls_key_pem.empty()) {
    return fail(Code::InvalidArgument, "a certificate and its key come together");
  }
  auto out = std::make_unique<Server>(options.threads, std::move(handler));
  CLOPS_TRY(out->open(options));
  return out;
}

}  // namespace clops
