#include "base/http_server_cpprest.h"

#include <cpprest/http_listener.h>
#include <cpprest/producerconsumerstream.h>
#include <pplx/threadpool.h>
#include <boost/asio/ssl.hpp>

#include <mutex>
#include <set>
#include <vector>

namespace clops::cpprest {
namespace {

namespace listener = web::http::experimental::listener;
using Buffer = concurrency::streams::producer_consumer_buffer<uint8_t>;

// The library's pool is one per process and defaults to 40 threads; it only moves bytes here.
void limit_library_threads() {
  static std::once_flag once;
  std::call_once(once, [] {
    try {
      crossplat::threadpool::initialize_with_threads(2);
    } catch (const std::exception&) {  // someone started it before us: it then has its own size
    }
  });
}

class StreamBody final : public Body {
 public:
  explicit StreamBody(size_t bytes_max) : bytes_max_(bytes_max) {}
  ~StreamBody() override { StreamBody::close(); }

  bool write(std::string_view bytes) override {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    if (bytes.empty()) return true;
    if (buffer_.in_avail() + bytes.size() > bytes_max_) return shut(), false;  // too slow to follow
    if (!buffer_.can_write()) return shut(), false;
    ignore(buffer_.putn_nocopy(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
    ignore(buffer_.sync());  // else bytes wait until a whole block is there
    return true;
  }
  void close() override {
    const std::lock_guard lock(mutex_);
    shut();
  }
  concurrency::streams::istream reader() { return buffer_.create_istream(); }

 private:
  void shut() {
    if (closed_) return;
    closed_ = true;
    ignore(buffer_.close(std::ios_base::out));
  }
  // The buffer has acted when its call returns; only its tasks' ends come later. They must not be waited for: this may
  // be one of the library's few threads, and the task be queued behind it.
  template <class T>
  static void ignore(pplx::task<T> task) {
    task.then([](pplx::task<T> done) {
      try {
        done.get();
      } catch (const std::exception&) {  // closed from the other end already
      }
    });
  }
  std::mutex mutex_;
  Buffer buffer_;
  const size_t bytes_max_;
  bool closed_ = false;
};

// Streams under way: the listener cannot end while one of them may still bring bytes.
struct Streams {
  std::mutex mutex;
  std::vector<std::weak_ptr<StreamBody>> open;
  bool ended = false;

  bool add(const std::shared_ptr<StreamBody>& body) {
    const std::lock_guard lock(mutex);
    if (ended) return false;
    std::erase_if(open, [](const auto& weak) { return weak.expired(); });
    open.push_back(body);
    return true;
  }
  void end() {
    std::vector<std::weak_ptr<StreamBody>> all;
    {
      const std::lock_guard lock(mutex);
      ended = true;
      all.swap(open);
    }
    for (const auto& weak : all) {
      if (const auto body = weak.lock()) body->close();
    }
  }
};

class RequestReply final : public Reply {
 public:
  RequestReply(web::http::http_request request, std::shared_ptr<Streams> streams, size_t stream_bytes_max)
      : request_(std::move(request)), streams_(std::move(streams)), stream_bytes_max_(stream_bytes_max) {}

  void respond(HttpResponse response) override {
    try {
      web::http::http_response out(static_cast<web::http::status_code>(response.status));
      const auto type = response.headers.get("content-type");
      out.set_body(std::move(response.body), type ? std::string(*type) : "text/plain");
      copy(response.headers, out.headers());
      ignore_failure(request_.reply(out), nullptr);
    } catch (const std::exception&) {  // the connection has gone
    }
  }

  std::shared_ptr<Body> start(int status, Headers headers) override {
    auto body = std::make_shared<StreamBody>(stream_bytes_max_);
    try {
      web::http::http_response out(static_cast<web::http::status_code>(status));
      const auto type = headers.get("content-type");
      out.set_body(body->reader(), type ? std::string(*type) : "application/octet-stream");
      copy(headers, out.headers());
      if (!streams_->add(body)) body->close();
      ignore_failure(request_.reply(out), body);
    } catch (const std::exception&) {
      body->close();
    }
    return body;
  }

 private:
  static void copy(const Headers& from, web::http::http_headers& to) {
    for (const auto& [name, value] : from.items) {
      to.remove(name);
      to.add(name, value);
    }
  }
  // The task ends when the answer has been sent, or cannot be: a stream then has nobody to write to.
  static void ignore_failure(const pplx::task<void>& sent, const std::shared_ptr<StreamBody>& body) {
    sent.then([weak = std::weak_ptr(body)](const pplx::task<void>& done) {
      try {
        done.get();
      } catch (const std::exception&) {  // the client left: nothing to tell anyone but the stream
      }
      if (const auto stream = weak.lock()) stream->close();
    });
  }
  web::http::http_request request_;
  std::shared_ptr<Streams> streams_;
  const size_t stream_bytes_max_;
};

class CpprestListener final : public Listener {
 public:
  explicit CpprestListener(Options options) : options_(std::move(options)), streams_(std::make_shared<Streams>()) {}
  ~CpprestListener() override {
    streams_->end();
    if (!open_) return;
    try {
      listener_.close().wait();
    } catch (const std::exception&) {  // it is being destroyed: there is nobody left to tell
    }
  }

  bool open(std::string& error) {
    limit_library_threads();
    try {
      listener::http_listener_config config;
      const bool tls = !options_.tls_cert_pem.empty();
      if (tls) {
        boost::asio::ssl::context probe(boost::asio::ssl::context::tls_server);
        load(probe);  // the callback's own failure would only be seen by clients
        config.set_ssl_context_callback([this](boost::asio::ssl::context& context) { load(context); });
      }
      const bool v6 = options_.address.find(':') != std::string::npos;
      const std::string host = v6 ? "[" + options_.address + "]" : options_.address;
      listener_ =
          listener::http_listener((tls ? "https://" : "http://") + host + ":" + std::to_string(options_.port), config);
      listener_.support([this](web::http::http_request request) { take(std::move(request)); });
      listener_.open().wait();
      open_ = true;
      return true;
    } catch (const std::exception& e) {
      error = e.what();
      return false;
    }
  }

 private:
  void load(boost::asio::ssl::context& context) const {
    context.set_options(boost::asio::ssl::context::default_workarounds | boost::asio::ssl::context::no_sslv2 |
                        boost::asio::ssl::context::no_sslv3 | boost::asio::ssl::context::no_tlsv1 |
                        boost::asio::ssl::context::no_tlsv1_1);
    context.use_certificate_chain(boost::asio::buffer(options_.tls_cert_pem));
    context.use_private_key(boost::asio::buffer(options_.tls_key_pem), boost::asio::ssl::context::pem);
  }

  void take(web::http::http_request request) {
    auto reply = std::make_shared<RequestReply>(request, streams_, options_.stream_buffer_bytes_max);
    try {
      if (request.headers().has("Transfer-Encoding")) {
        const auto body = std::make_shared<Collected>(Collected{request, reply, {}, std::vector<uint8_t>(64 << 10)});
        return collect(body);
      }
      size_t length = 0;
      if (request.headers().match("Content-Length", length); length > options_.body_bytes_max)
        return refuse(request, reply, 413, over_the_limit());
      request.extract_vector().then([this, request, reply](const pplx::task<std::vector<unsigned char>>& body) {
        try {
          const auto bytes = body.get();
          deliver(request, std::string(bytes.begin(), bytes.end()), reply);
        } catch (const std::exception&) {  // the client left while sending
        }
      });
    } catch (const std::exception& e) {
      reply->respond({.status = 400, .headers = {}, .body = e.what()});
    }
  }

  std::string over_the_limit() const {
    return "the body is over the limit of " + std::to_string(options_.body_bytes_max) + " bytes";
  }

  // A body that comes in chunks is taken piece by piece, as its length is only known at its end.
  struct Collected {
    web::http::http_request request;
    std::shared_ptr<RequestReply> reply;
    std::string bytes;
    std::vector<uint8_t> piece;
  };
  void collect(const std::shared_ptr<Collected>& body) {
    auto stream = body->request.body().streambuf();
    stream.getn(body->piece.data(), body->piece.size()).then([this, body](const pplx::task<size_t>& read) {
      try {
        const size_t size = read.get();
        if (size == 0) return deliver(body->request, std::move(body->bytes), body->reply);
        body->bytes.append(reinterpret_cast<const char*>(body->piece.data()), size);
        if (body->bytes.size() > options_.body_bytes_max)
          return refuse(body->request, body->reply, 413, over_the_limit());
        collect(body);
      } catch (const std::exception&) {  // the client left while sending
      }
    });
  }

  // The library sends an answer only once the body has come, and cannot hang up before: so it is read and forgotten.
  static void refuse(const web::http::http_request& request, const std::shared_ptr<RequestReply>& reply, int status,
                     std::string why) {
    HttpResponse response{.status = status, .headers = {}, .body = std::move(why)};
    response.headers.set("Connection", "close");
    reply->respond(std::move(response));
    forget(request.body().streambuf(), std::make_shared<std::vector<uint8_t>>(64 << 10));
  }
  static void forget(concurrency::streams::streambuf<uint8_t> body, const std::shared_ptr<std::vector<uint8_t>>& into) {
    body.getn(into->data(), into->size()).then([body, into](const pplx::task<size_t>& read) {
      try {
        if (read.get() > 0) forget(body, into);
      } catch (const std::exception&) {  // the client left
      }
    });
  }

  void deliver(const web::http::http_request& request, std::string body, std::shared_ptr<Reply> reply) {
    HttpRequest out;
    out.method = request.method();
    out.url = request.request_uri().to_string();
    for (const auto& [name, value] : request.headers()) out.headers.items.emplace_back(name, value);
    out.body = std::move(body);
    options_.on_request(std::move(out), request.remote_address(), std::move(reply));
  }

  Options options_;
  std::shared_ptr<Streams> streams_;
  listener::http_listener listener_;
  bool open_ = false;
};

}  // namespace

std::unique_ptr<Listener> listen(Options options, std::string& error) {
  auto out = std::make_unique<CpprestListener>(std::move(options));
  if (!out->open(error)) return nullptr;
  return out;
}

}  // namespace clops::cpprest
