#include "base/http_client.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "base/curl_library.h"

namespace clops {
namespace {

using Steady = std::chrono::steady_clock;
constexpr size_t kTransfersMax = 4'096;  // running and waiting for a connection
constexpr unsigned kUserTimeoutMs =
    20'000;  // unacknowledged bytes for this long end the connection (7.88 has no HTTP/2 ping)

struct Transfer {
  HttpRequest request;
  HttpLimits limits;
  StreamSink* sink = nullptr;
  bool streaming = false;
  std::mutex calling;  // held while the sink is called
  std::atomic<bool> cancelled{false};

  // The I/O thread's own from here on.
  const CurlLibrary* curl = nullptr;  // before any of these
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  curl_slist* connect_to = nullptr;
  Headers head;
  int status = 0;
  bool head_done = false, stopped = false;
  std::optional<Error> broken;  // why we ended it ourselves
  Steady::time_point deadline = Steady::time_point::max();
  char error[CURL_ERROR_SIZE] = {};

  ~Transfer() {
    if (curl == nullptr) return;
    if (easy) curl->easy_cleanup(easy);
    curl->slist_free_all(headers);
    curl->slist_free_all(connect_to);
  }
};
using TransferPtr = std::shared_ptr<Transfer>;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == '\r' || text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return text;
}

// Whether the transfer goes on. The sink is never called once its stream has been destroyed.
template <class Call>
bool call_sink(Transfer& transfer, Call call) {
  const std::lock_guard lock(transfer.calling);
  return !transfer.cancelled.load() && call(*transfer.sink);
}

size_t on_header(char* bytes, size_t size, size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view line = trimmed({bytes, size * count});
  if (transfer.head_done) return size * count;  // trailers
  if (line.starts_with("HTTP/")) {
    transfer.head.items.clear();
    return size * count;
  }
  if (!line.empty()) {
    const size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
      transfer.head.items.emplace_back(std::string(line.substr(0, colon)),
                                       std::string(trimmed(line.substr(colon + 1))));
    }
    return size * count;
  }
  long status = 0;
  transfer.curl->easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
  if (status < 200) return size * count;  // 100 Continue and its like: the answer is still to come
  transfer.head_done = true;
  transfer.status = static_cast<int>(status);
  if (transfer.streaming) {
    transfer.deadline =
        transfer.limits.idle.count() > 0 ? Steady::now() + transfer.limits.idle : Steady::time_point::max();
  }
  if (call_sink(transfer, [&](StreamSink& sink) { return sink.on_head(transfer.status, transfer.head); }))
    return size * count;
  transfer.stopped = true;
  return 0;
}

size_t on_body(char* bytes, size_t size, size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (transfer.streaming && transfer.limits.idle.count() > 0) transfer.deadline = Steady::now() + transfer.limits.idle;
  if (call_sink(transfer, [&](StreamSink& sink) { return sink.on_data({bytes, size * count}); })) return size * count;
  transfer.stopped = true;
  return 0;
}

int on_socket(void*, curl_socket_t socket, curlsocktype) {
  setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUserTimeoutMs, sizeof kUserTimeoutMs);
  return CURL_SOCKOPT_OK;
}

curl_blob blob(const std::string& text) {
  return {const_cast<char*>(text.data()), text.size(), CURL_BLOB_COPY};
}

struct UrlParts {
  std::string scheme, host, port;
};
std::optional<UrlParts> split_url(const CurlLibrary& curl, const std::string& url) {
  const std::unique_ptr<CURLU, decltype(curl.url_cleanup)> parsed(curl.url(), curl.url_cleanup);
  if (curl.url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return std::nullopt;
  const auto part = [&](CURLUPart which, unsigned flags = 0) {
    char* text = nullptr;
    if (curl.url_get(parsed.get(), which, &text, flags) != CURLUE_OK) return std::string();
    std::string out(text);
    curl.free(text);
    return out;
  };
  return UrlParts{part(CURLUPART_SCHEME), part(CURLUPART_HOST), part(CURLUPART_PORT, CURLU_DEFAULT_PORT)};
}

// Collects a whole answer for send().
class Collector final : public StreamSink {
 public:
  explicit Collector(size_t bytes_max) : bytes_max_(bytes_max) {}
  bool on_head(int status, const Headers& headers) override {
    response_.status = status;
    response_.headers = headers;
    return true;
  }
  bool on_data(std::string_view bytes) override {
    if (response_.body.size() + bytes.size() > bytes_max_) {
      too_large_ = true;
      return false;
    }
    response_.body.append(bytes);
    return true;
  }
  void on_end(Status status) override {
    const std::lock_guard lock(mutex_);
    ended_ = std::move(status);
    wake_.notify_all();
  }
  Result<HttpResponse> wait() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [&] { return ended_.has_value(); });
    if (too_large_)
      return fail(Code::TooLarge, "the answer is over the limit of " + std::to_string(bytes_max_) + " bytes");
    if (!*ended_) return std::unexpected(ended_->error());
    return std::move(response_);
  }

 private:
  const size_t bytes_max_;
  HttpResponse response_;
  bool too_large_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<Status> ended_;
};

