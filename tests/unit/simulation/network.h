// The network of a simulated world: HttpClients whose requests reach the in-memory API and the simulated pods, with
// every failure a real one has: refused, slow, answered with 429 or 5xx, done but the answer lost; watches that lag,
// repeat, stall, break off or are told 410.
//
// Thread rule: one thread. Ownership: borrows loop and API; clients must not outlive it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/http_client.h"
#include "tests/unit/simulation/api.h"
#include "tests/unit/simulation/loop.h"

namespace clops::sim {

inline constexpr const char* kApiUrl = "https://kubernetes.sim";

// What becomes of one request.
struct Fate {
  enum class Kind {
    Done,         // arrives, is answered
    Lost,         // never arrives
    AnswerLost,   // is carried out; the caller sees a broken connection
    Answered,     // not carried out: `status`, with `retry_after`
    CrashBefore,  // the caller's process dies instead of sending it
    CrashAfter,   // it is carried out, and the caller's process dies before it sees the answer
  } kind = Kind::Done;
  int status = 0;
  std::string retry_after;
  Duration to_server{}, to_caller{};
};

// How watches misbehave: chances per delivery, zero = never.
struct WatchFaults {
  double cut = 0, repeat = 0, stall = 0, gone = 0, split = 0;
  Duration lag_max = std::chrono::milliseconds{5};
};

class Network;

// One process's HttpClient.
class Wire final : public HttpClient {
 public:
  // `owner`'s tasks call send(); stream sinks are called from tasks of `reader`, as from the HTTP client's own thread.
  Wire(Network& network, std::string actor, Owner owner, Owner reader);
  ~Wire() override;
  Result<HttpResponse> send(const HttpRequest& request, const HttpLimits& limits) override;
  std::unique_ptr<HttpStream> open(const HttpRequest& request, const HttpLimits& limits, StreamSink& sink) override;

  std::function<Fate(const HttpRequest&)> fate;  // asked for each send; absent = Done at once
  std::function<void()> on_crash;                // CrashBefore, CrashAfter: the wire is dead by then
  WatchFaults faults;
  int threads = 1;              // of the process: so many of its tasks may wait for answers at once
  void die() { dead_ = true; }  // nothing goes out or comes in any more
  [[nodiscard]] bool dead() const { return dead_; }
  [[nodiscard]] size_t open_streams() const;
  void cut_streams();  // all of them, as when the API server restarts
  [[nodiscard]] const std::string& actor() const { return actor_; }

 private:
  friend class Network;
  struct Stream;
  class Handle;
  Result<HttpResponse> carry(const HttpRequest& request);
  void connect(const std::shared_ptr<Stream>& stream);
  void enqueue(const std::shared_ptr<Stream>& stream, std::string frame);
  void pump(const std::shared_ptr<Stream>& stream);
  void deliver(const std::shared_ptr<Stream>& stream);
  void bookmark(const std::shared_ptr<Stream>& stream);
  void end(const std::shared_ptr<Stream>& stream, Status status);
  void on_event(const ApiEvent& event);
  // What the stream is told of this change; empty: nothing.
  static std::string frame_for(const Stream& stream, const ApiEvent& event);

  Network& network_;
  const std::string actor_;
  const Owner owner_, reader_;
  bool dead_ = false;
  std::vector<std::shared_ptr<Stream>> streams_;
};

class Network {
 public:
  Network(Loop& loop, Api& api, uint64_t seed) : loop_(loop), api_(api), chance_(seed) {}
  // A request to http://IP:PORT/...; Unavailable when nothing listens there.
  std::function<Result<HttpResponse>(const std::string& host, const HttpRequest&)> pods;
  bool api_down = false;  // connections to the API are refused
  // Every request that reaches the API or a pod, after it was answered.
  std::function<void(const std::string& actor, const HttpRequest&, const HttpResponse&)> observer;
  void on_event(const ApiEvent& event);  // the API's changes, to be passed on to watches

 private:
  friend class Wire;
  Loop& loop_;
  Api& api_;
  Chance chance_;
  std::vector<Wire*> wires_;
};

}  // namespace clops::sim
