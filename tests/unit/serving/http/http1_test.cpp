// Framing of answers, and what a handler does with a service that cannot answer yet.
#include "serving/http/http1.h"

#include <gtest/gtest.h>

namespace clops::serving::http {
namespace {

class Echo final : public HttpService {
 public:
  bool serve(const Request& request, Answer& answer) override {
    if (!open) return false;
    answer.content_type = "text/plain";
    answer.body = std::string(request.method) + " " + std::string(request.target) + " " + std::string(request.body);
    return true;
  }
  void on_refused(int status) override { refused = status; }
  bool open = true;
  int refused = 0;
};

struct Http1Test : testing::Test {
  // Gives the handler bytes as a loop does: at a new address each time.
  Progress feed(std::string_view bytes) {
    pending = pending + std::string(bytes);
    const Progress progress = handler->on_input(pending, out);
    pending = pending.substr(progress.consumed);
    return progress;
  }
  Echo echo;
  std::atomic<bool> draining{false};
  Http1Options options{.parser = {.body_bytes_max = 1000}, .out_bytes_max = 200};
  std::unique_ptr<StreamProtocol> protocol = make_http1(echo, options, draining);
  std::unique_ptr<StreamHandler> handler = protocol->open();
  std::string pending, out;
};

TEST_F(Http1Test, answers_in_order_and_keeps_alive) {
  const Progress progress =
      feed("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx");
  EXPECT_EQ(progress.next, Next::Read);
  EXPECT_TRUE(progress.completed);
  EXPECT_TRUE(handler->idle());
  EXPECT_EQ(out,
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\nGET /1 "
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nPOST /2 x");
}

TEST_F(Http1Test, head_has_the_length_and_no_body) {
  feed("HEAD /1 HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(out, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\n");
}

TEST_F(Http1Test, a_retired_connection_ends_after_the_last_answer_that_was_asked_for) {
  feed("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
  handler->retire();
  EXPECT_EQ(out.find("Connection: close"), std::string::npos);
  out.clear();
  EXPECT_EQ(feed("GET /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3 HTTP/1.1\r\nHost: h\r\n\r\n").next, Next::Close);
  EXPECT_EQ(out,
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\nGET /2 "
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\nConnection: close\r\n\r\nGET /3 ");
}

TEST_F(Http1Test, closes_when_asked_and_while_draining) {
  EXPECT_EQ(feed("GET /1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").next, Next::Close);
  EXPECT_NE(out.find("Connection: close\r\n"), std::string::npos);
  handler = protocol->open();
  out.clear();
  draining = true;
  EXPECT_EQ(feed("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n").next, Next::Close);
  EXPECT_NE(out.find("Connection: close\r\n"), std::string::npos);
}

TEST_F(Http1Test, refuses_in_json_and_closes) {
  EXPECT_EQ(feed("POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n").next, Next::Close);
  EXPECT_EQ(echo.refused, 413);
  EXPECT_NE(out.find("HTTP/1.1 413 Content Too Large\r\n"), std::string::npos);
  EXPECT_NE(out.find("{\"error\":\"the body is larger than this server takes\"}"), std::string::npos);
}

TEST_F(Http1Test, says_continue_before_the_body) {
  feed("POST /1 HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(out, "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_FALSE(handler->idle());
  feed("ab");
  EXPECT_TRUE(out.ends_with("POST /1 ab"));
}

// A chunked request is kept by the parser, another in the stream: both must come out whole after the wait.
TEST_F(Http1Test, waits_for_an_answer_and_then_goes_on) {
  for (const std::string body :
       {"Content-Length: 3\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"}) {
    echo.open = false;
    out.clear();
    pending.clear();
    EXPECT_EQ(feed("PUT /1 HTTP/1.1\r\nHost: h\r\n" + body + "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n").next, Next::Wait);
    EXPECT_EQ(feed("").next, Next::Wait);
    EXPECT_FALSE(handler->idle());
    EXPECT_EQ(out, "");
    echo.open = true;
    EXPECT_EQ(feed("").next, Next::Read);
    EXPECT_NE(out.find("PUT /1 abc"), std::string::npos);
    EXPECT_TRUE(out.ends_with("GET /2 "));
    EXPECT_TRUE(handler->idle());
  }
}

// A client that sends and never reads gets no more memory than the limit and one answer.
TEST_F(Http1Test, every_queue_is_bounded) {
  std::string many;
  for (int i = 0; i < 100; ++i) many += "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n";
  feed(many);
  EXPECT_LT(out.size(), 400u);
  EXPECT_FALSE(pending.empty());
}

TEST(AppendJsonString, escapes_and_mends) {
  std::string out;
  append_json_string(out, "a\"b\\c\n\x01\xc3\xa9\xff\xe2\x82");
  EXPECT_EQ(out, "\"a\\\"b\\\\c\\u000a\\u0001\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

}  // namespace
}  // namespace clops::serving::http
