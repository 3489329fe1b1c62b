#include "base/http_server.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "base/http_server_beast.h"

namespace clops {
namespace {

// Handlers run here and not on the listener's thread, so that one which takes its time does not stop bytes from moving.
class Workers {
 public:
  Workers(int threads, size_t waiting_max, HttpHandler handler)
      : handler_(std::move(handler)), waiting_max_(waiting_max) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
  }
  bool post(ServerRequest request, std::shared_ptr<Responder> responder) {
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.size() >= waiting_max_) return false;
      waiting_.emplace_back(std::move(request), std::move(responder));
    }
    wake_.notify_one();
    return true;
  }

 private:
  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    // At the end the requests that still wait are dropped: their connections are gone.
    while (wake_.wait(lock, stop, [this] { return !waiting_.empty(); }) && !stop.stop_requested()) {
      auto [request, responder] = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      handler_(std::move(request), std::move(responder));
      responder.reset();
      lock.lock();
    }
  }
  const HttpHandler handler_;
  const size_t waiting_max_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<std::pair<ServerRequest, std::shared_ptr<Responder>>> waiting_;
  std::vector<std::jthread> threads_;  // last: they end before what they use
};

class Server final : public HttpServer {
 public:
  Server(const HttpServerOptions& options, HttpHandler handler)
      : workers_(options.threads, options.waiting_max, std::move(handler)) {}
  Status open(const HttpServerOptions& options) {
    CLOPS_ASSIGN(listener_,
                 beast::listen(options, [this](ServerRequest request, const std::shared_ptr<Responder>& responder) {
                   if (workers_.post(std::move(request), responder)) return;
                   responder->respond({.status = 503, .headers = {}, .body = "too many requests are waiting"});
                 }));
    return {};
  }
  [[nodiscard]] int port() const override { return listener_->port(); }

 private:
  Workers workers_;
  std::unique_ptr<beast::Listener> listener_;  // ends first: it then posts no more
};

}  // namespace

Result<std::unique_ptr<HttpServer>> make_http_server(const HttpServerOptions& options, HttpHandler handler) {
  if (options.threads < 1) return fail(Code::InvalidArgument, "a server needs at least one thread");
  if (options.tls_cert_pem.empty() != options.tls_key_pem.empty()) {
    return fail(Code::InvalidArgument, "a certificate and its key come together");
  }
  auto out = std::make_unique<Server>(options, std::move(handler));
  CLOPS_TRY(out->open(options));
  return out;
}

}  // namespace clops
