// What a loop does for a handler beside handing it bytes: calls it again for what had no room, by time, and before an
// idle connection's end.
#include "serving/net/loop.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <semaphore>
#include <thread>

namespace clops::serving {
namespace {

using namespace std::chrono_literals;

struct Script {
  size_t room = 1u << 20;
  size_t answer_bytes = 0;  // to each input
  bool talks_by_time = false, says_farewell = false, keeps_busy = false, keeps_bytes = false;
  std::binary_semaphore* held = nullptr;  // "w" waits for `go`, and says here that it does
  std::binary_semaphore* go = nullptr;
};

class Scripted final : public StreamProtocol {
 public:
  explicit Scripted(const Script& script) : script_(script) {}
  std::unique_ptr<StreamHandler> open() override { return std::make_unique<Handler>(script_); }

 private:
  class Handler final : public StreamHandler {
   public:
    explicit Handler(const Script& script) : script_(script) {}
    Progress on_input(std::string_view in, std::string& out) override {
      if (in == "w") {
        script_.held->release();
        script_.go->acquire();
      }
      if (!in.empty()) left_ += script_.answer_bytes;
      const size_t now = std::min(left_, script_.room);
      out.append(now, 'a');
      left_ -= now;
      return {.consumed = script_.keeps_bytes ? 0 : in.size(), .next = Next::Read, .completed = now > 0};
    }
    bool idle() const override { return !script_.keeps_busy; }
    bool unsent() const override { return left_ > 0; }
    Progress on_time(std::string& out) override {
      if (script_.talks_by_time && !std::exchange(talked_, true)) out += "tick";
      return {};
    }
    void farewell(std::string& out) override {
      if (script_.says_farewell) out += "bye";
    }