// The multi handle and its one thread. Everybody else only hands in commands.
class Loop {
 public:
  Loop(const CurlLibrary& curl, CurlOptions options)
      : curl_(curl), options_(std::move(options)), multi_(curl.multi_init()) {
    curl_.multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, static_cast<long>(options_.connections_max));
    curl_.multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(options_.connections_max));
    thread_ = std::thread([this] { run(); });
  }
  ~Loop() {
    close();
    curl_.multi_cleanup(multi_);
  }
  void close() {  // ends every transfer; called by the client, as streams may live longer
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(closing_, true)) return;
      curl_.multi_wakeup(multi_);
    }
    thread_.join();
  }
  void start(const TransferPtr& transfer) {
    {
      const std::lock_guard lock(mutex_);
      if (!closing_ && count_ < kTransfersMax) {
        ++count_;
        incoming_.push_back(transfer);
        curl_.multi_wakeup(multi_);
        return;
      }
    }
    call_sink(*transfer, [&](StreamSink& sink) {
      sink.on_end(fail(Code::Unavailable, "the HTTP client is closing or has too many requests waiting"));
      return true;
    });
  }
  void cancel(const TransferPtr& transfer) {
    transfer->cancelled.store(true);
    if (std::this_thread::get_id() != thread_.get_id()) {
      const std::lock_guard wait_for_a_running_call(transfer->calling);
    }
    const std::lock_guard lock(mutex_);
    wanted_gone_ = true;
    if (!closing_) curl_.multi_wakeup(multi_);
  }

 private:
  void run() {
    for (;;) {
      std::vector<TransferPtr> fresh;
      bool sweep = false;
      {
        const std::lock_guard lock(mutex_);
        if (closing_) break;
        fresh.swap(incoming_);
        sweep = std::exchange(wanted_gone_, false);
      }
      for (const TransferPtr& transfer : fresh) admit(transfer);
      if (sweep) drop_cancelled();
      int running = 0;
      curl_.multi_perform(multi_, &running);
      collect();
      curl_.multi_poll(multi_, nullptr, 0, expire(), nullptr);
    }
    std::vector<TransferPtr> left = active_;
    {
      const std::lock_guard lock(mutex_);
      left.insert(left.end(), incoming_.begin(), incoming_.end());
      incoming_.clear();
    }
    for (const TransferPtr& transfer : left) finish(transfer, fail(Code::Unavailable, "the HTTP client is closing"));
  }

  void admit(const TransferPtr& transfer) {
    if (transfer->cancelled.load()) return finish(transfer, {});
    active_.push_back(transfer);
    if (Status ready = prepare(*transfer); !ready) return finish(transfer, std::move(ready));
    curl_.multi_add_handle(multi_, transfer->easy);
  }

  void drop_cancelled() {
    const std::vector<TransferPtr> all = active_;
    for (const TransferPtr& transfer : all) {
      if (transfer->cancelled.load()) finish(transfer, {});
    }
  }

  void collect() {
    int left = 0;
    while (const CURLMsg* message = curl_.multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      const auto it =
          std::ranges::find_if(active_, [&](const TransferPtr& t) { return t->easy == message->easy_handle; });
      if (it == active_.end()) continue;
      const TransferPtr transfer = *it;
      finish(transfer, outcome(*transfer, code));
    }
  }

  // Ends what is overdue; how long the poll may then wait, in milliseconds.
  int expire() {
    const auto now = Steady::now();
    auto next = now + std::chrono::seconds(30);
    const std::vector<TransferPtr> all = active_;
    for (const TransferPtr& transfer : all) {
      if (transfer->deadline > now) {
        next = std::min(next, transfer->deadline);
        continue;
      }
      const bool idle = transfer->streaming && transfer->head_done;
      finish(transfer, fail(Code::DeadlineExceeded,
                            idle ? "no data for " + std::to_string(transfer->limits.idle.count()) + " ms"
                                 : "no answer within " + std::to_string(transfer->limits.total.count()) + " ms"));
    }
    return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(next - now).count());
  }

  Status outcome(const Transfer& transfer, CURLcode code) const {
    if (code == CURLE_OK || transfer.stopped) return {};
    const std::string why = transfer.error[0] != '\0' ? transfer.error : curl_.easy_strerror(code);
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) return fail(Code::InvalidArgument, why);
    return fail(Code::Unavailable, why);
  }

  void finish(const TransferPtr& transfer, Status status) {
    if (const auto it = std::ranges::find(active_, transfer); it != active_.end()) active_.erase(it);
    if (transfer->easy) {
      curl_.multi_remove_handle(multi_, transfer->easy);
      curl_.easy_cleanup(std::exchange(transfer->easy, nullptr));
    }
    {
      const std::lock_guard lock(mutex_);
      --count_;
    }
    call_sink(*transfer, [&](StreamSink& sink) {
      sink.on_end(std::move(status));
      return true;
    });
  }

  Status prepare(Transfer& transfer) const {
    const HttpRequest& request = transfer.request;
    const auto parts = split_url(curl_, request.url);
    if (!parts) return fail(Code::InvalidArgument, "not a URL: " + request.url.substr(0, 200));
    transfer.curl = &curl_;
    transfer.easy = curl_.easy_init();
    if (!transfer.easy) return fail(Code::Internal, "no memory for a transfer");
    CURL* easy = transfer.easy;
    curl_.easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_.easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_.easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.error);
    curl_.easy_setopt(easy, CURLOPT_USERAGENT, options_.user_agent.c_str());
    curl_.easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    curl_.easy_setopt(easy, CURLOPT_PIPEWAIT, parts->scheme == "https" ? 1L : 0L);
    curl_.easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(transfer.limits.connect.count()));
    curl_.easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_.easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 15L);
    curl_.easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 5L);
    curl_.easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
    curl_.easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (options_.proxy == "-") curl_.easy_setopt(easy, CURLOPT_PROXY, "");
    if (!options_.proxy.empty() && options_.proxy != "-")
      curl_.easy_setopt(easy, CURLOPT_PROXY, options_.proxy.c_str());
    curl_.easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_.easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
    curl_.easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_.easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
    if (transfer.limits.total.count() > 0) transfer.deadline = Steady::now() + transfer.limits.total;
    prepare_tls(transfer, *parts);
    prepare_message(transfer, *parts);
    return {};
  }

  void prepare_tls(Transfer& transfer, const UrlParts& parts) const {
    const TlsClientOptions& tls = options_.tls;
    CURL* easy = transfer.easy;
    std::string url = transfer.request.url;
    if (!tls.server_name.empty() && parts.scheme == "https") {
      // libcurl verifies (and names in SNI) the URL's host: so the URL takes the name, and the connection the address.
      url.replace(url.find("://") + 3, url.find_first_of("/?#", url.find("://") + 3) - (url.find("://") + 3),
                  tls.server_name + ":" + parts.port);
      transfer.connect_to = curl_.slist_append(
          nullptr, (tls.server_name + ":" + parts.port + ":" + parts.host + ":" + parts.port).c_str());
      curl_.easy_setopt(easy, CURLOPT_CONNECT_TO, transfer.connect_to);
    }
    curl_.easy_setopt(easy, CURLOPT_URL, url.c_str());
    if (tls.insecure_skip_verify) {
      curl_.easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
      curl_.easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    const auto pem = [&](CURLoption option, const std::string& text) {
      if (text.empty()) return;
      const curl_blob value = blob(text);
      curl_.easy_setopt(easy, option, &value);
    };
    const auto file = [&](CURLoption option, const std::string& path) {
      if (!path.empty()) curl_.easy_setopt(easy, option, path.c_str());
    };
    file(CURLOPT_CAINFO, tls.ca_file);
    pem(CURLOPT_CAINFO_BLOB, tls.ca_pem);
    file(CURLOPT_SSLCERT, tls.cert_file);
    pem(CURLOPT_SSLCERT_BLOB, tls.cert_pem);
    file(CURLOPT_SSLKEY, tls.key_file);
    pem(CURLOPT_SSLKEY_BLOB, tls.key_pem);
  }

  void prepare_message(Transfer& transfer, const UrlParts& parts) const {
    const HttpRequest& request = transfer.request;
    CURL* easy = transfer.easy;
    const auto add = [&](const std::string& line) {
      transfer.headers = curl_.slist_append(transfer.headers, line.c_str());
    };
    for (const auto& [name, value] : request.headers.items) add(value.empty() ? name + ";" : name + ": " + value);
    add("Expect:");
    const bool sends_body =
        !request.body.empty() || request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
    if (sends_body && !request.headers.get("content-type")) add("Content-Type:");
    if (transfer.connect_to && !request.headers.get("host")) add("Host: " + parts.host + ":" + parts.port);
    curl_.easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.headers);
    if (!transfer.streaming && !request.headers.get("accept-encoding"))
      curl_.easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    if (sends_body) {
      curl_.easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      curl_.easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
    }
    if (request.method == "HEAD") {
      curl_.easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else {
      curl_.easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
  }

  const CurlLibrary& curl_;
  const CurlOptions options_;
  CURLM* multi_;
  std::vector<TransferPtr> active_;  // the thread's own
  std::mutex mutex_;
  std::vector<TransferPtr> incoming_;
  size_t count_ = 0;
  bool closing_ = false, wanted_gone_ = false;
  std::thread thread_;
};

class CurlStream final : public HttpStream {
 public:
  CurlStream(std::shared_ptr<Loop> loop, TransferPtr transfer)
      : loop_(std::move(loop)), transfer_(std::move(transfer)) {}
  ~CurlStream() override {
    if (loop_) loop_->cancel(transfer_);
  }

 private:
  std::shared_ptr<Loop> loop_;
  TransferPtr transfer_;
};

class CurlClient final : public HttpClient {
 public:
  explicit CurlClient(CurlOptions options) : options_(std::move(options)) {}
  ~CurlClient() override {
    if (loop_) loop_->close();
  }
  Result<HttpResponse> send(const HttpRequest& request, const HttpLimits& limits) override {
    return std::move(send_all({&request, 1}, limits).front());
  }
  std::vector<Result<HttpResponse>> send_all(std::span<const HttpRequest> requests, const HttpLimits& limits) override {
    std::deque<Collector> collectors;
    std::vector<TransferPtr> transfers;
    for (const HttpRequest& request : requests) {
      const auto transfer = std::make_shared<Transfer>();
      transfer->request = request;
      transfer->limits = limits;
      transfer->sink = &collectors.emplace_back(limits.body_bytes_max);
      start(transfer);
      transfers.push_back(transfer);
    }
    std::vector<Result<HttpResponse>> answers;
    for (size_t i = 0; i < transfers.size(); ++i) {
      answers.push_back(collectors[i].wait());
      const std::lock_guard wait_for_the_last_call(transfers[i]->calling);
    }
    return answers;
  }
  std::unique_ptr<HttpStream> open(const HttpRequest& request, const HttpLimits& limits, StreamSink& sink) override {
    auto transfer = std::make_shared<Transfer>();
    transfer->request = request;
    transfer->limits = limits;
    transfer->sink = &sink;
    transfer->streaming = true;
    auto loop = start(transfer);
    return std::make_unique<CurlStream>(std::move(loop), std::move(transfer));
  }

 private:
  // Null: there is no libcurl, and the transfer has ended so.
  std::shared_ptr<Loop> start(const TransferPtr& transfer) {
    const auto library = curl_library();
    if (!library) {
      call_sink(*transfer, [&](StreamSink& sink) {
        sink.on_end(std::unexpected(library.error()));
        return true;
      });
      return nullptr;
    }
    std::call_once(begun_, [&] { loop_ = std::make_shared<Loop>(**library, options_); });
    loop_->start(transfer);
    return loop_;
  }

  const CurlOptions options_;
  std::once_flag begun_;        // with the first request: many clients never send one
  std::shared_ptr<Loop> loop_;  // made then
};

}  // namespace

Result<std::unique_ptr<HttpClient>> make_curl_client(CurlOptions options) {
  if (options.connections_max == 0) return fail(Code::InvalidArgument, "connections_max must be at least 1");
  return std::make_unique<CurlClient>(std::move(options));
}

}  // namespace clops
