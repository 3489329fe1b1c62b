// One thread and a clock that moves only when told: an Executor for tests of operator/, and an HttpClient that answers
// by a function.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/http_client.h"
#include "base/json.h"
#include "base/random.h"
#include "base/time.h"

namespace clops::op {

class HandClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return at; }
  [[nodiscard]] WallTime wall() const override {
    return WallTime{std::chrono::hours{24 * 365 * 50}} +
           std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch());
  }
  TimePoint at{std::chrono::hours{1}};
};

class HandExecutor final : public Executor {
 public:
  explicit HandExecutor(HandClock& clock) : clock_(clock) {}
  void post(std::function<void()> task) override { post_after(Duration{0}, std::move(task)); }
  void post_after(Duration delay, std::function<void()> task) override {
    tasks_.emplace(clock_.at + delay, std::move(task));
  }
  // Runs what is due, and what that posts without a delay; at most `steps` tasks (more is a loop, and fails the
  // caller's checks).
  int run(int steps = 10'000) {
    int done = 0;
    for (; done < steps && !tasks_.empty() && tasks_.begin()->first <= clock_.at; ++done) {
      auto task = std::move(tasks_.begin()->second);
      tasks_.erase(tasks_.begin());
      task();
    }
    return done;
  }
  // Goes on until `time` has passed, task by task.
  void run_for(Duration time) {
    const TimePoint end = clock_.at + time;
    run();
    while (!tasks_.empty() && tasks_.begin()->first <= end) {
      clock_.at = std::max(clock_.at, tasks_.begin()->first);
      run();
    }
    clock_.at = end;
  }

 private:
  HandClock& clock_;
  std::multimap<TimePoint, std::function<void()>> tasks_;
};

class HalfRandom final : public Random {
 public:
  uint64_t next() override { return value; }
  uint64_t value = 0;  // unit() = 0
};

class FakeHttp final : public HttpClient {
 public:
  struct Stream final : HttpStream {
    explicit Stream(FakeHttp& o) : owner(o) {}
    ~Stream() override { std::erase(owner.open_streams, this); }
    bool headed = false;
    FakeHttp& owner;
    HttpRequest request;
    StreamSink* sink = nullptr;
  };
  Result<HttpResponse> send(const HttpRequest& request, const HttpLimits&) override {
    requests.push_back(request);
    return answer(request);
  }
  std::unique_ptr<HttpStream> open(const HttpRequest& request, const HttpLimits&, StreamSink& sink) override {
    auto stream = std::make_unique<Stream>(*this);
    stream->request = request;
    stream->sink = &sink;
    open_streams.push_back(stream.get());
    watches.push_back(request.url);
    return stream;
  }
  // Frames for the newest stream whose URL contains `part`.
  void feed(const std::string& part, const std::string& bytes) {
    Stream* stream = find(part);
    ASSERT_NE(stream, nullptr) << "no stream for " << part;
    StreamSink& sink = *stream->sink;
    if (!std::exchange(stream->headed, true)) sink.on_head(200, {});
    sink.on_data(bytes);
  }
  void end(const std::string& part, Status how = {}, int status = 200, const std::string& body = "") {
    Stream* stream = find(part);
    ASSERT_NE(stream, nullptr) << "no stream for " << part;
    StreamSink& sink = *stream->sink;
    if (!std::exchange(stream->headed, true)) sink.on_head(status, {});
    if (!body.empty()) sink.on_data(body);
    sink.on_end(std::move(how));
  }
  Stream* find(const std::string& part) {
    for (auto it = open_streams.rbegin(); it != open_streams.rend(); ++it) {
      if ((*it)->request.url.find(part) != std::string::npos) return *it;
    }
    return nullptr;
  }
  std::function<Result<HttpResponse>(const HttpRequest&)> answer = [](const HttpRequest&) {
    return HttpResponse{.status = 404, .headers = {}, .body = ""};
  };
  std::vector<HttpRequest> requests;
  std::vector<std::string> watches;
  std::vector<Stream*> open_streams;
};

inline HttpResponse json(int status, const Json& body) {
  return {.status = status, .headers = {}, .body = dump_json(body)};
}
inline HttpResponse refusal(int status, const std::string& reason, const std::string& message = "because") {
  return json(status, {{"kind", "Status"}, {"code", status}, {"reason", reason}, {"message", message}});
}

}  // namespace clops::op
