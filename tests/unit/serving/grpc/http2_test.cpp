// HTTP/2 and gRPC's framing, bytes in and bytes out: answers, refusals, flow control, floods, and how a connection
// ends.
#include "serving/grpc/http2.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/compression.h"
#include "serving/net/by_preface.h"
#include "tests/support/http2_frames.h"
#include "tests/unit/serving/grpc/echo_service.h"

namespace clops::serving::grpc {
namespace {

using namespace std::chrono_literals;
using test::Frame;

constexpr uint32_t kNoError = 0, kProtocolError = 1, kRefusedStream = 7, kCancel = 8, kEnhanceYourCalm = 11;

struct Http2Test : testing::Test {
  void SetUp() override { start(); }
  void start() {
    handler.reset();  // it borrows from the protocol
    protocol = make_http2(service, options, draining);
    handler = protocol->open();
    reader = std::make_unique<test::FrameReader>();
    frames.clear();
    next = Next::Read;
  }
  // Everything that is answered to these bytes, as frames; also kept in `frames`.
  std::vector<Frame> send(const std::string& bytes) {
    std::string out;
    const Progress progress = handler->on_input(bytes, out);
    EXPECT_EQ(progress.consumed, bytes.size());
    next = progress.next;
    return keep(out);
  }
  std::vector<Frame> tick() {
    std::string out;
    next = handler->on_time(out).next;
    return keep(out);
  }
  std::vector<Frame> keep(const std::string& out) {
    auto read = reader->read(out);
    frames.insert(frames.end(), read.begin(), read.end());
    return read;
  }
  std::string header_of(uint32_t stream, const std::string& name) const {
    std::string found = "none";
    for (const Frame& frame : frames) {
      const auto at = frame.headers.find(name);
      if (frame.stream == stream && at != frame.headers.end()) found = at->second;
    }
    return found;
  }
  std::string data_of(uint32_t stream) const {
    std::string out;
    for (const Frame& frame : frames) out += frame.type == test::kData && frame.stream == stream ? frame.payload : "";
    return out;
  }
  // The error code of the last frame of this type, on this stream.
  int64_t code_of(uint8_t type, uint32_t stream) const {
    int64_t code = -1;
    for (const Frame& frame : frames) {
      if (frame.type == type && frame.stream == stream) code = frame.number(type == test::kGoaway ? 4 : 0);
    }
    return code;
  }
  static std::string call(uint32_t stream, const std::string& path, const std::string& message,
                          const test::HeaderList& more = {}) {
    return test::call_headers(stream, path, more) + test::data(stream, test::grpc_message(message));
  }