   private:
    Script script_;
    size_t left_ = 0;
    bool talked_ = false;
  };
  Script script_;
};

struct LoopTest : testing::Test {
  void start(const Script& script, LoopLimits limits) {
    protocol = std::make_unique<Scripted>(script);
    auto made = Loop::make({clock, *protocol, observer}, limits);
    ASSERT_TRUE(made);
    loop = std::move(*made);
    client = connect();
    thread = std::thread([this] { loop->run(); });
  }
  int connect() const {
    int pair[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    EXPECT_EQ(::fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
    loop->adopt(pair[0]);
    return pair[1];
  }
  void TearDown() override {
    if (loop != nullptr) loop->stop();
    if (thread.joinable()) thread.join();
    if (client >= 0) ::close(client);
  }
  // Bytes until there are `bytes`, or the other side's end.
  std::string read(size_t bytes) const { return read(client, bytes); }
  static std::string read(int client, size_t bytes) {
    std::string out;
    std::vector<char> buffer(64u << 10);
    while (out.size() < bytes) {
      pollfd wait{.fd = client, .events = POLLIN};
      if (::poll(&wait, 1, 10'000) != 1) break;
      const ssize_t got = ::read(client, buffer.data(), buffer.size());
      if (got <= 0) return out + "|end";
      out.append(buffer.data(), static_cast<size_t>(got));
    }
    return out;
  }

  SystemClock clock;
  LoopObserver observer;
  std::unique_ptr<Scripted> protocol;
  std::unique_ptr<Loop> loop;
  std::thread thread;
  int client = -1;
};

// Whether the socket takes a part at once or not: all comes, and the handler is not called for more than its room.
TEST_F(LoopTest, what_had_no_room_is_asked_for_again) {
  for (const size_t room : {size_t{1000}, size_t{300'000}}) {
    start({.room = room, .answer_bytes = 2'000'000}, {.out_bytes_max = room});
    ASSERT_EQ(::write(client, "x", 1), 1);
    EXPECT_EQ(read(2'000'000).size(), 2'000'000U);
    TearDown();
    client = -1;
  }
}

TEST_F(LoopTest, a_handler_speaks_when_it_is_time) {
  start({.talks_by_time = true}, {});
  EXPECT_EQ(read(4), "tick");
}

TEST_F(LoopTest, an_idle_connection_ends_with_a_farewell) {
  start({.says_farewell = true}, {.idle = 300ms});
  EXPECT_EQ(read(100), "bye|end");
}

TEST_F(LoopTest, so_does_one_that_is_drained) {
  start({.answer_bytes = 2, .says_farewell = true}, {});
  ASSERT_EQ(::write(client, "x", 1), 1);
  EXPECT_EQ(read(2), "aa");
  loop->drain();
  EXPECT_EQ(read(100), "bye|end");
}

TEST_F(LoopTest, a_busy_one_is_cut_when_its_time_is_over) {
  start({.answer_bytes = 2, .says_farewell = true, .keeps_busy = true}, {.message = 300ms});
  ASSERT_EQ(::write(client, "x", 1), 1);
  EXPECT_EQ(read(100), "aa|end");
}

// Silent ones go first, though another is older; then by when the last answer was.
TEST_F(LoopTest, at_the_limit_who_never_asked_makes_room) {
  start({.answer_bytes = 2, .says_farewell = true}, {.connections_max = 3, .grace = 0ms});
  ASSERT_EQ(::write(client, "x", 1), 1);
  EXPECT_EQ(read(2), "aa");
  const int silent = connect(), asks = connect();
  ASSERT_EQ(::write(asks, "x", 1), 1);
  EXPECT_EQ(read(asks, 2), "aa");
  const int fourth = connect();
  EXPECT_EQ(read(silent, 100), "bye|end");
  ASSERT_EQ(::write(fourth, "x", 1), 1);
  EXPECT_EQ(read(fourth, 2), "aa");
  const int fifth = connect();
  EXPECT_EQ(read(100), "bye|end");
  for (const int each : {fifth, fourth, asks}) {
    ASSERT_EQ(::write(each, "x", 1), 1);
    EXPECT_EQ(read(each, 2), "aa");
  }
  EXPECT_EQ(loop->stats().evicted, 2U);
  EXPECT_EQ(loop->stats().connections, 3U);
  for (const int each : {silent, asks, fourth, fifth}) ::close(each);
}

// Whose next request comes while the loop is with others is not sent away before it is read.
TEST_F(LoopTest, at_the_limit_no_request_that_has_come_is_lost) {
  int met = 0;
  for (int round = 0; round < 20; ++round) {
    std::binary_semaphore held{0}, go{0};
    start({.answer_bytes = 2, .says_farewell = true, .held = &held, .go = &go}, {.connections_max = 3, .grace = 0ms});
    const int first = connect(), second = connect();
    for (const int each : {client, first, second}) {
      ASSERT_EQ(::write(each, "x", 1), 1);
      EXPECT_EQ(read(each, 2), "aa");
    }
    ASSERT_EQ(::write(first, "w", 1), 1);
    held.acquire();
    ASSERT_EQ(::write(second, "w", 1), 1);  // of one round with the newcomer, before it or after
    const int next = connect();
    go.release();
    held.acquire();
    const bool newcomer_is_next = loop->stats().evicted == 0;
    if (newcomer_is_next) {
      ASSERT_EQ(::write(client, "x", 1), 1);
      ++met;
    }
    go.release();
    if (newcomer_is_next) {
      EXPECT_EQ(read(2).substr(0, 2), "aa") << "round " << round;
    }
    TearDown();
    client = -1;
    for (const int each : {first, second, next}) ::close(each);
  }
  EXPECT_GT(met, 0);
}

TEST_F(LoopTest, who_holds_much_for_the_longest_time_is_cut_when_memory_is_short) {
  start({.keeps_bytes = true}, {.held_bytes_max = 8u << 20});
  const std::string much(1u << 20, 'x');
  std::vector<int> open = {client};
  while (loop->stats().evicted == 0 && open.size() < 10) {
    for (size_t at = 0; at < much.size();) {
      const ssize_t sent = ::send(open.back(), much.data() + at, much.size() - at, MSG_NOSIGNAL);
      ASSERT_GT(sent, 0);
      at += static_cast<size_t>(sent);
    }
    open.push_back(connect());
  }
  EXPECT_GT(open.size(), 4U);  // no buffer is more than twice what is in it
  EXPECT_EQ(read(1), "|end");
  EXPECT_LE(loop->stats().evicted, 2U);
  for (size_t i = 1; i < open.size(); ++i) ::close(open[i]);
}

}  // namespace
}  // namespace clops::serving
