// Every way a stream can be cut gives the same messages; what could be read in two ways is refused.
#include "serving/http/request_parser.h"

#include <gtest/gtest.h>

#include <random>

namespace clops::serving::http {
namespace {

using State = RequestParser::State;

struct Seen {
  std::string method, target, body;
  size_t headers = 0;
  bool keep_alive = false;
  bool operator==(const Seen&) const = default;
};
struct Outcome {
  std::vector<Seen> messages;
  int status = 0;  // 0: not refused
  bool operator==(const Outcome&) const = default;
};

// Feeds `stream` in pieces that end at `cuts`, as a loop would: what is not consumed comes again, from another address.
Outcome read_in_pieces(std::string_view stream, const std::vector<size_t>& cuts, ParserLimits limits = {}) {
  Outcome out;
  RequestParser parser(limits);
  std::string pending;
  size_t at = 0;
  for (const size_t cut : cuts) {
    pending = pending + std::string(stream.substr(at, cut - at));
    at = cut;
    for (;;) {
      const RequestParser::Step step = parser.parse(pending);
      if (step.state == State::Bad) {
        out.status = step.status;
        return out;
      }
      if (step.state == State::Ready) {
        const Request& r = parser.request();
        out.messages.push_back(
            {std::string(r.method), std::string(r.target), std::string(r.body), r.headers.size(), r.keep_alive});
      }
      pending.erase(0, step.consumed);
      if (step.state == State::More || pending.empty()) break;
    }
  }
  return out;
}
Outcome read_whole(std::string_view stream, ParserLimits limits = {}) {
  return read_in_pieces(stream, {stream.size()}, limits);
}

constexpr std::string_view kPipelined =
    "GET /a?x=1 HTTP/1.1\r\nHost: h\r\n\r\n"
    "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
    "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: "
    "t\r\n\r\n"
    "\r\nHEAD /d HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    "GET http://h/e HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n";

TEST(RequestParser, reads_pipelined_messages) {
  const Outcome got = read_whole(kPipelined);
  const Outcome want{{{"GET", "/a?x=1", "", 1, true},
                      {"POST", "/b", "hello", 2, true},
                      {"POST", "/c", "abcde", 2, true},
                      {"HEAD", "/d", "", 1, true},
                      {"GET", "/e", "", 2, false}},
                     0};
  EXPECT_EQ(got, want);
}

TEST(RequestParser, gives_the_same_however_the_stream_is_cut) {
  const Outcome whole = read_whole(kPipelined);
  std::vector<size_t> each;
  for (size_t i = 1; i <= kPipelined.size(); ++i) each.push_back(i);
  EXPECT_EQ(read_in_pieces(kPipelined, each), whole);
  std::mt19937 random(7);
  for (int round = 0; round < 500; ++round) {
    std::vector<size_t> cuts;
    for (size_t at = 0; at < kPipelined.size();)
      cuts.push_back(at = std::min(at + 1 + random() % 40, kPipelined.size()));
    ASSERT_EQ(read_in_pieces(kPipelined, cuts), whole) << "round " << round;
  }
}

struct Refused {
  const char* why;
  std::string stream;
  int status;
};
class RequestParserRefuses : public testing::TestWithParam<Refused> {};
TEST_P(RequestParserRefuses, with_the_right_status) {
  const Refused& row = GetParam();
  const ParserLimits limits{.head_bytes_max = 4096, .body_bytes_max = 100};
  EXPECT_EQ(read_whole(row.stream, limits).status, row.status) << row.why;
  std::vector<size_t> each;
  for (size_t i = 1; i <= row.stream.size(); ++i) each.push_back(i);
  EXPECT_EQ(read_in_pieces(row.stream, each, limits).status, row.status) << row.why << ", byte by byte";
}

std::string post(const std::string& headers, const std::string& body = "") {
  return "POST / HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n" + body;
}
std::string many_headers() {
  std::string out;
  for (int i = 0; i < 70; ++i) out += "a: b\r\n";
  return out;
}

INSTANTIATE_TEST_SUITE_P(
    Table, RequestParserRefuses,
    testing::Values(
        Refused{"both framings", post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), 400},
        Refused{"two lengths", post("Content-Length: 3\r\nContent-Length: 3\r\n"), 400},
        Refused{"a list of lengths", post("Content-Length: 3, 3\r\n"), 400},
        Refused{"a signed length", post("Content-Length: +3\r\n"), 400},
        Refused{"a hex length", post("Content-Length: 0x3\r\n"), 400},
        Refused{"an empty length", post("Content-Length: \r\n"), 400},
        Refused{"a length beyond counting", post("Content-Length: 99999999999999999999\r\n"), 400},
        Refused{"a body over the limit", post("Content-Length: 101\r\n"), 413},
        Refused{"chunks over the limit",
                post("Transfer-Encoding: chunked\r\n", "60\r\n" + std::string(96, 'x') + "\r\n60\r\n"), 413},
        Refused{"a coding besides chunked", post("Transfer-Encoding: gzip, chunked\r\n"), 501},
        Refused{"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        Refused{"a chunk size that is none", post("Transfer-Encoding: chunked\r\n", "zz\r\n"), 400},
        Refused{"a negative chunk size", post("Transfer-Encoding: chunked\r\n", "-1\r\n"), 400},
        Refused{"a chunk longer than it says", post("Transfer-Encoding: chunked\r\n", "1\r\nabc\r\n"), 400},
        Refused{"bare LF between chunks", post("Transfer-Encoding: chunked\r\n", "1\na\n0\n\n"), 400},
        Refused{"an endless chunk line", post("Transfer-Encoding: chunked\r\n", "1;" + std::string(400, 'a')), 400},
        Refused{"a malformed trailer", post("Transfer-Encoding: chunked\r\n", "0\r\nbad trailer\r\n\r\n"), 400},
        Refused{"bare LF in the head", "GET / HTTP/1.1\nHost: h\r\n\r\n", 400},
        Refused{"a folded header", post("a: b\r\n c\r\n"), 400},
        Refused{"space before the colon", post("Host : h\r\n"), 400}, Refused{"an empty name", post(": h\r\n"), 400},
        Refused{"NUL in a value", post(std::string("a: b\0c\r\n", 8)), 400},
        Refused{"a bare CR in a value", post("a: b\rc\r\n"), 400}, Refused{"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
        Refused{"two Hosts", post("Host: i\r\n"), 400}, Refused{"no version", "GET /\r\nHost: h\r\n\r\n", 400},
        Refused{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        Refused{"a space in the target", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        Refused{"a target that is no path", "GET a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        Refused{"TLS on a plain port", std::string("\x16\x03\x01\x02", 4), 400},
        Refused{"a head over the limit", post("a: " + std::string(5000, 'x') + "\r\n"), 431},
        Refused{"too many headers", post(many_headers()), 431},
        Refused{"an unknown expectation", post("Expect: tea\r\n"), 417}));

// Values are looked at in words: each byte at each place of more than two of them.
TEST(RequestParser, refuses_control_characters_wherever_they_stand_in_a_value) {
  for (int byte = 0; byte < 256; ++byte) {
    for (size_t place = 0; place < 19; ++place) {
      std::string value(19, place % 2 == 0 ? 'a' : '\xfe');
      value[place] = static_cast<char>(byte);
      const bool good = byte == '\t' || (byte >= 0x20 && byte != 0x7f);
      EXPECT_EQ(read_whole("GET / HTTP/1.1\r\nHost: h\r\nX-A: " + value + "\r\n\r\n").status, good ? 0 : 400)
          << byte << " at " << place;
    }
  }
}

TEST(RequestParser, asks_for_continue_once_and_only_while_the_body_is_awaited) {
  RequestParser parser({});
  const std::string head = post("Expect: 100-continue\r\nContent-Length: 2\r\n");
  RequestParser::Step step = parser.parse(head);
  EXPECT_EQ(step.state, State::More);
  EXPECT_TRUE(step.send_continue);
  step = parser.parse(head + "a");
  EXPECT_FALSE(step.send_continue);
  const std::string whole = head + "ab";  // a request views the bytes it was parsed from
  step = parser.parse(whole);
  EXPECT_EQ(step.state, State::Ready);
  EXPECT_EQ(parser.request().body, "ab");
}

TEST(RequestParser, finds_headers_without_case) {
  RequestParser parser({});
  const std::string head = post("X-User-Id:  u 1 \r\nx-user-id: second\r\n");
  ASSERT_EQ(parser.parse(head).state, State::Ready);
  EXPECT_EQ(parser.request().header("x-uSER-id"), "u 1");
  EXPECT_EQ(parser.request().header("absent"), std::nullopt);
}

}  // namespace
}  // namespace clops::serving::http