  EchoService service;
  Http2Options options{.call = {.message_bytes_max = 100'000, .header_bytes_max = 2'000},
                       .streams_max = 4,
                       .held_bytes_max = 250'000,
                       .out_bytes_max = 40'000,
                       .idle_frames_max = 100,
                       .idle_frames_per_second = 10,
                       .idle_frames_per_call = 4};
  std::atomic<bool> draining{false};
  std::unique_ptr<StreamProtocol> protocol;
  std::unique_ptr<StreamHandler> handler;
  std::unique_ptr<test::FrameReader> reader;
  std::vector<Frame> frames;
  Next next = Next::Read;
};

TEST_F(Http2Test, a_call_is_answered_with_headers_a_message_and_a_status) {
  send(test::hello());
  EXPECT_TRUE(handler->idle());
  const auto got = send(call(1, "/t.T/Echo", "hello"));
  ASSERT_EQ(got.size(), 3U);
  EXPECT_EQ(got[0].headers.at(":status"), "200");
  EXPECT_EQ(got[0].headers.at("content-type"), "application/grpc");
  EXPECT_EQ(got[1].payload, test::grpc_message("hello"));
  EXPECT_EQ(got[2].headers.at("grpc-status"), "0");
  EXPECT_TRUE(got[2].ends());
  EXPECT_TRUE(handler->idle());
  EXPECT_EQ(next, Next::Read);
  EXPECT_TRUE(service.refused.empty());
}

TEST_F(Http2Test, however_the_bytes_are_cut) {
  const std::string bytes = test::hello() + call(1, "/t.T/Echo", std::string(30'000, 'a')) + call(3, "/t.T/Echo", "") +
                            call(5, "/t.T/Nothing", "b") + test::frame(test::kPing, 0, 0, "12345678");
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{9}, bytes.size()}) {
    start();
    for (size_t at = 0; at < bytes.size(); at += piece) send(bytes.substr(at, piece));
    EXPECT_EQ(data_of(1), test::grpc_message(std::string(30'000, 'a'))) << piece;
    EXPECT_EQ(data_of(3), test::grpc_message("")) << piece;
    EXPECT_EQ(header_of(5, "grpc-status"), "12") << piece;
    EXPECT_EQ(std::ranges::count(frames, test::kPing, &Frame::type), 1) << piece;
  }
}

struct Refusal {
  const char* what;
  std::string bytes;  // of stream 1, after the greeting
  const char *status, *words;
};
TEST_F(Http2Test, what_is_wrong_is_said_in_grpcs_words) {
  const auto with = [](const test::HeaderList& more) { return call(1, "/t.T/Echo", "m", more); };
  const auto body = [](const std::string& bytes) { return test::call_headers(1, "/t.T/Echo") + test::data(1, bytes); };
  std::string bomb;
  Compressor().pack(Coding::Gzip, std::string(200'000, 'z'), bomb);
  const std::string packed = test::call_headers(1, "/t.T/Echo", {{"grpc-encoding", "gzip"}});
  const std::vector<Refusal> rows = {
      {"method", call(1, "/t.T/None", "m"), "12", "/t.T/None"},
      {"timeout", with({{"grpc-timeout", "1x"}}), "3", "grpc-timeout"},
      {"timeout passed", with({{"grpc-timeout", "0n"}}), "4", "deadline"},
      {"no message", body(""), "12", "none was sent"},
      {"half a prefix", body(std::string("\0\0", 2)), "13", "within its message"},
      {"half a message", body(test::grpc_message("abc").substr(0, 7)), "13", "within its message"},
      {"two messages", body(test::grpc_message("a") + test::grpc_message("b")), "12", "one message"},
      {"flag", body(test::grpc_message("a", 2)), "13", "neither 0 nor 1"},
      {"large", body(std::string(1, '\0') + test::be32(100'001)), "8", "larger than 100000"},
      {"headers", with({{"x-long", std::string(2'000, 'x')}}), "8", "more than 2000 bytes"},
      {"no encoding", body(test::grpc_message("a", 1)), "13", "without grpc-encoding"},
      {"encoding",
       test::call_headers(1, "/t.T/Echo", {{"grpc-encoding", "br"}}) + test::data(1, test::grpc_message("a", 1)), "12",
       "identity,gzip,deflate"},
      {"not gzip", packed + test::data(1, test::grpc_message("abcdefgh", 1)), "13", ""},
      {"bomb", packed + test::data(1, test::grpc_message(bomb, 1)), "8", "larger than 100000"},
      {"the service", call(1, "/t.T/Fail", "100% \xc3\xa9\n"), "5", "100%25 %C3%A9%0A"}};
  for (const Refusal& row : rows) {
    start();
    send(test::hello());
    send(row.bytes);
    EXPECT_EQ(header_of(1, ":status"), "200") << row.what;
    EXPECT_EQ(header_of(1, "grpc-status"), row.status) << row.what;
    EXPECT_NE(header_of(1, "grpc-message").find(row.words), std::string::npos)
        << row.what << ": " << header_of(1, "grpc-message");
    EXPECT_TRUE(handler->idle()) << row.what;
    EXPECT_EQ(next, Next::Read) << row.what;
  }
  EXPECT_EQ(service.served, 1);                        // the last
  EXPECT_EQ(service.refused.size(), rows.size() - 1);  // all others are counted
}

TEST_F(Http2Test, who_is_to_come_back_is_told_when) {
  send(test::hello());
  send(call(1, "/t.T/Fail", "busy"));
  EXPECT_EQ(header_of(1, "grpc-status"), "14");
  EXPECT_EQ(header_of(1, "grpc-retry-pushback-ms"), "1000");
  send(call(3, "/t.T/Fail", "not so"));
  EXPECT_EQ(header_of(3, "grpc-status"), "5");
  EXPECT_EQ(header_of(3, "grpc-retry-pushback-ms"), "none");
}

TEST_F(Http2Test, http2_without_grpc_is_refused_in_http) {
  send(test::hello());
  send(call(1, "/t.T/Echo", "m", {{"content-type", "application/json"}}));
  send(call(3, "/t.T/Echo", "m", {{"content-type", "application/grpcx"}}));
  send(test::call_headers(5, "/v2", {{":method", "GET"}}, test::kEndHeaders | test::kEndStream));
  EXPECT_EQ(header_of(1, ":status"), "415");
  EXPECT_EQ(header_of(3, ":status"), "415");
  EXPECT_EQ(header_of(5, ":status"), "405");
}

TEST_F(Http2Test, compressed_messages_are_unpacked) {
  send(test::hello());
  for (const auto& [stream, name, coding] :
       {std::tuple{1U, "gzip", Coding::Gzip}, std::tuple{3U, "deflate", Coding::Deflate}}) {
    std::string packed;
    Compressor().pack(coding, "plain", packed);
    send(test::call_headers(stream, "/t.T/Echo", {{"grpc-encoding", name}}) +
         test::data(stream, test::grpc_message(packed, 1)));
    EXPECT_EQ(data_of(stream), test::grpc_message("plain")) << name;
  }
  // Not every message of a compressed call is.
  send(test::call_headers(5, "/t.T/Echo", {{"grpc-encoding", "gzip"}}) + test::data(5, test::grpc_message("as it is")));
  EXPECT_EQ(data_of(5), test::grpc_message("as it is"));
}

TEST_F(Http2Test, metadata_reaches_the_service) {
  send(test::hello());
  send(call(1, "/t.T/Headers", "", {{"x-user-id", "ann"}}));
  EXPECT_NE(data_of(1).find("x-user-id=ann;"), std::string::npos);
  EXPECT_EQ(data_of(1).find(":path"), std::string::npos);
}

TEST_F(Http2Test, a_call_that_does_not_come_to_its_end_is_ended) {
  send(test::hello());
  send(test::call_headers(1, "/t.T/Echo", {{"grpc-timeout", "2S"}}) + test::frame(test::kData, 0, 1, "\0"));
  send(test::call_headers(3, "/t.T/Echo"));
  EXPECT_FALSE(handler->idle());
  service.time += 1s;
  EXPECT_TRUE(tick().empty());
  service.time += 1s;
  tick();
  EXPECT_EQ(header_of(1, "grpc-status"), "4");
  EXPECT_EQ(code_of(test::kReset, 1), kNoError);  // and nobody listens any more
  EXPECT_EQ(header_of(3, "grpc-status"), "none");
  service.time += 29s;
  tick();
  EXPECT_EQ(header_of(3, "grpc-status"), "4");
  EXPECT_TRUE(handler->idle());
  EXPECT_EQ(service.served, 0);
}

TEST_F(Http2Test, no_more_is_sent_than_the_client_has_room_for) {
  send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" +
       test::frame(test::kSettings, 0, 0, std::string("\0\4", 2) + test::be32(10)));
  send(call(1, "/t.T/Echo", "twenty bytes of text"));
  EXPECT_EQ(data_of(1).size(), 10U);
  EXPECT_FALSE(handler->idle());
  send(test::frame(test::kWindowUpdate, 0, 1, test::be32(3)));
  EXPECT_EQ(data_of(1).size(), 13U);
  send(test::frame(test::kWindowUpdate, 0, 1, test::be32(1000)));
  EXPECT_EQ(data_of(1), test::grpc_message("twenty bytes of text"));
  EXPECT_TRUE(handler->idle());
  // One that never takes it is not kept for ever.
  send(call(3, "/t.T/Echo", "twenty bytes of text"));
  service.time += 29s;
  tick();
  EXPECT_EQ(code_of(test::kReset, 3), -1);
  service.time += 2s;
  tick();
  EXPECT_EQ(code_of(test::kReset, 3), kCancel);
  EXPECT_TRUE(handler->idle());
}

TEST_F(Http2Test, what_the_loop_has_no_room_for_comes_later) {
  send(test::hello() + test::frame(test::kWindowUpdate, 0, 0, test::be32(1 << 20)));
  const std::string message(60'000, 'm');
  send(call(1, "/t.T/Echo", message));
  EXPECT_LT(data_of(1).size(), 60'000U);
  EXPECT_TRUE(handler->unsent());
  send("");
  EXPECT_EQ(data_of(1), test::grpc_message(message));
  EXPECT_FALSE(handler->unsent());
}

TEST_F(Http2Test, bounds_of_a_connection) {
  send(test::hello());
  for (const uint32_t stream : {1U, 3U, 5U, 7U, 9U}) send(test::call_headers(stream, "/t.T/Echo"));
  EXPECT_EQ(code_of(test::kReset, 9), kRefusedStream);  // five are more than four
  const std::string part = std::string(1, '\0') + test::be32(100'000) + std::string(80'000, 'p');
  for (const uint32_t stream : {1U, 3U, 5U, 7U}) send(test::data(stream, part, false));
  EXPECT_EQ(header_of(5, "grpc-status"), "none");
  EXPECT_EQ(header_of(7, "grpc-status"), "8");  // 320 000 bytes are more than 250 000
}

TEST_F(Http2Test, who_was_told_how_many_calls_and_makes_more_loses_the_connection) {
  send(test::hello() + test::frame(test::kSettings, test::kAck, 0));
  for (const uint32_t stream : {1U, 3U, 5U, 7U}) send(test::call_headers(stream, "/t.T/Echo"));
  EXPECT_EQ(next, Next::Read);
  send(test::call_headers(9, "/t.T/Echo"));
  EXPECT_EQ(next, Next::Close);
  EXPECT_EQ(code_of(test::kGoaway, 0), kProtocolError);
}

TEST_F(Http2Test, floods_end_the_connection) {
  const std::string ping = test::frame(test::kPing, 0, 0, "12345678"), settings = test::frame(test::kSettings, 0, 0);
  const std::string empty = test::frame(test::kData, 0, 1);
  std::string resets;
  for (uint32_t stream = 3; stream < 3000; stream += 2)
    resets += test::call_headers(stream, "/t.T/Echo") + test::frame(test::kReset, 0, stream, test::be32(kCancel));
  const auto many = [](const std::string& one, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) out += one;
    return out;
  };
  for (const std::string& flood : {many(ping, 200), many(settings, 200), many(empty, 200), resets}) {
    SCOPED_TRACE(static_cast<int>(flood[3]));  // the first frame's type
    start();
    send(test::hello() + test::call_headers(1, "/t.T/Echo"));
    send(flood);
    EXPECT_EQ(next, Next::Close);
    EXPECT_EQ(code_of(test::kGoaway, 0), kEnhanceYourCalm);
  }
  // The same pings at a pace, or with calls between them, are welcome.
  start();
  send(test::hello());
  for (int i = 0; i < 300; ++i) {
    service.time += 100ms;
    send(ping);
  }
  for (uint32_t stream = 1; stream < 601; stream += 2) send(many(ping, 4) + call(stream, "/t.T/Echo", "m"));
  EXPECT_EQ(next, Next::Read);
  EXPECT_EQ(service.served, 300);
}

TEST_F(Http2Test, bytes_that_are_no_http2_end_the_connection) {
  for (const std::string& bytes : {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + test::frame(test::kPing, 0, 0, "12345678"),
                                   test::hello() + test::data(1, "x"),
                                   test::hello() + test::frame(test::kHeaders, test::kEndHeaders, 1, "\xff\xff\xff"),
                                   test::hello() + test::frame(test::kWindowUpdate, 0, 0, test::be32(0))}) {
    start();
    send(bytes);
    EXPECT_EQ(next, Next::Close);
    EXPECT_GT(code_of(test::kGoaway, 0), 0);
  }
  start();
  send(std::string(64, 'x'));
  EXPECT_EQ(next, Next::Close);
}

TEST_F(Http2Test, streams_are_answered_message_by_message) {
  send(test::hello() + test::call_headers(1, "/t.T/Chat"));
  const std::string two = test::grpc_message("one") + test::grpc_message("two");
  send(test::data(1, two.substr(0, 10), false));
  EXPECT_EQ(data_of(1), test::grpc_message("one"));
  EXPECT_FALSE(handler->idle());
  send(test::data(1, two.substr(10), false));
  EXPECT_EQ(data_of(1), two);
  EXPECT_EQ(header_of(1, "grpc-status"), "none");
  send(test::data(1, ""));
  EXPECT_EQ(header_of(1, "grpc-status"), "0");
  EXPECT_TRUE(handler->idle());
}

TEST_F(Http2Test, a_watch_hears_of_what_changes) {
  send(test::hello() + call(1, "/t.T/Watch", "state"));
  EXPECT_EQ(data_of(1), test::grpc_message("state"));
  EXPECT_TRUE(handler->idle());  // nothing is lost with it
  EXPECT_TRUE(tick().empty());
  service.version = 2;
  tick();
  EXPECT_EQ(data_of(1), test::grpc_message("state") + test::grpc_message("news"));
  service.time += 31s;  // a silent client is asked whether it is there
  const auto asked = tick();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].type, test::kPing);
  EXPECT_EQ(header_of(1, "grpc-status"), "none");
}

TEST_F(Http2Test, an_answer_may_come_later) {
  send(test::hello() + call(1, "/t.T/Later", "a") + call(3, "/t.T/Later", "b"));
  EXPECT_FALSE(handler->idle());
  EXPECT_TRUE(tick().empty());
  service.version = 2;
  tick();
  EXPECT_EQ(data_of(1), test::grpc_message("news"));
  EXPECT_EQ(header_of(1, "grpc-status"), "0");
  EXPECT_EQ(data_of(3), test::grpc_message("news"));
  EXPECT_TRUE(handler->idle());
  send(call(5, "/t.T/Later", "c"));
  service.version = 99;
  tick();
  EXPECT_EQ(header_of(5, "grpc-status"), "14");
  send(call(7, "/t.T/Later", "d"));
  service.time += 31s;
  tick();
  EXPECT_EQ(header_of(7, "grpc-status"), "4");
  EXPECT_TRUE(handler->idle());
}

// No call is lost: the first GOAWAY is a notice, what comes before the client has read it (which the answer to a
// ping says, and at last time) is answered, the second says which calls were taken.
TEST_F(Http2Test, an_old_connection_and_a_draining_one_say_goaway_and_end) {
  for (const auto& [drain, answers] : {std::pair{false, true}, {true, true}, {false, false}}) {
    start();
    draining = false;
    send(test::hello() + call(1, "/t.T/Watch", "w"));
    if (drain) {
      draining = true;
    } else {
      handler->retire();
    }
    const auto notice = tick();
    ASSERT_EQ(notice.size(), 2U);
    const test::Frame goaway = notice[0], ping = notice[1];
    EXPECT_EQ(goaway.type, test::kGoaway);
    EXPECT_EQ(goaway.number(0), 0x7fffffffU);
    EXPECT_EQ(ping.type, test::kPing);
    send(call(3, "/t.T/Echo", "on its way") + test::call_headers(5, "/t.T/Echo"));
    EXPECT_EQ(data_of(3), test::grpc_message("on its way"));
    service.time += 300ms;
    EXPECT_TRUE(tick().empty()) << "the client has not said that it has read the notice";
    if (answers) {
      send(test::frame(test::kPing, 1, 0, ping.payload));
    } else {
      service.time += 2s;
    }
    tick();
    EXPECT_EQ(header_of(1, "grpc-status"), "14");
    EXPECT_EQ(frames.back().type, test::kHeaders);
    EXPECT_EQ(code_of(test::kGoaway, 0), kNoError);
    EXPECT_EQ(next, Next::Read);
    EXPECT_FALSE(handler->idle());
    send(test::call_headers(7, "/t.T/Echo") + test::data(5, test::grpc_message("the last")));
    EXPECT_EQ(data_of(5), test::grpc_message("the last"));
    EXPECT_EQ(header_of(7, "grpc-status"), "none");  // it came after the end, and the client knows
    EXPECT_EQ(next, Next::Close);
  }
}

TEST_F(Http2Test, an_idle_connection_says_farewell) {
  send(test::hello() + call(1, "/t.T/Echo", "m"));
  std::string out;
  handler->farewell(out);
  const auto last = keep(out);
  ASSERT_EQ(last.size(), 1U);
  EXPECT_EQ(last[0].type, test::kGoaway);
  EXPECT_EQ(last[0].number(0), 1U);
  EXPECT_EQ(last[0].number(4), kNoError);
}

TEST_F(Http2Test, a_cancelled_call_leaves_nothing_behind) {
  send(test::hello() + test::call_headers(1, "/t.T/Echo") + test::data(1, "\0", false));
  EXPECT_FALSE(handler->idle());
  send(test::frame(test::kReset, 0, 1, test::be32(kCancel)));
  EXPECT_TRUE(handler->idle());
  EXPECT_TRUE(service.refused.empty());
  send(call(3, "/t.T/Echo", "next"));
  EXPECT_EQ(data_of(3), test::grpc_message("next"));
}

}  // namespace
}  // namespace clops::serving::grpc
